// A core: run queues, timers and a parker. A thread holds it on lease; everything but the atomics belongs to the lease
// holder.
#pragma once

#include "busy_meter.hpp"
#include "landing.hpp"
#include "slice_meter.hpp"
#include "steal_ring.hpp"

#include <ergo/detail/schedulable.hpp>
#include <ergo/parker.hpp>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace ergo::inline v0::detail {

struct runtime_state;
struct process_state;
class worker;

/// A chain of schedulables in order of arrival; not thread-safe.
class run_list {
 public:
  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  void push(schedulable* added) noexcept;
  [[nodiscard]] schedulable* pop() noexcept;
  /// Removes the one at `index`; for the simulator's choice.
  [[nodiscard]] schedulable* take(std::size_t index) noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  schedulable* first_ = nullptr;
  schedulable* last_ = nullptr;
  std::size_t size_ = 0;
};

using steal_ring = basic_steal_ring<schedulable>;

/// When to wake a process. Entries may be stale: the serial tells, and the process knows its real deadline.
struct timer_entry {
  time_point when;
  process_state* process;
  std::uint32_t serial;
};

class core {
 public:
  core(runtime_state& runtime, unsigned index, std::unique_ptr<ergo::parker> sleeper);

  // Lease holder.

  void enqueue(schedulable* ready) noexcept;        ///< made runnable by a slice that ended: the first becomes run-next
  void enqueue_first(schedulable* ready) noexcept;  ///< the same, and it goes before those that wait in the ring
  void enqueue_last(schedulable* ready) noexcept;   ///< has had its turn
  [[nodiscard]] schedulable* next() noexcept;
  [[nodiscard]] schedulable* next_lazy() noexcept { return lazy_.pop(); }
  [[nodiscard]] std::size_t lazy_count() const noexcept { return lazy_.size(); }
  void take_incoming() noexcept;
  void add_timer(const timer_entry& entry);
  /// Wakes the processes whose time has come.
  void fire_timers(time_point now);
  [[nodiscard]] time_point next_timer() const noexcept;
  /// Runs what `post` brought.
  void run_posted();
  /// Waits for work; returns after at most `limit`.
  void park(time_point limit);
  /// The two halves of `park`, for a core that an event loop carries: true when it may rest until `unpark`.
  [[nodiscard]] bool lie_down() noexcept;
  void get_up() noexcept;
  /// Drains the wake rings of late workers and dismisses those that have finished.
  void collect_late();
  /// After many slices: sockets, timers, connections' writes.
  void housekeeping(time_point now);
  [[nodiscard]] bool has_late() const noexcept { return !late_.empty(); }
  void add_late(worker* slow) { late_.push_back(slow); }  ///< by the watchdog, between two leases
  [[nodiscard]] run_list& pinned() noexcept { return pinned_; }

  // Any thread.

  void push_incoming(schedulable* ready) noexcept;
  void post(std::move_only_function<void()> work);
  void wake() noexcept;
  [[nodiscard]] bool parked() const noexcept { return landing_.resting(); }
  /// Takes something that waits here, if more than `spare` do.
  [[nodiscard]] schedulable* steal(std::uint32_t spare) noexcept;
  [[nodiscard]] std::uint32_t waiting() const noexcept { return ring_.size(); }

  runtime_state& runtime;
  const unsigned index;
  std::unique_ptr<ergo::parker> sleeper;
  const std::unique_ptr<slice_meter> meter;  ///< null unless slices are measured; others look at it, so it lies here
  alignas(64) std::uint64_t slices = 0;
  std::atomic<worker*> holder{nullptr};  ///< never null while there is a watchdog, which changes it
  busy_meter worked;
  bool carried = false;                ///< by an event loop: nobody else may take it
  std::atomic<bool> attention{false};  ///< set by the watchdog: sockets and timers have not been looked at for a while
  std::atomic<bool> hungry{false};     ///< set by the watchdog: may steal one that waits alone

 private:
  [[nodiscard]] bool nothing_to_do() const noexcept;
  void offer_help() noexcept;
  void unpark() noexcept;  // by who has roused it
  void push_ring(schedulable* ready) noexcept;
  [[nodiscard]] schedulable* next_of_chain() noexcept;

  schedulable* run_next_ = nullptr;
  run_list fresh_;      // woken by a slice that has just ended: they find its messages in the cache
  unsigned chain_ = 0;  // slices since something was taken out of the ring
  steal_ring ring_;
  run_list overflow_;
  run_list pinned_;
  run_list lazy_;
  std::vector<timer_entry> timers_;
  std::vector<worker*> late_;
  time_point last_poll_{};
  std::chrono::steady_clock::time_point up_since_{};  // when it rested last, until then

  alignas(64) basic_landing<schedulable> landing_;
  std::atomic<bool> has_posted_{false};
  std::mutex posted_mutex_;
  std::vector<std::move_only_function<void()>> posted_;
};

}  // namespace ergo::inline v0::detail
