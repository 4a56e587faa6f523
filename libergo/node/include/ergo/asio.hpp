// Processes and Asio: calls from outside with completion tokens, and Asio operations inside processes.
// The only public header of the room that includes Asio.
#pragma once

#include <ergo/detail/asio_awaiter.hpp>
#include <ergo/etf/convert.hpp>
#include <ergo/node.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

namespace ergo::inline v0 {

/// The reactor of a core, for sockets and timers that are used there. Its runtime must have been made with `networked`.
///
/// It is run by the core's lease holder, or is the one that `node_options::executor` lends; do not run another one, and
/// do not block in its handlers.
[[nodiscard]] boost::asio::io_context& reactor_of(runtime& of, unsigned core);

/// The reactor of the core that runs the process: where the sockets and timers of a process are made that was spawned
/// `pinned`, so that their operations never change threads. Called by the process itself.
[[nodiscard]] boost::asio::io_context& reactor_of(process& self);

/// An `ergo::errc` or the error's own code as Asio passes it.
[[nodiscard]] inline boost::system::error_code to_error_code(const error& failed) {
  return boost::system::error_code{make_error_code(failed.code())};
}

namespace detail {

/// Somebody outside who waits: a handler, its type erased, and where it is posted to.
template <typename T>
struct receiver {
  boost::asio::any_completion_handler<void(result<T>)> handler;
  boost::asio::any_io_executor place;  ///< empty if its executor cannot be posted to: then it goes through core 0
};

/// The reactor of core 0.
[[nodiscard]] boost::asio::io_context& context_of(node_state& of) noexcept;

// Before the handler's type is erased, because what then is left of its executor can only be dispatched to.
template <typename T, typename Handler>
[[nodiscard]] receiver<T> receiver_of(Handler handler, node_state& on) {
  const auto executor = boost::asio::get_associated_executor(handler, context_of(on).get_executor());
  boost::asio::any_io_executor place;
  if constexpr (std::constructible_from<boost::asio::any_io_executor, decltype(executor)>) place = executor;
  return {std::move(handler), std::move(place)};
}

void start_outside_call(const std::shared_ptr<node_state>& on, const destination& to, term request, duration timeout,
                        receiver<term> caller);
void start_outside_send(const std::shared_ptr<node_state>& on, const destination& to, term content,
                        receiver<void> sender);
void start_outside_connect(const std::shared_ptr<node_state>& on, std::string peer, receiver<void> asker);

template <typename T>
[[nodiscard]] result<T> convert_answer(result<term> answer) {
  if (!answer) return std::unexpected{std::move(answer.error())};
  if constexpr (std::same_as<T, term>) {
    return answer;
  } else {
    auto converted = etf::from_term<T>(*answer);
    if (!converted) return fail(errc::bad_answer, *std::move(answer));
    return *std::move(converted);
  }
}

/// A handler with the executor, allocator and cancellation slot of another one, that changes what is passed on.
template <typename Handler, typename Change>
struct changed_handler {
  Handler handler;
  Change change;

  template <typename... Argument>
  void operator()(Argument&&... argument) {
    change(std::move(handler), std::forward<Argument>(argument)...);
  }
};

template <typename T>
struct split_result {
  template <typename Handler>
  void operator()(Handler&& handler, result<term> answer) const {
    auto converted = convert_answer<T>(std::move(answer));
    if (converted) {
      std::forward<Handler>(handler)(boost::system::error_code{}, *std::move(converted));
    } else {
      std::forward<Handler>(handler)(to_error_code(converted.error()), T{});
    }
  }
};
template <typename T>
struct whole_result {
  template <typename Handler>
  void operator()(Handler handler, result<term> answer) const {
    std::move(handler)(convert_answer<T>(std::move(answer)));
  }
};
struct split_void {
  template <typename Handler>
  void operator()(Handler handler, result<void> outcome) const {
    std::move(handler)(outcome ? boost::system::error_code{} : to_error_code(outcome.error()));
  }
};
struct whole_void {
  template <typename Handler>
  void operator()(Handler handler, result<void> outcome) const {
    std::move(handler)(std::move(outcome));
  }
};

}  // namespace detail

/// A completion token whose handler gets the whole `ergo::result<T>` instead of an error code and a value.
template <typename Token>
struct as_result_t {
  Token token;
};
/// `as_result(use_awaitable)`: `result<T>` with the exit reason and other context, instead of a bare error code.
template <typename Token>
[[nodiscard]] constexpr as_result_t<std::decay_t<Token>> as_result(Token&& token) {
  return {std::forward<Token>(token)};
}

namespace detail {

template <typename T>
struct is_as_result : std::false_type {};
template <typename T>
struct is_as_result<as_result_t<T>> : std::true_type {};

/// Starts `operation(handler of void(result<Raw>))` with `token`, whose signature is `Plain`, or `Whole` under
/// `as_result`.
template <typename Plain, typename Split, typename Whole, typename WholeChange, typename Token, typename Operation>
auto initiate(Token&& token, Operation operation) {
  // A token is copied or moved first: Asio takes no constants of those that bind something.
  if constexpr (is_as_result<std::decay_t<Token>>::value) {
    auto inner = std::forward<Token>(token).token;
    return boost::asio::async_initiate<decltype(inner), Whole>(
        [](auto handler, auto&& given) {
          auto started = std::forward<decltype(given)>(given);  // `deferred` may give a constant
          started(changed_handler<decltype(handler), WholeChange>{std::move(handler), {}});
        },
        inner, std::move(operation));
  } else {
    std::decay_t<Token> inner{std::forward<Token>(token)};
    return boost::asio::async_initiate<std::decay_t<Token>, Plain>(
        [](auto handler, auto&& given) {
          auto started = std::forward<decltype(given)>(given);  // `deferred` may give a constant
          started(changed_handler<decltype(handler), Split>{std::move(handler), {}});
        },
        inner, std::move(operation));
  }
}

}  // namespace detail

/// Calls a server of any node from outside, as `gen_server:call/3`: `void(error_code, T)`, `T` a term or what its
/// answer converts to.
///
/// Any thread. The handler runs on its associated executor, else on the reactor of core 0, never inside this call. A
/// cancellation slot of any type ends it with `cancelled`; a late answer is dropped. Errors are those of `ergo::errc`:
/// timeout, noproc, nodedown, exited, …; `stopped` when the node ends first, whose runtime then destroys handlers
/// that have no executor of their own, uncalled.
template <typename T = term, typename Request, typename Token>
auto async_call(node& on, const destination& to, const Request& request, duration timeout, Token&& token) {
  auto operation = [state = on.shared_state(), to, asked = detail::as_term(request), timeout](auto handler) mutable {
    detail::start_outside_call(state, to, std::move(asked), timeout,
                               detail::receiver_of<term>(std::move(handler), *state));
  };
  using plain = void(boost::system::error_code, T);
  return detail::initiate<plain, detail::split_result<T>, void(result<T>), detail::whole_result<T>>(
      std::forward<Token>(token), std::move(operation));
}

/// Sends from outside: `void(error_code)`. Completes at once, or when the connection is not busy any more. Errors:
/// stopped, cancelled, system_limit.
template <typename Content, typename Token>
auto async_send(node& on, const destination& to, const Content& content, Token&& token) {
  auto operation = [state = on.shared_state(), to, sent = detail::as_term(content)](auto handler) mutable {
    detail::start_outside_send(state, to, std::move(sent), detail::receiver_of<void>(std::move(handler), *state));
  };
  return detail::initiate<void(boost::system::error_code), detail::split_void, void(result<void>), detail::whole_void>(
      std::forward<Token>(token), std::move(operation));
}

/// Connects to a node: `void(error_code)`; at once when it is connected. Errors: nodedown, badarg,
/// not_alive, stopped, cancelled (which ends the wait, not the attempt).
template <typename Token>
auto async_connect(node& on, std::string_view peer, Token&& token) {
  auto operation = [state = on.shared_state(), name = std::string{peer}](auto handler) mutable {
    detail::start_outside_connect(state, std::move(name), detail::receiver_of<void>(std::move(handler), *state));
  };
  return detail::initiate<void(boost::system::error_code), detail::split_void, void(result<void>), detail::whole_void>(
      std::forward<Token>(token), std::move(operation));
}

}  // namespace ergo::inline v0

template <typename Handler, typename Change, template <typename, typename> class Associator, typename DefaultCandidate>
struct boost::asio::associator<Associator, ergo::detail::changed_handler<Handler, Change>, DefaultCandidate>
    : Associator<Handler, DefaultCandidate> {
  using wrapped = ergo::detail::changed_handler<Handler, Change>;
  static typename Associator<Handler, DefaultCandidate>::type get(const wrapped& handler) noexcept {
    return Associator<Handler, DefaultCandidate>::get(handler.handler);
  }
  static auto get(const wrapped& handler, const DefaultCandidate& otherwise) noexcept
      -> decltype(Associator<Handler, DefaultCandidate>::get(handler.handler, otherwise)) {
    return Associator<Handler, DefaultCandidate>::get(handler.handler, otherwise);
  }
};
