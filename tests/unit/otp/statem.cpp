// State machines as processes: both ways to say what a state does, time-outs on the clock, and every kind of decision.
#include <ergo/otp/gen_statem.hpp>

#include "support.hpp"

using namespace ergo;
using namespace ergo::test;

namespace {

/// A door that a code opens for a while; OTP's own example.
class door {
 public:
  explicit door(std::string code) : code_{std::move(code)} {}
  atom init() { return "locked"_atom; }

  void lock(process& self) { self.log(log_level::info, "locked"); }
  otp::transition button(const std::string& digit) {
    typed_ += digit;
    if (typed_ == code_) return otp::next_state("open"_atom);
    if (typed_.size() < code_.size()) return otp::keep_state().with(otp::state_timeout.after(5s));
    typed_.clear();
    return otp::keep_state().with(otp::state_timeout.cancel());
  }
  void give_up() { typed_.clear(); }
  otp::transition unlock(process& self, const term& before) {
    self.log(log_level::info, "unlocked", {{"before", before}});
    typed_.clear();
    return otp::keep_state().with(otp::state_timeout.after(10s, "lock"_atom));
  }
  otp::transition relock(const term& why) {
    return why.is("lock"_atom) ? otp::next_state("locked"_atom) : otp::keep_state();
  }
  otp::transition wait() { return otp::keep_state().with(otp::postpone); }
  [[nodiscard]] std::int64_t length() const { return static_cast<std::int64_t>(code_.size()); }
  otp::result handle_event(const otp::state_event& event, const term& state) {
    if (event.is(otp::event_type::call) && event.content().is("state"_atom)) return otp::reply(state);
    if (event.is(otp::event_type::info)) return otp::stop(exit_reason{event.content()});
    return otp::stop("unexpected"_atom);
  }
  void terminate(process& self, const exit_reason& reason, const term& state) {
    self.log(log_level::info, "terminate", {{"reason", reason.value()}, {"state", state}});
  }
  [[nodiscard]] term data() const { return etf::binary(typed_); }

  static constexpr auto states = otp::states(
      otp::state<"locked">(otp::on_enter(&door::lock), otp::on_cast(otp::match<"button", std::string>(&door::button)),
                           otp::on_call(otp::match<"length">(&door::length)), otp::on_state_timeout(&door::give_up)),
      otp::state<"open">(otp::on_enter(&door::unlock), otp::on_state_timeout(&door::relock),
                         otp::on_cast(otp::match<term>(&door::wait))));

 private:
  std::string code_;
  std::string typed_;
};

task<pid> closed_door(process& self) {
  const std::string code{"42"};
  const auto started = co_await otp::start<door>(self, {}, code);
  CHECK(started.has_value());
  co_return started.value_or(pid{});
}

task<term> asked(process& self, pid machine, atom request) {
  const auto answer = co_await otp::call(self, machine, request);
  if (!answer) co_return etf::tuple("failed"_atom, answer.error().reason());
  co_return *answer;
}

void press(process& self, pid machine, std::string_view digit) {
  otp::cast(self, machine, etf::tuple("button"_atom, etf::binary(digit)));
}

task<> expect_state(process& self, pid machine, atom wanted) {
  const auto state = co_await asked(self, machine, "state"_atom);
  CHECK(state == term{wanted});
}

/// What was logged with this text: all fields, or those with a name.
std::vector<term> logged(const world& here, std::string_view text, std::string_view name = {}) {
  std::vector<term> found;
  for (const auto& happened : here.events()) {
    if (happened.what != event::kind::log || happened.text != text) continue;
    for (const auto& field : happened.fields) {
      if (name.empty() || field.first == name) found.push_back(field.second);
    }
  }
  return found;
}

}  // namespace

TEST_CASE("a state machine goes from state to state by events and by time") {
  world here;
  here.run([](process& self) -> task<> {
    const auto lock = co_await closed_door(self);
    const auto length = co_await asked(self, lock, "length"_atom);
    CHECK(length == term{2});
    press(self, lock, "4");
    press(self, lock, "2");
    co_await expect_state(self, lock, "open"_atom);
    co_await self.sleep(9900ms);
    co_await expect_state(self, lock, "open"_atom);
    co_await self.sleep(200ms);
    co_await expect_state(self, lock, "locked"_atom);
  });
  CHECK(here.lines("locked") == 2);  // at the start, too
  CHECK(logged(here, "unlocked") == std::vector<term>{"locked"_atom});
}

TEST_CASE("a state machine tells its state and data, and what no state takes goes to handle_event") {
  world here;
  const auto lock = here.run(closed_door);
  here.runtime().send(lock, etf::tuple("over"_atom, 1));
  here.settle();
  CHECK(logged(here, "terminate") == std::vector<term>{etf::tuple("over"_atom, 1), "locked"_atom});
  CHECK(logged(here, "state machine terminating", "state").at(0) == etf::tuple("locked"_atom, etf::binary("")));
}

TEST_CASE("postponed casts wait for the next state") {
  world here;
  here.run([](process& self) -> task<> {
    const auto lock = co_await closed_door(self);
    for (const auto* digit : {"4", "2", "4", "2"}) press(self, lock, digit);
    co_await expect_state(self, lock, "open"_atom);
    co_await self.sleep(10s);
    co_await expect_state(self, lock, "open"_atom);  // the casts that waited have opened it again
    co_await self.sleep(10s);
    co_await expect_state(self, lock, "locked"_atom);
  });
  CHECK(here.lines("unlocked") == 2);
}

namespace {

/// Does what it is told by a call `{do, What}` in states that are any term, and counts up in coroutines.
class obedient {
 public:
  task<otp::transition> init(process& self, term first) {
    co_await self.yield();
    if (first.is("stop"_atom)) co_return otp::stop("no"_atom);
    if (first.is("ignore"_atom)) co_return otp::ignore();
    if (first.is("refuse"_atom)) co_return otp::refuse("not_now"_atom);
    if (first.is("keep"_atom)) co_return otp::keep_state();
    if (first.is("throw"_atom)) throw std::runtime_error{"broken"};
    co_return otp::next_state(first).with(otp::internal_event("first"_atom));
  }
  task<otp::transition> handle_event(process& self, const otp::state_event& event, const term& state) {
    notes_.push_back(etf::tuple(event.is(otp::event_type::call) ? term{"call"_atom} : event.to_term().elements()[0],
                                event.content(), state));
    const auto& what = event.content();
    if (event.is(otp::event_type::info)) watched_ = event.envelope().as<down>().has_value();
    if (!event.is(otp::event_type::call)) co_return otp::keep_state();
    if (what.is("notes"_atom)) co_return otp::reply(etf::make_list(notes_));
    if (what.is("watched"_atom)) co_return otp::reply(watched_);
    if (what.is("slow"_atom)) {
      co_await self.sleep(1s);
      co_return otp::transition{otp::reply("done"_atom)}.with(otp::named_timeout(3).after(2s, "up"_atom));
    }
    if (what.is("hold"_atom)) {
      if (state.is_tuple()) co_return otp::reply("held"_atom);
      co_return otp::keep_state().with(otp::postpone);
    }
    if (what.is("at"_atom)) {
      const auto when = self.now() + 3s;
      co_return otp::transition{otp::reply("ok"_atom)}.with(otp::state_timeout.at(when, "late"_atom));
    }
    if (what.is("crash"_atom)) throw std::runtime_error{"broken"};
    if (what.is("watch"_atom)) {
      (void)self.monitor("nobody"_atom);
      co_return otp::reply("ok"_atom);
    }
    co_return otp::next_state(etf::tuple("state"_atom, what)).with(otp::reply_to(event.from(), "ok"_atom));
  }

 private:
  std::vector<term> notes_;
  bool watched_ = false;
};

task<pid> told(process& self, term first) {
  const auto started = co_await otp::start<obedient>(self, {}, first);
  CHECK(started.has_value());
  co_return started.value_or(pid{});
}

bool noted(const term& notes, const term& what) {
  const auto items = notes.items();
  return std::ranges::find(items, what) != items.end();
}

task<> expect_failure(process& self, atom first, errc code, term context) {
  const term order{first};
  const auto started = co_await otp::start<obedient>(self, {}, order);
  CHECK(!started.has_value());
  CHECK(started.error() == error(code, context));
}

}  // namespace

TEST_CASE("handle_event alone takes every event in states that are any term") {
  world here;
  here.run([](process& self) -> task<> {
    const auto machine = co_await told(self, term{17});
    otp::cast(self, machine, 1);
    self.send(machine, "plain"_atom);
    const auto moved = co_await asked(self, machine, "away"_atom);
    CHECK(moved == term{"ok"_atom});
    const auto notes = co_await asked(self, machine, "notes"_atom);
    const auto away = etf::tuple("state"_atom, "away"_atom);
    const auto expected = etf::list(etf::tuple("internal"_atom, "first"_atom, 17), etf::tuple("cast"_atom, 1, 17),
                                    etf::tuple("info"_atom, "plain"_atom, 17), etf::tuple("call"_atom, "away"_atom, 17),
                                    etf::tuple("call"_atom, "notes"_atom, away));
    CHECK(notes == expected);
  });
}

TEST_CASE("a machine whose code is suspended takes no other event, and its time-outs run from its decision") {
  world here;
  here.run([](process& self) -> task<> {
    const auto machine = co_await told(self, "s"_atom);
    const auto slow = co_await asked(self, machine, "slow"_atom);
    CHECK(slow == term{"done"_atom});
    co_await self.sleep(1900ms);
    const auto before = co_await asked(self, machine, "notes"_atom);
    const auto over = etf::tuple(etf::tuple("timeout"_atom, 3), "up"_atom, "s"_atom);
    CHECK(!noted(before, over));
    co_await self.sleep(200ms);
    const auto after = co_await asked(self, machine, "notes"_atom);
    CHECK(noted(after, over));
  });
}

TEST_CASE("a time-out that has gone off but is not read yet is cancelled all the same") {
  world here;
  here.run([](process& self) -> task<> {
    const auto machine = co_await told(self, "s"_atom);
    const auto armed = co_await asked(self, machine, "at"_atom);
    CHECK(armed == term{"ok"_atom});
    co_await self.sleep(2500ms);
    const term slow{"slow"_atom};
    const term away{"away"_atom};
    auto first = otp::call(self, machine, slow, 10s);   // the state time-out goes off while this is handled
    auto second = otp::call(self, machine, away, 10s);  // and is read after this, which ends it
    co_await self.sleep(5s);
    CHECK(first.await_ready());
    CHECK(second.await_ready());
    const auto notes = co_await asked(self, machine, "notes"_atom);
    CHECK(!noted(notes, etf::tuple("state_timeout"_atom, "late"_atom, "s"_atom)));
    CHECK(!noted(notes, etf::tuple("state_timeout"_atom, "late"_atom, etf::tuple("state"_atom, away))));
    (void)co_await asked(self, machine, "at"_atom);
    co_await self.sleep(3100ms);
    const auto later = co_await asked(self, machine, "notes"_atom);
    CHECK(noted(later, etf::tuple("state_timeout"_atom, "late"_atom, etf::tuple("state"_atom, away))));
  });
}

TEST_CASE("a postponed call is answered in the state that can") {
  world here;
  here.run([](process& self) -> task<> {
    const auto machine = co_await told(self, "s"_atom);
    const term hold{"hold"_atom};
    auto held = otp::call(self, machine, hold, 10s);
    co_await self.sleep(1s);
    CHECK(!held.await_ready());
    (void)co_await asked(self, machine, "away"_atom);
    const auto answer = co_await held;
    CHECK(answer == ergo::result<term>{"held"_atom});
  });
}

TEST_CASE("a machine that fails tells its callers why, also those whose calls it has postponed") {
  world here;
  here.run([](process& self) -> task<> {
    const auto machine = co_await told(self, "s"_atom);
    const term hold{"hold"_atom};
    auto held = otp::call(self, machine, hold, 10s);
    const auto reason = etf::tuple("exception"_atom, etf::binary("broken"));
    const auto crashed = co_await asked(self, machine, "crash"_atom);
    CHECK(crashed == etf::tuple("failed"_atom, reason));
    const auto answer = co_await held;
    CHECK(!answer.has_value());
    CHECK(answer.error().reason() == reason);
  });
  CHECK(here.crashes() == 1);
}

TEST_CASE("a machine's start fails as a server's does") {
  world here;
  here.run([](process& self) -> task<> {
    co_await expect_failure(self, "stop"_atom, errc::exited, "no"_atom);
    co_await expect_failure(self, "ignore"_atom, errc::ignored, {});
    co_await expect_failure(self, "refuse"_atom, errc::exited, "not_now"_atom);
    const auto broken = etf::tuple("exception"_atom, etf::binary("broken"));
    co_await expect_failure(self, "throw"_atom, errc::exited, broken);
    const auto bad = etf::tuple("bad_return_from_init"_atom, "keep_state"_atom);
    co_await expect_failure(self, "keep"_atom, errc::exited, bad);
  });
}

TEST_CASE("messages of the runtime are infos that keep what they are") {
  world here;
  here.run([](process& self) -> task<> {
    const auto machine = co_await told(self, "s"_atom);
    (void)co_await asked(self, machine, "watch"_atom);
    const auto watched = co_await asked(self, machine, "watched"_atom);
    CHECK(watched == term{true});
    const auto notes = co_await asked(self, machine, "notes"_atom);
    const auto info = notes.items()[2].elements();
    CHECK(info[0] == term{"info"_atom});
    CHECK(etf::is_tagged(info[1], "DOWN"_atom, 5));
  });
}

namespace {

/// Feeds itself as many events as it is told.
class glutton {
 public:
  atom init() { return "eating"_atom; }
  otp::transition eat(std::int64_t left) {
    ++eaten_;
    if (left == 0) return otp::keep_state();
    return otp::keep_state().with(otp::internal_event(left - 1));
  }
  [[nodiscard]] std::int64_t eaten() const { return eaten_; }

  static constexpr auto states = otp::states(otp::state<"eating">(
      otp::on_cast(otp::match<std::int64_t>(&glutton::eat)), otp::on_internal(otp::match<std::int64_t>(&glutton::eat)),
      otp::on_call(otp::match<"eaten">(&glutton::eaten))));

 private:
  std::int64_t eaten_ = 0;
};

}  // namespace

TEST_CASE("a machine that feeds itself lets others run meanwhile, and loses no event") {
  world here;
  here.run([](process& self) -> task<> {
    const auto machine = co_await otp::start<glutton>(self, {});
    otp::cast(self, *machine, 10'000);
    int turns = 0;
    const term eaten{"eaten"_atom};
    auto answer = otp::call(self, *machine, eaten, 10s);
    while (!answer.await_ready()) {
      ++turns;
      co_await self.yield();
    }
    CHECK(turns > 5);
    const auto all = co_await answer;
    CHECK(all == ergo::result<term>{10'001});
  });
}

TEST_CASE("an event that no state takes ends the machine with function_clause") {
  world here;
  here.run([](process& self) -> task<> {
    const auto machine = co_await otp::start<glutton>(self, {});
    const auto failed = co_await asked(self, *machine, "unknown"_atom);
    const auto reason = failed.elements()[1];
    CHECK(etf::is_tagged(reason, "function_clause"_atom, 2));
    CHECK(reason.elements()[1].items()[0].elements()[1] == term{"eating"_atom});
  });
}

TEST_CASE("a supervisor starts state machines as it starts servers") {
  world here;
  here.run([](process& self) -> task<> {
    otp::supervisor_spec tree;
    tree.children.push_back(otp::child<door>("door"_atom, std::string{"7"}).registered());
    const auto top = co_await otp::start<otp::supervisor>(self, {}, tree);
    CHECK(top.has_value());
    const auto first = self.node().whereis("door"_atom);
    CHECK(first != pid{});
    self.send("door"_atom, "over"_atom);
    co_await self.sleep(1ms);
    const auto second = self.node().whereis("door"_atom);
    CHECK(second != pid{});
    CHECK(second != first);
  });
}

TEST_CASE("a machine may be abandoned after any slice") {
  abandon_everywhere([](process& self) -> task<> {
    const auto machine = co_await told(self, "s"_atom);
    (void)co_await asked(self, machine, "slow"_atom);
    (void)co_await asked(self, machine, "at"_atom);
    (void)co_await asked(self, machine, "crash"_atom);
  });
}
