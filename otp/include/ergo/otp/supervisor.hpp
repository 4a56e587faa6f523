// Supervisors: processes that start others, watch them, start them again, and stop them in order.
// A supervision tree is plain data; the running supervisor answers the calls of OTP's `supervisor` module.
#pragma once

#include <ergo/otp/restart.hpp>
#include <ergo/otp/start.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace ergo::inline v0::otp {

/// Whether a child is itself a supervisor.
enum class child_type : std::uint8_t { worker, supervisor };

/// What the start of a child gave, as OTP's `{ok, Pid}` and `{ok, Pid, Info}`; without a process, as `ignore`.
struct started_child {
  std::optional<pid> process;
  std::optional<term> info{};
};

/// Starts a process on behalf of a supervisor, which it runs on, and links it: OTP's `apply(M, F, Args)`. It gets the
/// arguments as a proper list and may suspend; meanwhile the supervisor does nothing else. The error `ignored` is OTP's
/// `ignore`, the reason of any other that of `{error, Reason}`; what it throws fails the start, too.
using start_function = std::function<task<ergo::result<started_child>>(process& self, term arguments)>;

/// One child: how it is started, and what its supervisor does when it ends. Copyable; any thread.
///
/// It is started by `make` where there is one, else by `start`, else by the function that `mfa` names among the
/// supervisor's `start_functions`.
struct child_spec {
  term id;                                           ///< unique among the children of one supervisor
  std::function<std::unique_ptr<behaviour>()> make;  ///< called for each start, on the supervisor's process
  start_function start{};
  otp::restart restart = otp::restart::permanent;
  otp::shutdown shutdown{std::chrono::seconds{5}};
  child_type type = child_type::worker;
  bool significant = false;  ///< its end counts for the supervisor's `auto_shutdown`
  start_options options{};   ///< for `make`: name, time limit of `init`, …
  term modules{};            ///< as in OTP: a list of modules, or `dynamic`
  term mfa{};  ///< `{M, F, Args}`: what `start` gets and `get_childspec` shows; `[]` for `{Module, start_link, []}`

  /// Registers the child under its id, which must be an atom, or under `name`.
  child_spec registered(atom name = {}) &&;
  /// Sets `restart`.
  child_spec restarted(otp::restart kind) &&;
  /// Sets `shutdown`.
  child_spec stopped(otp::shutdown rule) &&;
  /// Sets `significant`; for transient and temporary children of a supervisor with `auto_shutdown`.
  child_spec made_significant() &&;
};

class start_functions;

/// A supervisor's flags and children.
///
/// A supervisor with values that make no sense does not start: `{supervisor_data, {invalid_period, P}}`, `{start_spec,
/// {duplicate_child_name, Id}}`, `{start_spec, {bad_combination, [{restart, permanent}, {significant, true}]}}`,
/// `{bad_start_spec, Children}` for a `simple_one_for_one` that has not exactly one child.
struct supervisor_spec {
  otp::strategy strategy = otp::strategy::one_for_one;
  unsigned intensity = 1;  ///< more restarts than this within `period` end the supervisor, as in OTP
  duration period = std::chrono::seconds{5};
  std::vector<child_spec> children;  ///< in the order of their start; of `simple_one_for_one` the one they are made by
  otp::auto_shutdown auto_shutdown = otp::auto_shutdown::never;
  otp::backoff backoff{};                                         ///< waits before restarts; none unless said otherwise
  std::shared_ptr<const otp::start_functions> start_functions{};  ///< what `{M, F, Args}` may name, also for Erlang
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
  made.modules = etf::list(etf::detail::source_atom<detail::server_name_source<Server>>());
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

/// A child as OTP writes it, `#{id, start => {M, F, Args}, …}` or the tuple of six: its function is looked up among the
/// supervisor's `start_functions` at each start. Fails with `badarg`; the context is OTP's term, such as
/// `missing_start`.
[[nodiscard]] ergo::result<child_spec> read_child_spec(const term& written);

/// Whether OTP's supervisor would take these children, as `supervisor:check_childspecs/1,2`; the context of an error is
/// OTP's, such as `{invalid_mfa, F}` or `{duplicate_child_name, Id}`.
[[nodiscard]] ergo::result<void> check_childspecs(const term& list, std::optional<auto_shutdown> rule = std::nullopt);

namespace detail {
class supervision;
}  // namespace detail

/// The server class of supervisors: `otp::start_link<otp::supervisor>(self, options, spec)`.
///
/// Its `init` starts the children one after the other; when one fails, those already started are stopped in reverse and
/// start fails with `{shutdown, {failed_to_start_child, Id, Reason}}`. It traps exits. It answers what OTP's
/// `supervisor` module asks, with the same terms: `which_children`, `count_children`, `{start_child, Spec}`,
/// `{terminate_child, Id}`,
/// `{restart_child, Id}`, `{delete_child, Id}`, `{get_childspec, Id}`, `{which_child, Id}`; see OTP's supervisor(3).
class supervisor {
 public:
  supervisor() noexcept;
  ~supervisor();
  supervisor(const supervisor&) = delete;
  supervisor& operator=(const supervisor&) = delete;

  task<result> init(process& self, supervisor_spec spec);
  task<result> handle_call(process& self, const term& request);
  task<result> handle_cast(process& self, const term& request);
  task<result> handle_info(process& self, const message& info);
  task<> terminate(process& self);
  [[nodiscard]] term state() const;

 private:
  std::unique_ptr<detail::supervision> children_;
};

/// What `which_children` tells about one child.
struct child_info {
  term id;                     ///< `undefined` below a `simple_one_for_one`
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
/// The same with a specification as OTP writes it, for supervisors of Erlang, too; or, for a `simple_one_for_one`, with
/// the list of arguments that come behind those of its specification.
[[nodiscard]] task<ergo::result<std::optional<pid>>> start_child(process& self, destination supervisor, term spec);
/// Stops a child; its specification stays, unless it is temporary. Below a `simple_one_for_one` the id is its pid.
[[nodiscard]] task<ergo::result<void>> terminate_child(process& self, destination supervisor, term id);
/// Starts a child again that was stopped.
[[nodiscard]] task<ergo::result<std::optional<pid>>> restart_child(process& self, destination supervisor, term id);
/// Removes the specification of a child that is not running.
[[nodiscard]] task<ergo::result<void>> delete_child(process& self, destination supervisor, term id);
/// The specification of a child as OTP writes it.
[[nodiscard]] task<ergo::result<term>> get_childspec(process& self, destination supervisor, term id);

}  // namespace ergo::inline v0::otp
