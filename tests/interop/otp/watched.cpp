// A state machine and an event manager of ours under `sys` of each release, beside their twins in Erlang.
#include "watched.hpp"

#include "harness.hpp"
#include "twins.hpp"

#include <catch2/catch_test_macros.hpp>

namespace ergo_interop {

using namespace ergo::literals;
namespace otp = ergo::otp;
using ergo::term;
using ergo::etf::is_tagged;
using ergo::etf::tuple;

otp::transition watched::counted(const term& what) {
  ++count_;
  last_ = what;
  return otp::keep_state();
}

otp::transition watched::handle_event(const otp::state_event& event, const term& state) {
  const auto& what = event.content();
  const auto parts = what.elements();
  const auto milliseconds = [](const term& count) { return std::chrono::milliseconds{count.as_integer().value()}; };
  if (event.is(otp::event_type::call)) return otp::reply(count_);
  if (!event.is(otp::event_type::cast)) return counted(what);
  if (what.is("toggle"_atom)) return otp::next_state(state.is("off"_atom) ? "on"_atom : "off"_atom);
  if (is_tagged(what, "later"_atom, 2) && state.is("off"_atom)) return otp::keep_state().with(otp::postpone);
  if (is_tagged(what, "later"_atom, 2)) return counted(parts[1]);
  if (is_tagged(what, "insert"_atom, 2)) return otp::keep_state().with(otp::internal_event(parts[1]));
  if (is_tagged(what, "timer"_atom, 3))
    return otp::keep_state().with(otp::state_timeout.after(milliseconds(parts[1]), parts[2]));
  if (is_tagged(what, "timer"_atom, 4))
    return otp::keep_state().with(otp::named_timeout(parts[1]).after(milliseconds(parts[2]), parts[3]));
  if (is_tagged(what, "zero"_atom, 2))
    return otp::keep_state().with(otp::event_timeout.after(ergo::duration::zero(), parts[1]));
  return counted(what);
}

otp::transition watched::code_change(const term& old_version, const term& state, const term& /*data*/,
                                     const term& extra) {
  if (extra.is("no"_atom)) return otp::transition{otp::refuse("never"_atom)};
  count_ += 100;
  last_ = tuple(old_version, extra);
  return otp::next_state(tuple("changed"_atom, state));
}

void bell::handle_event(const term& event) {
  count_ += is_tagged(event, "add"_atom, 2) ? event.elements()[1].as_integer().value() : 1;
}

void bell::state(const term& next) {
  if (!next.as_integer()) throw std::invalid_argument{"no number"};
  count_ = *next.as_integer();
}

void bell::code_change(const term& old_version, const term& /*state*/, const term& extra) {
  count_ += old_version.elements()[1].as_integer().value() + extra.as_integer().value();
}

ergo::task<ergo::result<ergo::pid>> start_watched(ergo::process& self, ergo::atom kind, ergo::pid printer) {
  otp::start_options named;
  named.name = kind;
  named.group_leader = printer;
  if (kind == "latch"_atom) {
    auto started = co_await otp::start<watched>(self, named);
    co_return started;
  }
  otp::event_handlers known;
  known.provide<bell>("watched"_atom);
  auto started = co_await otp::start<otp::event_manager>(self, named, known);
  if (!started) co_return started;
  const auto second = tuple("watched"_atom, "second"_atom);
  (void)co_await otp::gen_event::add_handler(self, *started, "watched"_atom);
  (void)co_await otp::gen_event::add_handler(self, *started, second);
  co_return started;
}

namespace {

/// A node of ours that starts both, and an Erlang node that has their twins.
struct stage {
  std::uint16_t port = free_port();
  our_node ours;
  erlang_peer peer;

  explicit stage(const release& otp) : ours{visible_at(port), runtime_for(otp)}, peer{peer_at(otp, port)} {
    otp::start_options named;
    named.name = "twins"_atom;
    expect(otp::start<twins>(ours->local(), named).has_value(), "nobody starts twins");
    peer.load(ERGO_SOURCE_DIR "/tests/interop/otp/twins.erl");
    peer.load(ERGO_SOURCE_DIR "/tests/interop/otp/watched.erl");
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
  }
  void expect_same_story(const std::string& kind, const std::string& steps) {
    const auto verdict =
        peer.run("{apply, watched, compare, [" + kind + ", \"[" + steps + "].\", " + ours.quoted_name() + "]}");
    expect(verdict.starts_with("{same,"), kind + ": " + steps + "\n" + verdict);
  }
  void expect_same_trace(const std::string& kind, int lines, const std::string& steps) {
    const auto verdict = peer.run("{apply, watched, traces, [" + kind + ", {" + std::to_string(lines) + ",[" + steps +
                                  "]}, " + ours.quoted_name() + "]}");
    expect(verdict.starts_with("{same,"), kind + ": " + steps + "\n" + verdict);
  }
};

}  // namespace

TEST_CASE("sys of every release finds the same in our state machines as in Erlang's") {
  for_every_release("sys: states, status, suspend, log, change_code of a gen_statem", [](const release& otp) {
    stage on{otp};
    for (const std::string steps : {
             "{sys,get_state,[]},{cast,toggle},{sys,get_state,[]}",
             "{sys,replace_state,[fun({S,D}) -> {{new,S},D#{count := 41}} "
             "end]},{send,x},{call,count},{sys,get_state,[]}",
             "{sys,replace_state,[fun(_) -> throw(away) end]},{sys,get_state,[]}",
             "{sys,suspend,[]},{cast,toggle},{sys,get_state,[]},{sys,resume,[]},{call,count},{sys,get_state,[]}",
             "{sys,suspend,[]},{sys,change_code,[watched,1,more]},{sys,get_state,[]},{sys,change_code,[watched,1,no]},"
             "{sys,resume,[]},{call,count}",
             "{sys,log,[true]},{cast,toggle},{cast,{later,a}},{call,count},{send,hello},{sys,log,[get]}",
             "{sys,log,[true]},{cast,{later,a}},{cast,{insert,b}},{sys,log,[get]},{cast,toggle},{sys,log,[get]}",
             "{sys,log,[true]},{cast,{timer,100000,a}},{cast,{timer,mine,100000,b}},{sys,log,[get]}",
             "{sys,statistics,[true]},{call,count},{cast,toggle},{sys,statistics,[get]}",
         }) {
      on.expect_same_story("latch", steps);
    }
    if (otp.number == "23") return;  // whose status knows no modules; it has other words for a time-out of no time
    for (const std::string steps : {
             "{sys,log,[true]},{cast,{timer,100000,a}},{cast,{zero,b}},{sys,log,[get]}",
             "{sys,get_status,[]}",
             "{cast,{later,a}},{cast,{timer,mine,100000,b}},{sys,suspend,[]},{sys,get_status,[]}",
             "{sys,log,[true]},{cast,toggle},{sys,get_status,[]}",
         }) {
      on.expect_same_story("latch", steps);
    }
  });
}

TEST_CASE("sys of every release finds the same in our event managers as in Erlang's") {
  for_every_release("sys: states, status, suspend, log, change_code of a gen_event", [](const release& otp) {
    stage on{otp};
    constexpr auto change_twice =
        "{sys,suspend,[]},{sys,change_code,[watched,{version,3},4]},{sys,get_state,[]},"
        "{sys,change_code,[nobody,{version,3},4]},{sys,resume,[]},{call,count}";
    for (const std::string steps : {
             "{sys,get_state,[]},{notify,{add,5}},{sys,get_state,[]}",
             "{sys,replace_state,[fun({M,I,S}) -> {M,I,S + 7} end]},{notify,x},{call,count}",
             "{sys,replace_state,[fun({M,false,_}) -> {M,false,1}; (_) -> exit(no) end]},{sys,get_state,[]}",
             "{sys,replace_state,[fun({_,_,S}) -> {other,false,S + 1} end]},{sys,get_state,[]}",
             "{sys,suspend,[]},{send,{notify,x}},{sys,get_state,[]},{sys,resume,[]},{call,count}",
             change_twice,
             "{sys,log,[true]},{notify,x},{call,count},{send,hello},{sys,log,[get]}",
         }) {
      on.expect_same_story("bells", steps);
    }
    if (otp.number == "23") return;  // whose status knows no log
    on.expect_same_story("bells", "{notify,{add,2}},{sys,suspend,[]},{sys,get_status,[]}");
    on.expect_same_story("bells", "{sys,log,[true]},{send,hello},{sys,get_status,[]}");
  });
}

TEST_CASE("Traces of our state machines and event managers read as those of Erlang's") {
  for_every_release("sys:trace of a gen_statem and a gen_event", [](const release& otp) {
    stage on{otp};
    on.expect_same_trace("latch", 13,
                         "{cast,{later,a}},{call,count},{cast,toggle},{send,hello},{cast,{timer,100000,b}}");
    on.expect_same_trace("bells", 3, "{send,{notify,{add,1}}},{call,count},{send,hello}");
  });
}

}  // namespace ergo_interop
