// State machines and event managers seen by `sys`: what they show, take, hide and report.
#include "reported.hpp"

#include <ergo/otp/gen_event.hpp>
#include <ergo/otp/gen_statem.hpp>
#include <ergo/otp/sys.hpp>

using namespace ergo;
using namespace ergo::test;
namespace sys = ergo::otp::sys;

namespace {

/// Shows its data by its members; fails at `crash`.
class turnstile {
 public:
  atom init() { return "locked"_atom; }
  otp::transition handle_event(const otp::state_event& event) {
    if (event.content().is("crash"_atom)) throw std::runtime_error{"jammed"};
    if (event.content().is("keep"_atom)) return otp::keep_state().with(otp::postpone);
    coins_ += event.content().as_integer().value_or(0);
    return otp::next_state("open"_atom).with(otp::state_timeout.after(1h, "close"_atom));
  }
  [[nodiscard]] otp::status format_status(otp::status shown) const {
    shown.state = etf::tuple(shown.state.elements()[0], "hidden"_atom);
    for (auto* const part : {&shown.queue, &shown.postponed, &shown.timeouts})
      if (!part->is_nil()) *part = "hidden"_atom;
    return shown;
  }
  void code_change(const term& old_version) { coins_ += old_version.as_integer().value_or(0); }

 private:
  std::int64_t coins_ = 0;
  BOOST_DESCRIBE_CLASS(turnstile, (), (), (), (coins_))
};

/// Shows and takes its data itself; its new version has other states.
class lamp final {
 public:
  bool init() { return false; }
  otp::transition handle_event(const otp::state_event&, const term& state) {
    return otp::next_state(state != term{true});
  }
  [[nodiscard]] term data() const { return term{watts_}; }
  void data(const term& next) {
    if (!next.as_integer()) throw std::invalid_argument{"no number"};
    watts_ = *next.as_integer();
  }
  atom code_change(const term& /*old_version*/, const term& state) {
    return state == term{true} ? "on"_atom : "off"_atom;
  }

 private:
  std::int64_t watts_ = 40;
};

/// Shows nothing; keeps events for later and fails at `crash`.
class closed_door {
 public:
  atom init() { return "shut"_atom; }
  otp::transition handle_event(const otp::state_event& event) {
    if (event.content().is("crash"_atom)) throw std::runtime_error{"jammed"};
    return otp::keep_state().with(otp::postpone).with(otp::state_timeout.after(1h, "open"_atom));
  }
};

class quiet_handler {};

class secretive_handler {
 public:
  [[nodiscard]] term state() const { return "password"_atom; }
  [[nodiscard]] otp::status format_status(otp::status shown) const {
    shown.state = "hidden"_atom;
    return shown;
  }
  otp::result code_change() { return otp::refuse("too_old"_atom); }
};

template <typename Machine>
task<pid> started(process& self) {
  const auto made = co_await otp::start<Machine>(self, {});
  CHECK(made.has_value());
  co_return made.value_or(pid{});
}

term coins(std::int64_t count) {
  const std::vector<term> entries{"coins"_atom, count};
  return etf::make_map(entries);
}

task<pid> manager(process& self) {
  otp::event_handlers known;
  known.provide<quiet_handler>("quiet"_atom);
  known.provide<secretive_handler>("secretive"_atom);
  const auto made = co_await otp::start<otp::event_manager>(self, {}, known);
  CHECK(made.has_value());
  const auto to = made.value_or(pid{});
  (void)co_await otp::gen_event::add_handler(self, to, "quiet"_atom);
  (void)co_await otp::gen_event::add_handler(self, to, "secretive"_atom);
  co_return to;
}

}  // namespace

TEST_CASE("the data of a state machine show as its members, through data(), or as opaque") {
  world here;
  here.run([](process& self) -> task<> {
    const auto gate = co_await started<turnstile>(self);
    const auto of_gate = co_await sys::get_state(self, gate);
    CHECK(of_gate == etf::tuple("locked"_atom, coins(0)));
    const auto light = co_await started<lamp>(self);
    const auto of_light = co_await sys::get_state(self, light);
    CHECK(of_light == etf::tuple(false, 40));
    const auto door = co_await started<closed_door>(self);
    const auto of_door = co_await sys::get_state(self, door);
    CHECK(of_door == etf::tuple("shut"_atom, etf::tuple("opaque"_atom, etf::binary("closed_door"))));
  });
}

TEST_CASE("a state machine takes a new state and data, or refuses both") {
  world here;
  here.run([](process& self) -> task<> {
    const auto light = co_await started<lamp>(self);
    const auto bright = etf::tuple(true, 60);
    const auto taken = co_await sys::replace_state(self, light, bright);
    CHECK(taken == bright);
    const auto wrong = etf::tuple(false, "dim"_atom);
    const auto refused = co_await sys::replace_state(self, light, wrong);
    CHECK(refused.error() == errc::badarg);
    const auto no_pair = co_await sys::replace_state(self, light, term{5});
    CHECK(no_pair.error() == errc::badarg);
    const auto still = co_await sys::get_state(self, light);
    CHECK(still == bright);

    const auto door = co_await started<closed_door>(self);
    const auto opaque = etf::tuple("opaque"_atom, etf::binary("closed_door"));
    const auto ajar = etf::tuple("ajar"_atom, opaque);
    const auto state_alone = co_await sys::replace_state(self, door, ajar);
    CHECK(state_alone == ajar);
    const auto empty = etf::tuple("ajar"_atom, term{});
    const auto kept = co_await sys::replace_state(self, door, empty);
    CHECK(kept.error() == errc::badarg);
  });
}

TEST_CASE("a change of code gives a state machine another state, other data, or neither") {
  world here;
  here.run([](process& self) -> task<> {
    const auto light = co_await started<lamp>(self);
    const auto gate = co_await started<turnstile>(self);
    const auto door = co_await started<closed_door>(self);
    for (const auto& each : {light, gate, door}) (void)co_await sys::suspend(self, each);
    const auto changed = co_await sys::change_code(self, light, "lamp"_atom, term{1}, term{});
    CHECK(changed.has_value());
    const auto of_light = co_await sys::get_state(self, light);
    CHECK(of_light == etf::tuple("off"_atom, 40));
    (void)co_await sys::change_code(self, gate, "turnstile"_atom, term{7}, term{});
    const auto of_gate = co_await sys::get_state(self, gate);
    CHECK(of_gate == etf::tuple("locked"_atom, coins(7)));
    const auto unknown = co_await sys::change_code(self, door, "closed_door"_atom, term{1}, term{});
    CHECK(unknown.error() == errc::badarg);
  });
}

TEST_CASE("a state machine hides what nobody should read in its status and in the report of its crash") {
  world here;
  here.run([](process& self) -> task<> {
    const auto gate = co_await started<turnstile>(self);
    otp::cast(self, gate, "keep"_atom);
    const auto status = co_await sys::get_status(self, gate);
    REQUIRE(status.has_value());
    const auto text = etf::to_text(*status);
    CHECK(text.find("hidden") != std::string::npos);
    CHECK(text.find("keep") == std::string::npos);
    otp::cast(self, gate, "crash"_atom);
    co_await self.sleep(1ms);
  });
  const auto& told = report(here, "state machine terminating");
  CHECK(field(told, "label") == etf::tuple("gen_statem"_atom, "terminate"_atom));
  CHECK(field(told, "state") == etf::tuple("locked"_atom, "hidden"_atom));
  CHECK(field(told, "queue") == term{"hidden"_atom});
  CHECK(field(told, "postponed") == term{"hidden"_atom});
  CHECK(field(told, "reason") == etf::tuple("exception"_atom, etf::binary("jammed")));
}

TEST_CASE("a crash of a state machine is reported with its event, what was postponed and its time-outs") {
  world here;
  here.run([](process& self) -> task<> {
    const auto door = co_await started<closed_door>(self);
    otp::cast(self, door, "knock"_atom);
    otp::cast(self, door, "crash"_atom);
    co_await self.sleep(1ms);
  });
  const auto& told = report(here, "state machine terminating");
  CHECK(field(told, "server") == term{"closed_door"_atom});
  CHECK(field(told, "queue") == etf::list(etf::tuple("cast"_atom, "crash"_atom)));
  CHECK(field(told, "postponed") == etf::list(etf::tuple("cast"_atom, "knock"_atom)));
  CHECK(field(told, "timeouts") == etf::list(etf::tuple("state_timeout"_atom, "open"_atom)));
}

TEST_CASE("handlers show their state or that it is opaque, hide what is secret, and may refuse a change of code") {
  world here;
  here.run([](process& self) -> task<> {
    const auto to = co_await manager(self);
    const auto both = co_await sys::get_state(self, to);
    const auto opaque = etf::tuple("opaque"_atom, etf::binary("quiet_handler"));
    CHECK(both ==
          etf::list(etf::tuple("secretive"_atom, false, "password"_atom), etf::tuple("quiet"_atom, false, opaque)));
    const auto status = co_await sys::get_status(self, to);
    REQUIRE(status.has_value());
    const auto text = etf::to_text(*status);
    CHECK(text.find("password") == std::string::npos);
    const auto same = co_await sys::replace_state(self, to, etf::tuple("quiet"_atom, false, 5));
    CHECK(same == both);
    (void)co_await sys::suspend(self, to);
    const auto refused = co_await sys::change_code(self, to, "secretive"_atom, term{1}, term{});
    CHECK(refused.error() == errc::badarg);
    const auto unknown = co_await sys::change_code(self, to, "quiet"_atom, term{1}, term{});
    CHECK(unknown.error() == errc::badarg);
    const auto nobody = co_await sys::change_code(self, to, "nobody"_atom, term{1}, term{});
    CHECK(nobody.has_value());
  });
}
