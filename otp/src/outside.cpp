// Threads outside of the runtime wait on a promise that a small process keeps.
#include <ergo/otp/outside.hpp>

#include <future>

namespace ergo::inline v0::otp {
namespace detail {
namespace {

template <typename T>
using told = std::shared_ptr<std::promise<ergo::result<T>>>;

// Keeps the promise when its process ends without an answer, because the runtime stops.
template <typename T>
class promise_keeper {
 public:
  explicit promise_keeper(told<T> outcome) noexcept : outcome_{std::move(outcome)} {}
  promise_keeper(const promise_keeper&) = delete;
  promise_keeper& operator=(const promise_keeper&) = delete;
  ~promise_keeper() {
    if (outcome_) outcome_->set_value(fail(errc::stopped));
  }
  void keep(ergo::result<T> value) { std::exchange(outcome_, nullptr)->set_value(std::move(value)); }

 private:
  told<T> outcome_;
};

// What an asker holds before its first slice; destroyed with the body if there is none.
template <typename T>
using keeper = std::unique_ptr<promise_keeper<T>>;

task<> start_for_outside(process& self, start_options options, std::unique_ptr<behaviour> body, keeper<pid> outcome) {
  start_awaiter starting{self, options, tie::none, std::move(body)};
  auto started = co_await starting;
  outcome->keep(std::move(started));
}

task<> call_for_outside(process& self, destination to, term request, duration timeout, keeper<term> outcome) {
  call_awaiter calling{self, to, std::move(request), timeout};
  auto answer = co_await calling;
  outcome->keep(std::move(answer));
}

}  // namespace

ergo::result<pid> start_and_wait(local_node& on, const start_options& options, std::unique_ptr<behaviour> body) {
  auto outcome = std::make_shared<std::promise<ergo::result<pid>>>();
  auto done = outcome->get_future();
  auto kept = std::make_unique<promise_keeper<pid>>(std::move(outcome));
  const auto asker = on.owner().spawn(on, start_for_outside, options, std::move(body), std::move(kept));
  if (!asker) return asker;
  return done.get();
}

ergo::result<term> call_and_wait(local_node& here, const destination& to, term request, duration timeout) {
  auto outcome = std::make_shared<std::promise<ergo::result<term>>>();
  auto done = outcome->get_future();
  auto kept = std::make_unique<promise_keeper<term>>(std::move(outcome));
  const auto asker = here.owner().spawn(here, call_for_outside, to, std::move(request), timeout, std::move(kept));
  if (!asker) return std::unexpected{asker.error()};
  return done.get();
}

}  // namespace detail

ergo::result<exit_reason> stop(local_node& on, const pid& target, const exit_reason& reason, duration grace) {
  auto& runtime = on.owner();
  if (!runtime.alive(target)) return fail(errc::noproc);
  runtime.exit(target, reason);
  auto ended = runtime.wait(target, grace);
  if (ended || ended.error().code() != errc::timeout) return ended;
  runtime.exit(target, "kill"_atom);
  return runtime.wait(target, forever);
}

}  // namespace ergo::inline v0::otp
