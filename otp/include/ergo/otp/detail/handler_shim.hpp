// A handler class as the handler that a manager runs: construction and callbacks.
#pragma once

#include <ergo/otp/detail/event_handler.hpp>
#include <ergo/otp/detail/server_checks.hpp>
#include <ergo/otp/detail/shown_state.hpp>

#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ergo::inline v0::otp::detail {

/// Where the Erlang-style name of a handler's class is kept.
template <typename Handler>
struct handler_name_source {
  static constexpr auto fixed = etf::detail::snake_case(etf::detail::last_name(etf::detail::full_type_name<Handler>()));
  static constexpr std::string_view text = fixed.view();
};

/// A handler class in its manager; `Given` goes to its constructor before the arguments of who adds it.
template <typename Handler, typename... Given>
class handler_shim final : public event_handler {
  using names = handler_names_of<Handler>;

  static constexpr bool init_takes_arguments = names::init && std::constructible_from<Handler, const Given&...>;
  static constexpr bool made_with_arguments = std::constructible_from<Handler, const Given&..., const term&>;
  static constexpr bool made_with_all = std::constructible_from<Handler, process&, const Given&..., const term&>;
  static constexpr bool made_with_self = std::constructible_from<Handler, process&, const Given&...>;
  static constexpr bool made_without = std::constructible_from<Handler, const Given&...>;

  static_assert(init_takes_arguments || made_with_arguments || made_with_all || made_with_self || made_without,
                "ergo::otp: an event handler needs a constructor that takes (process&, provided values…, const term& "
                "arguments), of which process& and arguments may be left out");
  static_assert(!names::init || takes<call_init, Handler, const term&> || takes_nothing<call_init, Handler>,
                "ergo::otp: init of an event handler must be public and take (process&, const term& arguments)");
  static_assert(!names::handle_event || takes<call_handle_event, Handler, const term&> ||
                    takes_nothing<call_handle_event, Handler>,
                "ergo::otp: handle_event of an event handler must be public and take (process&, const term& event)");
  static_assert(!names::handle_call || takes<call_handle_call, Handler, const term&> ||
                    takes_nothing<call_handle_call, Handler>,
                "ergo::otp: handle_call of an event handler must be public and take (process&, const term& request)");
  static_assert(!names::handle_info || wanted_by<call_handle_info, Handler>() != wants::unknown,
                "ergo::otp: handle_info must be public and take (process&, const message& or const term&)");
  static_assert(!names::terminate || takes<call_terminate, Handler, const term&> ||
                    takes_nothing<call_terminate, Handler>,
                "ergo::otp: terminate of an event handler must be public and take (process&, const term& how)");
  static_assert(
      !names::events || requires { requires is_handler_table<std::remove_cvref_t<decltype(Handler::events)>>; },
      "ergo::otp: `events` must be a public `static constexpr auto` made by otp::on");
  static_assert(
      !names::calls || requires { requires is_handler_table<std::remove_cvref_t<decltype(Handler::calls)>>; },
      "ergo::otp: `calls` must be a public `static constexpr auto` made by otp::on");
  static_assert(
      !names::infos || requires { requires is_handler_table<std::remove_cvref_t<decltype(Handler::infos)>>; },
      "ergo::otp: `infos` must be a public `static constexpr auto` made by otp::on");
  static_assert(
      !names::state || requires(const Handler& handler) {
        { handler.state() } -> std::convertible_to<term>;
      }, "ergo::otp: state must be public, const, take nothing and return a term; state(const term&) may take one");
  static_assert(
      !names::format_status || requires(const Handler& handler, status shown) {
        { handler.format_status(std::move(shown)) } -> std::same_as<status>;
      }, "ergo::otp: format_status must be public, const, take an otp::status and return one");
  static_assert(
      !names::code_change || plain_outcome<decltype(change<Handler>(std::declval<process&>(), std::declval<Handler&>(),
                                                                    term{}, term{}, term{}))>,
      "ergo::otp: code_change must be public, take (process&, const term& old_version, const term& state, const term& "
      "extra), and return void or otp::result");
  static constexpr bool described = etf::detail::described_struct<Handler>;

 public:
  explicit handler_shim(const Given&... given) : given_{given...} {}

  task<handler_result> init(process& self, const term& arguments) override {
    std::apply(
        [&](const Given&... given) {
          if constexpr (made_with_all) {
            handler_.emplace(self, given..., arguments);
          } else if constexpr (made_with_arguments && !init_takes_arguments) {
            handler_.emplace(given..., arguments);
          } else if constexpr (made_with_self) {
            handler_.emplace(self, given...);
          } else if constexpr (made_without) {
            handler_.emplace(given...);
          }
        },
        given_);
    if constexpr (names::init) {
      return use<false>(self, call_init{}, arguments);
    } else {
      return stays();
    }
  }

  task<handler_result> on_event(process& self, const term& event) override {
    if constexpr (names::events) {
      if (auto work = dispatch<false>(self, Handler::events, as_message(event))) return work;
    }
    if constexpr (names::handle_event) {
      return use<false>(self, call_handle_event{}, event);
    } else if constexpr (names::events) {
      no_handler_clause(name(), "handle_event"_atom, event);
    } else {
      return stays();
    }
  }

  task<handler_result> on_call(process& self, const term& request) override {
    if constexpr (names::calls) {
      if (auto work = dispatch<true>(self, Handler::calls, as_message(request))) return work;
    }
    if constexpr (names::handle_call) {
      return use<true>(self, call_handle_call{}, request);
    } else {
      no_handler_clause(name(), "handle_call"_atom, request);
    }
  }

  task<handler_result> on_info(process& self, const message& info) override {
    if constexpr (names::infos) {
      if (auto work = dispatch<false>(self, Handler::infos, info)) return work;
    }
    if constexpr (!names::handle_info) {
      report_unknown_info(self, name(), info.to_term());
      return stays();
    } else if constexpr (wanted_by<call_handle_info, Handler>() == wants::raw) {
      return use<false>(self, call_handle_info{}, info.to_term());
    } else {
      using returned = decltype(inject(call_handle_info{}, *handler_, self, info));
      check<false, returned>();
      return handled_message(call_handle_info{}, *handler_, self, info);
    }
  }

  task<term> on_terminate(process& self, const term& how) override {
    if constexpr (names::terminate) {
      return handler_end(*handler_, self, how);
    } else {
      return nothing();
    }
  }

  [[nodiscard]] term state() const override {
    if (!handler_) return {};
    if constexpr (names::state) {
      return handler_->state();
    } else if constexpr (described) {
      return described_state(*handler_);
    } else {
      return etf::tuple("opaque"_atom, etf::binary(handler_name_source<Handler>::text));
    }
  }

  void take_state(const term& next) override {
    if constexpr (takes_state<Handler>) {
      handler_->state(next);
    } else if constexpr (described) {
      take_described_state(*handler_, next);
    } else {
      throw callback_failure{"error"_atom, etf::tuple("badmatch"_atom, next)};
    }
  }

  [[nodiscard]] std::optional<term> change_code([[maybe_unused]] process& self, const term& old_version,
                                                const term& extra) override {
    if constexpr (!names::code_change) {
      return undefined_code_change(name(), etf::list(old_version, state(), extra));
    } else if constexpr (std::is_void_v<decltype(change<Handler>(self, *handler_, old_version, extra, extra))>) {
      change<Handler>(self, *handler_, old_version, state(), extra);
      return std::nullopt;
    } else {
      auto decided = change<Handler>(self, *handler_, old_version, state(), extra);
      if (decided.what() == result::act::noreply) return std::nullopt;
      return refused_code_change(decided.extra());
    }
  }

  [[nodiscard]] status format_status(status shown) const override {
    if constexpr (names::format_status) {
      if (handler_) return handler_->format_status(std::move(shown));
    }
    return shown;
  }

 private:
  [[nodiscard]] static atom name() { return etf::detail::source_atom<handler_name_source<Handler>>(); }
  static task<handler_result> stays() { co_return handler_result{otp::noreply()}; }
  static task<term> nothing() { co_return term{"ok"_atom}; }

  template <bool Call, typename Returned>
  static consteval void check() {
    static_assert(!std::same_as<Returned, no_form>,
                  "ergo::otp::match: a handler takes (process&, const Message&), each of which may be left out");
    static_assert(
        Call ? handler_call_outcome<awaited_t<Returned>> : handler_outcome<awaited_t<Returned>>,
        "ergo::otp: the callbacks of an event handler return void, otp::handler_result, otp::result, those of "
        "calls also a type that converts to a term, or a task of these");
  }

  template <bool Call, typename Function, typename... Part>
  task<handler_result> use(process& self, const Function& function, const Part&... part) {
    check<Call, decltype(inject(function, *handler_, self, part...))>();
    return handled<Function, Handler, Part...>(function, *handler_, self, part...);
  }

  /// An empty task where no entry of the table takes the message.
  template <bool Call, typename Table>
  task<handler_result> dispatch(process& self, const Table& table, const message& received) {
    task<handler_result> work;
    auto take = [&]<typename Function, typename... Read>(const Function& function, Read&&... read) {
      check<Call, decltype(inject(function, *handler_, self, std::as_const(read)...))>();
      work = handled<Function, Handler, std::remove_cvref_t<Read>...>(function, *handler_, self,
                                                                      std::forward<Read>(read)...);
    };
    (void)table.dispatch(received, take);
    return work;
  }

  [[no_unique_address]] std::tuple<Given...> given_;
  std::optional<Handler> handler_;
};

}  // namespace ergo::inline v0::otp::detail
