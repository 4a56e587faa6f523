// How a core changes hands while a slice runs on it, and how what that slice made runnable gets to the new holder.
#pragma once

#include "process_barrier.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace ergo::inline v0::detail {

/// Whether the core of a slice is still its thread's at the end, although the watchdog may take it meanwhile. Belongs
/// to a thread, which never writes what the next holder of the core writes.
///
/// Each slice has a mark. Its thread writes that it has ended, and then looks whether the core is claimed; the watchdog
/// writes its claim, and then looks whether the slice has ended. So at least one of them sees the other, and where both
/// do, an exchange decides. That is right only if nobody's look comes before his own write, which takes a barrier on
/// both sides: the watchdog, who claims a core once in a while, pays for both where the system lets it (6 ns less for
/// each slice), and otherwise the thread's write is an exchange.
///
/// `Atomic` is `std::atomic` but in model checking; `Barrier` is as `process_barrier`.
template <template <typename> typename Atomic = std::atomic, typename Barrier = process_barrier>
class basic_slice_lease {
 public:
  /// The thread: a slice begins, until whose end the core may be lost. Returns its mark.
  [[nodiscard]] std::uint64_t begin() noexcept {
    const auto mark = count_.load(std::memory_order_relaxed) + 1;
    count_.store(mark, std::memory_order_release);
    return mark;
  }
  /// The thread: the slice with that mark ends; false if the core was taken meanwhile, and must not be touched any
  /// more. Then what the taker wrote before is visible.
  [[nodiscard]] bool end(std::uint64_t mark) noexcept {
    if (one_sided_) {
      count_.store(mark + 1, std::memory_order_release);
      Barrier::here();
    } else {
      count_.exchange(mark + 1, std::memory_order_seq_cst);
    }
    if (claim_.load(std::memory_order_seq_cst) - mark > 1) [[likely]]
      return true;
    return claim_.compare_exchange_strong(mark, 0, std::memory_order_acq_rel, std::memory_order_acquire);
  }
  /// The watchdog: takes the core out of the slice with that mark; false if it has ended, or if nobody can tell.
  [[nodiscard]] bool take(std::uint64_t mark) noexcept {
    claim_.store(mark, std::memory_order_seq_cst);
    if (one_sided_ && !Barrier::everywhere()) return false;
    if (count_.load(std::memory_order_seq_cst) != mark) return false;  // marks never come again, so the claim may stay
    return claim_.compare_exchange_strong(mark, mark + 1, std::memory_order_acq_rel, std::memory_order_relaxed);
  }
  /// The mark of the slice that runs, or an even number. Any thread; what the slice's thread wrote before it began is
  /// visible.
  [[nodiscard]] std::uint64_t seen() const noexcept { return count_.load(std::memory_order_acquire); }
  /// The same, for the thread itself, to which the slice runs until its end, whoever has the core.
  [[nodiscard]] std::uint64_t own() const noexcept { return count_.load(std::memory_order_relaxed); }

  [[nodiscard]] static constexpr bool running(std::uint64_t mark) noexcept { return mark % 2 != 0; }

 private:
  Atomic<std::uint64_t> count_{0};  // only the thread writes it
  Atomic<std::uint64_t> claim_{0};  // a mark: the watchdog wants this slice's core; one more: it has it
  const bool one_sided_{Barrier::available()};
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
