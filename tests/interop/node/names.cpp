// Long names and short ones, visible nodes, Elixir, and the demo as it is shown to people.
#include "harness.hpp"
#include "sockets.hpp"

#include <catch2/catch_test_macros.hpp>

#include <csignal>
#include <cstdlib>

namespace ergo_interop {
namespace {

TEST_CASE("Nodes with long names meet") {
  for_every_release("long names: both directions, calls both ways", [](const release& otp) {
    const auto port = free_port();
    auto options = options_for("", port);
    options.name = fresh_name("cpp") + "@127.0.0.1";
    our_node ours{options};
    erlang_peer peer{peer_at(otp, port, "127.0.0.1")};
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
    expect_same(peer.run("{echo_all, {echo, " + ours.quoted_name() + "}}"), "all");
    ours->disconnect(peer.name());
    eventually("they saw it", [&] { return peer.run("{connected, " + ours.quoted_name() + "}") == "false"; });
    expect(ours->connect(peer.name()).has_value(), "connect");
    const ergo::destination server{"erl_server"_atom, parsed(atom_text(peer.name())).as_atom().value()};
    expect_term(ours.call(server, "hello"_atom), "hello");
  });
}

TEST_CASE("Long and short names refuse to mix") {
  for_every_release("long and short names refuse each other", [](const release& otp) {
    const auto port = free_port();
    auto options = options_for("", port);
    options.name = fresh_name("long") + "@127.0.0.1";
    our_node long_one{options};
    our_node short_one{options_for(fresh_name("short"), port)};
    erlang_peer peer{peer_at(otp, port)};
    const auto refused = long_one->connect(peer.name(), 5s);
    expect(!refused.has_value(), "a long name met a short Erlang one");
    const auto ours = long_one->connect(short_one.name(), 5s);
    expect(!ours.has_value(), "a long name met a short one of ours");
    expect_same(peer.run("{ping, " + long_one.quoted_name() + "}"), "pang");
    expect_same(peer.run("{ping, " + short_one.quoted_name() + "}"), "pong");
  });
}

TEST_CASE("A visible node is counted by its peers, and disturbs no global registration") {
  for_every_release("visible: in nodes(), global of the peer works on", [](const release& otp) {
    ergo::node_options options;
    options.visibility = ergo::visibility::visible;
    world in{otp, options};
    in.connect(true);
    expect_same(in.erl("nodes"), "{[" + in.ours().name() + "],[]}");
    expect(in.node().nodes(ergo::node_set::visible) == std::vector{in.peer_atom()}, "nodes(visible)");
    expect(in.node().nodes(ergo::node_set::hidden).empty(), "nodes(hidden)");
    in.erl("{set, s, {start_sleeper, none}}");
    expect_same(in.erl("{apply, global, register_name, [fresh_global, {var, s}]}"), "yes");
    expect_same(in.erl("{apply, global, unregister_name, [fresh_global]}"), "ok");
    expect(in.node().is_connected(in.peer().name()), "still connected");
    expect_same(in.erl("{monitor, {global_name_server, " + in.cpp() + "}, none}"), "{noproc,noproc,[]}");
  });
}

TEST_CASE("Elixir connects and calls", "[installed]") {
  for_installed("Elixir: Node.connect, Node.ping, GenServer.call and cast", [](const release&) {
    if (std::system("command -v elixir >/dev/null 2>&1") != 0) SKIP("elixir is not installed");
    const auto port = free_port();
    our_node ours{options_for(fresh_name("cpp"), port)};
    const auto node = ":\"" + ours.name() + "\"";
    program elixir{
        {"env", "ERL_EPMD_PORT=" + std::to_string(port), "LC_ALL=C.UTF-8", "elixir", "--sname",
         fresh_name("ex") + "@localhost", "--cookie", "interop", "--erl", "-start_epmd false", "-e",
         "IO.inspect({Node.connect(" + node + "), Node.ping(" + node + "), GenServer.call({:echo, " + node +
             "}, %{\"text\" => [1, :two, 3.0, nil, {:ok, self()}]}) |> Map.keys(), GenServer.cast({:recorder, " + node +
             "}, 7), GenServer.call({:recorder, " + node + "}, :take), Node.list(:hidden) == [" + node +
             "]}, charlists: :as_lists)"}};
    expect_same(elixir.read_line(60s), "{true, :pong, [\"text\"], :ok, [7], true}");
    expect(elixir.wait() == 0, "elixir did not end well");
  });
}

/// All that a program says until its output ends.
std::string rest_of(program& speaker) {
  std::string said;
  for (;;) {
    try {
      said += speaker.read_line(60s) + "\n";
    } catch (const std::runtime_error&) {
      return said;
    }
  }
}

TEST_CASE("The demo's conversation with Erlang ends well", "[installed]") {
  for_installed("the demo: apps/demo/run ends with exit code 0", [](const release&) {
    program demo{{"env", "ERL_EPMD_PORT=" + std::to_string(free_port()), ERGO_SOURCE_DIR "/apps/demo/run",
                  program_from("ERGO_PROGRAM_DEMO")}};
    const auto said = rest_of(demo);
    const auto code = demo.wait();
    expect(code == 0, "exit code " + std::to_string(code) + " after\n" + said);
    expect(said.find("conversation ended well") != std::string::npos, said);
  });
}

TEST_CASE("The demo that was told to stay can be met as it says, and ends in order", "[installed]") {
  for_installed("the demo: --keep, a shell of one's own, Ctrl-C", [](const release& otp) {
    const auto port = free_port();
    const std::string script = ERGO_SOURCE_DIR "/apps/demo/run";
    program demo{{"env", "ERL_EPMD_PORT=" + std::to_string(port), script, program_from("ERGO_PROGRAM_DEMO"), "--keep"}};
    constexpr std::string_view before_cookie = "-setcookie ";
    std::string line;
    while (line.find(before_cookie) == std::string::npos) line = demo.read_line(60s);
    while (line.find("GenServer.call") == std::string::npos) {
      if (const auto at = line.find(before_cookie); at != std::string::npos) {
        auto mine = peer_at(otp, port);
        mine.cookie = line.substr(at + before_cookie.size());
        erlang_peer shell{mine};
        expect_same(shell.run("{ping, cpp@localhost}"), "pong");
        expect_same(shell.run("{call, {counter, cpp@localhost}, {add, 5}}"), "5");
      }
      line = demo.read_line();
    }
    demo.signal(SIGINT);
    const auto said = rest_of(demo);
    expect(demo.wait() == 0, said);
    expect(said.find("cpp@localhost has stopped") != std::string::npos, said);
    expect(!names_at(port), "its port mapper still answers");
  });
}

}  // namespace
}  // namespace ergo_interop
