// The server under pressure: too many clients, no descriptors, ten thousand idle ones.
#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <string>
#include <vector>

#include "ergo_test/baseline.hpp"
#include "ergo_test/figures.hpp"
#include "ergo_test/outside.hpp"
#include "ergo_test/sanitizers.hpp"
#include "support.hpp"

using namespace ergo::epmd;
using namespace ergo::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

/// The n-th address of 127.0.0.0/8, but for the common one.
std::uint32_t loopback(std::uint32_t n) { return 0x7f010001 + n; }

/// How long a look-up takes.
std::chrono::microseconds time_lookup(std::uint16_t port, const std::string& name) {
  const auto start = steady_clock::now();
  const auto answer = ask(port, port_please2_request{name});
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - start);
  CHECK(parse_port2_answer(answer).has_value());
  return took;
}

}  // namespace

TEST_CASE("Over the cap of one address its oldest idle client goes, and nobody else") {
  running_server server{{.request_deadline = 60s, .max_idle_per_address = 3}};
  const auto port = server.port();
  raw_client node{port}, stranger{port, loopback(1)};
  REQUIRE(node.enlist("a")->result == 0);
  raw_client first{port}, second{port}, third{port};
  CHECK(eventually([&] { return server.clients() == 5; }));
  raw_client fourth{port};
  CHECK(first.is_closed_within());
  raw_client fifth{port};
  CHECK(second.is_closed_within());
  for (auto* living : {&node, &stranger, &third, &fourth, &fifth}) CHECK(living->is_open());
  CHECK(eventually([&] { return server.count(errc::displaced) == 2; }));
  CHECK(server.knows("a"));
}

TEST_CASE("Who has begun to ask later than others connected is not the first to go") {
  running_server server{{.request_deadline = 60s, .max_idle_per_address = 3}};
  const auto port = server.port();
  raw_client first{port}, second{port}, third{port};
  CHECK(eventually([&] { return server.clients() == 3; }));
  const auto request = encode(names_request{}).value();
  first.send(std::string_view{request}.substr(0, 1));
  raw_client stranger{port, loopback(1)};  // is answered after that byte was read
  stranger.send(names_request{});
  CHECK(stranger.read_all().size() == 4);
  raw_client fourth{port};
  CHECK(second.is_closed_within());
  for (auto* living : {&first, &third, &fourth}) CHECK(living->is_open());
  first.send(std::string_view{request}.substr(1));
  CHECK(first.read_all().size() == 4);
}

TEST_CASE("A full server drops its oldest idle client, never a registration") {
  running_server server{{.request_deadline = 60s, .max_clients = 16}};
  const auto port = server.port();
  std::vector<raw_client> nodes, idle;
  for (int i = 0; i < 8; ++i) REQUIRE(nodes.emplace_back(port).enlist("n" + std::to_string(i))->result == 0);
  for (std::uint32_t i = 0; i < 20; ++i) idle.emplace_back(port, loopback(i));
  for (int i = 0; i < 12; ++i) CHECK(idle[static_cast<std::size_t>(i)].is_closed_within());
  for (int i = 12; i < 20; ++i) CHECK(idle[static_cast<std::size_t>(i)].is_open());
  for (auto& node : nodes) CHECK(node.is_open());
  CHECK(server.clients() == 16);
}

TEST_CASE("A server full of registrations still answers queries") {
  running_server server{{.max_clients = 16}};
  const auto port = server.port();
  std::vector<raw_client> nodes;
  for (int i = 0; i < 12; ++i) REQUIRE(nodes.emplace_back(port).enlist("n" + std::to_string(i))->result == 0);
  raw_client late{port};
  CHECK_FALSE(late.enlist("late"));
  CHECK(eventually([&] { return server.count(errc::too_many_names) == 1; }));
  CHECK(parse_port2_answer(ask(port, port_please2_request{"n0"})).has_value());
  nodes.pop_back();
  CHECK(eventually([&] { return !server.knows("n11"); }));
  raw_client next{port};
  CHECK(next.enlist("next")->result == 0);
}

TEST_CASE("A server without room for anybody turns clients away and goes on") {
  // Two places, one of them for queries: the second client holds it until it asks.
  running_server server{{.max_clients = 1}};
  const auto port = server.port();
  raw_client first{port};
  CHECK(eventually([&] { return server.clients() == 1; }));
  raw_client second{port};
  CHECK(first.is_closed_within());
  second.send(names_request{});
  CHECK(second.read_all().size() == 4);
}

TEST_CASE("With 64 descriptors the server stays up, serves registered nodes and recovers", "[R33]") {
  scenario figures{"R33", "epmd with 64 descriptors: queries among 300 idle clients"};
  server_process server{{.request_deadline = 60s}, 64};
  const auto port = server.port();
  std::vector<raw_client> nodes;
  for (int i = 0; i < 30; ++i) REQUIRE(nodes.emplace_back(port).enlist("n" + std::to_string(i))->result == 0);
  {
    std::vector<raw_client> idle;
    for (std::uint32_t i = 0; i < 300; ++i) idle.emplace_back(port, loopback(i));
    for (int i = 0; i < 30; ++i) {
      const bool answered = parse_port2_answer(ask(port, port_please2_request{"n" + std::to_string(i)})).has_value();
      CHECK(answered);
      figures.ran();
      figures.violated(answered ? 0 : 1);
    }
    for (auto& node : nodes) CHECK(node.is_open());
    REQUIRE(server.is_alive());
  }
  raw_client late{port};
  CHECK(late.enlist("late")->result == 0);
  CHECK(names_in(parse_listing(ask(port, names_request{})).value()).size() == 31);
}

TEST_CASE("With no descriptor but registrations' the server turns clients away until one is free") {
  server_process server{{.request_deadline = 60s}, 40};
  const auto port = server.port();
  std::vector<raw_client> nodes;
  for (;;) {
    raw_client next{port};
    const auto answer = next.enlist("n" + std::to_string(nodes.size()));
    if (!answer) break;
    REQUIRE(answer->result == 0);
    nodes.push_back(std::move(next));
    REQUIRE(nodes.size() < 40);
  }
  CHECK(nodes.size() > 20);
  for (int i = 0; i < 20; ++i) CHECK(ask(port, names_request{}).empty());  // turned away, not left waiting
  REQUIRE(server.is_alive());
  for (auto& node : nodes) CHECK(node.is_open());
  nodes.pop_back();
  nodes.pop_back();
  CHECK(eventually([&] { return ask(port, names_request{}).size() > 4; }));
}

TEST_CASE("Ten thousand idle clients and five thousand registrations do not slow queries down", "[R32]") {
  scenario figures{"R32", "queries to epmd with 10,000 idle clients and 5,000 registrations"};
  constexpr std::uint32_t idle_count = 10'000, node_count = 5'000;
  if (!may_open(idle_count + node_count + 200)) SKIP("the hard limit of open files is too low for 15,000 clients");
  server_process server{{.request_deadline = 120s}, 16'500};
  const auto port = server.port();
  std::vector<raw_client> idle, nodes;
  idle.reserve(idle_count);
  nodes.reserve(node_count);
  CHECK(ask(port, names_request{}).size() == 4);
  const auto before = resident_bytes(server.process());
  for (std::uint32_t i = 0; i < idle_count; ++i) {
    idle.emplace_back(port, loopback(i % 1000));
    if (i % 1000 == 999) CHECK(ask(port, names_request{}).size() == 4);
  }
  const auto after_idle = resident_bytes(server.process());
  for (std::uint32_t i = 0; i < node_count; ++i)
    REQUIRE(nodes.emplace_back(port, loopback(i % 1000)).enlist("n" + std::to_string(i))->result == 0);

  std::vector<std::chrono::microseconds> times;
  for (int i = 0; i < 1000; ++i) times.push_back(time_lookup(port, "n" + std::to_string(i * 5)));
  std::ranges::sort(times);
  CHECK(times[990] < 50ms);
  for (std::uint32_t i = 0; i < idle_count; i += 97) CHECK(idle[i].is_open());
  CHECK(server.is_alive());
  const auto each = (after_idle - before) / idle_count;
  if (!sanitized) CHECK(each < 4096);
  const auto ms = [](std::chrono::microseconds took) { return static_cast<double>(took.count()) / 1000; };
  figures.ran(static_cast<std::int64_t>(times.size()));
  figures.measured({.name = "p50", .value = ms(times[500]), .unit = "ms"});
  figures.measured({"p99", ms(times[990]), "ms", 50});
  if (!sanitized) figures.measured({"each idle client", static_cast<double>(each), "B", 4096});
}
