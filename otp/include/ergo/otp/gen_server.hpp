// A server is any class with these members, each of them optional, plain or a coroutine (`ergo::task`):
//
//   constructor, or init(self, arguments…)   -> void, otp::result      calls, casts, infos: tables made by otp::on
//   handle_call(self, message, from)         -> otp::result or an answer
//   handle_cast(self, message), handle_info(self, message), handle_continue(self, term)  -> void, otp::result
//   terminate(self, exit_reason)             -> void
//
// Every parameter may be left out; `message` may be `const ergo::message&` or `const ergo::term&`.
//
// What `sys` shows and does, plain: state() const -> term and state(term), which are made of the members where
// Boost.Describe knows them; format_status(otp::status) const -> otp::status;
// code_change(self, old_version, state, extra) -> void, otp::result, with the terms from the left that it wants.
#pragma once

#include <ergo/otp/call.hpp>
#include <ergo/otp/detail/callbacks.hpp>
#include <ergo/otp/detail/construction.hpp>
#include <ergo/otp/detail/server_checks.hpp>
#include <ergo/otp/detail/server_loop.hpp>
#include <ergo/otp/detail/shown_state.hpp>
#include <ergo/otp/handlers.hpp>

#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ergo::inline v0::otp {
namespace detail {

/// Where the Erlang-style name of a server's class is kept: `bank_account` for `shop::BankAccount`.
template <typename Server>
struct server_name_source {
  static constexpr auto fixed = etf::detail::snake_case(etf::detail::last_name(etf::detail::full_type_name<Server>()));
  static constexpr std::string_view text = fixed.view();
};

/// Everything of a server but its construction.
template <typename Server>
class server_callbacks : public server_loop {
  using names = names_of<Server>;

  static_assert(checked_callbacks<Server>::well_formed);
  static constexpr bool described = etf::detail::described_struct<Server>;

 public:
  [[nodiscard]] term state() const override {
    if (!object_) return {};
    if constexpr (names::state) {
      return object_->state();
    } else if constexpr (described) {
      return described_state(*object_);
    } else {
      return etf::tuple("opaque"_atom, etf::binary(server_name_source<Server>::text));
    }
  }
  [[nodiscard]] atom server_name() const override { return etf::detail::source_atom<server_name_source<Server>>(); }

 protected:
  /// Calls a callback that is no call's handler and does what it decides.
  template <typename Function, typename... Part>
  void use_plain(process& self, const Function& function, const Part&... part) {
    using returned = decltype(inject(function, *object_, self, part...));
    static_assert(plain_outcome<awaited_t<returned>>,
                  "ergo::otp: init, handle_cast, handle_info, handle_continue, terminate and the handlers of casts and "
                  "infos return void, otp::result or a task of these");
    if constexpr (is_task<returned>) {
      run(self, plain_result(inject(function, *object_, self, part...)));
    } else if constexpr (std::is_void_v<returned>) {
      inject(function, *object_, self, part...);
      this->decided(self);
    } else {
      apply(self, inject(function, *object_, self, part...));
    }
  }

  static constexpr bool has_init = names::init;

  /// Calls `init` with what is left of the arguments, and does what it decides.
  template <typename... Part>
  void use_init(process& self, Part&&... part) {
    if constexpr (!names::init) {
      this->decided(self);
    } else {
      using returned = decltype(inject(call_init{}, *object_, self, std::forward<Part>(part)...));
      static_assert(plain_outcome<awaited_t<returned>>, "ergo::otp: init returns void, otp::result or a task of these");
      if constexpr (is_task<returned>) {
        run(self, plain_result(inject(call_init{}, *object_, self, std::forward<Part>(part)...)));
      } else if constexpr (std::is_void_v<returned>) {
        inject(call_init{}, *object_, self, std::forward<Part>(part)...);
        this->decided(self);
      } else {
        apply(self, inject(call_init{}, *object_, self, std::forward<Part>(part)...));
      }
    }
  }

  std::optional<Server> object_;

 private:
  void on_call(process& self, const message& request, const from& caller) override {
    if constexpr (names::calls) {
      auto use = [&]<typename Function, typename... Read>(const Function& function, Read&&... read) {
        use_call_handler(self, caller, function, std::forward<Read>(read)...);
      };
      if (Server::calls.dispatch(request, use)) return;
    }
    if constexpr (!names::handle_call) {
      no_clause("handle_call"_atom, request.payload());
    } else if constexpr (wanted_by<call_handle_call, Server>() == wants::raw) {
      use_call(self, caller, call_handle_call{}, request.payload());
    } else {
      use_call(self, caller, call_handle_call{}, request);
    }
  }

  void on_cast(process& self, const message& cast) override {
    if constexpr (names::casts) {
      if (dispatch(self, Server::casts, cast)) return;
    }
    if constexpr (!names::handle_cast) {
      no_clause("handle_cast"_atom, cast.payload());
    } else if constexpr (wanted_by<call_handle_cast, Server>() == wants::raw) {
      use_plain(self, call_handle_cast{}, cast.payload());
    } else {
      use_plain(self, call_handle_cast{}, cast);
    }
  }

  void on_info(process& self, const message& info) override {
    if constexpr (names::infos) {
      if (dispatch(self, Server::infos, info)) return;
    }
    if constexpr (!names::handle_info) {
      drop_unknown(self);
    } else if constexpr (wanted_by<call_handle_info, Server>() == wants::raw) {
      use_plain(self, call_handle_info{}, raw_message());
    } else {
      use_plain(self, call_handle_info{}, info);
    }
  }

  void on_continue(process& self, const term& argument) override {
    if constexpr (names::handle_continue) {
      use_plain(self, call_handle_continue{}, argument);
    } else {
      no_clause("handle_continue"_atom, argument);
    }
  }

  [[nodiscard]] bool state_is_replaceable() const noexcept override { return takes_state<Server> || described; }

  void take_state([[maybe_unused]] process& self, [[maybe_unused]] const term& next) override {
    if constexpr (takes_state<Server>) {
      object_->state(next);
    } else if constexpr (described) {
      take_described_state(*object_, next);
    }
  }

  [[nodiscard]] std::optional<term> on_code_change(process& self, const term& old_version, const term& extra) override {
    if constexpr (!names::code_change) {
      return server_loop::on_code_change(self, old_version, extra);
    } else if constexpr (std::is_void_v<decltype(change<Server>(self, *object_, old_version, extra, extra))>) {
      change<Server>(self, *object_, old_version, state(), extra);
      return std::nullopt;
    } else {
      auto decided = change<Server>(self, *object_, old_version, state(), extra);
      if (decided.what() == result::act::noreply) return std::nullopt;
      return etf::tuple("error"_atom, decided.extra());
    }
  }

  [[nodiscard]] status on_format_status(status shown) const override {
    if constexpr (names::format_status) {
      if (object_) return object_->format_status(std::move(shown));
    }
    return shown;
  }

  void on_terminate(process& self, const exit_reason& reason) override {
    if constexpr (names::terminate) {
      if (object_) use_plain(self, call_terminate{}, reason);
    }
  }

  /// Gives a message to an entry of `casts` or `infos`.
  template <typename Table>
  bool dispatch(process& self, const Table& table, const message& received) {
    auto use = [&]<typename Function, typename... Read>(const Function& function, Read&&... read) {
      using returned = decltype(inject(function, *object_, self, std::as_const(read)...));
      static_assert(!std::same_as<returned, no_form>,
                    "ergo::otp::match: a handler takes (process&, const Message&), each of which may be left out");
      if constexpr (is_task<returned>) {
        run(self, hold<Function, Server, std::remove_cvref_t<Read>...>(function, *object_, self,
                                                                       std::forward<Read>(read)...));
      } else {
        use_plain(self, function, read...);
      }
    };
    return table.dispatch(received, use);
  }

  template <typename Function, typename... Read>
  void use_call_handler(process& self, const from& caller, const Function& function, Read&&... read) {
    using returned = decltype(inject_call(function, *object_, self, caller, std::as_const(read)...));
    static_assert(!std::same_as<returned, no_form>,
                  "ergo::otp::match: a handler of calls takes (process&, const Message&, const otp::from&), each of "
                  "which may be left out");
    if constexpr (is_task<returned>) {
      run(self, hold_call<Function, Server, std::remove_cvref_t<Read>...>(function, *object_, self, caller,
                                                                          std::forward<Read>(read)...));
    } else {
      use_call(self, caller, function, read...);
    }
  }

  /// Calls a call's handler and answers with what it returns.
  template <typename Function, typename... Part>
  void use_call(process& self, const from& caller, const Function& function, const Part&... part) {
    using returned = decltype(inject_call(function, *object_, self, caller, part...));
    static_assert(call_outcome<awaited_t<returned>>,
                  "ergo::otp: a handler of calls returns otp::result, void, a type that converts to a term, or a task "
                  "of these");
    if constexpr (is_task<returned>) {
      run(self, call_result(inject_call(function, *object_, self, caller, part...)));
    } else if constexpr (std::is_void_v<returned>) {
      inject_call(function, *object_, self, caller, part...);
      answer(self, term{"ok"_atom});
    } else if constexpr (std::same_as<std::remove_cvref_t<returned>, result>) {
      apply(self, inject_call(function, *object_, self, caller, part...));
    } else {
      answer(self, ergo::detail::as_term(inject_call(function, *object_, self, caller, part...)));
    }
  }
};

/// A server class with the arguments that it is started with.
template <typename Server, typename... Argument>
class server_shim final : public constructed<server_callbacks<Server>, Server, Argument...> {
 public:
  using constructed<server_callbacks<Server>, Server, Argument...>::constructed;
};

}  // namespace detail

/// A type that can be started as a server; every class can, wrong callbacks are named by `static_assert`.
template <typename T>
concept server = std::is_class_v<T> && std::destructible<T> && !std::is_const_v<T>;

/// Makes the behaviour of a server of class `Server`, which is constructed in its own process with `argument`.
template <server Server, typename... Argument>
[[nodiscard]] std::unique_ptr<detail::server_loop> make_server(Argument... argument) {
  return std::make_unique<detail::server_shim<Server, Argument...>>(std::move(argument)...);
}

}  // namespace ergo::inline v0::otp
