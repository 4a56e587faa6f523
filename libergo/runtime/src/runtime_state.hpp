// Everything a runtime owns; private to the room.
#pragma once

#include "core.hpp"
#include "run_account.hpp"
#include "side_pool.hpp"
#include "slots.hpp"
#include "worker.hpp"

#include <ergo/carried_parker.hpp>
#include <ergo/runtime.hpp>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace ergo::inline v0::detail {

/// What a core that is woken to help may take.
enum class appetite : std::uint8_t { some, hungry };

struct runtime_state {
  explicit runtime_state(runtime_options given);
  ~runtime_state();

  ergo::runtime self;  // what processes see: it lives as long as they do, also where they are left behind
  runtime_options options;
  steady_source steady;
  std::atomic<const clock_source*> clock;
  slot_table slots;
  side_pool jobs;
  const std::unique_ptr<behaviour_accounts> accounts;  // null unless run times are measured
  const bool settles_specially;                        // more is due to each new process than to most
  struct {
    std::atomic<std::uint64_t> dropped{0};
    std::atomic<std::uint64_t> rejected{0};
    std::atomic<std::uint64_t> redirected{0};
  } losses;  // of all mailboxes
  std::vector<std::unique_ptr<core>> cores;
  std::atomic<bool> stopping{false};  // no new processes from outside
  std::atomic<bool> halted{false};    // threads end
  std::mutex stop_mutex;
  bool stopped = false;
  bool left_behind = false;  // a thread did not end: this is never freed
  std::atomic<unsigned> parked_cores{0};
  std::atomic<bool> serials_wrapped{false};

  // Nodes; the list only grows.
  std::mutex nodes_mutex;
  std::vector<std::unique_ptr<local_node>> nodes;
  struct node_entry {
    std::atomic<std::uint32_t> identity{0};
    std::atomic<local_node*> node{nullptr};
  };
  std::array<node_entry, 64> node_table;  // read without a lock
  std::atomic<unsigned> node_count{0};

  // Who ends before the other processes of its node, last added last.
  std::mutex first_mutex;
  std::vector<pid> stop_first;

  // Threads.
  std::mutex workers_mutex;
  std::vector<std::unique_ptr<worker>> workers;
  std::vector<worker*> spare_workers;
  std::vector<std::unique_ptr<worker>> carriers;  // of the cores that event loops carry
  std::condition_variable worker_ended;
  worker manual_worker{*this};

  // Watchdog.
  std::jthread watchdog;
  std::mutex watchdog_mutex;
  std::condition_variable watchdog_wake;
  std::atomic<bool> watchdog_asleep{false};

  // Events: the subscriber is not called any more once the runtime is said to have stopped.
  mutable std::atomic<unsigned> in_subscriber{0};  // reports under way
  std::atomic<bool> subscriber_gone{false};

  void start_threads();
  /// Blocks until no process is left, and runs the event loop that carries a core meanwhile; false after `limit`.
  [[nodiscard]] bool wait_for_all(duration limit);
  /// The same for one process.
  [[nodiscard]] bool wait_for_end(const pid& process, duration limit);
  /// Ends the threads; those that do not end within `limit` are reported and left behind.
  void stop_threads(duration limit);
  /// Ends the side pool's threads in the same way.
  void stop_jobs(duration limit);
  /// Leaves behind what operations that have not reported may still write to; after the threads have ended.
  void leave_operations();
  /// Cuts everything that belongs to others and may be gone when a thread that was left behind wakes up.
  void let_go() noexcept;
  void watch();
  void wake_watchdog() noexcept;
  /// Wakes one parked core; a `hungry` one may take something that waits alone.
  void wake_parked_core(const core* but, appetite how) noexcept;
  [[nodiscard]] local_node* find_node(etf::node_id identity) noexcept;
  void worker_is_spare(worker* free);
  void thread_has_ended(worker& which) noexcept;
  void report(const event& happened) const noexcept;
  /// The name a process of this program is registered by, `''` for none; slow, for reports.
  [[nodiscard]] atom name_of(const pid& process);
  [[nodiscard]] time_point now() const noexcept { return clock.load(std::memory_order_relaxed)->now(); }

 private:
  struct sight;
  void look_at(core& seen, sight& last, std::chrono::steady_clock::time_point now);
  void look_at_late(std::chrono::steady_clock::time_point now);
  [[nodiscard]] worker* spare_worker();
  [[nodiscard]] worker* make_worker();
  void carry(core& without_thread, carried_parker& loop);
  void end_carried(std::chrono::steady_clock::time_point until, std::vector<worker*>& stuck);
  void report_slow(const worker& late, duration took);
  void take_over(core& from, sight& last, std::chrono::steady_clock::time_point now);
  [[nodiscard]] std::pair<pid, atom> runs_in(const worker& thread);
};

}  // namespace ergo::inline v0::detail
