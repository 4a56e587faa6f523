// Where other threads put work for a core, and how they know that it rests.
#pragma once

#include <atomic>

namespace ergo::inline v0::detail {

/// A chain that anybody pushes to and the holder of the core takes whole, with the flag that says that the core rests.
///
/// Whoever pushes looks at the flag afterwards; whoever lies down sets it and looks at the chain afterwards. These four
/// steps are sequentially consistent, so that at least one of the two sees the other and no work is slept through.
/// `Atomic` is `std::atomic` but in model checking.
template <typename T, template <typename> typename Atomic = std::atomic>
class basic_landing {
 public:
  /// Any thread. True when the core rested and this caller, and nobody else, must unpark it.
  [[nodiscard]] bool push(T* work) noexcept {
    auto* newest = newest_.load(std::memory_order_relaxed);
    do {
      work->next_runnable = newest;
    } while (!newest_.compare_exchange_weak(newest, work, std::memory_order_seq_cst, std::memory_order_relaxed));
    return rouse();
  }
  /// Any thread, after it has put work elsewhere by a sequentially consistent step. As `push`.
  [[nodiscard]] bool rouse() noexcept {
    return resting_.load(std::memory_order_seq_cst) && resting_.exchange(false, std::memory_order_acq_rel);
  }
  [[nodiscard]] bool resting() const noexcept { return resting_.load(std::memory_order_relaxed); }

  // The holder of the core.

  /// What was pushed, newest first.
  [[nodiscard]] T* take_all() noexcept { return newest_.exchange(nullptr, std::memory_order_acquire); }
  [[nodiscard]] bool looks_empty() const noexcept { return newest_.load(std::memory_order_relaxed) == nullptr; }
  /// Says that the core is going to rest; it may do so if it finds no work after that.
  void lie_down() noexcept { resting_.store(true, std::memory_order_seq_cst); }
  /// To be asked between lying down and resting.
  [[nodiscard]] bool is_empty() const noexcept { return newest_.load(std::memory_order_seq_cst) == nullptr; }
  /// False when somebody has roused the core before.
  [[nodiscard]] bool get_up() noexcept { return resting_.exchange(false, std::memory_order_acq_rel); }

 private:
  Atomic<T*> newest_{nullptr};
  Atomic<bool> resting_{false};
};

}  // namespace ergo::inline v0::detail
