// How a core changes hands while a slice runs on it, and how what that slice made runnable gets to the new holder.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace ergo::inline v0::detail {

/// Whose a core is during a slice: odd while somebody else may take it; each step adds one.
///
/// `Atomic` is `std::atomic` but in model checking.
template <template <typename> typename Atomic = std::atomic>
class basic_slice_lease {
 public:
  /// Lease holder: a slice begins, until whose end the core may be lost. Returns its mark.
  [[nodiscard]] std::uint64_t begin() noexcept {
    const auto mark = count_.load(std::memory_order_relaxed) + 1;
    count_.store(mark, std::memory_order_release);
    return mark;
  }
  /// The slice with that mark ends; false if the core was taken meanwhile, and must not be touched any more. Then what
  /// the taker wrote before is visible.
  [[nodiscard]] bool end(std::uint64_t mark) noexcept {
    return count_.compare_exchange_strong(mark, mark + 1, std::memory_order_acq_rel, std::memory_order_acquire);
  }
  /// Takes the core out of the slice with that mark; false if it has ended.
  [[nodiscard]] bool take(std::uint64_t mark) noexcept {
    return count_.compare_exchange_strong(mark, mark + 1, std::memory_order_acq_rel, std::memory_order_relaxed);
  }
  /// The mark of the slice that runs, or an even number. Any thread.
  [[nodiscard]] std::uint64_t seen() const noexcept { return count_.load(std::memory_order_acquire); }

  [[nodiscard]] static constexpr bool running(std::uint64_t mark) noexcept { return mark % 2 != 0; }

 private:
  Atomic<std::uint64_t> count_{0};
};

/// What a slice made runnable: its thread appends, the holder of the core it ran on takes all.
///
/// One of each at a time: the taker changes only with the lease.
template <typename T, std::uint32_t Capacity = 256, template <typename> typename Atomic = std::atomic>
class basic_wake_ring {
 public:
  /// The thread of the slice; false when full.
  [[nodiscard]] bool push(T* added) noexcept {
    const auto tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == Capacity) return false;
    slots_[tail % Capacity].store(added, std::memory_order_relaxed);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  /// Lease holder: gives each to `take`, oldest first.
  template <typename Take>
  void drain(const Take& take) noexcept {
    auto head = head_.load(std::memory_order_relaxed);
    const auto tail = tail_.load(std::memory_order_acquire);
    if (head == tail) return;
    for (; head != tail; ++head) take(slots_[head % Capacity].load(std::memory_order_relaxed));
    head_.store(head, std::memory_order_release);
  }

 private:
  alignas(64) Atomic<std::uint32_t> tail_{0};
  alignas(64) Atomic<std::uint32_t> head_{0};
  std::array<Atomic<T*>, Capacity> slots_{};
};

}  // namespace ergo::inline v0::detail
