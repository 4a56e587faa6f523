// What is said at compile time about callbacks of a server that cannot be called.
#pragma once

#include <ergo/otp/detail/callbacks.hpp>
#include <ergo/otp/handlers.hpp>
#include <ergo/otp/status.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

namespace ergo::inline v0::otp::detail {

/// Calls `code_change` with as many terms as it takes.
template <typename Server>
decltype(auto) change(process& self, Server& server, const term& old_version, const term& state, const term& extra) {
  if constexpr (takes_all<call_code_change, Server, const term&, const term&, const term&>) {
    return inject(call_code_change{}, server, self, old_version, state, extra);
  } else if constexpr (takes_all<call_code_change, Server, const term&, const term&>) {
    return inject(call_code_change{}, server, self, old_version, state);
  } else {
    return inject(call_code_change{}, server, self, old_version);
  }
}

/// Names each wrong callback of `Server` in one line.
template <typename Server>
struct checked_callbacks {
  using names = names_of<Server>;

  static_assert(
      !names::calls || requires { requires is_handler_table<std::remove_cvref_t<decltype(Server::calls)>>; },
      "ergo::otp: `calls` must be a public `static constexpr auto` made by otp::on");
  static_assert(
      !names::casts || requires { requires is_handler_table<std::remove_cvref_t<decltype(Server::casts)>>; },
      "ergo::otp: `casts` must be a public `static constexpr auto` made by otp::on");
  static_assert(
      !names::infos || requires { requires is_handler_table<std::remove_cvref_t<decltype(Server::infos)>>; },
      "ergo::otp: `infos` must be a public `static constexpr auto` made by otp::on");
  static_assert(
      !names::handle_call || wanted_by<call_handle_call, Server>() != wants::unknown,
      "ergo::otp: handle_call must be public and take (process&, const message& or const term&, const otp::from&)");
  static_assert(!names::handle_cast || wanted_by<call_handle_cast, Server>() != wants::unknown,
                "ergo::otp: handle_cast must be public and take (process&, const message& or const term&)");
  static_assert(!names::handle_info || wanted_by<call_handle_info, Server>() != wants::unknown,
                "ergo::otp: handle_info must be public and take (process&, const message& or const term&)");
  static_assert(!names::handle_continue || takes<call_handle_continue, Server, const term&> ||
                    takes_nothing<call_handle_continue, Server>,
                "ergo::otp: handle_continue must be public and take (process&, const term&)");
  static_assert(!names::terminate || takes<call_terminate, Server, const exit_reason&> ||
                    takes_nothing<call_terminate, Server>,
                "ergo::otp: terminate must be public and take (process&, const exit_reason&)");
  static_assert(
      !names::state || requires(const Server& server) {
        { server.state() } -> std::convertible_to<term>;
      }, "ergo::otp: state must be public, const, take nothing and return a term; state(const term&) may take one");
  static_assert(
      !names::format_status || requires(const Server& server, status shown) {
        { server.format_status(std::move(shown)) } -> std::same_as<status>;
      }, "ergo::otp: format_status must be public, const, take an otp::status and return one");
  static_assert(
      !names::code_change || plain_outcome<decltype(change<Server>(std::declval<process&>(), std::declval<Server&>(),
                                                                   term{}, term{}, term{}))>,
      "ergo::otp: code_change must be public, take (process&, const term& old_version, const term& state, const term& "
      "extra), and return void or otp::result");

  static constexpr bool well_formed = true;
};

}  // namespace ergo::inline v0::otp::detail
