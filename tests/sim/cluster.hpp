// What the scenarios share: a cluster of a few nodes, random faults, and the carriage that this program tests.
#pragma once

#include <ergo/calls.hpp>
#include <ergo/etf/text.hpp>
#include <ergo/testing/sim.hpp>

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

/// Loses, parts or heals the connection of two random nodes.
inline void random_network_fault(sim& world, const std::vector<std::string>& names) {
  const auto left = world.pick(names.size());
  const auto right = (left + 1 + world.pick(names.size() - 1)) % names.size();
  switch (world.pick(4)) {
    case 0: return world.partition(names[left], names[right]);
    case 1: return world.heal(names[left], names[right]);
    default: return world.cut(names[left], names[right]);
  }
}

inline void heal_all(sim& world, const std::vector<std::string>& names) {
  for (std::size_t left = 0; left < names.size(); ++left) {
    for (std::size_t right = left + 1; right < names.size(); ++right) world.heal(names[left], names[right]);
  }
}

/// Runs a scenario for `count` seeds and fails the test with the seed of the first that does not hold.
inline void check_seeds(unsigned count, testing::sim_options options, const testing::scenario& wanted) {
  options.carry = carriage_under_test();
  const auto failed = testing::run_seeds({.first = 1, .count = count}, options, wanted);
  if (failed) FAIL(failed->message());
  SUCCEED();
}
inline void check_seeds(unsigned count, const testing::scenario& wanted) { check_seeds(count, {}, wanted); }

}  // namespace ergo::test
