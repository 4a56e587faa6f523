// Invariants that break: found in the step that breaks them, printed with how to run it again, and made smaller.
#include "setting.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/testing/sim.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <deque>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

using namespace ergo;
using namespace std::chrono_literals;
using test::setting;
using testing::sim;

namespace {

// ----- a lock with a real mistake -----------------------------------------------------------------------------------

// Whose lock is lost with the connection is not told, and goes on; the keeper gives the lock to the next one.
struct lock_world {
  std::unordered_set<pid> holders;
  int granted = 0;
};

task<> keep_lock(process& self) {
  std::deque<pid> waiting;
  std::optional<pid> holder;
  for (;;) {
    const auto got = co_await self.receive<pid, down>();
    if (const auto* const asker = got.get<pid>()) {
      waiting.push_back(*asker);
    } else {
      holder.reset();
    }
    if (holder || waiting.empty()) continue;
    holder = waiting.front();
    waiting.pop_front();
    const destination next{*holder};
    (void)self.monitor(next);
    self.send(next, "granted"_atom);
  }
}

struct holding {
  holding(lock_world* in, pid who) : world{in}, self{who} { world->holders.insert(self), ++world->granted; }
  ~holding() { world->holders.erase(self); }
  holding(const holding&) = delete;
  holding& operator=(const holding&) = delete;
  lock_world* world;
  pid self;
};

task<> take_lock(process& self, lock_world* seen) {
  const destination keeper{"keeper"_atom, "keeper@sim"_atom};
  self.send(keeper, self.id());
  const auto granted = co_await self.receive<atom>(300ms);
  if (granted.timed_out()) co_return;
  const holding now{seen, self.id()};
  co_await self.sleep(20ms);
}

std::string only_one_holds_the_lock(sim& world) {
  auto& seen = world.keep<lock_world>();
  world.invariant("only one holds the lock", [&]() -> std::string {
    return seen.holders.size() < 2 ? "" : std::to_string(seen.holders.size()) + " hold the lock";
  });
  world.start("keeper@sim");
  world.spawn("keeper@sim", {.name = "keeper"_atom}, make_body(keep_lock));
  for (const auto* const name : {"one@sim", "two@sim", "three@sim"}) world.start(name);
  for (int round = 0; round < 20; ++round) {
    for (const auto* const name : {"one@sim", "two@sim", "three@sim"}) world.spawn(name, take_lock, &seen);
    world.run_for(std::chrono::milliseconds{world.pick(40)});
    world.random_fault({.slow = 0, .restart = 0, .kill = 0});
  }
  world.heal();
  world.run_for(5s);
  return seen.granted < 5 ? "the lock was hardly ever granted" : "";
}

TEST_CASE("a broken invariant is found in its step, made smaller, printed and run again by what is printed") {
  const auto failed = testing::run_seeds({.first = 1, .count = 200}, only_one_holds_the_lock);
  REQUIRE(failed);
  CHECK(failed->invariant == "only one holds the lock");
  CHECK(failed->what == "2 hold the lock");
  CHECK(failed->repeatable);
  const auto done = std::ranges::count_if(failed->faults, &testing::planned_fault::done);
  CHECK(done == 1);  // one lost connection is all it takes
  CHECK(failed->whole_faults >= 1);
  const auto text = failed->message();
  INFO(text);
  const auto seed = std::to_string(failed->seed);
  CHECK(text.find("seed " + seed + ": 2 hold the lock") != std::string::npos);
  CHECK(text.find("ERGO_SIM_SEED=" + seed + " ERGO_SIM_FAULTS=" + failed->choice.text() + "\n") != std::string::npos);
  CHECK(text.find("last steps:") != std::string::npos);

  const setting same_seed{"ERGO_SIM_SEED", seed.c_str()};
  {
    const setting same_faults{"ERGO_SIM_FAULTS", failed->choice.text().c_str()};
    const auto again = testing::run_seeds({}, only_one_holds_the_lock);
    REQUIRE(again);
    CHECK(again->what == failed->what);
    CHECK(again->steps == failed->steps);
    CHECK(again->at == failed->at);
    CHECK(again->history == failed->history);
    CHECK(again->message().find("ERGO_SIM_FAULTS=" + failed->choice.text() + "\n") != std::string::npos);
  }
  {
    const setting no_faults{"ERGO_SIM_FAULTS", "none"};
    CHECK_FALSE(testing::run_seeds({}, only_one_holds_the_lock));
  }
  const auto whole = testing::run_seeds({}, only_one_holds_the_lock);
  REQUIRE(whole);
  CHECK(whole->steps == failed->whole_steps);
  CHECK(whole->choice.all());
}

// ----- how runs are made smaller ------------------------------------------------------------------------------------

// Thirty faults; those in `needed` together break the invariant when the last of them has been.
testing::scenario needs(std::set<unsigned> needed) {
  return [needed](sim& world) -> std::string {
    std::set<unsigned> done;
    world.invariant("not all of them", [&]() -> std::string {
      return std::ranges::includes(done, needed) ? "all " + std::to_string(needed.size()) + " were done" : "";
    });
    world.start("a@sim");
    for (unsigned number = 1; number <= 30; ++number) {
      world.fault("number " + std::to_string(number), [&] { done.insert(number); });
    }
    return {};
  };
}

TEST_CASE("of thirty faults those remain that the failure needs") {
  for (const auto& needed : {std::set<unsigned>{17}, std::set<unsigned>{3, 29}, std::set<unsigned>{1, 2, 14, 30}}) {
    const auto failed = testing::run_seeds({.first = 1, .count = 1}, needs(needed));
    REQUIRE(failed);
    std::set<unsigned> left;
    for (const auto& one : failed->faults) {
      if (one.done) left.insert(one.number);
    }
    CHECK(left == needed);
    CHECK(failed->whole_faults == *needed.rbegin());  // what would have come later has not happened
    CHECK(failed->runs < 100);
    for (const auto number : needed)
      CHECK(failed->message().find(": number " + std::to_string(number) + "\n") != std::string::npos);
  }
}

TEST_CASE("a run that fails without any fault is told without any") {
  const auto failed = testing::run_seeds({.first = 1, .count = 1}, [](sim& world) -> std::string {
    world.start("a@sim");
    for (int count = 0; count < 10; ++count) world.fault("for nothing", [] {});
    return "always wrong";
  });
  REQUIRE(failed);
  CHECK(failed->choice.text() == "none");
  CHECK(failed->runs == 2);
}

TEST_CASE("a run is made smaller only as far as it fails in the same way, and with no more runs than allowed") {
  const testing::scenario two_ways = [](sim& world) -> std::string {
    bool second = false;
    world.start("a@sim");
    world.invariant("the second was not alone", [&]() -> std::string { return second ? "alone" : ""; });
    bool first = false;
    world.fault("first", [&] { first = true; });
    world.fault("second", [&] { second = !first; });
    return first ? "the first was done" : "";
  };
  const auto failed = testing::run_seeds({.first = 1, .count = 1}, two_ways);
  REQUIRE(failed);
  CHECK(failed->what == "the first was done");
  CHECK(failed->choice.text() == "1");

  testing::sim_options few;
  few.shrink_runs = 3;
  const auto hurried = testing::run_seeds({.first = 1, .count = 1}, few, needs({3, 29}));
  REQUIRE(hurried);
  CHECK(hurried->runs == 3);
  few.shrink_runs = 0;
  const auto whole = testing::run_seeds({.first = 1, .count = 1}, few, needs({3, 29}));
  REQUIRE(whole);
  CHECK(whole->choice.all());
  CHECK(whole->runs == 0);
  const setting none{"ERGO_SIM_SHRINK", "0"};
  CHECK(testing::run_seeds({.first = 1, .count = 1}, needs({3, 29}))->choice.all());
}

TEST_CASE("an invariant that throws fails the run like one that gives a sentence") {
  const auto failed = testing::run_seeds({.first = 1, .count = 1}, [](sim& world) -> std::string {
    world.invariant("throws", []() -> std::string { throw std::runtime_error{"cannot look"}; });
    world.start("a@sim");
    world.spawn("a@sim", [](process&) -> task<> { co_return; });
    world.run_for(1s);
    return {};
  });
  REQUIRE(failed);
  CHECK(failed->what == "exception: cannot look");
  CHECK(failed->steps == 1);
}

TEST_CASE("what a broken invariant unwinds is not touched by processes any more") {
  const auto failed = testing::run_seeds({.first = 1, .count = 1}, [](sim& world) -> std::string {
    int alive = 0;
    world.invariant("nobody lives", [&]() -> std::string { return alive == 0 ? "" : "somebody lives"; });
    world.start("a@sim");
    world.spawn(
        "a@sim",
        [](process& self, int* count) -> task<> {
          struct counted {
            explicit counted(int* to) : count{++*to, to} {}
            ~counted() { --*count.second; }
            std::pair<int, int*> count;
          } const here{count};
          co_await self.sleep(forever);
        },
        &alive);
    try {
      world.run_for(1s);
    } catch (const testing::broken_invariant&) {
      if (alive != 0) return "the process outlived the step";
      throw;
    }
    return "the invariant held";
  });
  REQUIRE(failed);
  CHECK(failed->what == "somebody lives");
}

TEST_CASE("a scenario that depends on more than its seed is told so") {
  int calls = 0;
  const auto failed = testing::run_seeds({.first = 1, .count = 1},
                                         [&](sim&) -> std::string { return ++calls == 1 ? "wrong once" : ""; });
  REQUIRE(failed);
  CHECK_FALSE(failed->repeatable);
  CHECK(failed->message().find("depends on more than the seed") != std::string::npos);
}

}  // namespace
