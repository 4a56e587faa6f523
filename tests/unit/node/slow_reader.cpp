// R21 and R22: a peer that takes hardly anything, and what that means for those who write to it, for the memory of
// their node, and for its other connections.
#include "fault_stage.hpp"

#include <ergo_test/baseline.hpp>
#include <ergo_test/figures.hpp>
#include <ergo_test/sanitizers.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

using namespace ergo;
using namespace ergo_test;
using namespace std::chrono_literals;
using ergo::test::resident_bytes;
using ergo::test::scenario;
using ergo::test::way;
using steady = std::chrono::steady_clock;

namespace {

/// What producers and callers of a run share with its test.
struct run_state {
  std::atomic<bool> over{false};
  std::atomic<std::int64_t> sent{0};
  std::atomic<std::int64_t> received{0};
  std::mutex mutex;
  std::vector<double> calls;  ///< milliseconds that calls over the other connection took
  std::condition_variable called;
  std::atomic<int> failed{0};
};

constexpr auto between_calls = 5ms;

using shared_state = std::shared_ptr<run_state>;

task<> produce(process& self, destination to, shared_state with) {
  const auto bulk = etf::binary(std::string(10'000, 'x'));
  while (!with->over) {
    co_await self.send(to, bulk);
    ++with->sent;
  }
}

task<> consume(process& self, shared_state with) {
  for (;;) {
    (void)co_await self.receive_any();
    ++with->received;
  }
}

task<> keep_calling(process& self, destination to, shared_state with) {
  const term request{"well"_atom};
  while (!with->over) {
    const auto began = steady::now();
    const auto answer = co_await call(self, to, request, 15s);
    const auto took = std::chrono::duration<double, std::milli>(steady::now() - began).count();
    if (!answer) ++with->failed;
    {
      const std::scoped_lock lock{with->mutex};
      with->calls.push_back(took);
    }
    with->called.notify_one();
    co_await self.sleep(between_calls);
  }
}

}  // namespace

TEST_CASE("a peer that takes 1 KiB each second is not down, costs bounded memory, and nobody else waits for it",
          "[A8][A9][R21][R22]") {
  constexpr auto tick_time = 2s;
  constexpr std::size_t bound = 48U << 20;
  const auto span = ergo::test::sanitized ? 6s : rounds(8s, 40s);
  scenario figures{"R22", "messages to a peer that takes 1 KiB/s, beside another peer, T = 2 s"};
  fault_stage on{tick_time};
  start_echo(*on.b);
  auto options = plain_options("c@127.0.0.3", free_port());
  options.listen_port_min = on.port;
  const auto c = started(options);
  start_echo(*c);
  const auto state = std::make_shared<run_state>();
  REQUIRE(on.b->spawn(spawn_options{.name = "sink"_atom}, make_body(consume, state)));
  REQUIRE(on.a->connect(name_b));
  std::atomic<int> downs{0};
  const auto count_downs = [&](const node_event& news) { downs += news.what == node_event::kind::down ? 1 : 0; };
  const auto at_a = on.a->subscribe(count_downs);
  const auto at_b = on.b->subscribe(count_downs);
  REQUIRE(on.a->spawn(keep_calling, destination{"echo"_atom, c->name()}, state));
  on.proxy.rate(way::forward, 1024);
  ergo::test::forget_peak();
  const auto before = resident_bytes();
  for (int one = 0; one < 10; ++one) REQUIRE(on.a->spawn(produce, destination{"sink"_atom, atom::of(name_b)}, state));
  {
    std::unique_lock lock{state->mutex};
    const auto wanted = static_cast<std::size_t>(span / between_calls);
    REQUIRE(state->called.wait_for(lock, 10 * span, [&] { return state->calls.size() >= wanted; }));
  }
  const auto most = std::max(before, ergo::test::peak_bytes());
  CHECK(downs == 0);
  CHECK(on.both_connected());
  state->over = true;
  on.proxy.rate(way::forward, 0);
  CHECK(eventually([&] { return state->received == state->sent; }));
  REQUIRE(eventually([&] { return call_from(*on.a, echo_at_b, "hello"_atom).is("hello"_atom); }));
  CHECK(state->failed == 0);
  const std::scoped_lock lock{state->mutex};
  REQUIRE(state->calls.size() > 100);
  std::ranges::sort(state->calls);
  const auto p99 = state->calls[state->calls.size() * 99 / 100];
  CHECK(p99 < 100);
  if (!ergo::test::sanitized) CHECK(most - before < bound);
  figures.ran(state->sent);
  figures.violated(downs + state->failed + std::abs(state->sent - state->received));
  if (!ergo::test::sanitized)
    figures.measured({"RSS more", static_cast<double>(most - before) / (1 << 20), "MiB", bound >> 20});
  figures.measured({"calls to the other peer p99", p99, "ms", 100});
  figures.measured({.name = "of", .value = static_cast<double>(state->calls.size()), .unit = "calls"});
}
