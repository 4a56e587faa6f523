// Work that somebody outside of the processes asks for: each is done by a short-lived process, so that it has monitors,
// deadlines and answers like everybody else.
#include <ergo/asio.hpp>

#include "node_state.hpp"

#include <ergo/calls.hpp>
#include <ergo/detail/core_api.hpp>

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/prefer.hpp>

#include <atomic>
#include <functional>
#include <stdexcept>
#include <utility>

namespace ergo::inline v0 {

namespace asio = boost::asio;

asio::io_context& reactor_of(runtime& of, unsigned core) {
  auto* const found = detail::find_reactor(of, core);
  if (found == nullptr) throw std::logic_error{"this runtime has no reactors: make it with ergo::networked(options)"};
  return found->context();
}

asio::io_context& reactor_of(process& self) {
  const auto* const home = self.home.load(std::memory_order_relaxed);
  unsigned index = 0;
  while (detail::core_at(self.runtime(), index) != home) ++index;
  return reactor_of(self.runtime(), index);
}

namespace detail {
namespace {

/// A handler that is called exactly once, on its executor, whatever happens to the process that works for it.
template <typename T>
class promise_to_handler final : public std::enable_shared_from_this<promise_to_handler<T>> {
 public:
  using handler_type = asio::any_completion_handler<void(result<T>)>;

  promise_to_handler(handler_type handler, asio::io_context& otherwise)
      : handler_{std::move(handler)},
        context_{otherwise},
        executor_{asio::prefer(asio::get_associated_executor(handler_, otherwise.get_executor()),
                               asio::execution::outstanding_work.tracked)} {}

  /// Lets the handler's cancellation slot end it. Before anybody is asked who might complete: then the handler is gone.
  void obey_cancellation() {
    auto slot = asio::get_associated_cancellation_slot(handler_);
    if (slot.is_connected()) slot.template emplace<canceller>(this->weak_from_this());
  }
  /// What is called as well when it is cancelled; like all cancelling, not while it is being started.
  void when_cancelled(std::function<void()> given_up) { given_up_ = std::move(given_up); }

  void complete(result<T> outcome) {
    if (done_.exchange(true, std::memory_order_acq_rel)) return;
    asio::post(context_, [self = this->shared_from_this(), outcome = std::move(outcome)]() mutable {
      const auto executor = self->executor_;
      asio::dispatch(executor, [self = std::move(self), outcome = std::move(outcome)]() mutable {
        self->hand_over(std::move(outcome));
      });
    });
  }

 private:
  void hand_over(result<T> outcome) {
    auto slot = asio::get_associated_cancellation_slot(handler_);
    if (slot.is_connected()) slot.clear();
    auto handler = std::move(handler_);
    std::move(handler)(std::move(outcome));
  }

  struct canceller {
    std::weak_ptr<promise_to_handler> target;
    explicit canceller(std::weak_ptr<promise_to_handler> of) noexcept : target{std::move(of)} {}
    void operator()(asio::cancellation_type /*how*/) {
      const auto self = target.lock();
      if (self == nullptr) return;
      self->complete(fail(errc::cancelled));  // first: the end of who works for it must not have the word
      if (self->given_up_) self->given_up_();
    }
  };

  handler_type handler_;
  asio::io_context& context_;
  asio::any_completion_executor executor_;
  std::function<void()> given_up_;
  std::atomic<bool> done_{false};
};

/// Completes with `stopped` when nobody else has.
template <typename T>
struct last_word {
  std::shared_ptr<promise_to_handler<T>> handler;

  explicit last_word(std::shared_ptr<promise_to_handler<T>> of) noexcept : handler{std::move(of)} {}
  last_word(last_word&&) noexcept = default;
  last_word& operator=(last_word&&) noexcept = default;
  ~last_word() {
    if (handler != nullptr) handler->complete(fail(errc::stopped));
  }
};

task<> call_for(process& self, destination to, term request, duration timeout, last_word<term> told) {
  auto answer = co_await call(self, to, std::move(request), timeout);
  told.handler->complete(std::move(answer));
}

task<> send_for(process& self, destination to, term content, last_word<void> told) {
  co_await self.send(to, content);
  told.handler->complete({});
}

template <typename T, typename Start>
void run_for(const std::shared_ptr<node_state>& on, asio::any_completion_handler<void(result<T>)> handler,
             Start start) {
  const auto told = std::make_shared<promise_to_handler<T>>(std::move(handler), on->context());
  told->obey_cancellation();
  result<pid> worker = start(last_word<T>{told});
  if (!worker) return told->complete(std::unexpected{worker.error()});
  told->when_cancelled([on, id = *worker] { on->runtime().exit(id, "kill"_atom); });
}

}  // namespace

void start_outside_call(const std::shared_ptr<node_state>& on, const destination& to, term request, duration timeout,
                        term_handler handler) {
  run_for<term>(on, std::move(handler), [&](last_word<term> told) {
    return on->runtime().spawn(on->local(), spawn_options{},
                               make_body(call_for, to, std::move(request), timeout, std::move(told)));
  });
}

void start_outside_send(const std::shared_ptr<node_state>& on, const destination& to, term content,
                        void_handler handler) {
  run_for<void>(on, std::move(handler), [&](last_word<void> told) {
    return on->runtime().spawn(on->local(), spawn_options{},
                               make_body(send_for, to, std::move(content), std::move(told)));
  });
}

void start_outside_connect(const std::shared_ptr<node_state>& on, std::string peer, void_handler handler) {
  const auto told = std::make_shared<promise_to_handler<void>>(std::move(handler), on->context());
  if (!dist::valid_node_name(peer) || peer == on->local().name().text())
    return told->complete(fail(errc::badarg, etf::binary(peer)));
  told->obey_cancellation();
  on->board().connect(std::move(peer), [told](result<void> outcome) { told->complete(std::move(outcome)); });
}

}  // namespace detail
}  // namespace ergo::inline v0
