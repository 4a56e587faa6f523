// Starting servers: the starter waits until `init` has succeeded, failed or taken too long.
#pragma once

#include <ergo/otp/gen_server.hpp>

#include <type_traits>
#include <utility>

namespace ergo::inline v0::otp {

/// How a server is started; every member may be left out.
struct start_options {
  atom name{};                 ///< registered before `init`; `''` for none
  duration timeout = forever;  ///< for `init`; afterwards the new process is killed and start fails
  bool trap_exits = false;     ///< exit signals arrive as `exit_message`, and those of the parent call `terminate`
  bool pinned = false;         ///< never moved to another core; for servers that hold Asio objects
  std::size_t mailbox_bound = limit_of_runtime;  ///< messages that may wait; see `mailbox_limits`
  overflow policy = overflow::drop_newest;
  std::size_t high_water = limit_of_runtime;  ///< messages that wait and are reported
  destination redirect_to = pid{};            ///< for `overflow::redirect`
  pid group_leader{};                         ///< no process: the parent's
  /// Claimed before `init`, beside or instead of `name`; of servers only. Must live as long as starts may happen.
  const public_name* as = nullptr;
  std::size_t report_depth = 20;  ///< levels of the last message and the state that a crash report shows; as many
                                  ///< elements in each, and 32 times as many bytes of a binary
};

namespace detail {

/// A behaviour that is no server and says itself when it is ready.
class acknowledging {
 public:
  virtual void started_by(std::shared_ptr<start_ticket> ticket) = 0;

 protected:
  ~acknowledging() = default;
};

/// The wait of a process for a new one to be ready. Lives in the awaiting frame; not movable.
class starting : public ergo::detail::waiting {
 public:
  starting(process& self, const start_options& options, tie relation, std::unique_ptr<behaviour> body);
  [[nodiscard]] bool await_ready() const noexcept { return !child_ || settled(); }
  bool over(process& /*self*/) final { return settled() || time_is_up(); }

 protected:
  ~starting();
  [[nodiscard]] ergo::result<pid> outcome();
  [[nodiscard]] const ergo::result<pid>& child() const noexcept { return child_; }

 private:
  [[nodiscard]] bool settled() const noexcept { return record_.status != ergo::detail::call_record::state::waiting; }
  [[nodiscard]] error failure();

  ergo::detail::call_record record_;
  std::shared_ptr<start_ticket> ticket_;
  ergo::result<pid> child_;
  tie relation_;
};

}  // namespace detail

/// A start under way; await it for a `result<pid>`.
class [[nodiscard]] start_awaiter final : public detail::starting {
 public:
  using starting::starting;
  [[nodiscard]] ergo::result<pid> await_resume() { return outcome(); }
};

/// A server and the monitor that was set up before it ran.
struct monitored {
  pid process;
  monitor_ref watch;
};

/// A start under way; await it for a `result<monitored>`.
class [[nodiscard]] start_monitor_awaiter final : public detail::starting {
 public:
  start_monitor_awaiter(process& self, const start_options& options, std::unique_ptr<behaviour> body);
  [[nodiscard]] ergo::result<monitored> await_resume();

 private:
  std::optional<monitor_ref> watch_;
};

namespace detail {

template <typename Server, typename... Argument>
[[nodiscard]] std::unique_ptr<behaviour> make_started(Argument&&... argument) {
  static_assert(
      !(risky_temporary<Argument> || ...),
      "ergo::otp::start: name the arguments first; GCC before 14 destroys an aggregate twice when it is built in "
      "the same expression as co_await");
  return make_server<Server, std::decay_t<Argument>...>(std::forward<Argument>(argument)...);
}

}  // namespace detail

/// Starts a server of class `Server` and waits until its `init` is done; its arguments are copied or moved to it.
///
/// Fails with `name_taken` and the pid that has the name, `system_limit` or `stopped` when no process could be made;
/// with `ignored` when `init` said so; with `exited` and the reason when `init` refused, stopped, threw or was killed;
/// with `timeout`. Suspends only this process.
template <server Server, typename... Argument>
start_awaiter start(process& self, const start_options& options, Argument&&... argument) {
  return start_awaiter{self, options, tie::none, detail::make_started<Server>(std::forward<Argument>(argument)...)};
}

/// As `start`, and links the server to this process from its first moment; its parent's exit signal stops it.
///
/// When `init` fails with a crash its exit signal reaches this process, as in OTP; one that traps exits gets no
/// message.
template <server Server, typename... Argument>
start_awaiter start_link(process& self, const start_options& options, Argument&&... argument) {
  return start_awaiter{self, options, tie::link, detail::make_started<Server>(std::forward<Argument>(argument)...)};
}

/// As `start`, and monitors the server; after a failed start no `down` arrives.
template <server Server, typename... Argument>
start_monitor_awaiter start_monitor(process& self, const start_options& options, Argument&&... argument) {
  return start_monitor_awaiter{self, options, detail::make_started<Server>(std::forward<Argument>(argument)...)};
}

}  // namespace ergo::inline v0::otp
