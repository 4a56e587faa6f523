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

asio::io_context& context_of(node_state& of) noexcept { return of.context(); }

namespace {

/// A handler that is called exactly once, on its executor, whatever happens to the process that works for it.
template <typename T>
class promise_to_handler final : public std::enable_shared_from_this<promise_to_handler<T>> {
 public:
  promise_to_handler(receiver<T> of, asio::io_context& core)
      : handler_{std::move(of.handler)},
        place_{of.place ? asio::prefer(of.place, asio::execution::outstanding_work.tracked)
                        : asio::any_io_executor{core.get_executor()}} {
    if (!of.place) {
      executor_ = asio::prefer(asio::get_associated_executor(handler_, core.get_executor()),
                               asio::execution::outstanding_work.tracked);
    }
  }

  /// Lets the handler's cancellation slot end it. Before anybody is asked who might complete: then the handler is gone.
  void obey_cancellation() {
    auto slot = asio::get_associated_cancellation_slot(handler_);
    if (slot.is_connected()) slot.template emplace<canceller>(this->weak_from_this());
  }
  /// What is called as well when it is cancelled; like all cancelling, not while it is being started.
  void when_cancelled(std::function<void()> given_up) { given_up_ = std::move(given_up); }

  /// False if somebody else was first.
  bool complete(result<T> outcome) {
    if (done_.exchange(true, std::memory_order_acq_rel)) return false;
    // The handler's context waits for the handler, not for others that still know this promise.
    const auto place = std::exchange(place_, {});
    asio::post(place, [self = this->shared_from_this(), outcome = std::move(outcome)]() mutable {
      if (!self->executor_) return self->hand_over(std::move(outcome));
      const auto executor = std::exchange(self->executor_, {});
      asio::dispatch(executor, [self = std::move(self), outcome = std::move(outcome)]() mutable {
        self->hand_over(std::move(outcome));
      });
    });
    return true;
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
      // First: the end of who works for it must not have the word. Who works for nobody any more may be gone.
      if (self->complete(fail(errc::cancelled)) && self->given_up_) self->given_up_();
    }
  };

  asio::any_completion_handler<void(result<T>)> handler_;
  asio::any_io_executor place_;             // where it is posted to
  asio::any_completion_executor executor_;  // where it goes from there, if it is not there already
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
    if (handler != nullptr) (void)handler->complete(fail(errc::stopped));
  }
};

task<> call_for(process& self, destination to, term request, duration timeout, last_word<term> told) {
  auto answer = co_await call(self, to, std::move(request), timeout);
  (void)told.handler->complete(std::move(answer));
}

task<> send_for(process& self, destination to, term content, last_word<void> told) {
  co_await self.send(to, content);
  (void)told.handler->complete({});
}

template <typename T, typename Start>
void run_for(const std::shared_ptr<node_state>& on, receiver<T> who, Start start) {
  const auto told = std::make_shared<promise_to_handler<T>>(std::move(who), on->context());
  told->obey_cancellation();
  result<pid> worker = start(last_word<T>{told});
  if (!worker) return (void)told->complete(std::unexpected{worker.error()});
  // Weak: what waits for its handler must not keep the node, which would then end on the handler's thread.
  told->when_cancelled([node = std::weak_ptr{on}, id = *worker] {
    if (const auto still = node.lock()) still->runtime().exit(id, "kill"_atom);
  });
}

}  // namespace

void start_outside_call(const std::shared_ptr<node_state>& on, const destination& to, term request, duration timeout,
                        receiver<term> caller) {
  run_for<term>(on, std::move(caller), [&](last_word<term> told) {
    return on->runtime().spawn(on->local(), spawn_options{},
                               make_body(call_for, to, std::move(request), timeout, std::move(told)));
  });
}

void start_outside_send(const std::shared_ptr<node_state>& on, const destination& to, term content,
                        receiver<void> sender) {
  run_for<void>(on, std::move(sender), [&](last_word<void> told) {
    return on->runtime().spawn(on->local(), spawn_options{},
                               make_body(send_for, to, std::move(content), std::move(told)));
  });
}

void start_outside_connect(const std::shared_ptr<node_state>& on, std::string peer, receiver<void> asker) {
  const auto told = std::make_shared<promise_to_handler<void>>(std::move(asker), on->context());
  if (!dist::valid_node_name(peer) || peer == on->local().name().text())
    return (void)told->complete(fail(errc::badarg, etf::binary(peer)));
  told->obey_cancellation();
  on->board().connect(std::move(peer), [last = last_word<void>{told}](result<void> outcome) {
    (void)last.handler->complete(std::move(outcome));
  });
}

}  // namespace detail
}  // namespace ergo::inline v0
