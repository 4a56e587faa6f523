// A state machine's process.
#include <ergo/otp/detail/statem_loop.hpp>

#include "statem_machine.hpp"

#include <algorithm>

namespace ergo::inline v0::otp::detail {
namespace {

// A machine that feeds itself lets others run after so many events.
constexpr unsigned events_in_a_row = 1000;

bool is_timeout_of(const message& candidate, const term& ref) {
  if (candidate.kind() != ergo::detail::signal_kind::timer_message) return false;
  return etf::is_tagged(candidate.payload(), "timeout"_atom, 3) && candidate.payload().elements()[1] == ref;
}

}  // namespace

statem_loop::statem_loop(bool enters_states)
    : machine_{std::make_unique<statem_machine>(enters_states ? state_entry::called : state_entry::silent)} {}

statem_loop::~statem_loop() = default;

term statem_loop::state() const { return etf::tuple(machine_->state(), data()); }

// The starter is answered before the first state is entered.
result statem_loop::opening(transition first) {
  using act = transition::act;
  switch (first.what()) {
    case act::next: first_ = std::move(first); return otp::ok().with(continue_with{term{}});
    case act::stop: return otp::stop(exit_reason{std::move(first.reason())});
    case act::ignore: return otp::ignore();
    case act::refuse: return otp::refuse(std::move(first.reason()));
    case act::keep:
    case act::repeat: break;
  }
  return otp::stop(exit_reason{etf::tuple("bad_return_from_init"_atom, "keep_state"_atom)});
}

task<result> statem_loop::open_with(task<transition> work) {
  auto first = co_await std::move(work);
  co_return opening(std::move(first));
}

void statem_loop::on_continue(process& self, const term& /*argument*/) {
  machine_->begin(*std::exchange(first_, std::nullopt));
  go_on(self);
}

void statem_loop::on_call(process& self, const message& request, const from& /*caller*/) {
  receive_event(self, request);
}
void statem_loop::on_cast(process& self, const message& cast) { receive_event(self, cast); }

void statem_loop::on_info(process& self, const message& info) {
  const auto timer = take_timer(info);
  if (!timer) return receive_event(self, info);
  if (machine_->expire(*timer)) go_on(self);
}

void statem_loop::on_terminate(process& self, const exit_reason& reason) { on_end(self, reason, machine_->state()); }

void statem_loop::receive_event(process& self, const message& received) {
  machine_->receive(state_event{received});
  go_on(self);
}

void statem_loop::go_on(process& self) {
  if (auto end = advance(self)) return apply(self, *std::move(end));
  if (later_ || tired_) run(self, go_on_later(self));
}

task<result> statem_loop::go_on_later(process& self) {
  while (later_ || tired_) {
    if (std::exchange(tired_, false)) {
      co_await self.yield();
    } else {
      auto work = std::move(later_);
      auto decision = co_await std::move(work);
      machine_->decide(std::move(decision));
    }
    auto end = advance(self);
    if (end) co_return *std::move(end);
  }
  co_return result{};
}

// Handles events until one takes longer, none is left, or the machine ends.
std::optional<result> statem_loop::advance(process& self) {
  machine_->remarks(watched());
  for (unsigned handled = 0;; ++handled) {
    carry_out_orders(self);
    if (machine_->end()) return otp::stop(*machine_->end());
    const auto* const event = machine_->current();
    if (event == nullptr) return std::nullopt;
    tired_ = handled == events_in_a_row;
    if (tired_) return std::nullopt;
    on_event(self, *event, machine_->state());
    if (later_) return std::nullopt;
    machine_->decide(*std::exchange(decision_, std::nullopt));
  }
}

void statem_loop::carry_out_orders(process& self) {
  for (auto& order : machine_->orders()) {
    if (auto* const reply = std::get_if<statem_machine::reply>(&order)) {
      if (watched()) note(self, etf::tuple("out"_atom, reply->value, reply->to.to_term()));
      self.reply(reply->to, std::move(reply->value));
    } else if (auto* const remark = std::get_if<statem_machine::remark>(&order)) {
      note(self, std::move(remark->event));
    } else if (const auto* const start = std::get_if<statem_machine::start_timer>(&order)) {
      const auto delay = start->at ? std::max(*start->at - self.now(), duration::zero()) : start->after;
      timers_.emplace_back(start->timer, self.start_timer(delay, self.id(), term{start->timer}).ref);
    } else {
      stop_timer(self, std::get<statem_machine::stop_timer>(order).timer);
    }
  }
}

// One that has gone off already is in the mailbox.
void statem_loop::stop_timer(process& self, std::uint64_t timer) {
  const auto found = std::ranges::find(timers_, timer, &statem_loop::timer::first);
  const timer_ref running{found->second};
  timers_.erase(found);
  if (self.cancel_timer(running)) return;
  auto late = self.receive_if([ref = term{running.ref}](const message& each) { return is_timeout_of(each, ref); });
  if (late.await_ready()) (void)late.await_resume();
}

std::vector<statem_loop::timer>::const_iterator statem_loop::timer_of(const message& info) const {
  return std::ranges::find_if(timers_, [&](const timer& each) { return is_timeout_of(info, term{each.second}); });
}

std::optional<std::uint64_t> statem_loop::take_timer(const message& info) {
  const auto found = timer_of(info);
  if (found == timers_.end()) return std::nullopt;
  const auto timer = found->first;
  timers_.erase(found);
  return timer;
}

}  // namespace ergo::inline v0::otp::detail
