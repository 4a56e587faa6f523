// Servers seen from threads that are no processes: start, call, cast, answer, stop.
// The functions that wait block the calling thread, which must not be one of the runtime's.
#pragma once

#include <ergo/otp/start.hpp>
#include <ergo/runtime.hpp>

namespace ergo::inline v0::otp {
namespace detail {

[[nodiscard]] ergo::result<pid> start_and_wait(local_node& on, const start_options& options,
                                               std::unique_ptr<behaviour> body);
[[nodiscard]] ergo::result<term> call_and_wait(local_node& here, const destination& to, term request, duration timeout);

}  // namespace detail

/// Starts a server on a node of this program and blocks until its `init` is done; see `start(process&, …)`.
///
/// The server has no parent; an exit signal from outside (`runtime::exit`, `runtime::stop`) counts as its parent's.
template <server Server, typename... Argument>
[[nodiscard]] ergo::result<pid> start(local_node& on, const start_options& options, Argument&&... argument) {
  return detail::start_and_wait(on, options,
                                make_server<Server, std::decay_t<Argument>...>(std::forward<Argument>(argument)...));
}

/// Calls the server at `to` as a process of node `here` would and blocks until it answers; see `call(process&, …)`.
/// Fails with `stopped`, too, when the runtime stops meanwhile.
template <typename T = term, typename Request>
[[nodiscard]] ergo::result<T> call(local_node& here, const destination& to, const Request& request,
                                   duration timeout = default_call_timeout) {
  return detail::convert_answer<T>(detail::call_and_wait(here, to, ergo::detail::as_term(request), timeout));
}

/// Sends a cast from outside. Any thread; never blocks.
template <typename Content>
void cast(local_node& here, const destination& to, const Content& content) {
  here.route(to, ergo::detail::make_signal(ergo::detail::signal_kind::cast, pid{}, ergo::detail::as_term(content)));
}

/// Answers a call from outside. Any thread; never blocks.
template <typename T>
void reply(local_node& by, const from& to, const T& value) {
  by.route(to.process,
           ergo::detail::make_signal(ergo::detail::signal_kind::reply, pid{}, to.tag, ergo::detail::as_term(value)));
}

/// Stops a process of this program with `reason` and blocks until it has ended; kills it after `grace`.
///
/// It sends an exit signal, where `stop(process&, …)` asks as `gen_server:stop` does: only a server that traps exits
/// runs `terminate`, and `normal` ends no other, which is killed after `grace`; `shutdown` is the usual reason. Returns
/// how it ended; fails with `noproc` when it was not there.
ergo::result<exit_reason> stop(local_node& on, const pid& target, const exit_reason& reason,
                               duration grace = std::chrono::seconds{5});

}  // namespace ergo::inline v0::otp
