// Supervisors: processes that start others, watch them, start them again, and stop them in order.
// A supervision tree is plain data; the running supervisor answers the calls of OTP's `supervisor` module.
#pragma once

#include <ergo/otp/restart.hpp>
#include <ergo/otp/start.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace ergo::inline v0::otp {

/// Whether a child is itself a supervisor.
enum class child_type : std::uint8_t { worker, supervisor };

/// One child: how it is made, and what its supervisor does when it ends. Copyable; any thread.
struct child_spec {
  term id;                                           ///< unique among the children of one supervisor
  std::function<std::unique_ptr<behaviour>()> make;  ///< called for each start, on the supervisor's process
  otp::restart restart = otp::restart::permanent;
  otp::shutdown shutdown{std::chrono::seconds{5}};
  child_type type = child_type::worker;
  start_options options{};  ///< name, time limit of `init`, …
  atom module{};            ///< the server's class, for `which_children`

  /// Registers the child under its id, which must be an atom, or under `name`.
  child_spec registered(atom name = {}) &&;
  /// Sets `restart`.
  child_spec restarted(otp::restart kind) &&;
  /// Sets `shutdown`.
  child_spec stopped(otp::shutdown rule) &&;
};

/// A supervisor's flags and children.
struct supervisor_spec {
  otp::strategy strategy = otp::strategy::one_for_one;
  unsigned intensity = 1;  ///< more restarts than this within `period` end the supervisor, as in OTP
  duration period = std::chrono::seconds{5};
  std::vector<child_spec> children;  ///< in the order of their start
};

/// A child that is a server of class `Server`; its arguments are kept by value and copied for each start.
template <server Server, typename... Argument>
[[nodiscard]] child_spec child(const term& id, Argument&&... argument) {
  static_assert((std::copy_constructible<std::decay_t<Argument>> && ...),
                "ergo::otp::child: arguments are copied for each restart");
  child_spec made;
  made.id = id;
  made.make = [kept = std::tuple<std::decay_t<Argument>...>{std::forward<Argument>(argument)...}] {
    return std::apply(
        [](const auto&... each) -> std::unique_ptr<behaviour> {
          return make_server<Server, std::decay_t<Argument>...>(each...);
        },
        kept);
  };
  made.module = etf::detail::source_atom<detail::server_name_source<Server>>();
  return made;
}

/// A child that is a coroutine `task<exit_reason>(process&, Argument...)` or `task<>(…)`; it counts as started at once.
template <typename Body, typename... Argument>
[[nodiscard]] child_spec child_process(const term& id, Body body, Argument... argument) {
  child_spec made;
  made.id = id;
  made.make = [body, kept = std::tuple<Argument...>{std::move(argument)...}] {
    return std::apply([&](const auto&... each) { return make_body<Body, Argument...>(body, each...); }, kept);
  };
  return made;
}

/// A child that is a supervisor; it gets all the time it needs to stop.
[[nodiscard]] child_spec child_supervisor(const term& id, supervisor_spec tree);

/// The server class of supervisors: `otp::start_link<otp::supervisor>(self, options, spec)`.
///
/// Its `init` starts the children one after the other; when one fails, those already started are stopped in reverse and
/// start fails with `{shutdown, {failed_to_start_child, Id, Reason}}`. It traps exits. Calls, as terms:
/// `which_children`, `count_children`, `{terminate_child, Id}`, `{restart_child, Id}`, `{delete_child, Id}`,
/// `{get_childspec, Id}`; see OTP's supervisor(3). `{start_child, Spec}` answers `{error, notsup}`: Erlang code cannot
/// name C++ code to run.
class supervisor {
 public:
  task<result> init(process& self, supervisor_spec spec);
  task<result> handle_call(process& self, const term& request);
  task<result> handle_cast(process& self, const term& request);
  task<result> handle_info(process& self, const message& info);
  task<> terminate(process& self);
  [[nodiscard]] term state() const;

 private:
  struct child_state {
    child_spec spec;
    pid process{};  // no process: not running
    bool restarting = false;
  };
  using child_list = std::vector<child_state>;

  task<ergo::result<pid>> start_one(process& self, std::size_t index);
  task<> stop_one(process& self, std::size_t index);
  task<> stop_all(process& self);
  task<result> start_again(process& self, std::size_t index);
  task<result> add_child(process& self, child_spec spec);
  task<result> restart_stopped(process& self, std::size_t index);
  task<result> terminate_child(process& self, std::size_t index);
  [[nodiscard]] result delete_child(std::size_t index);
  void forget(std::size_t index);

  [[nodiscard]] std::size_t find(const term& id) const noexcept;
  [[nodiscard]] std::size_t find(const pid& process) const noexcept;
  [[nodiscard]] term which_children() const;
  [[nodiscard]] term count_children(process& self) const;
  [[nodiscard]] term describe(const child_state& child) const;
  void report(process& self, log_level level, std::string_view what, std::size_t index, const term& reason) const;

  child_list children_;
  std::optional<restart_policy> policy_;
};

/// What `which_children` tells about one child.
struct child_info {
  term id;
  std::optional<pid> process;  ///< empty: not running
  bool restarting = false;     ///< a restart has failed and is tried again
  child_type type = child_type::worker;
};

/// What `count_children` tells.
struct child_counts {
  std::int64_t specs = 0;
  std::int64_t active = 0;
  std::int64_t supervisors = 0;
  std::int64_t workers = 0;
};

// These ask a supervisor, an Erlang one included, and fail as `otp::call` does; `not_found`, `already_present`,
// `badarg` (`running`, `restarting`) are the supervisor's own refusals.

/// The children of a supervisor, those started last first, as in OTP.
[[nodiscard]] task<ergo::result<std::vector<child_info>>> which_children(process& self, destination supervisor);
/// How many children a supervisor has.
[[nodiscard]] task<ergo::result<child_counts>> count_children(process& self, destination supervisor);
/// Adds a child to a supervisor of this program and starts it; empty when its `init` said `ignore`.
[[nodiscard]] task<ergo::result<std::optional<pid>>> start_child(process& self, destination supervisor,
                                                                 child_spec spec);
/// Stops a child; its specification stays, unless it is temporary.
[[nodiscard]] task<ergo::result<void>> terminate_child(process& self, destination supervisor, term id);
/// Starts a child again that was stopped.
[[nodiscard]] task<ergo::result<std::optional<pid>>> restart_child(process& self, destination supervisor, term id);
/// Removes the specification of a child that is not running.
[[nodiscard]] task<ergo::result<void>> delete_child(process& self, destination supervisor, term id);

}  // namespace ergo::inline v0::otp
