// The side pool: a queue, and threads that are made when a job finds none idle.
#include "side_pool.hpp"

#include "pool.hpp"

namespace ergo::inline v0::detail {

void side_pool::add(std::move_only_function<void()> job) {
  const std::scoped_lock lock{mutex_};
  jobs_.push_back(std::move(job));
  if (idle_ < jobs_.size() && threads_.size() < limit_) threads_.emplace_back([this] { run(); });
  arrived_.notify_one();
}

void side_pool::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    ++idle_;
    arrived_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    --idle_;
    if (jobs_.empty()) break;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
  lock.unlock();
  drain_thread_caches();
}

void side_pool::stop() {
  {
    const std::scoped_lock lock{mutex_};
    stopping_ = true;
  }
  arrived_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace ergo::inline v0::detail
