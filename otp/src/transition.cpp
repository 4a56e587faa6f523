// Events and decisions of state machines as values.
#include <ergo/otp/transition.hpp>

#include <chrono>

namespace ergo::inline v0::otp {
namespace {

using ergo::detail::make_signal;
using ergo::detail::signal_kind;

signal_kind kind_of(event_type type) noexcept {
  if (type == event_type::cast) return signal_kind::cast;
  return type == event_type::call ? signal_kind::call : signal_kind::message;
}

bool carries_its_term(signal_kind kind) noexcept {
  return kind == signal_kind::message || kind == signal_kind::timer_message || kind == signal_kind::call ||
         kind == signal_kind::cast;
}

// The process keeps its message only until the next one.
message copy_of(const message& received) {
  const auto& from = *received.get();
  auto* const copy = make_signal(from.kind, from.from, from.tag, from.payload);
  copy->name = from.name;
  return message{copy};
}

}  // namespace

atom name_of(event_type type) noexcept {
  switch (type) {
    case event_type::call: return "call"_atom;
    case event_type::cast: return "cast"_atom;
    case event_type::info: return "info"_atom;
    case event_type::internal: return "internal"_atom;
    case event_type::state_timeout: return "state_timeout"_atom;
    case event_type::enter: return "enter"_atom;
    case event_type::timeout:
    case event_type::named_timeout: break;
  }
  return "timeout"_atom;
}

state_event::state_event(event_type type, term content)
    : type_{type}, envelope_{make_signal(kind_of(type), pid{}, std::move(content))} {}

state_event::state_event(const otp::from& caller, term request)
    : type_{event_type::call},
      envelope_{make_signal(signal_kind::call, caller.process, caller.tag, std::move(request))} {}

state_event::state_event(const message& received)
    : type_{received.is_call()   ? event_type::call
            : received.is_cast() ? event_type::cast
                                 : event_type::info},
      envelope_{copy_of(received)} {
  if (carries_its_term(received.kind())) return;
  is_rebuilt_ = true;
  rebuilt_ = received.to_term();
}

state_event state_event::named(term name, term content) {
  state_event made{event_type::named_timeout, std::move(content)};
  made.name_ = std::move(name);
  return made;
}

term state_event::to_term() const {
  if (type_ == event_type::call) return etf::tuple(etf::tuple("call"_atom, from().to_term()), content());
  if (type_ == event_type::named_timeout) return etf::tuple(etf::tuple("timeout"_atom, name_), content());
  return etf::tuple(name_of(type_), content());
}

transition::transition(result outcome) : act_{act::keep} {
  using done = result::act;
  switch (outcome.what()) {
    case done::noreply: break;
    case done::reply: add(reply_action{true, {}, std::move(outcome.value())}); break;
    case done::stop_reply: add(reply_action{true, {}, std::move(outcome.value())}); [[fallthrough]];
    case done::stop: act_ = act::stop; break;
    case done::ignore: act_ = act::ignore; break;
    case done::refuse: act_ = act::refuse; break;
  }
  if (act_ != act::keep) {
    state_ = std::move(outcome.extra());
    return;
  }
  switch (outcome.then()) {
    case result::next::wait: break;
    case result::next::timed:
      if (outcome.extra().is_nil()) {
        add(timeout{outcome.limit()});
      } else {
        add(event_timeout.after(outcome.limit(), outcome.extra()));
      }
      break;
    case result::next::timed_at: add(event_timeout.at(time_point{outcome.limit()}, outcome.extra())); break;
    case result::next::rest: add(hibernate); break;
    case result::next::proceed: add(internal_event(outcome.extra())); break;
  }
}

void transition::add(timeout limit) {
  const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(limit.after).count();
  add(event_timeout.after(limit.after, term{whole}));
}

}  // namespace ergo::inline v0::otp
