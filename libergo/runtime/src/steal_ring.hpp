// Runnable objects that other cores may take.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace ergo::inline v0::detail {

/// A bounded queue: the lease holder appends, anybody removes from the front.
///
/// The holder keeps what does not fit in a list of its own. Same algorithm as the local run queue of Go's scheduler.
/// `Atomic` is `std::atomic` but in model checking, where `Capacity` is small so that its counters wrap.
template <typename T, std::uint32_t Capacity = 256, template <typename> typename Atomic = std::atomic>
class basic_steal_ring {
 public:
  static constexpr std::uint32_t capacity = Capacity;

  /// Lease holder; false when full.
  [[nodiscard]] bool push(T* added) noexcept {
    const auto tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == capacity) return false;
    slots_[tail % capacity].store(added, std::memory_order_relaxed);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  /// Any thread; null when empty or another thread was faster.
  [[nodiscard]] T* pop() noexcept {
    auto head = head_.load(std::memory_order_acquire);
    if (head == tail_.load(std::memory_order_acquire)) return nullptr;
    auto* const taken = slots_[head % capacity].load(std::memory_order_relaxed);
    // The slot cannot be reused before head moves, and then this exchange fails.
    return head_.compare_exchange_strong(head, head + 1, std::memory_order_acq_rel, std::memory_order_relaxed)
               ? taken
               : nullptr;
  }

  /// Any thread; a moment's truth.
  [[nodiscard]] std::uint32_t size() const noexcept {
    return tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_relaxed);
  }

 private:
  alignas(64) Atomic<std::uint32_t> head_{0};
  alignas(64) Atomic<std::uint32_t> tail_{0};
  std::array<Atomic<T*>, capacity> slots_{};
};

}  // namespace ergo::inline v0::detail
