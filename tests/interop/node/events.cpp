// A12: nodeup before any traffic of a node, nodedown after all of it, strictly alternating.
#include "harness.hpp"

#include <ergo/kernel.hpp>
#include <ergo/otp/global.hpp>

#include <catch2/catch_test_macros.hpp>

#include <csignal>

namespace ergo_interop {
namespace {

/// Reads `up` and `down`, which the observer of the node sends, between the integers that the peer sends, until
/// `finish`. Returns `{Ups, Downs, Integers}`, or what came when it must not.
ergo::task<ergo::term> witness(ergo::process& self) {
  (void)self.register_name("witness"_atom);
  int ups = 0;
  int downs = 0;
  int received = 0;
  bool is_up = false;
  for (;;) {
    const auto got = co_await self.receive_any();
    const auto& told = got.payload();
    if (told.is("finish"_atom)) co_return ergo::etf::tuple(ups, downs, received);
    if (told.is("up"_atom) || told.is("down"_atom)) {
      const bool now_up = told.is("up"_atom);
      if (!now_up && ups == 0) continue;  // the end of the session before
      if (is_up == now_up) co_return ergo::etf::tuple("twice"_atom, told);
      is_up = now_up;
      ++(now_up ? ups : downs);
    } else {
      if (!is_up) co_return ergo::etf::tuple("while_down"_atom, told);
      ++received;
    }
  }
}

/// Writes down what a process is told that monitors nodes, of `peer` and of nobody else, until `finish`.
ergo::task<ergo::term> listed(ergo::process& self, ergo::atom peer) {
  std::vector<ergo::term> told;
  for (const auto node : self.monitor_nodes(ergo::node_set::all)) {
    if (node == peer) told.emplace_back("present"_atom);
  }
  (void)self.register_name("listed"_atom);
  for (;;) {
    const auto got = co_await self.receive_any();
    if (got.payload().is("finish"_atom)) co_return ergo::etf::make_list(told);
    if (const auto up = got.as<ergo::node_up>(); up && up->node == peer) {
      told.push_back(ergo::etf::tuple("up"_atom, up->hidden ? "hidden"_atom : "visible"_atom));
    } else if (const auto down = got.as<ergo::node_down>(); down && down->node == peer) {
      told.push_back(ergo::etf::tuple("down"_atom, down->reason));
    }
  }
}

TEST_CASE("A process that monitors nodes is told who came and why they went") {
  in_every_world("process::monitor_nodes", [](world& in) {
    eventually("they answer", [&] { return in.erl("{ping, " + in.cpp() + "}") == "pong"; });
    running watching{in.node(), listed, in.peer_atom()};
    eventually("it listens", [&] { return in.node().whereis("listed"_atom).has_value(); });
    in.node().disconnect(in.peer().name());
    eventually("they see it", [&] { return in.erl("{connected, " + in.cpp() + "}") == "false"; });
    eventually("we see it", [&] { return !in.node().is_connected(in.peer().name()); });
    eventually("they are back", [&] { return in.erl("{ping, " + in.cpp() + "}") == "pong"; });
    expect_same(in.erl("{disconnect, " + in.cpp() + "}"), "true");
    eventually("we see that too", [&] { return !in.node().is_connected(in.peer().name()); });
    in.node().send(*in.node().whereis("listed"_atom), "finish"_atom);
    expect_term(watching.get(), "[present,{down,disconnect},{up,hidden},{down,connection_closed}]");
  });
}

// With TLS around it, which process of the peer ends first decides the reason, as between two Erlang nodes.
TEST_CASE("net_kernel:monitor_nodes tells of our nodes: type, reason, and one id per connection", "[clear]") {
  for_every_release("net_kernel:monitor_nodes: connect, disconnect, kill -9, stop", [](const release& otp) {
    world in{otp};
    in.peer().load(ERGO_SOURCE_DIR "/tests/interop/node/events_side.erl");
    expect_same(in.erl("{apply, events_side, watch, []}"), "ok");
    const auto told = [&](const std::string& what, const std::string& node, const std::string& wanted) {
      std::string last;
      try {
        eventually(what, [&] {
          last = in.erl("{apply, events_side, told, [" + atom_text(node) + "]}");
          return last == wanted;
        });
      } catch (const std::runtime_error&) {
        expect_same(what + ": " + last, wanted);
      }
    };
    const auto ours = in.ours().name();
    const std::string up = "{up,hidden}";
    in.connect(false);
    told("we connect", ours, "[" + up + "]");
    expect(in.node().disconnect(in.peer().name()), "disconnect");
    const auto once = up + ",{down,hidden,connection_closed}";
    told("we disconnect", ours, "[" + once + "]");
    in.connect(true);
    expect_same(in.erl("{disconnect, " + in.cpp() + "}"), "true");
    const auto twice = once + "," + up + ",{down,hidden,disconnect}";
    told("they connect and disconnect", ours, "[" + twice + "]");

    demo_node killed{fresh_name("killed"), in.port(), {"--visible"}};
    expect_same(in.erl("{ping, " + atom_text(killed.name()) + "}"), "pong");
    killed.process().kill_now();
    told("kill -9", killed.name(), "[{up,visible},{down,visible,connection_closed}]");

    auto options = in.another();
    options.visibility = ergo::visibility::visible;
    our_node stopped{options};
    expect(stopped->connect(in.peer().name()).has_value(), "connect");
    told("a visible node connects", stopped.name(), "[{up,visible}]");
    stopped->stop(0s);
    told("stop", stopped.name(), "[{up,visible},{down,visible,connection_closed}]");
    told("nobody else", ours, "[" + twice + "]");
  });
}

constexpr auto tick_time = 2s;

/// A visible node of ours with names of the cluster, and an Erlang one, that find silence out soon.
world ticking_members(const release& otp) {
  ergo::node_options options;
  options.visibility = ergo::visibility::visible;
  options.net_ticktime = tick_time;
  options.boot = ergo::kernel::boot();
  return world{otp, options, {"-kernel", "net_ticktime", "2", "-kernel", "prevent_overlapping_partitions", "true"}};
}

void theirs_falls_silent(world& in) {
  const ergo::otp::global_name theirs{"theirs"_atom};
  const auto known = [&] { return ergo::otp::global::whereis_name(in.node().local(), theirs).has_value(); };
  in.connect(true);
  in.erl("{set, sleeper, {apply, global_side, sleeper, []}}");
  expect_same(in.erl("{apply, global, register_name, [theirs, {var, sleeper}]}"), "yes");
  eventually("we know their name", known);
  running watching{in.node(), listed, in.peer_atom()};
  eventually("it listens", [&] { return in.node().whereis("listed"_atom).has_value(); });
  in.peer().signal(SIGSTOP);
  eventually("it is down for us", [&] { return !in.node().is_connected(in.peer().name()); }, 3 * tick_time + 6s);
  eventually("its name is gone", [&] { return !known(); });
  in.node().send(*in.node().whereis("listed"_atom), "finish"_atom);
  const auto told = watching.get();
  in.peer().signal(SIGCONT);
  expect_term(told, "[present,{down,net_tick_timeout}]");
}

void ours_falls_silent(world& in) {
  const auto ticks = std::to_string(tick_time / 1s);
  demo_node silent{fresh_name("silent"), in.port(), {"--visible", "--tick-time", ticks}};
  const auto node = atom_text(silent.name());
  const auto told = [&] { return in.erl("{apply, events_side, told, [" + node + "]}"); };
  expect_same(in.erl("{ping, " + node + "}"), "pong");
  expect_same(in.erl("{apply, global_side, sync, []}"), "ok");
  in.erl("{set, echo, {apply, rpc, call, [" + node + ", erlang, whereis, [echo]]}}");
  expect_same(in.erl("{apply, global, register_name, [ours, {var, echo}]}"), "yes");
  silent.process().signal(SIGSTOP);
  eventually(
      "it is down for them", [&] { return told() == "[{up,visible},{down,visible,net_tick_timeout}]"; },
      3 * tick_time + 6s);
  eventually("its name is gone", [&] { return in.erl("{apply, global, whereis_name, [ours]}") == "undefined"; });
  silent.process().signal(SIGCONT);
  eventually("it is met again", [&] { return in.erl("{ping, " + node + "}") == "pong"; });
}

TEST_CASE("A member that falls silent is down with net_tick_timeout for the other side, and its names go", "[clear]") {
  for_every_release("monitor_nodes and global: SIGSTOP of either side", [](const release& otp) {
    auto in = ticking_members(otp);
    for (const std::string module : {"events_side", "global_side"})
      in.peer().load(ERGO_SOURCE_DIR "/tests/interop/node/" + module + ".erl");
    expect_same(in.erl("{apply, events_side, watch, []}"), "ok");
    ours_falls_silent(in);
    theirs_falls_silent(in);
  });
}

TEST_CASE("A node is up before any of its traffic, and down after all of it") {
  in_every_world("nodeup, traffic, nodedown: 40 cuts in bursts", [](world& in) {
    constexpr int cuts = 40;
    in.node().disconnect(in.peer().name());
    eventually("they see it", [&] { return in.erl("{connected, " + in.cpp() + "}") == "false"; });
    eventually("we see it", [&] { return !in.node().is_connected(in.peer().name()); });
    running watching{in.node(), witness};
    eventually("the witness is there", [&] { return in.node().whereis("witness"_atom).has_value(); });
    const auto to = *in.node().whereis("witness"_atom);
    const auto events = in.node().subscribe([&](const ergo::node_event& news) {
      in.node().send(to, news.what == ergo::node_event::kind::up ? "up"_atom : "down"_atom);
    });
    for (int cut = 0; cut < cuts; ++cut) {
      // Whoever sends first connects; what they send after the cut connects again.
      if (cut % 2 == 0) in.node().send(in.erl_server(), "connect"_atom);  // nothing that the server keeps
      expect_same(in.erl("{spam, " + in.at("witness") + ", 500}"), "ok");
      (void)in.node().connect(in.peer().name());  // all of it may have gone into the end of the last session
      if (cut % 4 < 2) {
        in.node().disconnect(in.peer().name());
      } else {
        in.erl("{disconnect, " + in.cpp() + "}");
      }
    }
    eventually("they answer after all that", [&] { return in.erl("{ping, " + in.cpp() + "}") == "pong"; });
    in.node().send(to, "finish"_atom);
    const auto seen = watching.get();
    const auto counts = ergo::etf::to_text(seen);
    // Few, where most cuts meet a session that is ending already.
    expect(seen.is_tuple(3) && seen.elements()[0].as_integer().value_or(0) > 1, counts);
    const auto ups = seen.elements()[0].as_integer().value();
    const auto downs = seen.elements()[1].as_integer().value();
    expect(ups - downs == 0 || ups - downs == 1, counts);
    expect(seen.elements()[2].as_integer().value() > 0, counts);
  });
}

}  // namespace
}  // namespace ergo_interop
