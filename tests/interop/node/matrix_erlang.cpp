// Links and monitors, with Erlang as the one who watches and our processes as those who end.
#include "harness.hpp"

#include <catch2/catch_test_macros.hpp>

namespace ergo_interop {
namespace {

/// How the watched process ends: what is done to it in Erlang syntax, and the reason that its watchers must get.
struct ending {
  std::string how;
  std::string reason;
};

const std::vector<ending>& endings() {
  static const std::vector<ending> all{{"{tell, {var, s}, stop}", "normal"},
                                       {"{tell, {var, s}, {exit, boom}}", "boom"},
                                       {"{tell, {var, s}, {exit, {shutdown, [1, <<2>>]}}}", "{shutdown,[1,<<2>>]}"},
                                       {"{exit, {var, s}, kill}", "killed"},
                                       {"{exit, {var, s}, hurt}", "hurt"}};
  return all;
}

/// A process of ours in their variable `s`; its name.
std::string new_sleeper(world& in) {
  const auto name = fresh_name("sleeper");
  in.erl("{set, s, {remote_sleeper, " + name + ", " + in.cpp() + "}}");
  return name;
}

TEST_CASE("Erlang monitors our process: one DOWN for each of two monitors, with the exact reason") {
  in_every_world("Erlang monitors ours, by pid: normal, reason, kill", [](world& in) {
    for (const auto& one : endings()) {
      new_sleeper(in);
      expect_same(in.erl("{monitor, {var, s}, " + one.how + "}"), "{" + one.reason + "," + one.reason + ",[]}");
    }
  });
  in_every_world("Erlang monitors ours, by {name,node}: normal, reason, kill", [](world& in) {
    for (const auto& one : endings()) {
      const auto name = new_sleeper(in);
      expect_same(in.erl("{monitor, {" + name + ", " + in.cpp() + "}, " + one.how + "}"),
                  "{" + one.reason + "," + one.reason + ",[]}");
    }
  });
}

TEST_CASE("Erlang monitors what is not here, or loses the connection") {
  in_every_world("Erlang monitors ours: noproc by pid and name", [](world& in) {
    expect_same(in.erl("{monitor, {nobody_here, " + in.cpp() + "}, none}"), "{noproc,noproc,[]}");
    new_sleeper(in);
    in.erl("{monitor, {var, s}, {tell, {var, s}, stop}}");
    expect_same(in.erl("{monitor, {var, s}, none}"), "{noproc,noproc,[]}");
  });
  in_every_world("Erlang monitors ours: noconnection by pid and name", [](world& in) {
    const auto name = new_sleeper(in);
    expect_same(in.erl("{monitor, {var, s}, {disconnect, " + in.cpp() + "}}"), "{noconnection,noconnection,[]}");
    expect_same(in.erl("{ping, " + in.cpp() + "}"), "pong");
    expect_same(in.erl("{monitor, {" + name + ", " + in.cpp() + "}, {disconnect, " + in.cpp() + "}}"),
                "{noconnection,noconnection,[]}");
    expect_same(in.erl("{monitor, {echo, no_such_node@localhost}, {disconnect, no_such_node@localhost}}"),
                "{noconnection,noconnection,[]}");
  });
}

TEST_CASE("A monitor that Erlang took back says nothing") {
  in_every_world("Erlang demonitors ours, with flush, early and late", [](world& in) {
    for (const std::string command : {"demonitor", "demonitor_late"}) {
      auto name = new_sleeper(in);
      expect_same(in.erl("{" + command + ", {var, s}, {var, s}, {tell, {var, s}, {exit, boom}}}"), "[]");
      name = new_sleeper(in);
      expect_same(
          in.erl("{" + command + ", {" + name + ", " + in.cpp() + "}, {var, s}, {tell, {var, s}, {exit, boom}}}"),
          "[]");
    }
  });
}

TEST_CASE("Erlang links to our process and gets its exit reason") {
  in_every_world("Erlang links to ours: normal, reason, kill, noproc, noconnection", [](world& in) {
    for (const auto& one : endings()) {
      new_sleeper(in);
      expect_same(in.erl("{link, {var, s}, " + one.how + "}"), one.reason);
    }
    expect_same(in.erl("{link, {var, s}, none}"), "noproc");
    new_sleeper(in);
    expect_same(in.erl("{link, {var, s}, {disconnect, " + in.cpp() + "}}"), "noconnection");
  });
}

TEST_CASE("A link that Erlang took back, or that both sides make and break at once, says nothing") {
  in_every_world("Erlang unlinks ours; link and unlink crossing", [](world& in) {
    new_sleeper(in);
    expect_same(in.erl("{link_unlink, {var, s}, {tell, {var, s}, {exit, boom}}}"), "[]");
    new_sleeper(in);
    expect_same(in.erl("{link_crossing, {var, s}, 500}"), "[]");
  });
}

TEST_CASE("Our process dies of the Erlang process that it is linked to") {
  in_every_world("an Erlang process dies linked to ours", [](world& in) {
    new_sleeper(in);
    expect_same(in.erl("{die_linked_to, {var, s}, boom}"), "boom");
    new_sleeper(in);
    expect_same(in.erl("{die_linked_to, {var, s}, killed}"), "killed");
    new_sleeper(in);
    in.erl("{set, d, {remote_sleeper, none, " + in.cpp() + "}}");
    // A normal end does not take a linked process along: it still ends of what it is told afterwards.
    in.erl("{send, {var, s}, {cross, {var, d}, 1}}");
    expect_same(in.erl("{monitor, {var, s}, {tell, {var, s}, stop}}"), "{normal,normal,[]}");
    expect_same(in.erl("{monitor, {var, d}, {tell, {var, d}, {exit, alive_until_now}}}"),
                "{alive_until_now,alive_until_now,[]}");
  });
}

TEST_CASE("Erlang's exit/2 acts on our process as on its own") {
  in_every_world("exit/2 from Erlang: normal, kill, a large reason", [](world& in) {
    new_sleeper(in);
    in.erl("{exit, {var, s}, normal}");
    expect_same(in.erl("{monitor, {var, s}, {tell, {var, s}, {exit, survived}}}"), "{survived,survived,[]}");
    new_sleeper(in);
    expect_same(in.erl("{exit_large, {var, s}, 1048576}"), "1048576");
  });
}

TEST_CASE("erlang:monitor_node tells once for each time it was asked") {
  in_every_world("erlang:monitor_node on our node", [](world& in) {
    expect_same(in.erl("{monitor_node, " + in.cpp() + ", {disconnect, " + in.cpp() + "}}"), "down");
    expect_same(in.erl("{ping, " + in.cpp() + "}"), "pong");
    expect_same(in.erl("{monitor_node_count, " + in.cpp() + "}"), "[down,down]");
    expect_same(in.erl("{monitor_node, no_such_node@localhost, none}"), "down");
  });
}

}  // namespace
}  // namespace ergo_interop
