// State machines of ours that play the scripts of machines.erl.
#include "machines.hpp"

#include <ergo/otp/start.hpp>

#include <utility>

namespace ergo_interop {

using namespace ergo::literals;
using namespace std::chrono_literals;
namespace otp = ergo::otp;
using ergo::term;
using ergo::etf::is_tagged;
using ergo::etf::tuple;
using otp::event_type;
using otp::transition;

namespace {

otp::detail::timeout_kind timer_of(const term& name) {
  if (name.is("timeout"_atom)) return otp::event_timeout;
  return name.is("state_timeout"_atom) ? otp::state_timeout : otp::named_timeout(name.elements()[1]);
}

ergo::duration time_of(const term& word) {
  if (word.is("infinity"_atom)) return ergo::forever;
  if (word.is("soon"_atom)) return 1ms;
  return word.is("never"_atom) ? ergo::duration{1h} : ergo::duration{0};
}

otp::state_event inserted(const term& type, const term& content) {
  if (type.is_tuple()) return otp::state_event::named(type.elements()[1], content);
  for (const auto each : {event_type::cast, event_type::info, event_type::internal, event_type::state_timeout}) {
    if (type.is(otp::name_of(each))) return {each, content};
  }
  return {event_type::timeout, content};
}

std::deque<term> read_list(const term& list) { return {list.items().begin(), list.items().end()}; }

term without_stack(const term& reason) {
  if (!reason.is_tuple(2) || !reason.elements()[1].is_list()) return reason;
  const auto& inner = reason.elements()[0];
  const auto bad_return = "bad_state_enter_return_from_state_function"_atom;
  return is_tagged(inner, bad_return, 2) ? term{bad_return} : inner;
}

}  // namespace

transition script_player::init(const term& script, ergo::pid log) {
  const auto parts = script.elements();
  decisions_ = read_list(parts[4]);
  entries_ = read_list(parts[5]);
  log_ = log;
  return decided(otp::next_state(parts[2]), parts[3]);
}

void script_player::terminate(ergo::process& self, const ergo::exit_reason& reason, const term& state) {
  self.send(log_, tuple("log"_atom, tuple("terminate"_atom, without_stack(reason.value()), state)));
}

transition script_player::play(ergo::process& self, const otp::state_event& event, const term& state) {
  const bool called = event.is(event_type::call);
  if (called) {
    const auto caller = event.from();
    const auto known = [&](const otp::from& each) { return each.tag == caller.tag; };
    if (std::ranges::none_of(waiting_, known)) waiting_.push_back(caller);
  }
  const auto type = called ? term{"call"_atom} : event.to_term().elements()[0];
  self.send(log_, tuple("log"_atom, tuple(type, event.content(), state)));
  if (event.is(event_type::info) && event.content().is("finish"_atom)) return otp::stop("normal"_atom);
  auto& from = event.is(event_type::enter) ? entries_ : decisions_;
  if (from.empty()) {
    if (event.is(event_type::enter)) return otp::keep_state();
    return decided(otp::keep_state(), ergo::etf::list("reply"_atom));
  }
  const auto next = std::move(from.front());
  from.pop_front();
  return decided(next);
}

transition script_player::decided(const term& decision) {
  const auto& what = decision.elements()[0];
  const auto& actions = decision.elements()[1];
  if (what.is("keep"_atom)) return decided(otp::keep_state(), actions);
  if (what.is("repeat"_atom)) return decided(otp::repeat_state(), actions);
  if (is_tagged(what, "next"_atom, 2)) return decided(otp::next_state(what.elements()[1]), actions);
  return decided(transition{transition::act::stop, what.elements()[1]}, actions);
}

transition script_player::decided(transition decision, const term& actions) {
  for (const auto& action : actions.items()) decision = with_action(std::move(decision), action);
  return decision;
}

transition script_player::with_action(transition decision, const term& action) {
  if (action.is("postpone"_atom)) return std::move(decision).with(otp::postpone);
  if (action.is("hibernate"_atom)) return std::move(decision).with(otp::hibernate);
  if (action.is("reply"_atom)) {
    if (waiting_.empty()) return decision;
    const auto caller = waiting_.front();
    waiting_.pop_front();
    return std::move(decision).with(otp::reply_to(caller, tuple("answer"_atom, replies_++)));
  }
  const auto parts = action.elements();
  if (parts[0].is("bare"_atom)) return std::move(decision).with(otp::timeout{time_of(parts[1])});
  if (parts[0].is("insert"_atom)) return std::move(decision).with(inserted(parts[1], parts[2]));
  // Erlang's own words for these are {Timer, cancel} and {Timer, update, Content}.
  const auto timer = timer_of(parts[0].is("set"_atom) || parts[0].is("set_at"_atom) ? parts[1] : parts[0]);
  if (parts[0].is("set"_atom)) return std::move(decision).with(timer.after(time_of(parts[2]), parts[3]));
  if (parts[0].is("set_at"_atom)) {
    return std::move(decision).with(timer.at(std::chrono::steady_clock::now() + time_of(parts[2]), parts[3]));
  }
  if (parts[1].is("cancel"_atom)) return std::move(decision).with(timer.cancel());
  return std::move(decision).with(timer.update(parts[2]));
}

namespace {

template <typename Machine>
ergo::task<otp::result> start_one(ergo::process& self, term script, ergo::pid log) {
  const otp::start_options unnamed;
  const auto started = co_await otp::start<Machine>(self, unnamed, script, log);
  if (!started) co_return otp::reply(tuple("error"_atom, started.error().reason()));
  co_return otp::reply(tuple("ok"_atom, *started));
}

}  // namespace

ergo::task<otp::result> machines::handle_call(ergo::process& self, const term& request) {
  if (!is_tagged(request, "start"_atom, 3)) co_return otp::reply("badarg"_atom);
  const auto script = request.elements()[1];
  const auto log = request.elements()[2].as_pid().value();
  const bool enters = script.elements()[1].is("true"_atom);
  if (script.elements()[0].is("state_functions"_atom)) {
    if (enters) co_return co_await start_one<player_of_states<true>>(self, script, log);
    co_return co_await start_one<player_of_states<false>>(self, script, log);
  }
  if (enters) co_return co_await start_one<player_of_events<true>>(self, script, log);
  co_return co_await start_one<player_of_events<false>>(self, script, log);
}

}  // namespace ergo_interop
