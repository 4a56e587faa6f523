// Processor time of processes and behaviours, where it is asked for.
#include "fixture.hpp"

#include <ergo/usage.hpp>

#include <ctime>

namespace ergo::test {
namespace {

duration thread_time() {
  timespec used{};
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

/// Computes until the thread has used so much.
void work(duration span) {
  const auto until = thread_time() + span;
  while (thread_time() < until) {
  }
}

task<> work_and_stay(process& self, duration span) {
  work(span);
  (void)co_await self.receive<atom>();
}

task<> work_and_go(process& self, duration span) {
  work(span);
  co_await self.yield();
  work(span);
}

std::optional<std::int64_t> fact_of(manual_world& world, const pid& whom, std::string_view key) {
  std::optional<std::int64_t> found;
  world.spawn(
      [](process& self, pid of, std::string_view wanted, std::optional<std::int64_t>* out) -> task<> {
        auto facts = co_await process_info(self, of, 1s);
        for (const auto& fact : facts->items()) {
          if (fact.elements()[0].as_atom()->text() == wanted) *out = fact.elements()[1].as_integer();
        }
      },
      whom, key, &found);
  world.run();
  return found;
}

const behaviour_usage* usage_of(const std::vector<behaviour_usage>& all, std::string_view name) {
  const auto found = std::ranges::find(all, name, &behaviour_usage::behaviour);
  return found == all.end() ? nullptr : &*found;
}

TEST_CASE("the processor time of a process and of its behaviour is what its slices have used") {
  manual_world world{{.measure_run_time = true}};
  const spawn_options how{.initial_call = etf::tuple("worker"_atom, "init"_atom, 1)};
  const auto first = world.spawn(how, work_and_stay, 4ms);
  const auto second = world.spawn(how, work_and_stay, 2ms);
  world.spawn({.initial_call = etf::tuple("other"_atom, "init"_atom, 1)}, work_and_go, 1ms);
  const auto before = thread_time();
  world.run();
  const auto all = thread_time() - before;
  const auto of_first = fact_of(world, first, "run_time");
  const auto of_second = fact_of(world, second, "run_time");
  REQUIRE(of_first);
  REQUIRE(of_second);
  CHECK(duration{*of_first} >= 4ms);
  CHECK(duration{*of_second} >= 2ms);
  CHECK(duration{*of_first + *of_second} <= all);

  const auto usages = behaviour_usages(world.runtime());
  const auto* const workers = usage_of(usages, "{worker,init,1}");
  const auto* const others = usage_of(usages, "{other,init,1}");
  REQUIRE(workers);
  REQUIRE(others);
  CHECK(workers->started == 2);
  CHECK(workers->run_time >= 6ms);
  CHECK(workers->slices >= 2);
  CHECK(others->started == 1);
  CHECK(others->slices == 2);  // the last one, after which the process was gone, counts too
  CHECK(others->run_time >= 2ms);
  CHECK(std::ranges::is_sorted(usages, std::ranges::greater{}, &behaviour_usage::run_time));
  CHECK(fact_of(world, first, "behaviour_run_time").value_or(0) >= std::chrono::nanoseconds{6ms}.count());
}

TEST_CASE("a behaviour without initial call goes by the name of its type") {
  manual_world world{{.measure_run_time = true}};
  world.spawn(work_and_stay, 1us);
  world.run();
  const auto usages = behaviour_usages(world.runtime());
  REQUIRE(usages.size() == 1);
  CHECK(usages[0].behaviour.find("coroutine_body") != std::string::npos);
}

TEST_CASE("so many behaviours as a peer may think of are not told apart") {
  manual_world world{{.measure_run_time = true}};
  for (int number = 0; number < 5'000; ++number)
    world.spawn({.initial_call = etf::tuple("m"_atom, number, 1)}, work_and_go, 0us);
  world.run();
  const auto usages = behaviour_usages(world.runtime());
  CHECK(usages.size() == 4'097);
  const auto* const rest = usage_of(usages, "other");
  REQUIRE(rest);
  CHECK(rest->started == 5'000 - 4'096);
}

TEST_CASE("where it is not asked for no processor time is told") {
  manual_world world;
  const auto idle = world.spawn(work_and_stay, 0us);
  world.run();
  CHECK_FALSE(fact_of(world, idle, "run_time"));
  CHECK(behaviour_usages(world.runtime()).empty());
}

TEST_CASE("run times are counted on all cores, also of slices that lose theirs") {
  threaded_world world{{.cores = 2, .takeover = 2ms, .measure_run_time = true}};
  reports<int> done;
  for (int number = 0; number < 20; ++number) {
    world.spawn(
        {.initial_call = etf::tuple("late"_atom, "init"_atom, 1)},
        [](process& self, reports<int>* out) -> task<> {
          work(5ms);
          co_await self.yield();
          work(5ms);
          out->add(1);
        },
        &done);
  }
  REQUIRE(done.wait_for(20, 60s));
  REQUIRE(eventually([&] { return world.runtime().process_count() == 0; }, 60s));
  CHECK(eventually([&] {
    const auto usages = behaviour_usages(world.runtime());
    const auto* const late = usage_of(usages, "{late,init,1}");
    return late != nullptr && late->slices == 40 && late->run_time >= 200ms;
  }));
}

}  // namespace
}  // namespace ergo::test
