// After loop_state_callback_result … loop_done of gen_statem.erl, one function for each step.
#include "statem_machine.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>

namespace ergo::inline v0::otp::detail {
namespace {

constexpr std::uint64_t is_over = 0;  // the timer of a time-out that waits only for its turn

auto find(std::vector<statem_machine::running>& timeouts, event_type type, const term& name) {
  return std::ranges::find_if(timeouts, [&](const auto& each) { return each.type == type && each.name == name; });
}

// {next_event, Type, Content}
term insertion(const state_event& event) {
  const auto shown = event.to_term();
  return etf::tuple("next_event"_atom, shown.elements()[0], shown.elements()[1]);
}

// {Type, Time, Content, Options}; the time in milliseconds, of a point of time that of Erlang's monotonic clock.
term as_started(const timeout_action& wanted, const statem_machine::running& started) {
  const bool absolute = wanted.act == timeout_action::what::at;
  const auto time = absolute ? wanted.at.time_since_epoch() : wanted.after;
  const auto event = statem_machine::event_of(started).to_term();
  const auto options = absolute ? etf::list(etf::tuple("abs"_atom, true)) : term{};
  return etf::tuple(event.elements()[0], std::chrono::duration_cast<std::chrono::milliseconds>(time).count(),
                    event.elements()[1], options);
}

}  // namespace

void statem_machine::begin(transition first) {
  state_ = std::move(first.state());
  before_ = state_;
  event_.emplace(event_type::internal, term{"init_state"_atom});
  for (auto& action : first.actions()) {
    act(action);
    if (end_) return;
  }
  postpone_ = false;  // the event that is none is not kept
  proceed(true);
}

void statem_machine::receive(state_event event) {
  hibernate_ = false;
  event_.emplace(std::move(event));
}

bool statem_machine::expire(std::uint64_t timer) {
  const auto found = std::ranges::find(timeouts_, timer, &running::timer);
  if (timer == is_over || found == timeouts_.end()) return false;
  come_over(*found);
  return true;
}

void statem_machine::decide(transition decision) {
  using what = transition::act;
  bool enters = decision.what() == what::repeat;
  switch (decision.what()) {
    case what::keep:
    case what::repeat: break;
    case what::next:
      if (decision.state() == state_) break;
      if (enter_)
        return fail("bad_state_enter_return_from_state_function"_atom, etf::tuple("next_state"_atom, decision.state()));
      state_ = std::move(decision.state());
      enters = true;
      break;
    case what::stop: return stop(decision);
    case what::ignore: return fail("bad_return_from_state_function"_atom, "ignore"_atom);
    case what::refuse: return fail("bad_return_from_state_function"_atom, etf::tuple("error"_atom, decision.reason()));
  }
  for (auto& action : decision.actions()) {
    act(action);
    if (end_) return;
  }
  proceed(enters);
}

const state_event* statem_machine::current() const noexcept {
  if (end_) return nullptr;
  if (enter_) return &*enter_;
  return event_ ? &*event_ : nullptr;
}

void statem_machine::act(transition::action& wanted) {
  if (auto* const reply = std::get_if<reply_action>(&wanted)) return answer(*reply);
  if (auto* const event = std::get_if<state_event>(&wanted)) return insert(*event);
  if (auto* const timeout = std::get_if<timeout_action>(&wanted)) {
    wanted_.push_back(std::move(*timeout));
  } else if (std::holds_alternative<hibernate_tag>(wanted)) {
    hibernate_ = true;
  } else if (enter_) {
    fail("bad_state_enter_action_from_state_function"_atom, "postpone"_atom);
  } else {
    postpone_ = true;
  }
}

void statem_machine::answer(reply_action& wanted) {
  if (wanted.present && !event_->is(event_type::call)) {
    return fail("bad_action_from_state_function"_atom, etf::tuple("reply"_atom, "undefined"_atom, wanted.value));
  }
  orders_.emplace_back(reply{wanted.present ? event_->from() : wanted.to, std::move(wanted.value)});
}

void statem_machine::insert(state_event& event) {
  if (enter_) return fail("bad_state_enter_action_from_state_function"_atom, insertion(event));
  if (event.is(event_type::enter)) return fail("bad_action_from_state_function"_atom, insertion(event));
  if (remarks_) remark_on("in"_atom, event.to_term());
  inserted_.push_back(std::move(event));
}

void statem_machine::stop(transition& decision) {
  for (auto& action : decision.actions()) {
    auto* const reply = std::get_if<reply_action>(&action);
    if (reply == nullptr) return fail("bad_reply_action_from_state_function"_atom, {});
    answer(*reply);
    if (end_) return;
  }
  end_ = exit_reason{std::move(decision.reason())};
}

// An error in Erlang: its reason comes with a stack trace, of which there is none here.
void statem_machine::fail(atom what, const term& because) {
  end_ = exit_reason{etf::tuple(etf::tuple(what, because), term{})};
}

// The actions are gathered: enter the state, or complete the transition.
void statem_machine::proceed(bool enters) {
  enter_.reset();
  if (!enters || entry_ == state_entry::silent) return transit();
  enter_.emplace(event_type::enter, before_);
}

void statem_machine::transit() {
  if (remarks_) {
    const auto what = postpone_ ? "postpone"_atom : "consume"_atom;
    orders_.emplace_back(remark{etf::tuple(what, event_->to_term(), before_, state_)});
  }
  if (std::exchange(postpone_, false)) postponed_.push_back(*std::move(event_));
  event_.reset();
  cancel(event_type::timeout, {});
  if (state_ != before_) {
    queue_.insert(queue_.begin(), std::move_iterator{postponed_.begin()}, std::move_iterator{postponed_.end()});
    postponed_.clear();
    cancel(event_type::state_timeout, {});
    before_ = state_;
  }
  set_timeouts();
  queue_.insert(queue_.begin(), std::move_iterator{inserted_.begin()}, std::move_iterator{inserted_.end()});
  inserted_.clear();
  next();
}

void statem_machine::next() {
  if (!queue_.empty()) {
    receive(std::move(queue_.front()));
    queue_.pop_front();
  } else if (!over_.empty()) {
    const auto [type, name] = std::move(over_.front());
    over_.erase(over_.begin());
    const auto found = find(timeouts_, type, name);
    if (remarks_) remark_on("in"_atom, event_of(*found).to_term());
    come_over(*found);
  }
}

// The last action of a kind counts; what is over at once comes in the order of the actions.
void statem_machine::set_timeouts() {
  std::vector<std::size_t> at_once;
  for (auto at = wanted_.size(); at-- > 0;) {
    const auto later = wanted_.begin() + static_cast<std::ptrdiff_t>(at) + 1;
    const auto same = [&](const auto& other) {
      return other.type == wanted_[at].type && other.name == wanted_[at].name;
    };
    if (std::find_if(later, wanted_.end(), same) == wanted_.end()) set_timeout(wanted_[at], at_once);
  }
  for (auto at = at_once.rbegin(); at != at_once.rend(); ++at) over_.emplace_back(wanted_[*at].type, wanted_[*at].name);
  wanted_.clear();
}

void statem_machine::set_timeout(timeout_action& wanted, std::vector<std::size_t>& at_once) {
  using what = timeout_action::what;
  const auto position = static_cast<std::size_t>(&wanted - wanted_.data());
  const bool absolute = wanted.act == what::at;
  const auto old = find(timeouts_, wanted.type, wanted.name);
  if (wanted.act == what::update && old != timeouts_.end()) {
    old->content = std::move(wanted.content);
    return;
  }
  cancel(wanted.type, wanted.name);
  if (wanted.act == what::cancel || (wanted.act == what::after && wanted.after == forever)) return;
  auto& started = timeouts_.emplace_back(running{wanted.type, wanted.name, is_over, std::move(wanted.content)});
  if (remarks_ && wanted.act != what::update) remark_on("start_timer"_atom, as_started(wanted, started));
  if (!absolute && (wanted.act == what::update || wanted.after <= duration::zero())) {
    at_once.push_back(position);
    return;
  }
  started.timer = ++last_timer_;
  orders_.emplace_back(start_timer{started.timer, absolute ? std::optional{wanted.at} : std::nullopt, wanted.after});
}

void statem_machine::cancel(event_type type, const term& name) {
  const auto found = find(timeouts_, type, name);
  if (found == timeouts_.end()) return;
  if (found->timer != is_over) {
    orders_.emplace_back(stop_timer{found->timer});
  } else {
    std::erase_if(over_, [&](const auto& each) { return each.first == type && each.second == name; });
  }
  timeouts_.erase(found);
}

void statem_machine::come_over(const running& timeout) {
  auto event = event_of(timeout);
  timeouts_.erase(timeouts_.begin() + (&timeout - timeouts_.data()));
  receive(std::move(event));
}

state_event statem_machine::event_of(const running& timeout) {
  if (timeout.type == event_type::named_timeout) return state_event::named(timeout.name, timeout.content);
  return state_event{timeout.type, timeout.content};
}

void statem_machine::become(term state) {
  state_ = std::move(state);
  before_ = state_;
}

std::vector<term> statem_machine::waiting() const {
  std::vector<term> all;
  if (event_) all.push_back(event_->to_term());
  for (const auto& each : queue_) all.push_back(each.to_term());
  return all;
}

void statem_machine::remark_on(atom what, const term& event) {
  orders_.emplace_back(remark{etf::tuple(what, event, state_)});
}

}  // namespace ergo::inline v0::otp::detail
