// What peers, strangers and names may take of a node, and that who is there already keeps what it has.
#include "connection_bench.hpp"
#include "listening.hpp"
#include "lone_node.hpp"

#include <ergo_test/outside.hpp>

#include <ergo/calls.hpp>
#include <ergo/connect_failure.hpp>

#include <catch2/catch_test_macros.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace ergo_test {
namespace {

namespace asio = boost::asio;

std::unique_ptr<node> start(
    const std::string& name, std::uint16_t own, std::uint16_t peers, node_limits limits = {},
    event_handler on_event = [](const event&) {}) {
  auto options = lonely();
  options.name = name;
  options.listen_port_min = own;
  options.routes = {{"b@*", {"127.0.0.1", peers}}};
  options.limits = limits;
  options.on_event = std::move(on_event);
  auto made = node::start(std::move(options), runtime_options{.cores = 1});
  REQUIRE(made);
  return *std::move(made);
}

// ----- peers --------------------------------------------------------------------------------------------------------

TEST_CASE("a node that has all the peers it may refuses newcomers and keeps the old ones") {
  const auto port = free_port();
  const auto b = start("b@127.0.0.1", port, port, {.connections = 1});
  const auto a = start("a@127.0.0.1", free_port(), port);
  const auto c = start("c@127.0.0.1", free_port(), port);
  REQUIRE(a->connect("b@127.0.0.1"));
  REQUIRE(eventually([&] { return b->is_connected("a@127.0.0.1"); }));
  CHECK_FALSE(c->connect("b@127.0.0.1"));
  CHECK(eventually([&] { return b->figures().refused[refusal::connections] >= 1; }));
  CHECK(b->is_connected("a@127.0.0.1"));
  const auto called = b->connect("c@127.0.0.1");
  REQUIRE_FALSE(called);
  CHECK(called.error() == errc::system_limit);
  CHECK(b->connect("a@127.0.0.1"));  // is there
  REQUIRE(a->disconnect("b@127.0.0.1"));
  REQUIRE(eventually([&] { return b->figures().connections == 0; }));
  CHECK(c->connect("b@127.0.0.1"));
  CHECK(eventually([&] { return b->figures().let_in == 2; }));
}

TEST_CASE("addresses are counted one by one, of IPv6 by the networks that one computer may have") {
  const auto counted = [](const char* text) { return counted_as(asio::ip::make_address(text)); };
  CHECK(counted("127.0.0.1") == "127.0.0.1");
  CHECK(counted("127.0.0.2") != counted("127.0.0.1"));
  CHECK(counted("2001:db8:1:2::1") == counted("2001:db8:1:2:ffff:ffff:ffff:ffff"));
  CHECK(counted("2001:db8:1:2::1") == "2001:db8:1:2::/64");
  CHECK(counted("2001:db8:1:2::1") != counted("2001:db8:1:3::1"));
  CHECK(counted("::ffff:10.0.0.1") == "10.0.0.1");
}

// ----- names --------------------------------------------------------------------------------------------------------

TEST_CASE("ever new names of absent nodes take only so much, and leave room for nodes that are there", "[R31]") {
  bench on{node_limits{.names = 8}};
  for (int node = 0; node < 6; ++node) CHECK(on.way.find_or_make(atom::of("absent" + std::to_string(node) + "@h")));
  for (int node = 6; node < 1'000; ++node) {
    const auto name = atom::of("absent" + std::to_string(node) + "@h");
    CHECK(on.way.find_or_make(name) == nullptr);
  }
  CHECK(on.owner.told.count("refused absent999@h node_limits::names") == 1);
  node_figures shown;
  on.way.write_to(shown);
  CHECK(shown.names == 6);
  CHECK(on.way.find_or_make("present0@h"_atom, acquaintance::proven));
  CHECK(on.way.find_or_make("present1@h"_atom, acquaintance::proven));
  CHECK(on.way.find_or_make("present2@h"_atom, acquaintance::proven) == nullptr);
  CHECK(on.way.find_or_make("absent3@h"_atom));  // is known
}

TEST_CASE("who asks for a node that there is no room for is told noconnection") {
  bench on{node_limits{.names = 1}};
  REQUIRE(on.way.find_or_make("there@h"_atom));
  on.tell(etf::tuple("monitor"_atom, pid{etf::node_id::make("another@h"_atom, 1).value(), 5, 1}));
  CHECK(on.written.wait_for("DOWN noconnection"));
}

TEST_CASE("new incarnations of a peer are charged to what it may make", "[S15]") {
  bench on{node_limits{.atoms_per_peer = 3}};
  auto& way = on.to_peer();
  for (std::uint32_t creation = 81'001; creation <= 81'003; ++creation) CHECK(way.incarnation(creation));
  CHECK(way.incarnation(81'002));
  const auto refused = way.incarnation(81'004);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == etf::errc::atom_budget_spent);
}

// ----- descriptors --------------------------------------------------------------------------------------------------

/// While what it returns lives, the program gets no further descriptor: the lowest that is free is beyond the limit,
/// and all below it are taken.
ergo::test::descriptor_limit no_more_descriptors() {
  const int next = ::dup(STDERR_FILENO);
  REQUIRE(next >= 0);
  ::close(next);
  return ergo::test::descriptor_limit{static_cast<rlim_t>(next)};
}

/// Whether the other side closes before the test's patience ends.
bool is_closed(asio::ip::tcp::socket& socket) {
  pollfd ready{socket.native_handle(), POLLIN, 0};
  if (::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds{patience}.count())) != 1) return false;
  char byte = 0;
  return ::recv(socket.native_handle(), &byte, 1, MSG_DONTWAIT) <= 0;
}

TEST_CASE("a node without file descriptors sends callers away, keeps its peers, and recovers") {
  journal told;
  const auto port = free_port();
  const auto b = start("b@127.0.0.1", port, port, {}, [&](const event& happened) { told.add(happened.text); });
  const auto a = start("a@127.0.0.1", free_port(), port);
  const auto c = start("c@127.0.0.1", free_port(), port);
  REQUIRE(a->connect("b@127.0.0.1"));
  REQUIRE(eventually([&] { return b->is_connected("a@127.0.0.1"); }));
  asio::io_context context;
  std::vector<asio::ip::tcp::socket> callers;
  for (int caller = 0; caller < 3; ++caller) callers.emplace_back(context, asio::ip::tcp::v4());
  const asio::ip::tcp::endpoint there{asio::ip::make_address("127.0.0.1"), port};
  {
    const auto meanwhile = no_more_descriptors();
    for (auto& one : callers) {
      one.connect(there);
      CHECK(is_closed(one));
    }
    CHECK(eventually([&] { return b->figures().refused[refusal::descriptors] == 3; }));
    CHECK(b->figures().shortages >= 1);
    CHECK(told.wait_for_part("no file descriptor left"));
    const auto before = b->figures().moved.packets_in;
    a->send(destination{"nobody"_atom, atom::of("b@127.0.0.1")}, "hello"_atom);
    CHECK(eventually([&] { return b->figures().moved.packets_in > before; }));
    CHECK(b->is_connected("a@127.0.0.1"));
  }
  CHECK(c->connect("b@127.0.0.1"));
  CHECK(eventually([&] { return b->figures().connections == 2; }));
}

}  // namespace
}  // namespace ergo_test
