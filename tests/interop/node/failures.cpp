// Nodes that die, stand still, come back, or should never be let in.
#include "harness.hpp"

#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

namespace ergo_interop {
namespace {

using ergo::etf::tuple;
using steady = std::chrono::steady_clock;

/// Holds a monitor by pid, one by name, a link, `monitor_node` and a call open until the node is lost.
ergo::task<ergo::term> hold_everything(ergo::process& self, world* in, ergo::pid other,
                                       std::shared_ptr<std::promise<void>> armed) {
  const ergo::term hello{"hello"_atom};
  self.trap_exits(ergo::exits::trapped);
  const auto by_pid = self.monitor(other);
  const ergo::destination named{"erl_server"_atom, in->peer_atom()};
  const auto by_name = self.monitor(named);
  self.link(other);
  self.monitor_node(in->peer_atom());
  (void)co_await ergo::otp::call<ergo::term>(self, in->erl_server(), hello, 10s);
  armed->set_value();
  const ergo::term never{"never"_atom};
  const auto call = co_await ergo::otp::call<ergo::term>(self, in->erl_server(), never, 60s);
  if (call) co_return ergo::term{"answered"_atom};
  auto one = co_await self.receive<ergo::down>(10s);
  auto two = co_await self.receive<ergo::down>(10s);
  auto exit = co_await self.receive<ergo::exit_message>(10s);
  auto node = co_await self.receive<ergo::node_down>(10s);
  if (!one || !two || !exit || !node) co_return ergo::term{"something_missing"_atom};
  const bool mine =
      (one->ref == by_pid.ref && two->ref == by_name.ref) || (one->ref == by_name.ref && two->ref == by_pid.ref);
  if (!mine) co_return ergo::term{"foreign_down"_atom};
  const auto code = call.error().code() == ergo::errc::nodedown ? "nodedown"_atom : "other"_atom;
  const ergo::term unread{self.unread()};
  co_return tuple(code, one->reason.value(), two->reason.value(), exit->reason.value(), unread);
}

constexpr std::string_view all_lost = "{nodedown,noconnection,noconnection,noconnection,0}";

struct held {
  std::shared_ptr<std::promise<void>> armed = std::make_shared<std::promise<void>>();
  running<decltype(&hold_everything), world*, ergo::pid, std::shared_ptr<std::promise<void>>> process;

  explicit held(world& in)
      : process{in.node(), &hold_everything, &in, in.remote("{start_sleeper, none}").as_pid().value(), armed} {
    expect(armed->get_future().wait_for(15s) == std::future_status::ready, "not armed in time");
  }
};

TEST_CASE("An Erlang node killed with -9 is noticed by every watcher at once, and welcome again") {
  for_every_release("Erlang node killed -9: down, exit, nodedown; it comes back", [](const release& otp) {
    world in{otp};
    for (const bool they_first : {true, false}) {
      in.connect(they_first);
      held watchers{in};
      const auto killed = steady::now();
      in.peer().kill_now();
      expect_term(watchers.process.get(10s), all_lost);
      expect(steady::now() - killed < 3s, "it took too long");
      eventually("the event", [&] { return in.ours().reported(in.peer().name() + " is down"); }, 2s);
      in.start_peer_again();
    }
    in.connect(false);
    expect_same(in.erl("{echo_all, " + in.at("echo") + "}"), "all");
  });
}

std::string watch_of(const std::string& node) { return "{watch_plain, {echo, " + node + "}, " + node + "}"; }

TEST_CASE("Our node killed with -9 is noticed by Erlang at once, and welcome again") {
  for_every_release("C++ node killed -9: DOWN and nodedown; it comes back", [](const release& otp) {
    world in{otp};
    const auto name = fresh_name("demo");
    for (int round = 0; round < 2; ++round) {
      demo_node demo{name, in.port()};
      const auto node = atom_text(demo.name());
      expect_same(in.erl("{ping, " + node + "}"), "pong");
      expect_same(in.erl(watch_of(node)), "watched");
      demo.process().kill_now();
      const auto killed = steady::now();
      expect_same(in.erl("{watched_plain, 5000}"), "{noconnection,nodedown}");
      expect(steady::now() - killed < 3s, "it took too long");
    }
  });
}

TEST_CASE("Our node that stops in order says goodbye, and starts again under its name") {
  for_every_release("C++ node stops and starts again under its name", [](const release& otp) {
    const auto port = free_port();
    our_node mapper{options_for(fresh_name("mapper"), port)};
    erlang_peer peer{peer_at(otp, port)};
    const auto options = options_for(fresh_name("cpp"), port);
    for (int round = 0; round < 3; ++round) {
      our_node ours{options};
      expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
      peer.run("{watch_plain, {echo, " + ours.quoted_name() + "}, " + ours.quoted_name() + "}");
      ours->stop();
      const auto seen = peer.run("{watched_plain, 5000}");
      expect(seen == "{shutdown,nodedown}" || seen == "{noconnection,nodedown}", "they saw " + seen);
      expect_same(peer.run("{connected, " + ours.quoted_name() + "}"), "false");
    }
  });
}

TEST_CASE("A wrong cookie is a structured refusal on either side, and mended without restart") {
  for_every_release("wrong cookie: refused both ways; the right one mends it", [](const release& otp) {
    const auto port = free_port();
    our_node ours{options_for(fresh_name("cpp"), port)};
    auto other = peer_at(otp, port);
    other.cookie = "something_else";
    erlang_peer peer{other};
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pang");
    eventually("we report the wrong cookie", [&] { return ours.reported("cookie"); }, 5s);
    const auto refused = ours->connect(peer.name());
    expect(!refused.has_value() && refused.error() == ergo::errc::nodedown, "connected with a wrong cookie");
    expect(refused.error().message().find("cookie") != std::string::npos,
           "no word of the cookie: " + refused.error().message());
    expect(ours->nodes(ergo::node_set::all).empty(), "somebody is connected");
    expect_same(peer.run("{cookie, " + ours.quoted_name() + ", interop}"), "true");
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
    ours->disconnect(peer.name());
    expect(ours->connect(peer.name()).has_value(), "still refused");
  });
}

TEST_CASE("A second node with a name in use is refused, and the first is untouched", "[R52]") {
  for_every_release("name taken: the second node is refused, the first untouched", [](const release& otp) {
    world in{otp};
    in.connect(true);
    auto same = options_for(in.ours().name().substr(0, in.ours().name().find('@')), in.port());
    ergo::runtime_options small;
    small.cores = 1;
    const auto second = ergo::node::start(same, small);
    expect(!second.has_value() && second.error() == ergo::errc::name_taken, "our name was given twice");
    same.name = in.peer().name();
    const auto third = ergo::node::start(same, small);
    expect(!third.has_value() && third.error() == ergo::errc::name_taken, "their name was given twice");
    auto theirs = peer_at(otp, in.port());
    theirs.name = in.ours().name();
    bool started = true;
    try {
      const erlang_peer twin{theirs};
    } catch (const std::runtime_error&) {
      started = false;
    }
    expect(!started, "an Erlang node got our name");
    expect(in.node().is_connected(in.peer().name()), "the first lost its connection");
    expect_same(in.erl("{call, " + in.at("echo") + ", still}"), "still");
    const auto names = in.erl("names");
    expect(names.find(in.ours().name().substr(0, in.ours().name().find('@'))) != std::string::npos,
           "the first lost its name: " + names);
  });
}

/// A world in which both sides tick for `tick_time`.
struct ticking {
  ticking(const release& otp, std::chrono::seconds tick_time)
      : time{tick_time}, in{otp, options(), {"-kernel", "net_ticktime", std::to_string(tick_time.count())}} {}
  [[nodiscard]] ergo::node_options options() const {
    ergo::node_options made;
    made.net_ticktime = time;
    return made;
  }
  [[nodiscard]] std::uint64_t ticks() {
    const auto counted = in.node().counters(in.peer().name());
    return counted ? counted->ticks_in : 0;
  }

  std::chrono::milliseconds time;
  world in;
};

/// An idle peer is borne, and is down within a quarter of the tick time around it when it stands still.
void peer_stands_still(ticking& on, scenario& figures) {
  auto& in = on.in;
  in.connect(true);
  eventually("they tick", [&] { return on.ticks() >= 4; });
  expect(in.node().is_connected(in.peer().name()), "an idle peer was dropped");
  // Its silence begins with a tick that we have just seen.
  const auto seen = on.ticks();
  eventually("the next tick", [&] { return on.ticks() > seen; });
  const auto silent = steady::now();
  in.peer().signal(SIGSTOP);
  eventually("it is down", [&] { return !in.node().is_connected(in.peer().name()); }, 2 * on.time + 6s);
  const auto took = steady::now() - silent;
  in.peer().signal(SIGCONT);
  constexpr auto slack = 400ms;  // for the scheduling of this computer
  figures.ran();
  figures.measured({.name = "ours off T by",
                    .value = std::abs(std::chrono::duration<double, std::milli>(took - on.time).count()),
                    .unit = "ms",
                    .at_most = std::chrono::duration<double, std::milli>(on.time / 4 + slack).count()});
  expect(took > on.time * 3 / 4 - slack && took < on.time * 5 / 4 + slack,
         "it took " + std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()) + " ms");
  eventually("the reason is silence", [&] { return in.ours().reported("silent"); });
  in.connect(false);
}

/// Ours stands still: Erlang says that it is down, and has it back afterwards.
void ours_stands_still(ticking& on, scenario& figures) {
  auto& in = on.in;
  demo_node demo{fresh_name("demo"), in.port(), {"--tick-time", std::to_string(on.time / 1s)}};
  const auto node = atom_text(demo.name());
  expect_same(in.erl(watch_of(node)), "watched");
  const auto silent = steady::now();
  demo.process().signal(SIGSTOP);
  const auto patience = 2 * on.time + 4s;
  expect_same(in.erl("{watched_plain, " + std::to_string(patience / 1ms) + "}"), "{noconnection,nodedown}");
  const std::chrono::duration<double> took = steady::now() - silent;
  demo.process().signal(SIGCONT);
  figures.ran();
  figures.measured({.name = "Erlang's took", .value = took.count(), .unit = "s"});
  // It first has to see that its connection is gone; until then Erlang's call may come to nothing.
  eventually("Erlang has it back", [&] { return in.erl("{ping, " + node + "}") == "pong"; });
}

TEST_CASE("A peer that stands still is down within its tick time, whatever that is, one that is only idle is not",
          "[R06]") {
  std::vector<std::chrono::seconds> times{1s, 2s};
  if (ergo::test::rounds(false, true)) times.insert(times.end(), {4s, 8s});
  for (const auto time : times) {
    for_every_release(
        "SIGSTOP: nodedown within T±T/4, idleness is borne; T = " + std::to_string(time / 1s) + " s (R06)",
        [time](const release& otp) {
          scenario figures{"R06", carried("SIGSTOP: down at T ± T/4, T = " + std::to_string(time / 1s) + " s")};
          ticking on{otp, time};
          peer_stands_still(on, figures);
          ours_stands_still(on, figures);
        });
  }
}

TEST_CASE("Reconnecting a hundred times loses nothing") {
  for_every_release("100 disconnections and reconnections, calls after each", [](const release& otp) {
    world in{otp};
    for (int round = 0; round < 100; ++round) {
      if (round % 2 == 0) {
        in.node().disconnect(in.peer().name());
        eventually("they see it", [&] { return in.erl("{connected, " + in.cpp() + "}") == "false"; });
        expect_same(in.erl("{call, " + in.at("echo") + ", " + std::to_string(round) + "}"), std::to_string(round));
      } else {
        in.erl("{disconnect, " + in.cpp() + "}");
        eventually("we see it", [&] { return !in.node().is_connected(in.peer().name()); });
        expect_term(in.ours().call(in.erl_server(), round), std::to_string(round));
      }
    }
  });
}

}  // namespace
}  // namespace ergo_interop
