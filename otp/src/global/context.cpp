#include "context.hpp"

#include <algorithm>

namespace ergo::inline v0::otp::global_detail {

void context::run_posted() {
  while (!posted_.empty()) {
    const auto work = std::move(posted_.front());
    posted_.pop_front();
    work();
  }
}

void context::call(atom name, atom node, const term& request, answered done) {
  const auto token = number();
  calls_.emplace(token, std::move(done));
  act(call_action{token, name, node, request});
}

void context::finish_call(std::uint64_t token, const term* answer) {
  const auto open = calls_.extract(token);
  if (open && open.mapped()) open.mapped()(answer);
}

std::uint64_t context::after(duration delay, std::function<void()> work) {
  const auto token = number();
  timers_.emplace(token, std::move(work));
  act(timer_action{token, delay});
  return token;
}

void context::stop_timer(std::uint64_t token) {
  if (timers_.erase(token) != 0) act(untimer_action{token});
}

void context::fire(std::uint64_t token) {
  const auto due = timers_.extract(token);
  if (due) due.mapped()();
}

std::uint64_t context::watch(const pid& process) {
  const auto made = number();
  act(watch_action{made, process});
  return made;
}

// After random_sleep of global.erl.
duration context::back_off(unsigned times) {
  const std::uint64_t most = times > 5 ? 8000 : (std::uint64_t{1} << times) * 1000 / 8;
  return std::chrono::milliseconds{1 + pick(most)};
}

}  // namespace ergo::inline v0::otp::global_detail
