// Time as processes see it: a steady clock, or one that a test moves by hand.
#pragma once

#include <atomic>
#include <chrono>

namespace ergo::inline v0 {

/// Spans of time; nanoseconds.
using duration = std::chrono::steady_clock::duration;
/// Points of time on the runtime's clock; not comparable between runtimes.
using time_point = std::chrono::steady_clock::time_point;

/// No time limit: Erlang's `infinity`.
inline constexpr duration forever = duration::max();

/// `at + delay` without overflow; `time_point::max()` for `forever`.
[[nodiscard]] constexpr time_point after(time_point at, duration delay) noexcept {
  if (delay >= time_point::max() - at) return time_point::max();
  return at + delay;
}

/// Where a runtime reads the time.
class clock_source {
 public:
  virtual ~clock_source() = default;
  [[nodiscard]] virtual time_point now() const noexcept = 0;  ///< any thread
};

/// The computer's steady clock.
class steady_source final : public clock_source {
 public:
  [[nodiscard]] time_point now() const noexcept override { return std::chrono::steady_clock::now(); }
};

/// A clock that stands still until it is moved; for simulation.
class manual_source final : public clock_source {
 public:
  [[nodiscard]] time_point now() const noexcept override {
    return time_point{duration{ticks_.load(std::memory_order_acquire)}};
  }
  void advance(duration by) noexcept { ticks_.fetch_add(by.count(), std::memory_order_acq_rel); }

 private:
  std::atomic<duration::rep> ticks_{duration{std::chrono::hours{1}}.count()};
};

}  // namespace ergo::inline v0
