// The program's own operator new and delete: they count, and fail on demand. A test program that wants them names this
// file among its sources.
#include <ergo_test/allocations.hpp>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t taken = 0;
thread_local std::size_t given_back = 0;
thread_local std::size_t failing = 0;
std::atomic<std::size_t> held_now{0};

void release(void* memory) noexcept {
  if (memory != nullptr) {
    ++given_back;
    held_now.fetch_sub(1, std::memory_order_relaxed);
  }
  std::free(memory);
}

}  // namespace

namespace ergo::test {

std::size_t allocations() noexcept { return taken; }
std::size_t held_allocations() noexcept { return taken - given_back; }
std::size_t held_everywhere() noexcept { return held_now.load(std::memory_order_relaxed); }
void fail_allocation(std::size_t nth) noexcept { failing = nth == 0 ? 0 : taken + nth; }

}  // namespace ergo::test

// All forms: those of a sanitizer's runtime do not lead to this one, as the standard library's do.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  if (taken + 1 == failing) {
    failing = 0;
    return nullptr;
  }
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory != nullptr) {
    ++taken;
    held_now.fetch_add(1, std::memory_order_relaxed);
  }
  return memory;
}
void* operator new(std::size_t size) {
  void* const memory = operator new(size, std::nothrow);
  if (memory == nullptr) throw std::bad_alloc{};
  return memory;
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return operator new(size, std::nothrow); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { release(memory); }
