// The processor time that the threads of one core have used, one thread after the other.
#pragma once

#include <ergo/clock.hpp>

#include <ctime>
#include <mutex>
#include <optional>

namespace ergo::inline v0::detail {

class busy_meter {
 public:
  busy_meter() noexcept : started_{std::chrono::steady_clock::now()} {}

  /// The calling thread has the core from now on.
  void begin() noexcept;
  /// Any thread.
  [[nodiscard]] duration busy() noexcept;
  [[nodiscard]] duration since_start() const noexcept { return std::chrono::steady_clock::now() - started_; }

 private:
  void collect() noexcept;

  const std::chrono::steady_clock::time_point started_;
  std::mutex mutex_;
  std::optional<clockid_t> clock_;  // of the thread that has the core
  duration seen_{};                 // on that clock
  duration busy_{};
};

}  // namespace ergo::inline v0::detail
