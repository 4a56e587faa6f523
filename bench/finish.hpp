// Where the processes of a run report that they are done, and the stopwatch. Needs no runtime.
#pragma once

#include "workload.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace ergo_bench {

/// Where a known number of processes report that they are done. Thread-safe.
class finish_line {
 public:
  explicit finish_line(unsigned expected) noexcept : left_{expected} {}

  void arrive() {
    const std::scoped_lock lock{mutex_};
    if (--left_ == 0) changed_.notify_all();
  }
  void fail(std::string why) {
    const std::scoped_lock lock{mutex_};
    failure_ = std::move(why);
    changed_.notify_all();
  }
  /// Whether all have arrived; throws what one of them reported.
  [[nodiscard]] bool is_reached() {
    const std::scoped_lock lock{mutex_};
    if (!failure_.empty()) throw std::runtime_error{failure_};
    return left_ == 0;
  }
  /// Returns when all have arrived; throws what one of them reported.
  void wait() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return left_ == 0 || !failure_.empty(); });
    if (!failure_.empty()) throw std::runtime_error{failure_};
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned left_;
  std::string failure_;
};

/// Times from its construction.
class stopwatch {
 public:
  [[nodiscard]] measurement read(std::uint64_t operations) const {
    return {std::chrono::steady_clock::now() - start_, operations};
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace ergo_bench
