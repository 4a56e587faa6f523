// The callbacks that a server class may have, by name: which are there, and how each is called.
#pragma once

#include <ergo/otp/detail/inject.hpp>
#include <ergo/otp/handlers.hpp>

namespace ergo::inline v0::otp::detail {

/// Functions that call a member by name; they take part in overload resolution only if that call compiles.
struct call_init {
  template <typename Server, typename... Part>
  auto operator()(Server& server, Part&&... part) const -> decltype(server.init(std::forward<Part>(part)...)) {
    return server.init(std::forward<Part>(part)...);
  }
};
struct call_handle_call {
  template <typename Server, typename... Part>
  auto operator()(Server& server, Part&&... part) const -> decltype(server.handle_call(std::forward<Part>(part)...)) {
    return server.handle_call(std::forward<Part>(part)...);
  }
};
struct call_handle_cast {
  template <typename Server, typename... Part>
  auto operator()(Server& server, Part&&... part) const -> decltype(server.handle_cast(std::forward<Part>(part)...)) {
    return server.handle_cast(std::forward<Part>(part)...);
  }
};
struct call_handle_info {
  template <typename Server, typename... Part>
  auto operator()(Server& server, Part&&... part) const -> decltype(server.handle_info(std::forward<Part>(part)...)) {
    return server.handle_info(std::forward<Part>(part)...);
  }
};
struct call_handle_continue {
  template <typename Server, typename... Part>
  auto operator()(Server& server, Part&&... part) const
      -> decltype(server.handle_continue(std::forward<Part>(part)...)) {
    return server.handle_continue(std::forward<Part>(part)...);
  }
};
struct call_terminate {
  template <typename Server, typename... Part>
  auto operator()(Server& server, Part&&... part) const -> decltype(server.terminate(std::forward<Part>(part)...)) {
    return server.terminate(std::forward<Part>(part)...);
  }
};

struct call_code_change {
  template <typename Server, typename... Part>
  auto operator()(Server& server, Part&&... part) const -> decltype(server.code_change(std::forward<Part>(part)...)) {
    return server.code_change(std::forward<Part>(part)...);
  }
};
struct call_format_status {
  template <typename Server, typename... Part>
  auto operator()(Server& server, Part&&... part) const -> decltype(server.format_status(std::forward<Part>(part)...)) {
    return server.format_status(std::forward<Part>(part)...);
  }
};

/// How a server takes a state that `sys:replace_state/2` made.
template <typename Server>
concept takes_state = requires(Server& server, const term& next) { server.state(next); };

/// A class with all names, so that a server's own member of a name makes the lookup ambiguous, private ones included.
struct all_names {
  int init, calls, casts, infos, handle_call, handle_cast, handle_info, handle_continue, terminate, state, code_change,
      format_status;
};
template <typename Server>
struct name_probe : Server, all_names {};
template <typename Server>
  requires std::is_final_v<Server>
struct name_probe<Server> : all_names {};

template <typename Server>
struct names_of {
  using probe = name_probe<Server>;
  static constexpr bool looks_through = !std::is_final_v<Server>;
  static constexpr bool init = looks_through ? !requires { &probe::init; } : requires { &Server::init; };
  static constexpr bool calls = looks_through ? !requires { &probe::calls; } : requires { &Server::calls; };
  static constexpr bool casts = looks_through ? !requires { &probe::casts; } : requires { &Server::casts; };
  static constexpr bool infos = looks_through ? !requires { &probe::infos; } : requires { &Server::infos; };
  static constexpr bool handle_call =
      looks_through ? !requires { &probe::handle_call; } : requires { &Server::handle_call; };
  static constexpr bool handle_cast =
      looks_through ? !requires { &probe::handle_cast; } : requires { &Server::handle_cast; };
  static constexpr bool handle_info =
      looks_through ? !requires { &probe::handle_info; } : requires { &Server::handle_info; };
  static constexpr bool handle_continue =
      looks_through ? !requires { &probe::handle_continue; } : requires { &Server::handle_continue; };
  static constexpr bool terminate = looks_through ? !requires { &probe::terminate; } : requires { &Server::terminate; };
  static constexpr bool code_change =
      looks_through ? !requires { &probe::code_change; } : requires { &Server::code_change; };
  static constexpr bool format_status =
      looks_through ? !requires { &probe::format_status; } : requires { &Server::format_status; };
  static constexpr bool state =
      looks_through ? !requires { &probe::state; } : takes_state<Server> || requires { &Server::state; };
};

/// How a general callback wants its message: as an envelope, as a term, or not at all.
enum class wants : std::uint8_t { envelope, raw, nothing, unknown };

template <typename Callback, typename Server, typename Part>
inline constexpr bool takes =
    std::invocable<Callback, Server&, process&, Part> || std::invocable<Callback, Server&, Part>;
template <typename Callback, typename Server, typename Part>
inline constexpr bool takes_from = std::invocable<Callback, Server&, process&, Part, const from&> ||
                                   std::invocable<Callback, Server&, Part, const from&>;
template <typename Callback, typename Server, typename... Part>
inline constexpr bool takes_all =
    std::invocable<Callback, Server&, process&, Part...> || std::invocable<Callback, Server&, Part...>;
template <typename Callback, typename Server>
inline constexpr bool takes_nothing = std::invocable<Callback, Server&, process&> || std::invocable<Callback, Server&>;

template <typename Callback, typename Server>
[[nodiscard]] consteval wants wanted_by() {
  if (takes_from<Callback, Server, const message&> || takes<Callback, Server, const message&>) return wants::envelope;
  if (takes_from<Callback, Server, const term&> || takes<Callback, Server, const term&>) return wants::raw;
  return takes_nothing<Callback, Server> ? wants::nothing : wants::unknown;
}

}  // namespace ergo::inline v0::otp::detail
