// What the scenarios share: a cluster of a few nodes, random faults, and the carriage that this program tests.
#pragma once

#include <ergo/calls.hpp>
#include <ergo/etf/text.hpp>
#include <ergo/testing/sim.hpp>
#include <ergo_test/figures.hpp>
#include <ergo_test/sanitizers.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace ergo::test {

using namespace std::chrono_literals;
using testing::sim;

/// How this program's connections carry signals; empty for envelopes.
[[nodiscard]] testing::carriage_factory carriage_under_test();

[[nodiscard]] inline std::string node_name(std::size_t index) { return "n" + std::to_string(index) + "@sim"; }

/// Starts `count` nodes and returns their names.
[[nodiscard]] inline std::vector<std::string> start_nodes(sim& world, std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t index = 0; index < count; ++index) {
    names.push_back(node_name(index));
    world.start(names.back());
  }
  return names;
}

/// Loses, parts, half deafens or heals the connection of two random nodes, as a fault of the run's plan.
inline void random_network_fault(sim& world) {
  world.random_fault({.cut = 3, .partition = 2, .mute = 1, .heal = 2, .slow = 0, .restart = 0, .kill = 0});
}

/// How many seeds there is time for, of so many without a sanitizer.
[[nodiscard]] constexpr unsigned seeds_in_time(unsigned count) { return sanitized ? count / 10 : count; }

/// Runs a scenario for `count` seeds and fails the test with the seed of the first that does not hold.
inline void check_seeds(unsigned count, testing::sim_options options, const testing::scenario& wanted) {
  options.carry = carriage_under_test();
  const testing::scenario counted = [&wanted](sim& world) {
    count_runs(1);
    return wanted(world);
  };
  const auto failed = testing::run_seeds({.first = 1, .count = count}, options, counted);
  if (failed) FAIL(failed->message());
  SUCCEED();
}
inline void check_seeds(unsigned count, const testing::scenario& wanted) { check_seeds(count, {}, wanted); }

}  // namespace ergo::test
