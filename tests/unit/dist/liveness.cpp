// When ticks are sent and when silence is death, on a manual clock.
#include <ergo/dist/liveness.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <random>
#include <vector>

namespace dist = ergo::dist;
using namespace std::chrono_literals;
using dist::liveness;
using dist::liveness_action;
using dist::send_queue;

namespace {

constexpr liveness::time_point start{};

liveness machine(std::chrono::milliseconds tick_time = 60s, dist::peer_kind peer = dist::peer_kind::visible) {
  return liveness{{.tick_time = tick_time, .peer = peer}, start};
}

// Checks at each of `times`; stops at `peer_down` and returns when that was, or `start` when it never was.
liveness::time_point death(liveness& m, const std::vector<std::chrono::milliseconds>& times) {
  for (auto t : times) {
    auto action = m.on_interval(start + t, send_queue::empty);
    if (action == liveness_action::read_first) action = m.after_read(start + t, send_queue::empty);
    if (action == liveness_action::peer_down) return start + t;
    if (action == liveness_action::send_tick) m.on_written();
  }
  return start;
}

}  // namespace

TEST_CASE("the interval is a quarter of the tick time unless it is said to be shorter") {
  CHECK(machine(60s).interval() == 15s);
  CHECK(liveness{{.tick_time = 60s, .intensity = 10}, start}.interval() == 6s);
  CHECK(liveness{{.tick_time = 60s, .intensity = 0}, start}.interval() == 15s);
  CHECK(liveness{{.tick_time = 0s}, start}.interval() == 1ms);
}

TEST_CASE("an idle connection ticks once per interval") {
  auto m = machine();
  for (int i = 1; i <= 100; ++i) {
    m.on_read();
    CHECK(m.on_interval(start + i * 15s, send_queue::empty) == liveness_action::send_tick);
    m.on_written();  // the tick itself counts for the interval that follows
    m.on_read();
    CHECK(m.on_interval(start + i * 15s + 7s, send_queue::empty) == liveness_action::nothing);
  }
}

TEST_CASE("a connection that writes does not tick") {
  auto m = machine();
  for (int i = 1; i <= 10; ++i) {
    m.on_read();
    m.on_written();
    CHECK(m.on_interval(start + i * 15s, send_queue::empty) == liveness_action::nothing);
  }
  m.on_read();
  CHECK(m.on_interval(start + 11 * 15s, send_queue::empty) == liveness_action::send_tick);
}

TEST_CASE("nothing is queued behind a full queue") {
  auto m = machine();
  m.on_read();
  CHECK(m.on_interval(start + 15s, send_queue::waiting) == liveness_action::nothing);
  m.on_read();
  CHECK(m.on_interval(start + 30s, send_queue::empty) == liveness_action::send_tick);
}

TEST_CASE("a hidden peer that says nothing is provoked by a tick even while we write") {
  auto hidden = machine(60s, dist::peer_kind::hidden);
  hidden.on_written();
  CHECK(hidden.on_interval(start + 15s, send_queue::empty) == liveness_action::send_tick);
  hidden.on_written();
  hidden.on_read();
  CHECK(hidden.on_interval(start + 30s, send_queue::empty) == liveness_action::nothing);
  auto visible = machine();
  visible.on_written();
  CHECK(visible.on_interval(start + 15s, send_queue::empty) == liveness_action::nothing);
}

TEST_CASE("a silent peer dies after the tick time and within a quarter of it") {
  // The last byte at every possible moment within an interval, timers a little early or late.
  for (auto jitter : {-200ms, 0ms, 200ms}) {
    for (auto last_byte = 0ms; last_byte < 15'000ms; last_byte += 500ms) {
      auto m = machine();
      bool read = false;
      liveness::time_point dead{};
      for (int i = 1; i < 10 && dead == liveness::time_point{}; ++i) {
        const auto t = i * 15'000ms + (i >= 3 ? jitter : 0ms);
        if (!read && last_byte <= t) {
          m.on_read();
          read = true;
        }
        dead = death(m, {t});
      }
      const auto silence = dead - (start + last_byte);
      INFO("last byte at " << last_byte.count() << " ms, jitter " << jitter.count());
      CHECK(silence >= 45s);
      CHECK(silence <= 75s + 200ms);
    }
  }
}

TEST_CASE("a peer that never said anything dies in the same time") {
  auto m = machine(8s);
  CHECK(death(m, {2s, 4s, 6s, 8s, 10s}) == start + 8s);
}

TEST_CASE("a peer that says something in every quarter is never suspected, wherever in it") {
  std::mt19937 random{42};
  for (int round = 0; round < 100; ++round) {
    auto m = machine(4s);
    for (int i = 1; i < 200; ++i) {
      if (std::uniform_int_distribution{0, 3}(random) != 0 || i % 3 == 0) m.on_read();
      const auto now = start + i * 1s + std::chrono::milliseconds{std::uniform_int_distribution{-100, 100}(random)};
      const auto action = m.on_interval(now, send_queue::empty);
      REQUIRE(action != liveness_action::read_first);
      REQUIRE(action != liveness_action::peer_down);
    }
  }
}

TEST_CASE("a core that was late reads before it judges") {
  auto m = machine();
  m.on_read();
  CHECK(m.on_interval(start + 15s, send_queue::empty) == liveness_action::send_tick);
  // The core was stopped for ten minutes; the peer's ticks lie in the socket.
  const auto late = start + 615s;
  REQUIRE(m.on_interval(late, send_queue::empty) == liveness_action::read_first);
  m.on_read();
  CHECK(m.after_read(late, send_queue::empty) == liveness_action::send_tick);
  m.on_written();
  CHECK(m.on_interval(late + 15s, send_queue::empty) == liveness_action::nothing);
}

TEST_CASE("a core that was late finds a dead peer dead at once") {
  auto m = machine();
  m.on_read();
  CHECK(m.on_interval(start + 15s, send_queue::empty) == liveness_action::send_tick);
  const auto late = start + 615s;
  REQUIRE(m.on_interval(late, send_queue::empty) == liveness_action::read_first);
  CHECK(m.after_read(late, send_queue::empty) == liveness_action::peer_down);
}

TEST_CASE("peer_down is never said without reading first") {
  std::mt19937 random{7};
  for (int round = 0; round < 1000; ++round) {
    auto m = machine(4s);
    auto now = start;
    for (int i = 0; i < 50; ++i) {
      now += std::chrono::milliseconds{std::uniform_int_distribution{1, 9000}(random)};
      if (std::uniform_int_distribution{0, 2}(random) == 0) m.on_read();
      auto action = m.on_interval(now, send_queue::empty);
      REQUIRE(action != liveness_action::peer_down);
      if (action == liveness_action::read_first && m.after_read(now, send_queue::empty) == liveness_action::peer_down)
        break;
    }
  }
}

TEST_CASE("the dead stay dead") {
  auto m = machine(4s);
  REQUIRE(m.on_interval(start + 60s, send_queue::empty) == liveness_action::read_first);
  REQUIRE(m.after_read(start + 60s, send_queue::empty) == liveness_action::peer_down);
  m.on_read();
  CHECK(m.on_interval(start + 61s, send_queue::empty) == liveness_action::peer_down);
  CHECK(m.after_read(start + 61s, send_queue::empty) == liveness_action::peer_down);
}
