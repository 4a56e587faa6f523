// What a runtime measures of its slices when it is asked to.
#include "fixture.hpp"
#include "program_state.hpp"

#include <ergo/slice_times.hpp>

#include <ctime>

namespace ergo::test {
namespace {

constexpr auto long_slice = 5ms;

duration thread_time() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

task<> compute(process& /*self*/) {
  const auto end = thread_time() + long_slice;
  while (thread_time() < end) {
  }
  co_return;
}

task<> yield_often(process& self, int rounds, reports<int>* done) {
  for (int round = 0; round < rounds; ++round) co_await self.yield();
  done->add(rounds);
}

TEST_CASE("a measured runtime counts each slice, and knows the longest") {
  reports<int> done;
  threaded_world world{{.cores = 2, .takeover = 1h, .measure_slices = true}};
  const auto busy = world.spawn(compute);
  REQUIRE(world.runtime().wait(busy, 20s));
  world.spawn(yield_often, 100, &done);
  REQUIRE(done.wait_for(1));
  const auto times = world.runtime().slice_times();
  CHECK(times.cpu.count >= 100);
  CHECK(times.delay.count >= times.cpu.count);
  CHECK(times.cpu.longest >= long_slice);
  CHECK(times.cpu.median <= times.cpu.p99);
  CHECK(times.cpu.p99 <= times.cpu.p999);
  CHECK(times.cpu.p999 <= times.cpu.longest);
  CHECK(times.delay.longest > 0ns);
}

TEST_CASE("a process that waits behind a long slice on the only core shows in the delay") {
  reports<int> done;
  threaded_world world{{.cores = 1, .takeover = 1h, .measure_slices = true}};
  world.spawn(
      [](process& self, reports<int>* out) -> task<> {
        (void)self.spawn(yield_often, 1, out);
        auto computing = compute(self);
        co_await std::move(computing);
      },
      &done);
  REQUIRE(done.wait_for(1));
  CHECK(world.runtime().slice_times().delay.longest >= long_slice);
}

TEST_CASE("without being asked nothing is measured") {
  threaded_world world{{.cores = 1}};
  REQUIRE(world.runtime().wait(world.spawn(compute), 20s));
  CHECK(world.runtime().slice_times().cpu.count == 0);
  CHECK(world.runtime().slice_times().delay.count == 0);
}

}  // namespace
}  // namespace ergo::test
