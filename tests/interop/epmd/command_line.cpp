// Our program and Erlang's side by side: the same words, on the same stream, with the same exit code.
#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "programs.hpp"

using namespace ergo::test;

namespace {

/// Without what must differ: ports, descriptors, times, process numbers.
std::string normal(std::string text, std::uint16_t port) {
  text = std::regex_replace(text, std::regex{std::to_string(port)}, "PORT");
  text = std::regex_replace(text, std::regex{"fd = [0-9]+"}, "fd = N");
  return std::regex_replace(text, std::regex{"[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [0-9]{4}"}, "TIME");
}

outcome normal(outcome seen, std::uint16_t port) {
  seen.out = normal(std::move(seen.out), port);
  seen.err = normal(std::move(seen.err), port);
  return seen;
}

/// Runs the same command against both, at a port where nobody listens.
void compare_alone(const arguments& command, const variables& set = {}) {
  std::string words;
  for (const auto& word : command) words += word.substr(0, 40) + " ";
  CAPTURE(words);
  const auto port = free_port();
  const auto run_it = [&](const std::string& file) {
    arguments all{file, "-port", std::to_string(port)};
    all.insert(all.end(), command.begin(), command.end());
    return normal(run(all, set), port);
  };
  const auto theirs = run_it(erlang_epmd());
  const auto ours = run_it(our_epmd());
  CHECK(ours.exit_code == theirs.exit_code);
  CHECK(ours.out == theirs.out);
  CHECK(ours.err == theirs.err);
}

/// Both servers with the same options, and the same nodes at each.
struct pair_of_servers {
  explicit pair_of_servers(const arguments& options) : theirs{erlang_epmd(), options}, ours{our_epmd(), options} {}

  /// Every combination of command and server prints the same.
  void compare(const arguments& command) {
    CAPTURE(command.front());
    const auto expected = normal(theirs.ask(command), theirs.port());
    for (auto* server : {&theirs, &ours}) {
      for (const auto& file : {erlang_epmd(), our_epmd()}) {
        CAPTURE(file, server == &ours);
        const auto seen = normal(server->ask(command, file), server->port());
        CHECK(seen.exit_code == expected.exit_code);
        CHECK(seen.out == expected.out);
        CHECK(seen.err == expected.err);
      }
    }
  }

  port_mapper theirs;
  port_mapper ours;
};

}  // namespace

TEST_CASE("A wrong command line prints the same text") {
  for (const arguments& command : std::vector<arguments>{{"-help"},
                                                         {"--help"},
                                                         {"-names", "x"},
                                                         {"-kill", "x"},
                                                         {"-dump", "x"},
                                                         {"-started", "x"},
                                                         {"-stop"},
                                                         {"-stop", "a", "b"},
                                                         {"-port"},
                                                         {"-port", "abc"},
                                                         {"-port", "0"},
                                                         {"-packet_timeout", "0"},
                                                         {"-packet_timeout"},
                                                         {"-delay_accept", "x"},
                                                         {"-delay_write"},
                                                         {"-address"},
                                                         {"names"},
                                                         {"-d", "-unknown"},
                                                         {""}})
    compare_alone(command);
}

TEST_CASE("Commands without a server fail alike") {
  for (const arguments& command : std::vector<arguments>{{"-names"},
                                                         {"-dump"},
                                                         {"-kill"},
                                                         {"-started"},
                                                         {"-stop", "a"},
                                                         {"-d", "-names"},
                                                         {"-stop", std::string(1001, 'n')}})
    compare_alone(command);
}

TEST_CASE("Servers that cannot start say the same") {
  compare_alone({"-address", "1.2.3.4.5"});
  compare_alone({"-address", "127.0.0.1,nonsense"});
  compare_alone({}, {{"ERL_EPMD_ADDRESS", "nonsense"}});
  std::string many = "10.0.0.1";
  for (int i = 2; i < 40; ++i) many += ",10.0.0." + std::to_string(i);
  compare_alone({"-address", many});
  compare_alone({"-systemd"});
}

TEST_CASE("A second server at the same port ends silently with success") {
  pair_of_servers both{{}};
  for (auto* server : {&both.theirs, &both.ours}) {
    for (const auto& file : {erlang_epmd(), our_epmd()}) {
      const auto second = run({file, "-port", std::to_string(server->port())});
      CHECK(second == outcome{.exit_code = 0, .out = {}, .err = {}});
      const auto debugged = normal(run({file, "-d", "-port", std::to_string(server->port())}), server->port());
      CHECK(debugged.exit_code == 0);
      CHECK(debugged.err.ends_with("epmd: TIME: there is already a epmd running at port PORT on ipaddr 0.0.0.0\r\n"));
    }
  }
}

TEST_CASE("An empty server answers every command alike") {
  pair_of_servers both{{}};
  for (const arguments& command : std::vector<arguments>{{"-names"}, {"-dump"}, {"-started"}, {"-stop", "a"}})
    both.compare(command);
  // A kill can be seen once for each server.
  for (auto* server : {&both.theirs, &both.ours}) {
    CHECK(server->ask({"-kill"}, our_epmd()) == outcome{.exit_code = 0, .out = "Killed\n", .err = {}});
    CHECK(server->process().finish().exit_code == 0);
    CHECK(server->ask({"-started"}).exit_code == 1);
  }
}

TEST_CASE("A server with nodes answers every command alike") {
  pair_of_servers both{{}};
  std::optional<erlang_node> a, b, c, d;
  a.emplace("alpha", both.theirs.port());
  b.emplace("alpha", both.ours.port());
  c.emplace("beta", both.theirs.port(), arguments{"-start_epmd", "false", "-hidden"});
  d.emplace("beta", both.ours.port(), arguments{"-start_epmd", "false", "-hidden"});
  const auto with_ports_hidden = [](outcome seen) {
    seen.out = std::regex_replace(seen.out, std::regex{"at port [0-9]+|, port = [0-9]+"}, "at port N");
    return seen;
  };
  const auto compare = [&](const arguments& command) {
    CAPTURE(command.front());
    const auto expected = with_ports_hidden(normal(both.theirs.ask(command), both.theirs.port()));
    for (auto* server : {&both.theirs, &both.ours})
      for (const auto& file : {erlang_epmd(), our_epmd()})
        CHECK(with_ports_hidden(normal(server->ask(command, file), server->port())) == expected);
  };
  for (const arguments& command :
       std::vector<arguments>{{"-names"}, {"-dump"}, {"-started"}, {"-kill"}, {"-stop", "alpha"}})
    compare(command);
  CHECK(both.ours.ask({"-names"}).out == both.ours.ask({"-names"}, erlang_epmd()).out);
  CHECK(both.ours.ask({"-names"}).out.find("name alpha at port ") != std::string::npos);
  CHECK(both.ours.process().is_running());
}

TEST_CASE("Relaxed servers stop and kill alike") {
  pair_of_servers both{{"-relaxed_command_check"}};
  for (auto* server : {&both.theirs, &both.ours}) {
    const auto& file = server == &both.theirs ? erlang_epmd() : our_epmd();
    erlang_node node{"alpha", server->port()};
    CHECK(server->ask({"-stop", "nobody"}, file) == outcome{.exit_code = 0, .out = "NOEXIST\n", .err = {}});
    CHECK(server->ask({"-stop", "alpha"}, file) == outcome{.exit_code = 0, .out = "STOPPED\n", .err = {}});
    CHECK(server->ask({"-kill"}, file) == outcome{.exit_code = 0, .out = "Killed\n", .err = {}});
    CHECK(server->process().finish().exit_code == 0);
  }
}

TEST_CASE("The relaxed check can be had from the environment") {
  port_mapper server{our_epmd(), {}, free_port(), {{"ERL_EPMD_RELAXED_COMMAND_CHECK", ""}}};
  erlang_node node{"alpha", server.port()};
  CHECK(server.ask({"-kill"}).out == "Killed\n");
}

TEST_CASE("A port that is no port is refused by name") {
  const auto seen = run({our_epmd(), "-names"}, {{"ERL_EPMD_PORT", "nonsense"}});
  CHECK(seen.exit_code == 1);
  CHECK(seen.err == "epmd: ERL_EPMD_PORT is not a port number from 1 to 65535\n");
}

TEST_CASE("The debug log tells of a registration in the same words") {
  pair_of_servers both{{"-d"}};
  const auto log_of = [](port_mapper& server) {
    {
      erlang_node node{"alpha", server.port()};
    }
    // The node was killed; its name is gone when the dump shows it as unused.
    while (server.ask({"-dump"}).out.find("old/unused name <alpha>") == std::string::npos) {
    }
    server.ask({"-kill"});
    auto text = server.process().finish().err;
    std::string kept;
    for (const auto* words : {"registering 'alpha", "** sent ALIVE2_RESP for \"alpha\"", "unregistering 'alpha",
                              "got KILL_REQ - terminates normal", "epmd killed"})
      if (text.find(words) != std::string::npos) kept += std::string{words} + "\n";
    return kept;
  };
  const auto theirs = log_of(both.theirs);
  CHECK(theirs.size() > 100);
  CHECK(log_of(both.ours) == theirs);
}
