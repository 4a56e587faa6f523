// R45: who watches nodes and throws harms nobody else.
#include "fault_stage.hpp"

#include <ergo_test/figures.hpp>

#include <atomic>
#include <cstdlib>
#include <stdexcept>

using namespace ergo;
using namespace ergo_test;
using namespace std::chrono_literals;
using ergo::test::scenario;
TEST_CASE("an observer of nodes that throws leaves the others their news, and the connection its traffic", "[R45]") {
  scenario figures{"R45", "news of connections with an observer that throws before the others"};
  fault_stage on;
  start_echo(*on.b);
  std::atomic<int> thrown{0};
  std::atomic<int> ups{0};
  std::atomic<int> downs{0};
  const auto broken = on.a->subscribe([&](const node_event&) {
    ++thrown;
    throw std::runtime_error{"observer"};
  });
  const auto whole =
      on.a->subscribe([&](const node_event& news) { ++(news.what == node_event::kind::up ? ups : downs); });
  const int times = rounds(100, 1'000);
  for (int round = 1; round <= times; ++round) {
    CHECK(call_from(*on.a, echo_at_b, term{round}) == term{round});
    on.proxy.end_all(ergo::test::ending::reset);
    REQUIRE(eventually([&] { return on.both_alone() && downs == round; }));
  }
  CHECK(ups == times);
  CHECK(thrown == 2 * times);
  figures.ran(2 * times);
  figures.violated(std::abs(ups - times) + std::abs(downs - times));
}
