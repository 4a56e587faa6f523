// What the running thread takes from `operator new`, for tests that say "this allocates nothing", and for those in
// which memory runs out. Only in programs that have allocations.cpp among their sources.
#pragma once

#include <cstddef>
#include <new>
#include <stdexcept>

namespace ergo::test {

/// Calls of `operator new` by this thread that succeeded so far.
[[nodiscard]] std::size_t allocations() noexcept;
/// Of these, how many this thread has not given back; memory that moves between threads is counted where it goes.
[[nodiscard]] std::size_t held_allocations() noexcept;

/// Allocations that all threads together have not given back.
[[nodiscard]] std::size_t held_everywhere() noexcept;

/// From now on the `nth` call by this thread throws `std::bad_alloc`, once; 0: none does.
void fail_allocation(std::size_t nth) noexcept;

/// Runs `work` again and again, with its first, second, … allocation failing, until it needs no more. Returns how often
/// it failed.
template <typename Work>
std::size_t fail_each_allocation(const Work& work) {
  for (std::size_t nth = 1;; ++nth) {
    fail_allocation(nth);
    try {
      work();
      fail_allocation(0);
      return nth - 1;
    } catch (const std::bad_alloc&) {
      fail_allocation(0);
    } catch (...) {
      fail_allocation(0);
      throw;
    }
  }
}

/// The same in rounds, until one leaves no more memory behind than the one before: pools fill up in the first ones.
/// What is lost grows for ever, and is a `std::logic_error` after some rounds. Returns how often the first round
/// failed.
template <typename Work>
std::size_t fail_everywhere(const Work& work) {
  constexpr int most_rounds = 8;
  const auto failures = fail_each_allocation(work);
  for (int round = 0; round < most_rounds; ++round) {
    const auto held = held_allocations();
    static_cast<void>(fail_each_allocation(work));
    if (held_allocations() == held) return failures;
  }
  throw std::logic_error{"a failed allocation leaves memory behind"};
}

}  // namespace ergo::test
