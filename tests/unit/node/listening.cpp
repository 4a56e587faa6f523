// Where a node listens.
#include "listening.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace ergo::detail;
using boost::asio::ip::make_address;

namespace {

const full_name name{.node = "bank", .host = "db1", .kind = ergo::dist::naming::short_names};

addresses known(const std::string& host) {
  if (host == "db1") return {make_address("192.0.2.7"), make_address("2001:db8::7")};
  if (host == "other") return {make_address("192.0.2.7"), make_address("192.0.2.8")};
  return {};
}

}  // namespace

TEST_CASE("a node listens on what its host part resolves to") {
  CHECK(plan_addresses(name, {}, known) == known("db1"));
}

TEST_CASE("a host that does not resolve is an error that names the cure") {
  const auto plan = plan_addresses({.node = "bank", .host = "nowhere", .kind = {}}, {}, known);
  REQUIRE_FALSE(plan);
  CHECK(plan.error().find("node_options::listen") != std::string::npos);
}

TEST_CASE("chosen hosts replace the host part, each address once") {
  const auto plan = plan_addresses(name, {"db1", "other"}, known);
  REQUIRE(plan);
  CHECK(*plan == addresses{make_address("192.0.2.7"), make_address("2001:db8::7"), make_address("192.0.2.8")});
  CHECK_FALSE(plan_addresses(name, {"nowhere"}, known));
}

TEST_CASE("all addresses only where that is asked for") {
  const auto plan = plan_addresses(name, {"*"}, known);
  REQUIRE(plan);
  CHECK(plan->size() == 2);
  CHECK(plan->at(0).is_unspecified());
  CHECK(plan->at(1).is_unspecified());
}

TEST_CASE("the user is told about addresses that cannot be reached, and about those that everybody can reach") {
  const addresses loopback{make_address("127.0.1.1")};
  const addresses outside{make_address("192.0.2.7")};
  CHECK(listening_note("db1", loopback, outside).find("loopback only") != std::string::npos);
  CHECK(listening_note("db1", loopback, {}).empty());
  CHECK(listening_note("localhost", loopback, outside).empty());
  CHECK(listening_note("127.0.0.1", {make_address("127.0.0.1")}, outside).empty());
  CHECK(listening_note("db1", outside, outside).find("without encryption") != std::string::npos);
  CHECK(listening_note("db1", outside, outside, carrier::tls).empty());
}

TEST_CASE("all listeners have one port") {
  boost::asio::io_context context;
  const auto opened = open_listeners(context, {make_address("127.0.0.1"), make_address("127.0.0.2")}, 0, 0);
  REQUIRE(opened);
  REQUIRE(opened->size() == 2);
  CHECK(opened->at(0).local_endpoint().port() == opened->at(1).local_endpoint().port());
}

TEST_CASE("a port that is taken is passed over within the range, and is an error without one") {
  boost::asio::io_context context;
  const addresses where{make_address("127.0.0.1")};
  const auto first = open_listeners(context, where, 0, 0);
  REQUIRE(first);
  const auto port = first->front().local_endpoint().port();
  const auto refused = open_listeners(context, where, port, port);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().find(std::to_string(port)) != std::string::npos);
  if (port < 65'000) {
    const auto next = open_listeners(context, where, port, static_cast<std::uint16_t>(port + 200));
    REQUIRE(next);
    CHECK(next->front().local_endpoint().port() > port);
  }
}

TEST_CASE("an address of another computer is an error") {
  boost::asio::io_context context;
  const auto refused = open_listeners(context, {make_address("192.0.2.1")}, 0, 0);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().find("192.0.2.1") != std::string::npos);
}

TEST_CASE("addresses are their own resolution") {
  CHECK(resolve("192.0.2.9") == addresses{make_address("192.0.2.9")});
  CHECK_FALSE(resolve("localhost").empty());
}
