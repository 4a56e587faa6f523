// The order of a state machine's events, as a table of decisions and of what they lead to.
#include "statem_machine.hpp"

#include "support.hpp"

#include <deque>

using namespace ergo;
using namespace ergo::test;
using otp::detail::state_entry;
using otp::detail::statem_machine;

namespace {

using decisions = std::deque<otp::transition>;

template <typename... Decision>
decisions say(Decision... decision) {
  decisions made;
  (made.push_back(std::move(decision)), ...);
  return made;
}

/// Runs a machine whose code decides from a list, then keeps the state, and notes what happens.
class stage {
 public:
  explicit stage(decisions planned, state_entry entry = state_entry::silent,
                 otp::transition first = otp::next_state("a"_atom))
      : machine{entry}, planned_{std::move(planned)} {
    machine.begin(std::move(first));
    run();
  }
  void cast(const term& content) { receive({otp::event_type::cast, content}); }
  void call(const term& request) { receive({from, request}); }
  bool expire(std::uint64_t timer) {
    const bool taken = machine.expire(timer);
    run();
    return taken;
  }
  /// What was handled and ordered since the last time, one word each.
  std::string seen() { return std::exchange(seen_, {}); }

  const otp::from from{pid{}, "tag"_atom};
  statem_machine machine;

 private:
  void receive(otp::state_event event) {
    machine.receive(std::move(event));
    run();
  }
  void run() {
    note_orders();
    while (const auto* const event = machine.current()) {
      const auto shown = event->to_term();
      note(etf::to_text(event->is(otp::event_type::call) ? term{"call"_atom} : shown.elements()[0]) + ":" +
           etf::to_text(event->content()) + "@" + etf::to_text(machine.state()));
      auto decision = planned_.empty() ? otp::keep_state() : std::move(planned_.front());
      if (!planned_.empty()) planned_.pop_front();
      machine.decide(std::move(decision));
      note_orders();
    }
    if (machine.end()) note("end:" + etf::to_text(machine.end()->value()));
  }
  void note_orders() {
    for (const auto& order : machine.orders()) {
      if (const auto* const reply = std::get_if<statem_machine::reply>(&order)) {
        note("reply:" + etf::to_text(reply->value));
      } else if (const auto* const start = std::get_if<statem_machine::start_timer>(&order)) {
        const auto span = start->at ? *start->at - time_point{} : start->after;
        note((start->at ? "start_at:" : "start:") + std::to_string(start->timer) + "," + std::to_string(span / 1s));
      } else {
        note("stop:" + std::to_string(std::get<statem_machine::stop_timer>(order).timer));
      }
    }
  }
  void note(const std::string& word) { seen_ += (seen_.empty() ? "" : " ") + word; }

  decisions planned_;
  std::string seen_;
};

otp::transition keep() { return otp::keep_state(); }
otp::transition go(atom state) { return otp::next_state(state); }
otp::transition later() { return otp::keep_state().with(otp::postpone); }

}  // namespace

TEST_CASE("postponed events come again at a change of state, oldest first, before those that came later") {
  stage on{say(later(), later(), go("b"_atom).with(otp::postpone))};
  on.cast(1);
  on.cast(2);
  CHECK(on.seen() == "cast:1@a cast:2@a");
  CHECK(on.machine.postponed().size() == 2);
  on.cast(3);
  CHECK(on.seen() == "cast:3@a cast:1@b cast:2@b cast:3@b");
  CHECK(on.machine.postponed().empty());
}

TEST_CASE("neither keeping a state, nor repeating it, nor going where one is brings postponed events back") {
  stage on{say(later(), keep(), otp::repeat_state(), go("a"_atom), go("b"_atom))};
  on.cast(1);
  for (int event = 2; event < 5; ++event) on.cast(event);
  CHECK(on.seen() == "cast:1@a cast:2@a cast:3@a cast:4@a");
  on.cast(5);
  CHECK(on.seen() == "cast:5@a cast:1@b");
}

TEST_CASE("inserted events come first, in the order of their actions, before postponed ones") {
  stage on{say(later(), go("b"_atom).with(otp::internal_event(8), otp::next_event(otp::event_type::cast, 9)),
               keep().with(otp::internal_event(10)))};
  on.cast(1);
  on.cast(2);
  CHECK(on.seen() == "cast:1@a cast:2@a internal:8@b internal:10@b cast:9@b cast:1@b");
}

TEST_CASE("an event that is inserted may be any event but an entry") {
  stage on{say(keep().with(otp::next_event(otp::event_type::info, 1), otp::next_event(otp::event_type::timeout, 2),
                           otp::next_event(otp::event_type::state_timeout, 3), otp::state_event::named("n"_atom, 4),
                           otp::state_event{otp::from{pid{}, "t"_atom}, 5}))};
  on.cast(0);
  CHECK(on.seen() == "cast:0@a info:1@a timeout:2@a state_timeout:3@a {timeout,n}:4@a call:5@a");
  stage bad{say(keep().with(otp::next_event(otp::event_type::enter, 1)))};
  bad.cast(0);
  CHECK(bad.seen() == "cast:0@a end:{{bad_action_from_state_function,{next_event,enter,1}},[]}");
}

TEST_CASE("time-outs of zero come when no event waits, in the order of their actions") {
  stage on{say(keep().with(otp::named_timeout("n"_atom).after(0s, 1), otp::internal_event(0),
                           otp::state_timeout.after(0s, 2), otp::named_timeout("m"_atom).after(0s, 3)))};
  on.cast(0);
  CHECK(on.seen() == "cast:0@a internal:0@a {timeout,n}:1@a state_timeout:2@a {timeout,m}:3@a");
  CHECK(on.machine.timeouts().empty());
}

TEST_CASE("any event ends the event time-out, inserted ones, too; a state's change ends the state time-out") {
  stage on{say(
      keep().with(otp::event_timeout.after(5s), otp::state_timeout.after(6s), otp::named_timeout("n"_atom).after(7s)),
      keep(), keep().with(otp::event_timeout.after(0s), otp::internal_event(1)), keep(), go("b"_atom))};
  on.cast(0);
  CHECK(on.seen() == "cast:0@a start:1,7 start:2,6 start:3,5");
  on.cast(1);
  CHECK(on.seen() == "cast:1@a stop:3");
  on.cast(2);
  CHECK(on.seen() == "cast:2@a internal:1@a");
  on.cast(3);
  CHECK(on.seen() == "cast:3@a stop:2");
  CHECK(on.expire(1));
  CHECK(on.seen() == "{timeout,n}:[]@b");
  CHECK(!on.expire(1));
  CHECK(!on.expire(2));
  CHECK(!on.expire(0));
  CHECK(on.seen().empty());
}

TEST_CASE("a time-out that is set again is replaced; the last of several actions counts") {
  stage on{
      say(keep().with(otp::state_timeout.after(5s, 1)),
          keep().with(otp::state_timeout.after(6s, 2), otp::state_timeout.cancel(), otp::state_timeout.after(7s, 3)),
          keep().with(otp::state_timeout.after(0s, 4), otp::internal_event(0)),
          keep().with(otp::state_timeout.after(8s, 5)), keep().with(otp::state_timeout.after(forever)))};
  on.cast(0);
  CHECK(on.seen() == "cast:0@a start:1,5");
  on.cast(0);
  CHECK(on.seen() == "cast:0@a stop:1 start:2,7");
  on.cast(0);  // one that is over already and has not come yet is replaced, too; OTP 25 to 29 lose the new one here
  CHECK(on.seen() == "cast:0@a stop:2 internal:0@a start:3,8");
  CHECK(on.machine.timeouts().size() == 1);
  on.cast(0);
  CHECK(on.seen() == "cast:0@a stop:3");
  CHECK(on.machine.timeouts().empty());
}

TEST_CASE("cancelling ends a time-out that runs or is over, and is nothing where there is none") {
  stage on{say(keep().with(otp::named_timeout(7).cancel()),
               keep().with(otp::named_timeout(7).after(0s), otp::internal_event(0)),
               keep().with(otp::named_timeout(7).cancel()))};
  on.cast(0);
  on.cast(1);
  CHECK(on.seen() == "cast:0@a cast:1@a internal:0@a");
}

TEST_CASE("updating a time-out changes its content and not its time; where none runs it is over at once") {
  stage on{say(keep().with(otp::state_timeout.after(5s, 1)), keep().with(otp::state_timeout.update(2)),
               keep().with(otp::named_timeout("n"_atom).update(3)),
               keep().with(otp::named_timeout("n"_atom).after(0s, 4), otp::internal_event(0)),
               keep().with(otp::named_timeout("n"_atom).update(5)))};
  on.cast(0);
  on.cast(1);
  CHECK(on.seen() == "cast:0@a start:1,5 cast:1@a");
  CHECK(on.expire(1));
  CHECK(on.seen() == "state_timeout:2@a {timeout,n}:3@a internal:0@a {timeout,n}:5@a");
}

TEST_CASE("a time-out at a point of time is left to the clock, even one that has passed") {
  stage on{say(keep().with(otp::state_timeout.at(time_point{9s}, 1)))};
  on.cast(0);
  CHECK(on.seen() == "cast:0@a start_at:1,9");
}

TEST_CASE("states are entered with the one before; the first one with itself") {
  stage on{say(keep(), go("b"_atom), keep(), otp::repeat_state(), keep(), go("b"_atom)), state_entry::called};
  CHECK(on.seen() == "enter:a@a");
  on.cast(1);
  CHECK(on.seen() == "cast:1@a enter:a@b");
  on.cast(2);
  CHECK(on.seen() == "cast:2@b enter:b@b");
  on.cast(3);
  CHECK(on.seen() == "cast:3@b");
}

TEST_CASE("an entry may repeat itself, and its actions join those of the event") {
  stage on{say(keep(), go("b"_atom).with(otp::postpone, otp::internal_event(1), otp::state_timeout.after(5s, 1)),
               otp::repeat_state().with(otp::state_timeout.after(6s, 2), otp::hibernate),
               keep().with(otp::named_timeout("n"_atom).after(0s))),
           state_entry::called};
  on.cast(1);
  CHECK(on.seen() == "enter:a@a cast:1@a enter:a@b enter:a@b start:1,6 internal:1@b cast:1@b {timeout,n}:[]@b");
  CHECK(!on.machine.hibernates());
}

TEST_CASE("an entry changes no state, inserts nothing and postpones nothing") {
  const auto end_of = [](otp::transition decision) {
    stage on{say(keep(), go("b"_atom), std::move(decision)), state_entry::called};
    on.cast(0);
    const auto seen = on.seen();
    return seen.substr(seen.find(" end:") + 1);
  };
  CHECK(end_of(go("c"_atom)) == "end:{{bad_state_enter_return_from_state_function,{next_state,c}},[]}");
  CHECK(end_of(later()) == "end:{{bad_state_enter_action_from_state_function,postpone},[]}");
  CHECK(end_of(keep().with(otp::internal_event(7))) ==
        "end:{{bad_state_enter_action_from_state_function,{next_event,internal,7}},[]}");
  CHECK(end_of(otp::stop("enough"_atom)) == "end:enough");
}

TEST_CASE("replies are given in order, also before an action that fails and at the end") {
  stage on{say(otp::transition{otp::reply(1)}.with(otp::reply_to({}, 2)),
               keep().with(otp::reply_to({}, 3), otp::next_event(otp::event_type::enter, 0), otp::reply_to({}, 4)))};
  on.call("one"_atom);
  CHECK(on.seen() == "call:one@a reply:1 reply:2");
  on.cast(0);
  CHECK(on.seen() == "cast:0@a reply:3 end:{{bad_action_from_state_function,{next_event,enter,0}},[]}");
  stage stops{say(otp::transition{otp::stop("bored"_atom, 1)}.with(otp::reply_to({}, 2)))};
  stops.call("two"_atom);
  CHECK(stops.seen() == "call:two@a reply:1 reply:2 end:bored");
  CHECK(stops.machine.current() == nullptr);
}

TEST_CASE("decisions that make no sense end the machine") {
  const auto end_of = [](otp::transition decision) {
    stage on{say(std::move(decision))};
    on.cast(0);
    return on.seen().substr(9);
  };
  CHECK(end_of(otp::reply(1)) == "end:{{bad_action_from_state_function,{reply,undefined,1}},[]}");
  CHECK(end_of(otp::ignore()) == "end:{{bad_return_from_state_function,ignore},[]}");
  CHECK(end_of(otp::refuse(term{7})) == "end:{{bad_return_from_state_function,{error,7}},[]}");
  CHECK(end_of(otp::transition{otp::stop("now"_atom)}.with(otp::hibernate)) ==
        "end:{{bad_reply_action_from_state_function,[]},[]}");
}

TEST_CASE("what servers return is a decision, too") {
  stage on{say(otp::noreply(), otp::noreply().with(otp::timeout{1500ms}), otp::noreply().with(otp::hibernate),
               otp::noreply().with(otp::continue_with{term{5}}))};
  on.cast(0);
  on.cast(1);
  CHECK(on.seen() == "cast:0@a cast:1@a start:1,1");
  on.cast(2);
  CHECK(on.machine.hibernates());
  on.cast(3);
  CHECK(on.seen() == "cast:2@a stop:1 cast:3@a internal:5@a");
  CHECK(!on.machine.hibernates());
}

TEST_CASE("the first state's actions are done after its entry is known, and its event cannot be postponed") {
  stage on{say(keep().with(otp::named_timeout(1).after(0s))), state_entry::called,
           otp::next_state("start"_atom)
               .with(otp::internal_event(1), otp::postpone, otp::state_timeout.after(0s), otp::reply_to({}, 3))};
  CHECK(on.seen() == "reply:3 enter:start@start internal:1@start state_timeout:[]@start {timeout,1}:[]@start");
  CHECK(on.machine.postponed().empty());
}
