// Erlang nodes that know nothing but our port mapper.
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>

#include "programs.hpp"

using namespace ergo::test;
using std::chrono::steady_clock;

namespace {

constexpr std::string_view names_known = "lists:sort([N || {N, _} <- element(2, erl_epmd:names(localhost))])";

}  // namespace

TEST_CASE("Two Erlang nodes find each other through our port mapper") {
  port_mapper server{our_epmd(), {}};
  erlang_node a{"alpha", server.port()}, b{"beta", server.port()};
  CHECK(a.eval("net_adm:ping(beta@localhost)") == "pong");
  CHECK(b.eval("nodes()") == "[alpha@localhost]");
  CHECK(a.eval(std::string{names_known}) == R"(["alpha","beta"])");
  CHECK(a.eval("net_adm:ping(gamma@localhost)") == "pang");
  // The same creation that the port mapper gave: a pid of ours is recognised as ours by the other side.
  CHECK(a.eval("rpc:call(beta@localhost, erlang, is_process_alive, [rpc:call(beta@localhost, erlang, self, [])])") ==
        "false");
}

TEST_CASE("A name is free when its node has ended, and taken while it lives") {
  port_mapper server{our_epmd(), {}};
  auto first = std::make_unique<erlang_node>("alpha", server.port());
  const auto rival = run({erl(), "-noshell", "-sname", "alpha@localhost", "-start_epmd", "false", "-eval", "halt(0)."},
                         {{"ERL_EPMD_PORT", std::to_string(server.port())}, {"ERL_CRASH_DUMP", "/dev/null"}});
  CHECK(rival.exit_code != 0);
  CHECK((rival.out + rival.err).find("seems to be in use by another Erlang node") != std::string::npos);
  const auto creation = first->eval("erlang:system_info(creation)");
  first.reset();
  erlang_node again{"alpha", server.port()};
  CHECK(std::stoul(again.eval("erlang:system_info(creation)")) == std::stoul(creation) + 1);
}

TEST_CASE("Nodes register again within five seconds when our port mapper was killed and came back", "[R34]") {
  const auto port = free_port();
  auto server = std::make_unique<port_mapper>(our_epmd(), arguments{}, port);
  erlang_node a{"alpha", port}, b{"beta", port};
  server->process().send_signal(SIGKILL);
  CHECK(server->process().finish().exit_code == 128 + SIGKILL);
  server = std::make_unique<port_mapper>(our_epmd(), arguments{}, port);
  const auto start = steady_clock::now();
  CHECK(a.eval_until(std::string{names_known}, R"(["alpha","beta"])") == R"(["alpha","beta"])");
  CHECK(steady_clock::now() - start < std::chrono::seconds{5});
  CHECK(a.eval("net_adm:ping(beta@localhost)") == "pong");
}

TEST_CASE("Erlang starts our program as its port mapper") {
  const auto port = free_port();
  std::optional<erlang_node> node;
  node.emplace("alpha", port, arguments{"-epmd", our_epmd() + " -daemon"});
  CHECK(node->eval(std::string{names_known}) == R"(["alpha"])");
  const auto ask = [&](const char* command) { return run({our_epmd(), "-port", std::to_string(port), command}); };
  CHECK(ask("-started").exit_code == 0);
  node.reset();
  // The daemon outlives the node, and can be killed as soon as it has noticed the node's end.
  const auto end = steady_clock::now() + std::chrono::seconds{10};
  auto killed = ask("-kill");
  while (killed.exit_code != 0 && steady_clock::now() < end) killed = ask("-kill");
  CHECK(killed.out == "Killed\n");
  CHECK(ask("-started").exit_code == 1);
}
