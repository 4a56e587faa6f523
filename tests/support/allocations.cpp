// The program's own operator new and delete: they count, and fail on demand. A test program that wants them names this
// file among its sources.
#include <ergo_test/allocations.hpp>

#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t taken = 0;
thread_local std::size_t given_back = 0;
thread_local std::size_t failing = 0;

void release(void* memory) noexcept {
  if (memory != nullptr) ++given_back;
  std::free(memory);
}

}  // namespace

namespace ergo::test {

std::size_t allocations() noexcept { return taken; }
std::size_t held_allocations() noexcept { return taken - given_back; }
void fail_allocation(std::size_t nth) noexcept { failing = nth == 0 ? 0 : taken + nth; }

}  // namespace ergo::test

void* operator new(std::size_t size) {
  if (taken + 1 == failing) {
    failing = 0;
    throw std::bad_alloc{};
  }
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc{};
  ++taken;
  return memory;
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
