// Everything a runtime owns; private to the room.
#pragma once

#include "core.hpp"
#include "side_pool.hpp"
#include "slots.hpp"
#include "worker.hpp"

#include <ergo/runtime.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace ergo::inline v0::detail {

struct runtime_state {
  runtime_state(ergo::runtime& owner, runtime_options given);
  ~runtime_state();

  ergo::runtime& self;
  runtime_options options;
  steady_source steady;
  const clock_source& clock;
  slot_table slots;
  side_pool jobs;
  std::vector<std::unique_ptr<core>> cores;
  std::atomic<bool> stopping{false};       // no new processes from outside
  std::atomic<bool> halted{false};         // threads end
  std::atomic<unsigned> parked_cores{0};

  // Nodes; the list only grows.
  std::mutex nodes_mutex;
  std::vector<std::unique_ptr<local_node>> nodes;
  struct node_entry {
    std::atomic<std::uint32_t> identity{0};
    std::atomic<local_node*> node{nullptr};
  };
  std::array<node_entry, 64> node_table;   // read without a lock
  std::atomic<unsigned> node_count{0};

  // Threads.
  std::mutex workers_mutex;
  std::vector<std::unique_ptr<worker>> workers;
  std::vector<worker*> spare_workers;
  worker manual_worker{*this};

  // Watchdog.
  std::jthread watchdog;
  std::mutex watchdog_mutex;
  std::condition_variable watchdog_wake;
  std::atomic<bool> watchdog_asleep{false};

  void start_threads();
  void stop_threads(duration grace);
  void watch();
  void wake_watchdog() noexcept;
  void wake_parked_core(const core* but) noexcept;
  [[nodiscard]] local_node* find_node(etf::node_id identity) noexcept;
  void worker_is_spare(worker* free);
  void report(const event& happened) const;
  [[nodiscard]] time_point now() const noexcept { return clock.now(); }

 private:
  [[nodiscard]] worker* spare_worker();
  void take_over(core& from, std::uint64_t slice, time_point now);
};

}  // namespace ergo::inline v0::detail
