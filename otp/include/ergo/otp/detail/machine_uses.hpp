// Calling the callbacks of a state machine's class, and what the types they return mean.
#pragma once

#include <ergo/otp/detail/callbacks.hpp>
#include <ergo/otp/transition.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

namespace ergo::inline v0::otp::detail {

struct call_handle_event {
  template <typename Machine, typename... Part>
  auto operator()(Machine& machine, Part&&... part) const
      -> decltype(machine.handle_event(std::forward<Part>(part)...)) {
    return machine.handle_event(std::forward<Part>(part)...);
  }
};

/// How a machine takes data that `sys:replace_state/2` made.
template <typename Machine>
concept takes_data = requires(Machine& machine, const term& next) { machine.data(next); };

/// A class with all names of a state machine; see `all_names`.
struct all_machine_names {
  int init, states, handle_event, state_enter, terminate, data, code_change, format_status;
};
template <typename Machine>
struct machine_probe : Machine, all_machine_names {};
template <typename Machine>
  requires std::is_final_v<Machine>
struct machine_probe<Machine> : all_machine_names {};

template <typename Machine>
struct machine_names_of {
  using probe = machine_probe<Machine>;
  static constexpr bool looks_through = !std::is_final_v<Machine>;
  static constexpr bool init = looks_through ? !requires { &probe::init; } : requires { &Machine::init; };
  static constexpr bool states = looks_through ? !requires { &probe::states; } : requires { &Machine::states; };
  static constexpr bool handle_event =
      looks_through ? !requires { &probe::handle_event; } : requires { &Machine::handle_event; };
  static constexpr bool state_enter =
      looks_through ? !requires { &probe::state_enter; } : requires { &Machine::state_enter; };
  static constexpr bool terminate =
      looks_through ? !requires { &probe::terminate; } : requires { &Machine::terminate; };
  static constexpr bool data =
      looks_through ? !requires { &probe::data; } : takes_data<Machine> || requires { &Machine::data; };
  static constexpr bool code_change =
      looks_through ? !requires { &probe::code_change; } : requires { &Machine::code_change; };
  static constexpr bool format_status =
      looks_through ? !requires { &probe::format_status; } : requires { &Machine::format_status; };
};

template <typename Machine>
inline constexpr bool takes_event =
    takes<call_handle_event, Machine, const state_event&> ||
    std::invocable<call_handle_event, Machine&, process&, const state_event&, const term&> ||
    std::invocable<call_handle_event, Machine&, const state_event&, const term&>;
template <typename Machine>
inline constexpr bool ends_with =
    takes<call_terminate, Machine, const exit_reason&> || takes_nothing<call_terminate, Machine> ||
    std::invocable<call_terminate, Machine&, process&, const exit_reason&, const term&> ||
    std::invocable<call_terminate, Machine&, const exit_reason&, const term&>;

/// Calls `function` with the first and the second part, or the first alone, or neither.
template <typename Function, typename Machine, typename First>
decltype(auto) inject_pair(const Function& function, Machine& machine, process& self, const First& first,
                           const term& second) {
  if constexpr (std::invocable<const Function&, Machine&, process&, const First&, const term&> ||
                std::invocable<const Function&, Machine&, const First&, const term&>) {
    return inject(function, machine, self, first, second);
  } else {
    return inject(function, machine, self, first);
  }
}

/// Stands for `void` where a value is handed on.
struct no_value {};

template <typename Machine>
decltype(auto) handle_any(Machine& machine, process& self, const state_event& event, const term& state) {
  using returned = decltype(inject_pair(call_handle_event{}, machine, self, event, state));
  if constexpr (std::is_void_v<returned>) {
    inject_pair(call_handle_event{}, machine, self, event, state);
    return no_value{};
  } else {
    return inject_pair(call_handle_event{}, machine, self, event, state);
  }
}

template <typename Machine>
decltype(auto) end_machine(Machine& machine, process& self, const exit_reason& reason, const term& state) {
  return inject_pair(call_terminate{}, machine, self, reason, state);
}

/// Calls `code_change` with as many terms as it takes.
template <typename Machine>
decltype(auto) change_machine(Machine& machine, process& self, const term& old_version, const term& state,
                              const term& data, const term& extra) {
  constexpr call_code_change change;
  if constexpr (takes_all<call_code_change, Machine, const term&, const term&, const term&, const term&>) {
    return inject(change, machine, self, old_version, state, data, extra);
  } else if constexpr (takes_all<call_code_change, Machine, const term&, const term&, const term&>) {
    return inject(change, machine, self, old_version, state, data);
  } else if constexpr (takes_all<call_code_change, Machine, const term&, const term&>) {
    return inject(change, machine, self, old_version, state);
  } else {
    return inject(change, machine, self, old_version);
  }
}

template <typename T>
concept event_outcome =
    std::is_void_v<T> || std::same_as<T, transition> || std::same_as<T, result> || std::same_as<T, no_value>;
template <typename T>
concept call_event_outcome = event_outcome<T> || call_outcome<T>;
template <typename T>
concept first_outcome = std::same_as<T, transition> || std::same_as<T, result> || std::convertible_to<T, term> ||
                        etf::convertible_to_term<T>;
template <typename T>
concept machine_change = std::is_void_v<T> || (!std::same_as<T, no_form> && first_outcome<T>);

/// What the handler of a call means that returned `value`: its decision, or an answer.
template <typename T>
[[nodiscard]] transition call_decision_of(T&& value) {
  if constexpr (std::same_as<std::remove_cvref_t<T>, transition>) {
    return std::forward<T>(value);
  } else {
    return transition{outcome_of(std::forward<T>(value))};
  }
}

/// What `init` means that returned `value`: its decision, or the first state.
template <typename T>
[[nodiscard]] transition first_decision_of(T&& value) {
  using plain = std::remove_cvref_t<T>;
  if constexpr (std::same_as<plain, transition> || std::same_as<plain, result>) {
    return std::forward<T>(value);
  } else {
    return next_state(value);
  }
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsubobject-linkage"  // of coroutine frames, for machines in unnamed namespaces
#endif

/// What an event's handler means that ends in `work`.
inline task<transition> event_decision(task<void> work) {
  co_await std::move(work);
  co_return keep_state();
}
inline task<transition> event_decision(task<result> work) {
  auto decided = co_await std::move(work);
  co_return transition{std::move(decided)};
}
inline task<transition> event_decision(task<transition> work) { return work; }

template <typename T>
task<transition> call_decision(task<T> work) {
  if constexpr (std::is_void_v<T>) {
    co_await std::move(work);
    auto done = otp::reply("ok"_atom);
    co_return transition{std::move(done)};
  } else {
    auto value = co_await std::move(work);
    co_return call_decision_of(std::move(value));
  }
}
inline task<transition> call_decision(task<transition> work) { return work; }

template <typename T>
task<transition> first_decision(task<T> work) {
  auto value = co_await std::move(work);
  co_return first_decision_of(std::move(value));
}
inline task<transition> first_decision(task<transition> work) { return work; }

/// Runs a handler that is a coroutine, and keeps what was read for it alive until its end.
template <typename Function, typename Machine, typename... Part>
task<transition> hold_event(Function function, Machine& machine, process& self, Part... part) {
  auto work = event_decision(inject(function, machine, self, std::as_const(part)...));
  auto decided = co_await std::move(work);
  co_return std::move(decided);
}
template <typename Function, typename Machine, typename... Part>
task<transition> hold_call_event(Function function, Machine& machine, process& self, from caller, Part... part) {
  auto work = call_decision(inject_call(function, machine, self, std::as_const(caller), std::as_const(part)...));
  auto decided = co_await std::move(work);
  co_return std::move(decided);
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

}  // namespace ergo::inline v0::otp::detail
