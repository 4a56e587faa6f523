// A look at processes and connections from outside: what invariants are made of.
#include <ergo/testing/sim.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace ergo;
using namespace std::chrono_literals;
using testing::sim;

namespace {

constexpr const char* left = "left@sim";
constexpr const char* right = "right@sim";

task<> wait_for_ever(process& self) { co_await self.sleep(forever); }

// Links to and monitors `other`, and monitors the name `target` over there.
task<> tie(process& self, pid other) {
  self.link(other);
  const destination by_pid{other};
  const destination by_name{"target"_atom, other.node.name()};
  (void)self.monitor(by_pid);
  (void)self.monitor(by_name);
  co_await self.sleep(forever);
}

TEST_CASE("links, monitors and what connections remember of them can be looked at") {
  sim world;
  for (const auto* const name : {left, right}) world.start(name);
  const auto target = world.spawn(right, {.name = "target"_atom}, make_body(wait_for_ever));
  const auto tied = world.spawn(left, tie, target);
  CHECK(world.quiet(left, right));
  CHECK(world.run_until([&] { return !world.quiet(left, right); }));
  CHECK(world.links(tied) == std::vector<pid>{target});
  CHECK(world.links(target).empty());  // on its way
  world.run_for(1s);
  CHECK(world.quiet(left, right));
  CHECK(world.settled(target));
  CHECK(world.links(target) == std::vector<pid>{tied});
  CHECK(world.watchers(target) == std::vector<pid>{tied, tied});
  CHECK(world.watchers(tied).empty());
  REQUIRE(world.watching(tied).size() == 2);
  CHECK(world.watching(tied)[0].by_name() != world.watching(tied)[1].by_name());
  CHECK(world.remembered(left, right) == 3);
  CHECK(world.remembered(right, left) == 3);

  world.cut(left, right);
  CHECK_FALSE(world.quiet(left, right));
  world.run_for(1s);
  CHECK(world.quiet(left, right));
  CHECK_FALSE(world.alive(tied));  // of noconnection
  CHECK(world.links(tied).empty());
  CHECK(world.watching(tied).empty());
  CHECK(world.watchers(target).empty());
  CHECK(world.links(target).empty());
  CHECK(world.remembered(left, right) == 0);
  CHECK(world.remembered(right, left) == 0);
}

TEST_CASE("looking at everything in every step leaves the run as it is") {
  const auto run = [](bool looks) {
    testing::sim_options options;
    options.seed = 3;
    options.history = true;
    sim world{options};
    std::vector<pid> all;
    for (const auto* const name : {left, right}) {
      world.start(name, [&](const std::string& on) {
        for (int count = 0; count < 3; ++count) all.push_back(world.spawn(on, wait_for_ever));
        for (const auto& other : std::vector<pid>{all}) all.push_back(world.spawn(on, tie, other));
      });
    }
    std::size_t seen = 0;
    if (looks) {
      world.invariant("everything is looked at", [&]() -> std::string {
        for (const auto& one : all)
          seen += world.links(one).size() + world.watching(one).size() + world.watchers(one).size() +
                  (world.settled(one) ? 1 : 0);
        return {};
      });
    }
    for (int fault = 0; fault < 10; ++fault) {
      world.run_for(5ms);
      world.random_fault({.restart = 0});
    }
    CHECK((seen != 0) == looks);
    return world.history();
  };
  CHECK(run(false) == run(true));
}

}  // namespace
