// Who is let in: by cookie, by a cookie of its own, by the allow list.
#include "members.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace ergo;
using namespace ergo_test;

TEST_CASE("a wrong cookie is refused on both sides, in words") {
  const auto epmd = free_port();
  member a{"a@localhost", epmd};
  member b{"b@localhost", epmd, "other"};
  REQUIRE(a.start());
  REQUIRE(b.start());
  const auto connected = a.self->connect("b@localhost", patience);
  REQUIRE_FALSE(connected);
  CHECK(connected.error() == errc::nodedown);
  CHECK(connected.error().message().find("cookie") != std::string::npos);
  CHECK(b.events.wait_for_part("cookie"));
  CHECK(b.changes.lines().empty());
}

TEST_CASE("a cookie of its own for one peer") {
  const auto epmd = free_port();
  member a{"a@localhost", epmd};
  member b{"b@localhost", epmd, "other"};
  a.options.peer_cookies.emplace("b@localhost", "other");
  REQUIRE(a.start());
  REQUIRE(b.start());
  CHECK(a.self->connect("b@localhost", patience));
}

TEST_CASE("a node that is not on the allow list is refused") {
  const auto epmd = free_port();
  member a{"a@localhost", epmd};
  member b{"b@localhost", epmd};
  b.options.allow = {"c@*"};
  REQUIRE(a.start());
  REQUIRE(b.start());
  const auto connected = a.self->connect("b@localhost", patience);
  REQUIRE_FALSE(connected);
  CHECK(b.events.wait_for_part("allow"));
}
