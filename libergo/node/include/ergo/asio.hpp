// Processes and Asio: calls from outside with completion tokens, and Asio operations inside processes.
// The only header of the room that includes Asio.
#pragma once

#include <ergo/etf/convert.hpp>
#include <ergo/node.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ergo::inline v0 {

/// The reactor of a core, for sockets and timers that are used there. Its runtime must have been made with `networked`.
///
/// It is run by the core's lease holder; do not run it, and do not block in its handlers.
[[nodiscard]] boost::asio::io_context& reactor_of(runtime& of, unsigned core);

/// The reactor of the core that runs the process: where the sockets and timers of a process are made that was spawned
/// `pinned`, so that their operations never change threads. Called by the process itself.
[[nodiscard]] boost::asio::io_context& reactor_of(process& self);

/// An `ergo::errc` or the error's own code as Asio passes it.
[[nodiscard]] inline boost::system::error_code to_error_code(const error& failed) {
  return boost::system::error_code{make_error_code(failed.code())};
}

namespace detail {

using term_handler = boost::asio::any_completion_handler<void(result<term>)>;
using void_handler = boost::asio::any_completion_handler<void(result<void>)>;

void start_outside_call(const std::shared_ptr<node_state>& on, const destination& to, term request, duration timeout,
                        term_handler handler);
void start_outside_send(const std::shared_ptr<node_state>& on, const destination& to, term content,
                        void_handler handler);
void start_outside_connect(const std::shared_ptr<node_state>& on, std::string peer, void_handler handler);

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
  void operator()(Handler handler, result<term> answer) const {
    auto converted = convert_answer<T>(std::move(answer));
    if (converted) {
      std::move(handler)(boost::system::error_code{}, *std::move(converted));
    } else {
      std::move(handler)(to_error_code(converted.error()), T{});
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
  if constexpr (is_as_result<std::decay_t<Token>>::value) {
    auto inner = std::forward<Token>(token).token;  // a copy where `token` is a constant
    return boost::asio::async_initiate<decltype(inner), Whole>(
        [](auto handler, Operation started) {
          started(changed_handler<decltype(handler), WholeChange>{std::move(handler), {}});
        },
        inner, std::move(operation));
  } else {
    return boost::asio::async_initiate<Token, Plain>(
        [](auto handler, Operation started) {
          started(changed_handler<decltype(handler), Split>{std::move(handler), {}});
        },
        token, std::move(operation));
  }
}

}  // namespace detail

/// Calls a server of any node from outside, as `gen_server:call/3`: `void(error_code, T)`, `T` a term or what its
/// answer converts to.
///
/// Any thread. The handler runs on its associated executor, else on the reactor of core 0, never inside this call. A
/// cancellation slot of any type ends it with `cancelled`; a late answer is dropped. Errors are those of `ergo::errc`:
/// timeout, noproc, nodedown, exited, …
template <typename T = term, typename Request, typename Token>
auto async_call(node& on, const destination& to, const Request& request, duration timeout, Token&& token) {
  auto operation = [state = on.shared_state(), to, asked = detail::as_term(request), timeout](auto handler) mutable {
    detail::start_outside_call(state, to, std::move(asked), timeout, std::move(handler));
  };
  using plain = void(boost::system::error_code, T);
  return detail::initiate<plain, detail::split_result<T>, void(result<T>), detail::whole_result<T>>(
      std::forward<Token>(token), std::move(operation));
}

/// Sends from outside: `void(error_code)`. Completes at once, or when the connection is not busy any more.
template <typename Content, typename Token>
auto async_send(node& on, const destination& to, const Content& content, Token&& token) {
  auto operation = [state = on.shared_state(), to, sent = detail::as_term(content)](auto handler) mutable {
    detail::start_outside_send(state, to, std::move(sent), std::move(handler));
  };
  return detail::initiate<void(boost::system::error_code), detail::split_void, void(result<void>), detail::whole_void>(
      std::forward<Token>(token), std::move(operation));
}

/// Connects to a node: `void(error_code)`; at once when it is connected. Error: nodedown, badarg.
template <typename Token>
auto async_connect(node& on, std::string_view peer, Token&& token) {
  auto operation = [state = on.shared_state(), name = std::string{peer}](auto handler) mutable {
    detail::start_outside_connect(state, std::move(name), std::move(handler));
  };
  return detail::initiate<void(boost::system::error_code), detail::split_void, void(result<void>), detail::whole_void>(
      std::forward<Token>(token), std::move(operation));
}

namespace detail {

/// What an operation under way and the frame that awaits it share.
template <typename... Value>
struct asio_outcome {
  boost::asio::cancellation_signal cancel;
  std::optional<std::tuple<Value...>> values;
  external_operation* operation = nullptr;  ///< touched on the reactor only, until `finished`
};

template <typename Initiation, typename Values, typename... Argument>
class asio_awaiter;

template <typename Initiation, typename... Value, typename... Argument>
class [[nodiscard]] asio_awaiter<Initiation, std::tuple<Value...>, Argument...> final : public waiting {
 public:
  asio_awaiter(process& self, Initiation initiation, Argument... argument)
      : waiting{self, forever}, initiation_{std::move(initiation)}, arguments_{std::move(argument)...} {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> suspended) {
    suspend(suspended);
    auto& reactor = reactor_of(*self_);
    operation_.outcome = std::make_shared<asio_outcome<Value...>>();
    operation_.outcome->operation = &operation_;
    operation_.reactor = &reactor;
    self_->begin_operation(operation_);
    auto handler = [outcome = operation_.outcome](Value... value) {
      outcome->values.emplace(std::move(value)...);
      std::exchange(outcome->operation, nullptr)->finished();
    };
    auto bound = boost::asio::bind_cancellation_slot(
        operation_.outcome->cancel.slot(), boost::asio::bind_executor(reactor.get_executor(), std::move(handler)));
    try {
      std::apply([&](auto&... argument) { std::move(initiation_)(std::move(bound), std::move(argument)...); },
                 arguments_);
    } catch (...) {  // nothing was started, so nobody else reports
      refused_ = std::current_exception();
      std::exchange(operation_.outcome->operation, nullptr)->finished();
    }
  }
  decltype(auto) await_resume() {
    if (refused_) std::rethrow_exception(refused_);
    if constexpr (sizeof...(Value) == 1) {
      return std::get<0>(std::move(*operation_.outcome->values));
    } else if constexpr (sizeof...(Value) > 1) {
      return std::tuple<Value...>{std::move(*operation_.outcome->values)};
    }
  }
  bool over(process& /*self*/) override { return operation_.done; }

 private:
  struct operation final : external_operation {
    // Signals are emitted where the operation completes, so that neither can happen inside the other.
    void cancel() noexcept override {
      boost::asio::post(*reactor, [shared = outcome] {
        if (shared->operation != nullptr) shared->cancel.emit(boost::asio::cancellation_type::all);
      });
    }
    std::shared_ptr<asio_outcome<Value...>> outcome;
    boost::asio::io_context* reactor = nullptr;
  };

  Initiation initiation_;
  [[no_unique_address]] std::tuple<Argument...> arguments_;
  std::exception_ptr refused_;
  operation operation_;
};

}  // namespace detail
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

template <typename Result, typename... Value>
class boost::asio::async_result<ergo::asio_token, Result(Value...)> {
 public:
  template <typename Initiation, typename... Argument>
  static auto initiate(Initiation&& initiation, ergo::asio_token token, Argument&&... argument) {
    return ergo::detail::asio_awaiter<std::decay_t<Initiation>, std::tuple<std::decay_t<Value>...>,
                                      std::decay_t<Argument>...>{*token.self, std::forward<Initiation>(initiation),
                                                                 std::forward<Argument>(argument)...};
  }
};
