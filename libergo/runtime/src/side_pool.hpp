// Threads for work that blocks: grows with demand up to a limit, shrinks when idle.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ergo::inline v0::detail {

/// Runs jobs on threads of its own, oldest first. Any thread may add jobs.
class side_pool {
 public:
  explicit side_pool(unsigned threads) noexcept : limit_{threads} {}
  ~side_pool() { stop(); }
  side_pool(const side_pool&) = delete;
  side_pool& operator=(const side_pool&) = delete;

  /// Queues a job; it waits when all threads are busy and the limit is reached.
  void add(std::move_only_function<void()> job);
  /// Finishes the queued jobs and joins. Idempotent.
  void stop();

 private:
  void run();

  const unsigned limit_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::move_only_function<void()>> jobs_;
  std::vector<std::jthread> threads_;
  unsigned idle_ = 0;
  bool stopping_ = false;
};

}  // namespace ergo::inline v0::detail
