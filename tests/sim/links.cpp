// A3 and A4: links between nodes against what the promises allow, with crossing signals, losses and deaths.
#include "link_stage.hpp"

namespace ergo::test {
namespace {

TEST_CASE("links between nodes stay symmetric and obey the last word", "[A4][R14]") {
  check_seeds(100, [](sim& world) -> std::string {
    stage on{world};
    std::array<std::set<std::size_t>, actors> before{};
    for (int round = 0; round < 100; ++round) {
      std::vector<op> ops;
      const auto count = 1 + world.pick(80);  // 100 seeds: 400,000 steps
      for (std::size_t number = 0; number < count; ++number) {
        ops.push_back(random_op(on));
        order(on, ops.back());
        world.run_for(std::chrono::microseconds{world.pick(3000)});
      }
      look_everywhere(on);
      if (auto wrong = check_symmetry(on); !wrong.empty()) return wrong;
      for (std::size_t left = 0; left < actors; ++left) {
        for (std::size_t right = left + 1; right < actors; ++right) {
          const auto must = expected(ops, left, right, before[left].contains(right));
          if (must && *must != on.actor[left].linked.contains(right))
            return "round " + std::to_string(round) + ": " + pair_text(left, right);
        }
        before[left] = on.actor[left].linked;
        if (std::ranges::any_of(on.actor[left].exits, [](int exits) { return exits != 0; }))
          return "an EXIT although nobody died";
      }
    }
    return {};
  });
}

TEST_CASE("links between nodes stay symmetric when connections are lost, and each loss is told", "[R11][A3][A4]") {
  check_seeds(200, [](sim& world) -> std::string {
    stage on{world};
    for (int round = 0; round < 6; ++round) {
      for (std::size_t number = 0; number < 15; ++number) {
        order(on, random_op(on));
        world.run_for(std::chrono::microseconds{world.pick(3000)});
        if (world.pick(4) == 0) random_network_fault(world);
      }
      world.heal();
      look_everywhere(on);
      if (auto wrong = check_symmetry(on); !wrong.empty()) return "round " + std::to_string(round) + ": " + wrong;
    }
    // Now every connection is lost for good: exactly one EXIT for each link that crossed.
    for (auto& one : on.actor) std::ranges::fill(one.exits, 0);
    for (const auto& name : on.names) {
      for (const auto& other : on.names) {
        if (name < other) world.partition(name, other);
      }
    }
    world.run_for(1s);
    for (std::size_t left = 0; left < actors; ++left) {
      for (std::size_t right = 0; right < actors; ++right) {
        const bool crossed = left % 3 != right % 3 && on.actor[left].linked.contains(right);
        if (on.actor[left].exits[right] != (crossed ? 1 : 0)) {
          return std::to_string(on.actor[left].exits[right]) + " EXIT for the lost link of " + pair_text(left, right);
        }
      }
    }
    return {};
  });
}

TEST_CASE("each link between nodes gives exactly one EXIT when its partner dies", "[R10][A3]") {
  check_seeds(150, [](sim& world) -> std::string {
    stage on{world};
    for (int round = 0; round < 8; ++round) {
      for (std::size_t number = 0; number < 10; ++number) {
        order(on, random_op(on));
        world.run_for(std::chrono::microseconds{world.pick(3000)});
      }
      look_everywhere(on);
      if (auto wrong = check_symmetry(on); !wrong.empty()) return wrong;
      if (auto wrong = check_death(on); !wrong.empty()) return wrong;
    }
    return {};
  });
}

}  // namespace
}  // namespace ergo::test
