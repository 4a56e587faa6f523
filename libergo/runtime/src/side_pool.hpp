// Threads for work that blocks: grows with demand up to a limit, shrinks when idle.
#pragma once

#include <ergo/etf/ids.hpp>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

namespace ergo::inline v0::detail {

/// Runs jobs on threads of its own, oldest first. Any thread may add jobs.
class side_pool {
 public:
  explicit side_pool(unsigned threads) noexcept : limit_{threads} {}
  ~side_pool();  ///< after a `stop` that returned nobody
  side_pool(const side_pool&) = delete;
  side_pool& operator=(const side_pool&) = delete;

  /// Queues a job of the process `owner`; it waits when all threads are busy and the limit is reached. Throws if no
  /// thread can be made for it and there is none, and then it is not queued.
  void add(const etf::pid& owner, std::move_only_function<void()> job);

  /// Finishes the queued jobs and ends the threads. Idempotent. Returns the owners of jobs that were still running
  /// after `limit`: their threads are left behind, and the pool must never be destroyed.
  [[nodiscard]] std::vector<etf::pid> stop(std::chrono::steady_clock::duration limit);

 private:
  struct job {
    etf::pid owner;
    std::move_only_function<void()> work;
  };
  struct member {
    std::thread thread;
    etf::pid works_for{};
    bool busy = false;
    bool ended = false;
  };

  void run(member& self);
  void make_thread();
  void bury();

  const unsigned limit_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable ended_;
  std::deque<job> jobs_;
  std::list<member> members_;
  unsigned idle_ = 0;
  bool stopping_ = false;
};

}  // namespace ergo::inline v0::detail
