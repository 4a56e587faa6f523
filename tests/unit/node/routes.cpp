// Nodes that find each other without a port mapper, from behind a router, and over IPv6.
#include "lone_node.hpp"

#include <ergo/epmd/client.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <future>
#include <stdexcept>
#include <string>

using namespace ergo;
using namespace ergo_test;

namespace {

std::unique_ptr<node> start(node_options options) {
  auto made = node::start(std::move(options), runtime_options{.cores = 1});
  INFO((made ? "" : made.error().message()));
  REQUIRE(made);
  return *std::move(made);
}

/// A node without port mapper whose name says nothing about where it listens.
node_options hidden_away(const std::string& name) {
  auto options = lonely();
  options.name = name;
  options.listen = {"127.0.0.1"};
  return options;
}

bool has_ipv6() {
  boost::asio::io_context context;
  boost::system::error_code failed;
  const boost::asio::ip::tcp::endpoint there{boost::asio::ip::address_v6::loopback(), 0};
  boost::asio::ip::tcp::acceptor probe{context};
  probe.open(there.protocol(), failed);
  if (!failed) probe.bind(there, failed);
  return !failed;
}

/// What the port mapper of this computer says about a name.
epmd::answer<epmd::located_node> registered(std::uint16_t epmd_port, const std::string& name) {
  boost::asio::io_context context;
  epmd::client_options at;
  at.port = epmd_port;
  epmd::client ask{context.get_executor(), at};
  auto answer = ask.async_lookup("", name, boost::asio::use_future);
  context.run();
  return answer.get();
}

}  // namespace

TEST_CASE("nodes without a port mapper find each other by routes, whatever their names say") {
  const auto db = start(hidden_away("db@far.invalid"));
  auto options = hidden_away("web@far.invalid");
  options.routes = {{"db@*", {"127.0.0.1", db->port()}}};
  const auto web = start(options);
  CHECK(web->connect("db@far.invalid", patience));
  CHECK(eventually([&] { return db->is_connected("web@far.invalid"); }));
  const auto other = web->connect("log@far.invalid", patience);
  REQUIRE_FALSE(other);
  CHECK(other.error().message().find("peer_port") != std::string::npos);
}

TEST_CASE("the program's resolver finds a node, off the threads of the node") {
  const auto db = start(hidden_away("db@far.invalid"));
  const auto log = start(hidden_away("log@far.invalid"));
  auto options = hidden_away("web@far.invalid");
  std::promise<void> asked;
  std::promise<void> released;
  auto release = released.get_future().share();
  options.resolve = [&](std::string_view who) -> std::optional<node_address> {
    if (who == "log@far.invalid") return node_address{"127.0.0.1", log->port()};
    if (who != "db@far.invalid") throw std::runtime_error{"the directory is closed"};
    asked.set_value();
    release.wait();
    return node_address{"127.0.0.1", db->port()};
  };
  const auto web = start(options);
  std::promise<result<void>> told;
  std::thread waiting{[&] { told.set_value(web->connect("db@far.invalid", patience)); }};
  asked.get_future().wait();
  // The only core of the node goes on while the program looks.
  CHECK(web->connect("log@far.invalid", patience));
  CHECK_FALSE(web->is_connected("db@far.invalid"));
  released.set_value();
  waiting.join();
  CHECK(told.get_future().get());
  const auto refused = web->connect("other@far.invalid", patience);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::nodedown);
  CHECK(refused.error().message().find("the directory is closed") != std::string::npos);
}

TEST_CASE("a resolver that is slower than a handshake may be ends the attempt, and the node ends without it") {
  std::promise<void> released;
  {
    auto options = hidden_away("web@far.invalid");
    options.limits.handshake_step = std::chrono::milliseconds{50};
    auto release = released.get_future().share();
    options.resolve = [release](std::string_view) -> std::optional<node_address> {
      release.wait();
      return std::nullopt;
    };
    const auto web = start(options);
    const auto refused = web->connect("db@far.invalid", patience);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message().find("node_options::resolve has not answered in time") != std::string::npos);
    web->stop(std::chrono::milliseconds{10});
    released.set_value();
  }
}

TEST_CASE("nodes of a port range listen at its ports, and one too many says so") {
  auto options = hidden_away("a@far.invalid");
  const auto a = start(options);
  options.listen_port_min = a->port();
  options.listen_port_max = a->port();
  options.name = "b@far.invalid";
  const auto none = node::start(options, runtime_options{.cores = 1});
  REQUIRE_FALSE(none);
  CHECK(none.error().message().find(std::to_string(a->port())) != std::string::npos);
  options.listen_port_max = static_cast<std::uint16_t>(std::min(a->port() + 200, 65'535));
  const auto b = start(options);
  CHECK(b->port() > a->port());
  CHECK(b->port() <= options.listen_port_max);
}

TEST_CASE("the port mapper tells the advertised port instead of the one that a router maps it to") {
  auto options = hidden_away("a@far.invalid");
  options.epmd = epmd_mode::embedded;
  options.epmd_port = free_port();
  const auto told = free_port();
  options.advertised_port = told;
  const auto a = start(options);
  const auto found = registered(options.epmd_port, "a");
  REQUIRE(found);
  CHECK(found->node.port == told);
  CHECK(a->port() != told);
}

TEST_CASE("nodes with an IPv6 address for a host find each other through a port mapper at that address") {
  if (!has_ipv6()) SKIP("this computer has no IPv6");
  auto options = lonely();
  options.epmd = epmd_mode::embedded;
  options.epmd_port = free_port();
  options.name = "a@::1";
  const auto a = start(options);
  options.name = "b@::1";
  const auto b = start(options);
  CHECK(a->connect("b@::1", patience));
  CHECK(eventually([&] { return b->is_connected("a@::1"); }));
}
