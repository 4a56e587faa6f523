// Tables of states: which member function gets which event in which state, checked at compile time.
//
//   static constexpr auto states = otp::states(
//       otp::state<"locked">(otp::on_cast(otp::match<"button", std::string>(&door::button)),
//                            otp::on_state_timeout(&door::too_slow)),
//       otp::state<"open">(otp::on_enter(&door::unlock), otp::on_state_timeout(&door::lock)),
//       otp::state<"broken">(&door::complain));
//
// A table stands in the public part of the class, below the functions it names.
#pragma once

#include <ergo/otp/handlers.hpp>
#include <ergo/otp/transition.hpp>

#include <tuple>
#include <type_traits>
#include <utility>

namespace ergo::inline v0::otp {
namespace detail {

/// Events of one kind, told apart by a handler table.
template <event_type Type, typename Table>
struct event_clause {
  static constexpr bool enters = false;
  Table table;

  template <typename Use>
  bool try_use(const state_event& event, Use& use) const {
    if (!event.is(Type)) return false;
    auto take = [&]<typename Function, typename... Read>(const Function& function, Read&&... read) {
      if constexpr (Type == event_type::call) {
        use.answer(event, function, std::forward<Read>(read)...);
      } else {
        use.handle(function, std::forward<Read>(read)...);
      }
    };
    return table.dispatch(event.envelope(), take);
  }
};

/// All events of one kind, whose handler gets their content.
template <event_type Type, typename Function>
struct content_clause {
  static constexpr bool enters = Type == event_type::enter;
  Function function;

  template <typename Use>
  bool try_use(const state_event& event, Use& use) const {
    if (!event.is(Type)) return false;
    use.see(function, event.content());
    return true;
  }
};

/// One named time-out.
template <etf::detail::literal Name, typename Function>
struct named_timeout_clause {
  static constexpr bool enters = false;
  Function function;

  template <typename Use>
  bool try_use(const state_event& event, Use& use) const {
    if (!event.is(event_type::named_timeout) || !event.name().is(etf::detail::literal_atom<Name>())) return false;
    use.see(function, event.content());
    return true;
  }
};

/// Everything that comes in a state.
template <typename Function>
struct whole_clause {
  static constexpr bool enters = false;
  Function function;

  template <typename Use>
  bool try_use(const state_event& event, Use& use) const {
    use.see(function, event);
    return true;
  }
};

template <typename T>
concept state_clause = requires { T::enters; };

template <etf::detail::literal Name, typename... Clause>
struct state_entry_of {
  std::tuple<Clause...> clauses;

  [[nodiscard]] static atom name() { return etf::detail::literal_atom<Name>(); }
  static constexpr bool enters = (Clause::enters || ...);

  template <typename Use>
  bool try_use(const state_event& event, Use& use) const {
    return std::apply([&](const auto&... clause) { return (clause.try_use(event, use) || ...); }, clauses);
  }
};

template <typename... State>
struct state_table {
  std::tuple<State...> entries;

  /// Whether some state has something to do when it is entered.
  static constexpr bool enters = (State::enters || ...);

  /// Gives the event to the first clause of `state` that takes it; false if there is none.
  template <typename Use>
  bool dispatch(const term& state, const state_event& event, Use& use) const {
    return std::apply(
        [&](const auto&... entry) { return ((state.is(entry.name()) && entry.try_use(event, use)) || ...); }, entries);
  }
};

template <typename T>
inline constexpr bool is_state_table = false;
template <typename... State>
inline constexpr bool is_state_table<state_table<State...>> = true;

}  // namespace detail

/// Calls of a state, told apart by `match`; what a handler returns is the answer, unless it is a decision.
template <typename... Handler>
[[nodiscard]] consteval auto on_call(Handler... handler) {
  return detail::event_clause<event_type::call, detail::handler_table<Handler...>>{otp::on(handler...)};
}
/// Casts of a state.
template <typename... Handler>
[[nodiscard]] consteval auto on_cast(Handler... handler) {
  return detail::event_clause<event_type::cast, detail::handler_table<Handler...>>{otp::on(handler...)};
}
/// Other messages of a state; `match` may also name `down`, `exit_message`, `node_up` and `node_down`.
template <typename... Handler>
[[nodiscard]] consteval auto on_info(Handler... handler) {
  return detail::event_clause<event_type::info, detail::handler_table<Handler...>>{otp::on(handler...)};
}
/// Events that the machine inserts itself.
template <typename... Handler>
[[nodiscard]] consteval auto on_internal(Handler... handler) {
  return detail::event_clause<event_type::internal, detail::handler_table<Handler...>>{otp::on(handler...)};
}
/// The entry of a state: `function` takes `(process&, const term& previous)`, each of which may be left out. It may
/// neither change the state nor insert or postpone events.
template <typename Function>
[[nodiscard]] consteval auto on_enter(Function function) {
  return detail::content_clause<event_type::enter, Function>{function};
}
/// The event time-out: `function` takes `(process&, const term& content)`, each of which may be left out.
template <typename Function>
[[nodiscard]] consteval auto on_timeout(Function function) {
  return detail::content_clause<event_type::timeout, Function>{function};
}
/// The state time-out; as `on_timeout`.
template <typename Function>
[[nodiscard]] consteval auto on_state_timeout(Function function) {
  return detail::content_clause<event_type::state_timeout, Function>{function};
}
/// The time-out with the name `Name`; as `on_timeout`.
template <etf::detail::literal Name, typename Function>
[[nodiscard]] consteval auto on_named_timeout(Function function) {
  return detail::named_timeout_clause<Name, Function>{function};
}

/// The state `Name` with its clauses, tried in order. Events that none takes go to the class's `handle_event`, if it
/// has one, and end the machine otherwise, but for entries, which need no clause.
template <etf::detail::literal Name, detail::state_clause... Clause>
[[nodiscard]] consteval auto state(Clause... clause) {
  return detail::state_entry_of<Name, Clause...>{std::tuple<Clause...>{clause...}};
}
/// The state `Name` with one function for everything, which takes `(process&, const state_event&)`.
template <etf::detail::literal Name, typename Function>
  requires(!detail::state_clause<Function>)
[[nodiscard]] consteval auto state(Function function) {
  using clause = detail::whole_clause<Function>;
  return detail::state_entry_of<Name, clause>{std::tuple<clause>{clause{function}}};
}

/// Puts states into a table for a machine's `states`.
template <typename... State>
[[nodiscard]] consteval auto states(State... entry) {
  return detail::state_table<State...>{std::tuple<State...>{entry...}};
}

}  // namespace ergo::inline v0::otp
