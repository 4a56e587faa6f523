// What `co_await …async_read_some(buffer, self.use())` waits with; included by `ergo/asio.hpp`.
#pragma once

#include <ergo/process.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <concepts>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ergo::inline v0 {

[[nodiscard]] boost::asio::io_context& reactor_of(process& self);

namespace detail {

/// What an operation under way and the frame that awaits it share.
template <typename... Value>
struct asio_outcome {
  boost::asio::cancellation_signal cancel;
  std::optional<std::tuple<Value...>> values;  ///< empty at the end if the operation was dropped
  std::recursive_mutex mutex;  ///< an operation may be dropped on any thread, also while and because it is cancelled
  external_operation* operation = nullptr;  ///< until the end was reported

  void report() noexcept {
    const std::scoped_lock lock{mutex};
    if (auto* const ended = std::exchange(operation, nullptr)) ended->finished();
  }
};

/// The handler of an operation. It reports also when it is destroyed without having been called: so ends an operation
/// whose `io_context` goes, or one that could not be started.
template <typename... Value>
class asio_reporter {
 public:
  explicit asio_reporter(std::shared_ptr<asio_outcome<Value...>> to) noexcept : outcome_{std::move(to)} {}
  asio_reporter(asio_reporter&&) noexcept = default;
  asio_reporter& operator=(asio_reporter&&) = delete;
  ~asio_reporter() {
    if (outcome_ != nullptr) outcome_->report();
  }
  void operator()(Value... value) {
    const auto outcome = std::move(outcome_);
    outcome->values.emplace(std::move(value)...);
    outcome->report();
  }

 private:
  std::shared_ptr<asio_outcome<Value...>> outcome_;
};

/// Whether a context still takes work. Its end is told to the services that were made last first, so that this one
/// knows of it before anything in the context goes.
class context_gate final : public boost::asio::execution_context::service {
 public:
  using key_type = context_gate;
  inline static boost::asio::execution_context::id id;

  struct state {
    std::mutex mutex;
    bool closed = false;
  };

  explicit context_gate(boost::asio::execution_context& owner) : service{owner} {}
  template <typename Executor>
  [[nodiscard]] static std::shared_ptr<state> of(const Executor& executor) {
    boost::asio::execution_context& context = boost::asio::query(executor, boost::asio::execution::context);
    return boost::asio::use_service<context_gate>(context).state_;
  }

 private:
  void shutdown() noexcept override {
    const std::scoped_lock lock{state_->mutex};
    state_->closed = true;
  }

  std::shared_ptr<state> state_ = std::make_shared<state>();
};

/// What a dropped operation returns; throws where its values cannot say it.
template <typename... Value>
[[nodiscard]] std::tuple<Value...> aborted_values() {
  const boost::system::error_code aborted = boost::asio::error::operation_aborted;
  if constexpr (sizeof...(Value) != 0 && (std::default_initializable<Value> && ...)) {
    std::tuple<Value...> values{};
    auto& first = std::get<0>(values);
    if constexpr (std::assignable_from<decltype(first), std::exception_ptr>) {
      first = std::make_exception_ptr(boost::system::system_error{aborted});
      return values;
    } else if constexpr (std::same_as<decltype(first), boost::system::error_code&>) {
      first = aborted;
      return values;
    }
  }
  throw boost::system::system_error{aborted};
}

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
    operation_.home.emplace(home_of(initiation_, reactor));
    operation_.gate = context_gate::of(*operation_.home);
    self_->begin_operation(operation_);
    auto bound = boost::asio::bind_cancellation_slot(
        operation_.outcome->cancel.slot(),
        boost::asio::bind_executor(reactor.get_executor(), asio_reporter<Value...>{operation_.outcome}));
    try {
      std::apply([&](auto&... argument) { std::move(initiation_)(std::move(bound), std::move(argument)...); },
                 arguments_);
    } catch (...) {  // nothing was started, and the handler has reported that or is about to
      refused_ = std::current_exception();
    }
  }
  decltype(auto) await_resume() {
    if (refused_) std::rethrow_exception(refused_);
    auto& values = operation_.outcome->values;
    if (!values) values.emplace(aborted_values<Value...>());
    if constexpr (sizeof...(Value) == 1) {
      return std::get<0>(*std::move(values));
    } else if constexpr (sizeof...(Value) > 1) {
      return std::tuple<Value...>{*std::move(values)};
    }
  }
  bool over(process& /*self*/) override { return operation_.done; }

 private:
  /// Where the object lives that carries the operation out.
  [[nodiscard]] static auto home_of(const Initiation& initiation, boost::asio::io_context& reactor) {
    if constexpr (requires { initiation.get_executor(); }) {
      return initiation.get_executor();
    } else {
      return reactor.get_executor();
    }
  }
  using home_type = decltype(home_of(std::declval<const Initiation&>(), std::declval<boost::asio::io_context&>()));

  struct operation final : external_operation {
    // Signals are emitted where the object lives: whoever owns its context may destroy that at any time, but not while
    // something runs in it. The locks hold such an end off meanwhile; once it has begun, the operation is dropped and
    // reports itself.
    void cancel() noexcept override {
      const auto shared = outcome;
      const std::scoped_lock lock{shared->mutex};
      if (shared->operation == nullptr) return;
      const std::scoped_lock open{gate->mutex};
      if (gate->closed) return;
      boost::asio::post(*home, [shared] {
        const std::scoped_lock emitting{shared->mutex};
        if (shared->operation != nullptr) shared->cancel.emit(boost::asio::cancellation_type::all);
      });
    }
    std::shared_ptr<asio_outcome<Value...>> outcome;
    std::optional<home_type> home;
    std::shared_ptr<context_gate::state> gate;
  };

  Initiation initiation_;
  [[no_unique_address]] std::tuple<Argument...> arguments_;
  std::exception_ptr refused_;
  operation operation_;
};

}  // namespace detail
}  // namespace ergo::inline v0

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
