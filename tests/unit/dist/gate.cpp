// Caps on unfinished handshakes, and the book of challenges.
#include <ergo/dist/gate.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace dist = ergo::dist;
using namespace std::chrono_literals;
using dist::attempt_id;
using dist::gate;

namespace {

constexpr gate::time_point start{};

attempt_id id(std::uint64_t n) { return attempt_id{n}; }

}  // namespace

TEST_CASE("below the caps everybody enters and nobody leaves") {
  gate g{{.most = 4, .most_per_address = 2}};
  for (std::uint64_t n = 1; n <= 4; ++n) {
    const auto v = g.arrive(id(n), n % 2 ? "a" : "b", start);
    CHECK(v.enter);
    CHECK(v.leaves == attempt_id::none);
  }
  CHECK(g.size() == 4);
}

TEST_CASE("over the cap the longest silent one leaves") {
  gate g{{.most = 3, .most_per_address = 3}};
  for (std::uint64_t n = 1; n <= 3; ++n) (void)g.arrive(id(n), std::to_string(n), start + n * 10ms);
  g.progress(id(1), start + 5s);
  const auto v = g.arrive(id(4), "x", start + 7s);
  CHECK(v.enter);
  CHECK(v.leaves == id(2));
  CHECK(g.size() == 3);
}

TEST_CASE("an address over its cap drives out its own, not others") {
  gate g{{.most = 100, .most_per_address = 2}};
  (void)g.arrive(id(1), "other", start);
  (void)g.arrive(id(2), "a", start + 1s);
  (void)g.arrive(id(3), "a", start + 2s);
  const auto v = g.arrive(id(4), "a", start + 3s);
  CHECK(v.enter);
  CHECK(v.leaves == id(2));
}

TEST_CASE("whoever has just spoken is not driven out; then the newcomer has to go") {
  gate g{{.most = 2, .most_per_address = 2, .grace = 1s}};
  (void)g.arrive(id(1), "a", start);
  (void)g.arrive(id(2), "b", start);
  g.progress(id(1), start + 100ms);
  g.progress(id(2), start + 200ms);
  const auto refused = g.arrive(id(3), "c", start + 900ms);
  CHECK_FALSE(refused.enter);
  CHECK(refused.leaves == attempt_id::none);
  CHECK(g.size() == 2);
  const auto later = g.arrive(id(4), "c", start + 1100ms);
  CHECK(later.enter);
  CHECK(later.leaves == id(1));
}

TEST_CASE("a flood of silent sockets drives out only itself") {
  gate g{{.most = 256, .most_per_address = 32}};
  std::uint64_t next = 1;
  auto now = start;
  for (; next <= 1000; ++next) (void)g.arrive(id(next), std::to_string(next % 50), now += 1ms);
  const attempt_id real = id(next++);
  CHECK(g.arrive(real, "real", now).enter);
  g.progress(real, now += 1ms);  // it sends its name at once
  for (int i = 0; i < 900; ++i, ++next) {
    const auto v = g.arrive(id(next), std::to_string(next % 50), now += 1ms);
    CHECK(v.enter);
    REQUIRE(v.leaves != real);
  }
  CHECK(g.size() == 256);
}

TEST_CASE("who leaves makes room, at the gate and for its address") {
  gate g{{.most = 2, .most_per_address = 1}};
  (void)g.arrive(id(1), "a", start);
  g.leave(id(1));
  g.leave(id(1));
  CHECK(g.size() == 0);
  CHECK(g.arrive(id(2), "a", start).leaves == attempt_id::none);
  g.progress(id(99), start);
  CHECK(g.size() == 1);
}

TEST_CASE("a challenge is out once, until its handshake has ended") {
  dist::challenge_book book;
  CHECK(book.issue(7));
  CHECK_FALSE(book.issue(7));
  CHECK(book.contains(7));
  CHECK_FALSE(book.contains(8));
  book.settle(7);
  CHECK_FALSE(book.contains(7));
  CHECK(book.issue(7));
  CHECK(book.size() == 1);
}
