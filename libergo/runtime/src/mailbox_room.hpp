// The count of the messages that wait for one process, shared by its senders and itself: where the bound is kept.
#pragma once

#include <ergo/clock.hpp>
#include <ergo/mailbox.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>

namespace ergo::inline v0::detail {

/// Made for processes with a bound or high-water mark only. It stays with the slot: a sender that was late may look at
/// it when its receiver has gone. Every message that enters leaves once, whoever lives in the slot by then.
class mailbox_room {
 public:
  /// What may wait beyond the bound until a process that drops the oldest comes to do so.
  static constexpr std::uint64_t most_undropped = 65'536;

  /// For a new tenant; by the thread that starts it.
  void settle(const mailbox_limits& limits) noexcept {
    const std::scoped_lock lock{mutex_};
    redirect_to_ = limits.redirect_to;
    policy_.store(limits.policy, std::memory_order_relaxed);
    const auto slack = limits.policy == overflow::drop_oldest ? most_undropped : 0;
    bound_.store(limits.bound, std::memory_order_relaxed);
    most_.store(limits.bound > no_limit - slack ? no_limit : limits.bound + slack, std::memory_order_relaxed);
    high_water_.store(std::max<std::size_t>(limits.high_water, 1), std::memory_order_relaxed);
    for (auto* count : {&accepted_, &dropped_, &rejected_, &redirected_}) count->store(0, std::memory_order_relaxed);
    level_.store(level::normal);
  }

  // Any thread.

  /// Takes a place for one message; false when there is none.
  [[nodiscard]] bool enter() noexcept {
    auto waiting = waiting_.load(std::memory_order_relaxed);
    const auto most = most_.load(std::memory_order_relaxed);
    do {
      if (waiting >= most) return false;
    } while (!waiting_.compare_exchange_weak(waiting, waiting + 1));
    return true;
  }
  void leave() noexcept {
    waiting_.fetch_sub(1);
    // As the threads that wait say so before they look at the places, one of both sides sees the other.
    if (threads_.load() == 0) return;
    {
      const std::scoped_lock lock{mutex_};
    }
    freed_.notify_one();
  }
  /// Waits until there may be a place, at most until `limit`.
  void wait_for_place(std::chrono::steady_clock::time_point limit) {
    std::unique_lock lock{mutex_};
    threads_.fetch_add(1);
    (void)freed_.wait_until(lock, limit, [this] { return waiting_.load() < most_.load(std::memory_order_relaxed); });
    threads_.fetch_sub(1);
  }

  [[nodiscard]] overflow policy() const noexcept { return policy_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t bound() const noexcept { return bound_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }
  [[nodiscard]] destination redirect_to() noexcept {
    const std::scoped_lock lock{mutex_};
    return redirect_to_;
  }
  void count_dropped() noexcept { dropped_.fetch_add(1, std::memory_order_relaxed); }
  void count_rejected() noexcept { rejected_.fetch_add(1, std::memory_order_relaxed); }
  void count_redirected() noexcept { redirected_.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] mailbox_counts counts() const noexcept {
    const auto read = [](const auto& count) { return count.load(std::memory_order_relaxed); };
    return {read(accepted_), read(dropped_), read(rejected_), read(redirected_), read(waiting_)};
  }

  /// Calls `tell(high, waiting, high_water)` when the mark was reached or half of it, in turns; to be asked after each
  /// change. One thread at a time tells; what changes meanwhile it sees itself afterwards.
  template <typename Tell>
  void look_at_level(const Tell& tell) noexcept {
    const auto mark = high_water_.load(std::memory_order_relaxed);
    if (mark == no_limit) return;
    for (;;) {
      auto known = level_.load();
      const auto waiting = waiting_.load();
      const bool rises = known == level::normal && waiting >= mark;
      if (!rises && !(known == level::high && waiting <= mark / 2)) return;
      if (!level_.compare_exchange_strong(known, level::being_told)) continue;
      tell(rises, waiting, mark);
      level_.store(rises ? level::high : level::normal);
    }
  }

  // The process.

  void count_accepted() noexcept { accepted_.store(accepted_.load(std::memory_order_relaxed) + 1, relaxed); }
  /// One that was accepted is dropped all the same.
  void count_dropped_late() noexcept {
    accepted_.store(accepted_.load(std::memory_order_relaxed) - 1, relaxed);
    count_dropped();
  }

 private:
  enum class level : std::uint8_t { normal, being_told, high };
  static constexpr auto relaxed = std::memory_order_relaxed;

  std::atomic<std::uint64_t> waiting_{0};
  std::atomic<std::uint64_t> most_{0};
  std::atomic<std::uint64_t> high_water_{no_limit};
  std::atomic<unsigned> threads_{0};
  std::atomic<level> level_{level::normal};
  std::atomic<overflow> policy_{overflow::drop_newest};
  std::atomic<std::uint64_t> bound_{0};
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> rejected_{0};
  std::atomic<std::uint64_t> redirected_{0};
  std::mutex mutex_;
  std::condition_variable freed_;
  destination redirect_to_ = pid{};
};

}  // namespace ergo::inline v0::detail
