// An event handler in its manager, and how its callbacks are called.
#pragma once

#include <ergo/otp/detail/callbacks.hpp>
#include <ergo/otp/detail/machine_uses.hpp>
#include <ergo/otp/handler_result.hpp>
#include <ergo/otp/status.hpp>

#include <optional>
#include <type_traits>
#include <utility>

namespace ergo::inline v0::otp::detail {

/// A handler in its manager. What the references name lives until the task has ended.
class event_handler {
 public:
  event_handler() = default;
  event_handler(const event_handler&) = delete;
  event_handler& operator=(const event_handler&) = delete;
  virtual ~event_handler() = default;

  virtual task<handler_result> init(process& self, const term& arguments) = 0;
  virtual task<handler_result> on_event(process& self, const term& event) = 0;
  virtual task<handler_result> on_call(process& self, const term& request) = 0;
  virtual task<handler_result> on_info(process& self, const message& info) = 0;
  virtual task<term> on_terminate(process& self, const term& how) = 0;
  [[nodiscard]] virtual term state() const = 0;
  /// Takes a state that looks like that of `state()`; throws when it does not, or when no state can be taken.
  virtual void take_state(const term& next) = 0;
  /// Why the handler does not become another version of itself; nothing when it does.
  [[nodiscard]] virtual std::optional<term> change_code(process& self, const term& old_version, const term& extra) = 0;
  /// What may be seen of a status.
  [[nodiscard]] virtual status format_status(status shown) const = 0;
};

/// What came of a callback: a decision, or the exit reason of what it threw.
struct handler_attempt {
  std::optional<handler_result> decision;
  term failure;
};

/// Ends a callback that takes no such message: `{function_clause, …}`.
[[noreturn]] void no_handler_clause(atom handler, atom callback, const term& argument);
/// Says that a handler without `handle_info` got a message.
void report_unknown_info(process& self, atom handler, const term& info);
/// The answers to a change of code that a handler does not know, or refuses: `{'EXIT', Reason}`, as in OTP.
[[nodiscard]] term undefined_code_change(atom handler, const term& arguments);
[[nodiscard]] term refused_code_change(const term& why);
/// A term as the message that handler tables look at.
[[nodiscard]] message as_message(const term& content);

struct all_handler_names {
  int init, events, calls, infos, handle_event, handle_call, handle_info, terminate, state, code_change, format_status;
};
template <typename Handler>
struct handler_probe : Handler, all_handler_names {};
template <typename Handler>
  requires std::is_final_v<Handler>
struct handler_probe<Handler> : all_handler_names {};

template <typename Handler>
struct handler_names_of {
  using probe = handler_probe<Handler>;
  static constexpr bool looks_through = !std::is_final_v<Handler>;
  static constexpr bool init = looks_through ? !requires { &probe::init; } : requires { &Handler::init; };
  static constexpr bool events = looks_through ? !requires { &probe::events; } : requires { &Handler::events; };
  static constexpr bool calls = looks_through ? !requires { &probe::calls; } : requires { &Handler::calls; };
  static constexpr bool infos = looks_through ? !requires { &probe::infos; } : requires { &Handler::infos; };
  static constexpr bool handle_event =
      looks_through ? !requires { &probe::handle_event; } : requires { &Handler::handle_event; };
  static constexpr bool handle_call =
      looks_through ? !requires { &probe::handle_call; } : requires { &Handler::handle_call; };
  static constexpr bool handle_info =
      looks_through ? !requires { &probe::handle_info; } : requires { &Handler::handle_info; };
  static constexpr bool terminate =
      looks_through ? !requires { &probe::terminate; } : requires { &Handler::terminate; };
  static constexpr bool state =
      looks_through ? !requires { &probe::state; } : takes_state<Handler> || requires { &Handler::state; };
  static constexpr bool code_change =
      looks_through ? !requires { &probe::code_change; } : requires { &Handler::code_change; };
  static constexpr bool format_status =
      looks_through ? !requires { &probe::format_status; } : requires { &Handler::format_status; };
};

template <typename T>
concept handler_outcome = std::is_void_v<T> || std::same_as<T, handler_result> || std::same_as<T, result>;
template <typename T>
concept handler_call_outcome = handler_outcome<T> || std::convertible_to<T, term> || etf::convertible_to_term<T>;

/// What a callback means that returned `value`: its decision, or the answer of a call.
template <typename T>
[[nodiscard]] handler_result handler_result_of(T&& value) {
  using plain = std::remove_cvref_t<T>;
  if constexpr (std::same_as<plain, handler_result> || std::same_as<plain, result>) {
    return std::forward<T>(value);
  } else {
    return handler_result{otp::reply(value)};
  }
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsubobject-linkage"  // of coroutine frames, for handlers in unnamed namespaces
#endif

/// Runs a callback, plain or not, with parts that live in this frame.
template <typename Function, typename Handler, typename... Part>
task<handler_result> handled(Function function, Handler& handler, process& self, Part... part) {
  using returned = decltype(inject(function, handler, self, std::as_const(part)...));
  if constexpr (std::is_void_v<returned>) {
    inject(function, handler, self, std::as_const(part)...);
    co_return handler_result{otp::noreply()};
  } else if constexpr (!is_task<returned>) {
    co_return handler_result_of(inject(function, handler, self, std::as_const(part)...));
  } else if constexpr (std::is_void_v<awaited_t<returned>>) {
    auto work = inject(function, handler, self, std::as_const(part)...);
    co_await std::move(work);
    co_return handler_result{otp::noreply()};
  } else {
    auto work = inject(function, handler, self, std::as_const(part)...);
    auto value = co_await std::move(work);
    co_return handler_result_of(std::move(value));
  }
}

/// The same for a message, which whoever calls keeps.
template <typename Function, typename Handler>
task<handler_result> handled_message(Function function, Handler& handler, process& self, const message& info) {
  using returned = decltype(inject(function, handler, self, info));
  if constexpr (is_task<returned>) {
    auto work = inject(function, handler, self, info);
    if constexpr (std::is_void_v<awaited_t<returned>>) {
      co_await std::move(work);
    } else {
      auto value = co_await std::move(work);
      co_return handler_result_of(std::move(value));
    }
  } else if constexpr (std::is_void_v<returned>) {
    inject(function, handler, self, info);
  } else {
    co_return handler_result_of(inject(function, handler, self, info));
  }
  co_return handler_result{otp::noreply()};
}

/// Calls `terminate`, whose value is for whoever removed the handler.
template <typename Handler>
task<term> handler_end(Handler& handler, process& self, term how) {
  using returned = decltype(inject(call_terminate{}, handler, self, std::as_const(how)));
  if constexpr (is_task<returned>) {
    auto work = inject(call_terminate{}, handler, self, std::as_const(how));
    if constexpr (std::is_void_v<awaited_t<returned>>) {
      co_await std::move(work);
    } else {
      auto value = co_await std::move(work);
      co_return ergo::detail::as_term(value);
    }
  } else if constexpr (std::is_void_v<returned>) {
    inject(call_terminate{}, handler, self, std::as_const(how));
  } else {
    co_return ergo::detail::as_term(inject(call_terminate{}, handler, self, std::as_const(how)));
  }
  co_return term{"ok"_atom};
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

}  // namespace ergo::inline v0::otp::detail
