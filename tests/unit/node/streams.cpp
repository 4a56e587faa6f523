// Streams of small and large messages between our own processes, in the clear and over TLS: R01, and R02 with resets.
#include "fault_stage.hpp"
#include "tls_fixture.hpp"

#include <ergo_test/figures.hpp>
#include <ergo_test/mixed_traffic.hpp>
#include <ergo_test/sanitizers.hpp>

#include <catch2/generators/catch_generators.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

using namespace ergo;
using namespace ergo_test;
using namespace std::chrono_literals;
using ergo::test::check_mixed;
using ergo::test::ending;
using ergo::test::mixed_name;
using ergo::test::mixed_pairs;
using ergo::test::mixed_tally;
using ergo::test::scenario;
using ergo::test::send_mixed;

namespace {

using shared_tally = std::shared_ptr<mixed_tally>;

/// Starts the receivers of one direction and returns them.
std::vector<pid> check_at(node& on, const shared_tally& tally) {
  std::vector<pid> made;
  for (std::int64_t pair = 1; pair <= mixed_pairs; ++pair)
    made.push_back(on.spawn(spawn_options{.name = mixed_name(pair)}, make_body(check_mixed, pair, tally)).value());
  return made;
}

/// Starts its senders, which sleep for `pause` after each hundred messages.
void send_from(node& on, std::string_view to, std::int64_t count, std::chrono::milliseconds pause,
               const shared_tally& tally) {
  for (std::int64_t pair = 1; pair <= mixed_pairs; ++pair) {
    const destination there{mixed_name(pair), atom::of(to)};
    REQUIRE(on.spawn(send_mixed, there, pair, count, duration{pause}, tally));
  }
}

/// Waits for the end of a direction in which nothing may be missing.
void all_came(const shared_tally& tally, std::int64_t count, scenario& figures) {
  const auto limit = rounds(40s, 600s);
  REQUIRE(tally->finished.get_future().wait_for(limit) == std::future_status::ready);
  CHECK(tally->received == mixed_pairs * count);
  CHECK(tally->disordered == 0);
  CHECK(tally->damaged == 0);
  CHECK(tally->missing == 0);
  figures.ran(tally->received);
  figures.violated(tally->disordered + tally->damaged + tally->missing);
}

/// Messages in each second since `began`.
ergo::test::figure speed(std::int64_t messages, std::chrono::steady_clock::time_point began) {
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  return {.name = "carried", .value = static_cast<double>(messages) / took.count() / 1000, .unit = "k messages/s"};
}

/// Whether a node of both addresses encrypts.
std::optional<tls_options> carrier(bool encrypted) {
  if (!encrypted) return std::nullopt;
  return tls_of(cert::authority::make("authority"), {"127.0.0.1", "127.0.0.2"});
}

const char* carrier_name(bool encrypted) { return encrypted ? "TLS" : "in the clear"; }

std::int64_t messages() { return rounds<std::int64_t>(12'500, 250'000); }

}  // namespace

// ----- R01 ----------------------------------------------------------------------------------------------------------

TEST_CASE("of four pairs on one node nothing is lost, comes twice or out of order", "[R01]") {
  scenario figures{"R01", "messages of 4 pairs on one node"};
  const auto on = started(plain_options(name_a, free_port()));
  const auto tally = std::make_shared<mixed_tally>();
  check_at(*on, tally);
  const auto began = std::chrono::steady_clock::now();
  send_from(*on, name_a, messages(), 0ms, tally);
  all_came(tally, messages(), figures);
  figures.measured(speed(mixed_pairs * messages(), began));
}

TEST_CASE("of four pairs in each direction between two nodes nothing is lost, comes twice or out of order", "[R01]") {
  const bool encrypted = GENERATE(false, true);
  INFO(carrier_name(encrypted));
  scenario figures{"R01", std::string{"messages of 4 pairs each way between two of ours, "} + carrier_name(encrypted)};
  const auto port = free_port();
  auto options = plain_options(name_a, port);
  options.tls = carrier(encrypted);
  const auto a = started(options);
  options.name = name_b;
  const auto b = started(options);
  const auto forth = std::make_shared<mixed_tally>();
  const auto back = std::make_shared<mixed_tally>();
  check_at(*b, forth);
  check_at(*a, back);
  const auto began = std::chrono::steady_clock::now();
  send_from(*a, name_b, messages(), 0ms, forth);
  send_from(*b, name_a, messages(), 0ms, back);
  all_came(forth, messages(), figures);
  all_came(back, messages(), figures);
  figures.measured(speed(2 * mixed_pairs * messages(), began));
}

// ----- R02 ----------------------------------------------------------------------------------------------------------

TEST_CASE(
    "four pairs that are reset 200 times are in order, have nothing twice, and lose only what a nodedown explains",
    "[R02]") {
  const bool encrypted = GENERATE(false, true);
  INFO(carrier_name(encrypted));
  scenario figures{"R02", std::string{"resets under 4 pairs between two of ours, "} + carrier_name(encrypted)};
  fault_stage on{60s, {}, carrier(encrypted)};
  const auto tally = std::make_shared<mixed_tally>();
  const auto checkers = check_at(*on.b, tally);
  // What is told while the subscription ends may still be under way then.
  const auto watch = on.b->subscribe([checkers, b = on.b.get()](const node_event& news) {
    if (news.what != node_event::kind::down) return;
    for (const auto& one : checkers) b->send(one, "down"_atom);
  });
  send_from(*on.a, name_b, INT64_MAX, 1ms, tally);
  const auto resets = ergo::test::thread_sanitized ? 50UZ : rounds(200UZ, 2000UZ);
  for (std::size_t reset = 0; reset < resets; ++reset) {
    const auto wanted = tally->received + 20 + static_cast<std::int64_t>(reset % 7 * 40);
    REQUIRE(eventually(
        [&] { return tally->received >= wanted && on.proxy.connections() > reset && on.proxy.open() == 1; }));
    on.proxy.end_all(ending::reset);
  }
  const auto wanted = tally->received + 100;
  REQUIRE(eventually([&] { return tally->received >= wanted && on.proxy.connections() > resets; }));
  tally->stop = true;
  CHECK(tally->disordered == 0);
  CHECK(tally->damaged == 0);
  CHECK(tally->unexplained == 0);
  CHECK(tally->missing > 0);
  figures.ran(static_cast<std::int64_t>(resets));
  figures.violated(tally->disordered + tally->damaged + tally->unexplained);
  figures.measured({.name = "messages", .value = static_cast<double>(tally->received), .unit = ""});
}
