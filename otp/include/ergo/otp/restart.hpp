// What a supervisor does when a child ends: a machine without processes or clocks, after OTP's supervisor.erl.
// The caller says what happened and when; it is told what to do.
#pragma once

#include <ergo/clock.hpp>
#include <ergo/error.hpp>

#include <cstdint>
#include <deque>

namespace ergo::inline v0::otp {

/// Which ends of a child make its supervisor start it again.
enum class restart : std::uint8_t {
  permanent,  ///< every end
  transient,  ///< abnormal ends: all but `normal`, `shutdown` and `{shutdown, _}`
  temporary,  ///< no end; its specification goes with it
};

/// What the restart of one child means for the others.
enum class strategy : std::uint8_t {
  one_for_one,         ///< nothing: only the child that ended is started again
  one_for_all,         ///< all others are stopped, last first, and all are started again in order
  rest_for_one,        ///< the same for those that were started after it
  simple_one_for_one,  ///< as `one_for_one`, for any number of children of one kind that are started later
};

/// Whether a supervisor ends, with `shutdown`, because significant children have ended and are not started again.
enum class auto_shutdown : std::uint8_t {
  never,
  any_significant,  ///< when one of them has
  all_significant,  ///< when none is left
};

/// Waits before restarts, where OTP's supervisor has none: `first` before a restart that no other precedes within the
/// period, twice as long before each further one, never more than `longest`.
///
/// The child counts as restarting meanwhile, so that it can be told to stay stopped, and the supervisor does other
/// things. The strategy is carried out when the wait is over: until then siblings run on.
struct backoff {
  duration first = duration::zero();
  duration longest = std::chrono::minutes{1};

  /// The wait before the restart that is the `nth` of its period; `nth` counts from 1.
  [[nodiscard]] duration before(std::size_t nth) const noexcept;
};

/// How a child is stopped: asked with `shutdown` and killed when it takes too long, or killed at once.
class shutdown {
 public:
  /// Waits `limit` for the end; `forever` never kills, which suits supervisors.
  constexpr shutdown(duration limit) noexcept : limit_{limit} {}  // NOLINT: `child.shutdown = 2s`
  template <typename Rep, typename Period>
  constexpr shutdown(std::chrono::duration<Rep, Period> limit) noexcept  // NOLINT: as above
      : limit_{std::chrono::duration_cast<duration>(limit)} {}
  /// Kills without asking.
  [[nodiscard]] static constexpr shutdown brutal_kill() noexcept {
    shutdown made{duration::zero()};
    made.brutal_ = true;
    return made;
  }

  [[nodiscard]] constexpr bool brutal() const noexcept { return brutal_; }
  [[nodiscard]] constexpr duration limit() const noexcept { return limit_; }
  /// `brutal_kill`, `infinity`, or milliseconds.
  [[nodiscard]] term to_term() const;

  friend constexpr bool operator==(const shutdown&, const shutdown&) noexcept = default;

 private:
  duration limit_;
  bool brutal_ = false;
};

/// Counts restarts: more than `intensity` of them within `period` are too many.
class restart_window {
 public:
  restart_window(unsigned intensity, duration period) noexcept : intensity_{intensity}, period_{period} {}

  /// Notes a restart at `now`, which never goes back; false when it is one too many.
  [[nodiscard]] bool add(time_point now);
  /// Restarts that counted at the time of the last `add`.
  [[nodiscard]] std::size_t count() const noexcept { return times_.size(); }

 private:
  unsigned intensity_;
  duration period_;
  std::deque<time_point> times_;
};

/// What a supervisor has to do about a child.
enum class decision : std::uint8_t {
  start_again,  ///< start the child now
  leave,        ///< keep the specification; the child may be started by hand
  forget,       ///< drop the specification
  give_up,      ///< too many restarts: stop all children, then the supervisor with `shutdown`
};

/// Decides about restarts under one strategy and one window.
class restart_policy {
 public:
  restart_policy(otp::strategy strategy, unsigned intensity, duration period) noexcept
      : strategy_{strategy}, window_{intensity, period} {}

  /// A child of kind `kind` has ended with `reason`.
  [[nodiscard]] decision child_ended(restart kind, const exit_reason& reason, time_point now);
  /// A start that `start_again` asked for has failed: it counts as another end.
  [[nodiscard]] decision restart_failed(time_point now);

  [[nodiscard]] otp::strategy strategy() const noexcept { return strategy_; }
  /// Restarts that counted at the last decision, the one decided then included.
  [[nodiscard]] std::size_t recent() const noexcept { return window_.count(); }

 private:
  [[nodiscard]] decision count_restart(time_point now);

  otp::strategy strategy_;
  restart_window window_;
};

/// Whether the end of a child that is not started again ends the supervisor; `others_left` says whether there are more
/// significant children that run or are being restarted.
[[nodiscard]] constexpr bool shuts_down(auto_shutdown rule, bool significant, bool others_left) noexcept {
  if (!significant || rule == auto_shutdown::never) return false;
  return rule == auto_shutdown::any_significant || !others_left;
}

/// Whether the end of a child is told to the log: every end of a permanent one, and abnormal ones.
[[nodiscard]] bool is_reported(restart kind, const exit_reason& reason);

/// Whether a child that was stopped under `rule` ended as it should, or its reason is to be reported.
[[nodiscard]] bool ended_as_asked(const shutdown& rule, restart kind, const exit_reason& reason);

}  // namespace ergo::inline v0::otp
