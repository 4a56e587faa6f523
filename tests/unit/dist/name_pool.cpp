// Names for nodes that come without one.
#include <ergo/dist/name_pool.hpp>
#include <ergo/dist/node_name.hpp>

#include <catch2/catch_test_macros.hpp>

#include <limits>
#include <set>

using namespace ergo::dist;

namespace {

/// Counts instead of guessing.
name_pool pool_of(std::size_t most) {
  return name_pool{most, [count = std::uint32_t{0}]() mutable { return count++; }};
}

}  // namespace

TEST_CASE("new names are node names at the wanted host, and all different") {
  auto pool = pool_of(10);
  std::set<std::string> seen;
  for (int round = 0; round < 100; ++round) {
    const auto name = pool.give("far.example.org");
    CHECK(valid_node_name(name.text));
    CHECK(host_of(name.text) == "far.example.org");
    CHECK(name.creation >= 4);
    seen.insert(name.text);
  }
  CHECK(seen.size() == 100);
}

TEST_CASE("a freed name is given out again, as the next incarnation") {
  auto pool = pool_of(10);
  const auto first = pool.give("h");
  const auto second = pool.give("h");
  CHECK(first.text != second.text);
  pool.take_back({first.text, first.creation, true});
  CHECK(pool.give("h") == given_name{first.text, first.creation + 1, true});
  CHECK(pool.give("h").text != first.text);
}

TEST_CASE("a freed name is for nodes of its own host only") {
  auto pool = pool_of(10);
  const auto name = pool.give("h");
  pool.take_back({name.text, name.creation, true});
  CHECK(host_of(pool.give("other").text) == "other");
  CHECK(pool.size() == 1);
  CHECK(pool.give("h").text == name.text);
  CHECK(pool.size() == 0);
}

TEST_CASE("a name that nobody with the cookie has had is not kept") {
  auto pool = pool_of(10);
  pool.take_back(pool.give("h"));
  CHECK(pool.size() == 0);
}

TEST_CASE("creations that mean nothing are skipped when they wrap") {
  auto pool = pool_of(10);
  pool.take_back({"a@h", std::numeric_limits<std::uint32_t>::max(), true});
  CHECK(pool.give("h") == given_name{"a@h", 4, true});
}

TEST_CASE("the pool keeps no more names than it may, the youngest ones") {
  auto pool = pool_of(2);
  for (const auto* const name : {"a@h", "b@h", "c@h"}) pool.take_back({name, 10, true});
  CHECK(pool.size() == 2);
  CHECK(pool.give("h") == given_name{"c@h", 11, true});
  CHECK(pool.give("h") == given_name{"b@h", 11, true});
  CHECK(pool.give("h").text != "a@h");
  auto none = pool_of(0);
  none.take_back({"a@h", 10, true});
  CHECK(none.size() == 0);
}
