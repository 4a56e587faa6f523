// What load charts draw: the time that cores have worked.
#include "fixture.hpp"

#include <ergo/usage.hpp>

#include <atomic>

namespace ergo::test {
namespace {

duration busy(runtime& of) {
  duration all{};
  for (const auto& core : core_usages(of)) all += core.busy;
  return all;
}

TEST_CASE("the busy time of a runtime's cores grows by the processor time of its processes") {
  std::atomic<bool> stop{false};
  threaded_world world{{.cores = 2}};
  const auto before = core_usages(world.runtime());
  REQUIRE(before.size() == 2);
  world.spawn(
      [](process& self, std::atomic<bool>* ends) -> task<> {
        while (!*ends) co_await self.yield();
      },
      &stop);
  CHECK(eventually([&] { return busy(world.runtime()) >= before[0].busy + before[1].busy + 20ms; }, 20s));
  stop = true;
  for (const auto& core : core_usages(world.runtime()))
    CHECK(core.busy <= core.since_start + 1s);  // two clocks, read one after the other
}

TEST_CASE("a runtime that the program steps itself tells of no work") {
  manual_world here;
  here.spawn([](process& self) -> task<> { co_await self.yield(); });
  here.run();
  const auto usages = core_usages(here.runtime());
  REQUIRE(usages.size() == 1);
  CHECK(usages[0].busy == duration::zero());
}

}  // namespace
}  // namespace ergo::test
