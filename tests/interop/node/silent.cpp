// R05, live: a connection of which one way falls silent while the other goes on.
#include "proxied.hpp"

#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>

namespace ergo_interop {
namespace {

using steady = std::chrono::steady_clock;

/// The moment of a byte that one side has just heard: its silence begins there.
steady::time_point after_a_byte(const they_dial& on, way which) {
  const auto heard = on.proxy.passed(which).size();
  eventually("a tick", [&] { return on.proxy.passed(which).size() > heard; }, 60s);
  return steady::now();
}

constexpr std::chrono::milliseconds slack = 400ms;  // for the scheduling of this computer

void expect_in_time(steady::duration took, std::chrono::milliseconds tick_time) {
  expect(took > tick_time * 3 / 4 - slack && took < tick_time * 5 / 4 + slack,
         "ours took " + std::to_string(took / 1ms) + " ms");
}

std::string watched_within(std::chrono::seconds tick_time) {
  return "{watched_plain, " + std::to_string((2 * tick_time + 4s) / 1ms) + "}";
}

/// Nothing comes to us any more, and all of ours goes on to them.
void erlang_falls_silent(they_dial& on, std::chrono::seconds tick_time) {
  const auto silent = after_a_byte(on, way::forward);
  on.proxy.lose(way::forward);
  eventually("it is down", [&] { return !on.ours->is_connected(on.peer.name()); }, 2 * tick_time + 6s);
  expect_in_time(steady::now() - silent, tick_time);
  eventually("the reason is silence", [&] { return on.ours.reported("silent"); });
  expect_same(on.peer.run(watched_within(tick_time)), "{noconnection,nodedown}");
}

/// Nothing of ours comes to them any more, and we hear all of theirs. How late Erlang is on a busy computer is not ours
/// to promise: it must not be early, and `watched_within` bounds it.
void ours_falls_silent(they_dial& on, std::chrono::seconds tick_time) {
  const auto silent = after_a_byte(on, way::backward);
  on.proxy.lose(way::backward);
  expect_same(on.peer.run(watched_within(tick_time)), "{noconnection,nodedown}");
  const auto took = steady::now() - silent;
  expect(took > tick_time * 3 / 4 - slack, "Erlang gave up after " + std::to_string(took / 1ms) + " ms");
  eventually("we see their end", [&] { return !on.ours->is_connected(on.peer.name()); });
}

TEST_CASE("A connection that is silent one way only is down within its tick time, whichever way that is",
          "[installed]") {
  std::vector<std::chrono::seconds> times{1s, 2s};
  if (ergo::test::rounds(false, true)) times.insert(times.end(), {4s, 8s});
  for (const auto time : times) {
    for_installed("one way silent: nodedown within T±T/4; T = " + std::to_string(time / 1s) + " s (R05)",
                  [time](const release& otp) {
                    they_dial on{otp, time};
                    const auto ours = on.ours.quoted_name();
                    for (const auto lost : {way::forward, way::backward}) {
                      eventually("they meet", [&] { return on.peer.run("{ping, " + ours + "}") == "pong"; });
                      expect_same(on.peer.run("{watch_plain, " + on.at("echo") + ", " + ours + "}"), "watched");
                      lost == way::forward ? erlang_falls_silent(on, time) : ours_falls_silent(on, time);
                      on.proxy.resume(lost);
                    }
                    expect_same(on.peer.run("{ping, " + ours + "}"), "pong");
                  });
  }
}

}  // namespace
}  // namespace ergo_interop
