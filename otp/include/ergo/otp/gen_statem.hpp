// A state machine is any class with `states`, `handle_event` or both, and `init`; it is started as a server is:
// `otp::start<door>(…)`, `otp::child<door>(…)`. Its members, each plain or a coroutine (`ergo::task`):
//
//   constructor, init(self, arguments…)      -> the first state, or a transition to it with actions; stop, ignore,
//   refuse states                                   a table made by otp::states: what each state does with each event
//   handle_event(self, event, state)         -> void, transition, result: what no state takes; without `states`
//                                               everything, and then any term is a state
//   terminate(self, exit_reason, state)      -> void
//   static constexpr bool state_enter        whether entries of states are events; default: if a state has an on_enter
//
// What `sys` shows and does, plain: data() const -> term and data(term), which are made of the members where
// Boost.Describe knows them; format_status(otp::status) const -> otp::status; code_change(self, old_version, state,
// data, extra) -> the state from now on, void, or otp::transition without actions.
//
// Every parameter may be left out from behind, `self` always. The machine's data are its members: what a callback has
// changed stays changed when it fails. Events come in the order of OTP's gen_statem; Erlang calls it as any gen_statem.
// There is no change of the callback module: the state decides which functions are called.
#pragma once

#include <ergo/otp/detail/construction.hpp>
#include <ergo/otp/detail/machine_uses.hpp>
#include <ergo/otp/detail/shown_state.hpp>
#include <ergo/otp/detail/statem_loop.hpp>
#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/states.hpp>

#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ergo::inline v0::otp {
namespace detail {

template <typename Machine>
[[nodiscard]] consteval bool enters_states() {
  if constexpr (machine_names_of<Machine>::state_enter) {
    return Machine::state_enter;
  } else if constexpr (machine_names_of<Machine>::states) {
    return Machine::states.enters;
  } else {
    return false;
  }
}

/// Everything of a state machine but its construction.
template <typename Machine>
class machine_callbacks : public statem_loop {
  using names = machine_names_of<Machine>;
  static constexpr bool described = etf::detail::described_struct<Machine>;

  static_assert(
      !names::states || requires { requires is_state_table<std::remove_cvref_t<decltype(Machine::states)>>; },
      "ergo::otp: `states` of a state machine must be a public `static constexpr auto` made by otp::states");
  static_assert(!names::handle_event || takes_event<Machine>,
                "ergo::otp: handle_event must be public and take (process&, const state_event&, const term& state)");
  static_assert(names::init, "ergo::otp: a state machine needs init, which returns its first state");
  static_assert(
      !names::state_enter || requires { requires std::same_as<decltype(Machine::state_enter), const bool>; },
      "ergo::otp: state_enter must be a public `static constexpr bool`");
  static_assert(!names::terminate || ends_with<Machine>,
                "ergo::otp: terminate must be public and take (process&, const exit_reason&, const term& state)");
  static_assert(
      !names::data || requires(const Machine& machine) {
        { machine.data() } -> std::convertible_to<term>;
      }, "ergo::otp: data must be public, const, take nothing and return a term; data(const term&) may take one");
  static_assert(
      !names::format_status || requires(const Machine& machine, status shown) {
        { machine.format_status(std::move(shown)) } -> std::same_as<status>;
      }, "ergo::otp: format_status must be public, const, take an otp::status and return one");
  static_assert(
      !names::code_change ||
          machine_change<decltype(change_machine<Machine>(std::declval<Machine&>(), std::declval<process&>(), term{},
                                                          term{}, term{}, term{}))>,
      "ergo::otp: code_change of a state machine must be public, take (process&, const term& old_version, const term& "
      "state, const term& data, const term& extra), and return the state, void, otp::transition or otp::result");

 public:
  [[nodiscard]] atom server_name() const override { return etf::detail::source_atom<server_name_source<Machine>>(); }

 protected:
  machine_callbacks() : statem_loop{enters_states<Machine>()} {}

  static constexpr bool has_init = true;

  /// Calls `init` with what is left of the arguments; it gives the first state.
  template <typename... Part>
  void use_init(process& self, Part&&... part) {
    using returned = decltype(inject(call_init{}, *object_, self, std::forward<Part>(part)...));
    static_assert(first_outcome<awaited_t<returned>>,
                  "ergo::otp: init of a state machine returns its first state as something that converts to a term, "
                  "otp::transition, otp::result, or a task of these");
    if constexpr (is_task<returned>) {
      this->open_later(self, first_decision(inject(call_init{}, *object_, self, std::forward<Part>(part)...)));
    } else {
      this->opened(self, first_decision_of(inject(call_init{}, *object_, self, std::forward<Part>(part)...)));
    }
  }

  std::optional<Machine> object_;

 private:
  [[nodiscard]] term data() const override {
    if (!object_) return {};
    if constexpr (names::data) {
      return object_->data();
    } else if constexpr (described) {
      return described_state(*object_);
    } else {
      return etf::tuple("opaque"_atom, etf::binary(server_name_source<Machine>::text));
    }
  }

  [[nodiscard]] bool data_are_replaceable() const noexcept override { return takes_data<Machine> || described; }

  void take_data([[maybe_unused]] const term& next) override {
    if constexpr (takes_data<Machine>) {
      object_->data(next);
    } else if constexpr (described) {
      take_described_state(*object_, next);
    }
  }

  [[nodiscard]] std::optional<term> on_code_change(process& self, const term& old_version, const term& extra) override {
    if constexpr (!names::code_change) {
      return statem_loop::on_code_change(self, old_version, extra);
    } else {
      const auto state = this->present_state();
      using returned = decltype(change_machine(*object_, self, old_version, state, state, extra));
      if constexpr (std::is_void_v<returned>) {
        change_machine(*object_, self, old_version, state, data(), extra);
        return std::nullopt;
      } else {
        return this->changed(first_decision_of(change_machine(*object_, self, old_version, state, data(), extra)));
      }
    }
  }

  [[nodiscard]] status on_format_status(status shown) const override {
    if constexpr (names::format_status) {
      if (object_) return object_->format_status(std::move(shown));
    }
    return shown;
  }

  void on_event(process& self, const state_event& event, const term& state) override {
    if constexpr (names::states) {
      uses use{*this, self};
      if (Machine::states.dispatch(state, event, use)) return;
      if (event.is(event_type::enter)) return this->decide(keep_state());
    }
    if constexpr (names::handle_event) {
      decide_with(handle_any(*object_, self, event, state));
    } else {
      this->no_clause(state.as_atom().value_or("handle_event"_atom), event.to_term());
    }
  }

  void on_end(process& self, const exit_reason& reason, const term& state) override {
    if constexpr (names::terminate) {
      if (!object_) return;
      using returned = decltype(end_machine(*object_, self, reason, state));
      static_assert(std::is_void_v<awaited_t<returned>>, "ergo::otp: terminate of a state machine returns void");
      if constexpr (is_task<returned>) {
        this->run(self, plain_result(end_machine(*object_, self, reason, state)));
      } else {
        end_machine(*object_, self, reason, state);
      }
    }
  }

  /// What a clause does with a function: the three ways of calling it.
  struct uses {
    machine_callbacks& loop;
    process& self;

    /// With a part of the event, which lives as long as the call.
    template <typename Function, typename Part>
    void see(const Function& function, const Part& part) {
      using returned = decltype(inject(function, *loop.object_, self, part));
      static_assert(!std::same_as<returned, no_form>,
                    "ergo::otp: a handler of a state takes (process&, const term&), one for everything (process&, "
                    "const state_event&), each of which may be left out");
      if constexpr (std::is_void_v<returned>) {
        inject(function, *loop.object_, self, part);
        loop.decide(keep_state());
      } else {
        loop.decide_with(inject(function, *loop.object_, self, part));
      }
    }

    /// With what was read from the event.
    template <typename Function, typename... Read>
    void handle(const Function& function, Read&&... read) {
      using returned = decltype(inject(function, *loop.object_, self, std::as_const(read)...));
      static_assert(!std::same_as<returned, no_form>,
                    "ergo::otp::match: a handler takes (process&, const Message&), each of which may be left out");
      if constexpr (is_task<returned>) {
        loop.decide_later(hold_event<Function, Machine, std::remove_cvref_t<Read>...>(function, *loop.object_, self,
                                                                                      std::forward<Read>(read)...));
      } else if constexpr (std::is_void_v<returned>) {
        inject(function, *loop.object_, self, std::as_const(read)...);
        loop.decide(keep_state());
      } else {
        loop.decide_with(inject(function, *loop.object_, self, std::as_const(read)...));
      }
    }

    /// The same for a call.
    template <typename Function, typename... Read>
    void answer(const state_event& event, const Function& function, Read&&... read) {
      const auto caller = event.from();
      using returned = decltype(inject_call(function, *loop.object_, self, caller, std::as_const(read)...));
      static_assert(!std::same_as<returned, no_form>,
                    "ergo::otp::match: a handler of calls takes (process&, const Message&, const otp::from&), each of "
                    "which may be left out");
      static_assert(call_event_outcome<awaited_t<returned>>,
                    "ergo::otp: a handler of calls returns otp::transition, otp::result, void, a type that converts to "
                    "a term, or a task of these");
      if constexpr (is_task<returned>) {
        loop.decide_later(hold_call_event<Function, Machine, std::remove_cvref_t<Read>...>(
            function, *loop.object_, self, caller, std::forward<Read>(read)...));
      } else if constexpr (std::is_void_v<returned>) {
        inject_call(function, *loop.object_, self, caller, std::as_const(read)...);
        loop.decide(otp::reply("ok"_atom));
      } else {
        loop.decide(call_decision_of(inject_call(function, *loop.object_, self, caller, std::as_const(read)...)));
      }
    }
  };

  template <typename T>
  void decide_with(T&& returned) {
    static_assert(event_outcome<awaited_t<T>>,
                  "ergo::otp: the handlers of a state machine's events return void, otp::transition, otp::result or a "
                  "task of these");
    if constexpr (is_task<std::remove_cvref_t<T>>) {
      this->decide_later(event_decision(std::forward<T>(returned)));
    } else if constexpr (std::same_as<std::remove_cvref_t<T>, no_value>) {
      this->decide(keep_state());
    } else {
      this->decide(std::forward<T>(returned));
    }
  }
};

/// A machine class with the arguments that it is started with: what runs such a class wherever servers are started.
template <typename Machine, typename... Argument>
  requires(machine_names_of<Machine>::states || machine_names_of<Machine>::handle_event)
class server_shim<Machine, Argument...> final : public constructed<machine_callbacks<Machine>, Machine, Argument...> {
 public:
  using constructed<machine_callbacks<Machine>, Machine, Argument...>::constructed;
};

}  // namespace detail
}  // namespace ergo::inline v0::otp
