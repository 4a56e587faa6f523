// What a server's callback decides: answer, go on, stop, and what comes next.
// Plain values; nothing happens before the callback has returned.
#pragma once

#include <ergo/clock.hpp>
#include <ergo/error.hpp>
#include <ergo/message.hpp>
#include <ergo/process.hpp>

#include <utility>

namespace ergo::inline v0::otp {

/// Who waits for the answer to a call: `gen_server`'s `From`. Copy it to answer later, or from another process.
using from = ergo::caller;

/// Gives the message `timeout` to `handle_info` unless another message comes within `after`; `forever` for never.
struct timeout {
  duration after;
};

/// As `timeout`, with a message of one's own instead: OTP 29's `{timeout, Time, Message}`.
class timeout_message {
 public:
  template <typename Content>
  timeout_message(duration after, const Content& content) : after_{after}, content_{ergo::detail::as_term(content)} {}
  [[nodiscard]] duration after() const noexcept { return after_; }
  [[nodiscard]] const term& content() const noexcept { return content_; }

 private:
  duration after_;
  term content_;
};

/// As `timeout`, at a time of the clock of `process::now`: OTP 29's `{timeout, Time, timeout, {abs, true}}`. A time
/// that has passed is now. What `sys` asks meanwhile does not put it off.
struct timeout_at {
  time_point when;
};

/// Says that nothing is expected for a while. A waiting server has no stack and no frame here, so nothing is shrunk.
struct hibernate_tag {};
inline constexpr hibernate_tag hibernate{};

/// Calls `handle_continue` with `argument` before any other message is looked at.
class continue_with {
 public:
  explicit continue_with(term argument) noexcept : argument_{std::move(argument)} {}
  [[nodiscard]] const term& argument() const noexcept { return argument_; }

 private:
  term argument_;
};

/// The outcome of a callback; made by `reply`, `noreply`, `stop`, `ignore` and `refuse`.
///
/// An outcome that makes no sense for its callback (a `reply` to a cast) ends the server with `{bad_return_value, …}`.
class [[nodiscard]] result {
 public:
  /// What is done with the message.
  enum class act : std::uint8_t {
    noreply,     ///< nothing; the caller of a call waits until somebody answers
    reply,       ///< `value` answers the call
    stop,        ///< the server ends with `extra` as its reason
    stop_reply,  ///< `value` answers the call, then the server ends with `extra`
    ignore,      ///< of `init`: the server ends as if it had never been started
    refuse,      ///< of `init`: the start fails with `extra`, without a crash
  };
  /// What happens before the next message.
  enum class next : std::uint8_t { wait, timed, timed_at, rest, proceed };

  result() noexcept = default;
  explicit result(act what, term value = {}, term extra = {}) noexcept
      : act_{what}, value_{std::move(value)}, extra_{std::move(extra)} {}

  /// Adds a time limit for the next message.
  [[nodiscard]] result with(timeout limit) && {
    next_ = next::timed;
    limit_ = limit.after;
    return std::move(*this);
  }
  /// The same with a message of one's own.
  [[nodiscard]] result with(const timeout_message& limit) && {
    next_ = next::timed;
    limit_ = limit.after();
    extra_ = limit.content();
    return std::move(*this);
  }
  /// The same at a time.
  [[nodiscard]] result with(timeout_at limit) && {
    next_ = next::timed_at;
    limit_ = limit.when.time_since_epoch();
    return std::move(*this);
  }
  /// Adds that nothing is expected for a while.
  [[nodiscard]] result with(hibernate_tag /*tag*/) && {
    next_ = next::rest;
    return std::move(*this);
  }
  /// Adds a `handle_continue`.
  [[nodiscard]] result with(const continue_with& further) && {
    next_ = next::proceed;
    extra_ = further.argument();
    return std::move(*this);
  }

  [[nodiscard]] act what() const noexcept { return act_; }
  [[nodiscard]] next then() const noexcept { return next_; }
  /// Meaningful for `next::timed`, and for `next::timed_at` since the clock's epoch.
  [[nodiscard]] duration limit() const noexcept { return limit_; }
  [[nodiscard]] term& value() noexcept { return value_; }  ///< the answer
  /// The reason, the argument of `proceed`, or the message of a time limit: `[]` for `timeout`.
  [[nodiscard]] term& extra() noexcept { return extra_; }
  [[nodiscard]] const term& extra() const noexcept { return extra_; }

 private:
  act act_ = act::noreply;
  next next_ = next::wait;
  duration limit_ = forever;
  term value_;
  term extra_;
};

/// Answers the call with `value` (a term, or anything that converts to one).
template <typename T>
result reply(const T& value) {
  return result{result::act::reply, ergo::detail::as_term(value)};
}
/// Goes on without an answer; the caller waits until `otp::reply(self, from, value)`, from any process.
inline result noreply() noexcept { return result{}; }
/// The end of an `init` that went well; the same as `noreply()`.
inline result ok() noexcept { return result{}; }
/// Ends the server: `terminate` is called, then it exits with `reason`. A caller that waits learns that reason.
inline result stop(const exit_reason& reason) { return result{result::act::stop, {}, reason.value()}; }
/// As `stop`, after the call was answered with `value`.
template <typename T>
result stop(const exit_reason& reason, const T& value) {
  return result{result::act::stop_reply, ergo::detail::as_term(value), reason.value()};
}
/// From `init`: there is nothing to do; start fails with `ignored`, and a supervisor goes on without this child.
inline result ignore() { return result{result::act::ignore}; }
/// From `init`: start fails with `reason`, as an expected outcome without crash report or exit signal.
inline result refuse(term reason) { return result{result::act::refuse, {}, std::move(reason)}; }

/// Answers a call that was left open with `noreply`. By any process, once; a late answer is dropped at the caller.
template <typename T>
void reply(process& self, const from& to, const T& value) {
  self.reply(to, ergo::detail::as_term(value));
}

}  // namespace ergo::inline v0::otp
