// A4 over connections of the old link protocol, as OTP 23 speaks it: UNLINK without an id, never acknowledged. A packet
// of the new one would be refused, which fails the run.
#include "link_stage.hpp"
#include "packets.hpp"

namespace ergo::test {
namespace {

void check_old_protocol(unsigned count, const testing::scenario& wanted) {
  testing::sim_options options;
  options.carry = packets_between(dist::pass_through_offer.without(dist::flag::unlink_id));
  const testing::scenario counted = [&wanted](sim& world) {
    count_runs(1);
    return wanted(world);
  };
  const auto failed = testing::run_seeds({.first = 1, .count = count}, options, counted);
  if (failed) FAIL(failed->message());
  SUCCEED();
}

/// A step of the one of each pair that has the say in it: what both say at once has no answer in this protocol.
op one_sided_op(stage& on) {
  auto one = random_op(on);
  if (one.by > one.with) std::swap(one.by, one.with);
  return one;
}

std::string partners_of(const stage& on, std::size_t of) {
  std::string all;
  for (const auto other : on.actor[of].linked) all += " " + std::to_string(other);
  return all;
}

TEST_CASE("over the old protocol links obey the last word of the one who has the say", "[A4][R14]") {
  check_old_protocol(100, [](sim& world) -> std::string {
    stage on{world};
    std::array<std::set<std::size_t>, actors> linked{};
    for (int round = 0; round < 30; ++round) {
      const auto count = 1 + world.pick(60);
      for (std::size_t number = 0; number < count; ++number) {
        const auto one = one_sided_op(on);
        order(on, one);
        if (one.link) {
          linked[one.by].insert(one.with);
          linked[one.with].insert(one.by);
        } else {
          linked[one.by].erase(one.with);
          linked[one.with].erase(one.by);
        }
        world.run_for(std::chrono::microseconds{world.pick(3000)});
      }
      look_everywhere(on);
      for (std::size_t index = 0; index < actors; ++index) {
        if (on.actor[index].linked != linked[index])
          return std::to_string(index) + " is linked to" + partners_of(on, index);
        if (std::ranges::any_of(on.actor[index].exits, [](int exits) { return exits != 0; }))
          return "an EXIT although nobody died";
      }
    }
    return {};
  });
}

TEST_CASE("over the old protocol each link gives exactly one EXIT when its partner dies", "[A3][A4]") {
  check_old_protocol(100, [](sim& world) -> std::string {
    stage on{world};
    for (int round = 0; round < 8; ++round) {
      for (std::size_t number = 0; number < 20; ++number) {
        order(on, one_sided_op(on));
        world.run_for(std::chrono::microseconds{world.pick(3000)});
      }
      look_everywhere(on);
      if (auto wrong = check_death(on); !wrong.empty()) return wrong;
    }
    return {};
  });
}

TEST_CASE("over the old protocol nothing is left of links that both sides made and broke at once", "[A4]") {
  check_old_protocol(100, [](sim& world) -> std::string {
    stage on{world};
    for (int number = 0; number < 300; ++number) {
      order(on, random_op(on));
      world.run_for(std::chrono::microseconds{world.pick(500)});
    }
    world.run_for(1s);
    // When everything has arrived everybody takes every link back.
    for (std::size_t by = 0; by < actors; ++by) {
      for (std::size_t with = 0; with < actors; ++with) {
        if (by != with) order(on, {by, with, false});
      }
    }
    look_everywhere(on);
    for (std::size_t index = 0; index < actors; ++index) {
      if (!on.actor[index].linked.empty()) return std::to_string(index) + " is linked to" + partners_of(on, index);
    }
    for (auto& one : on.actor) std::ranges::fill(one.exits, 0);
    for (const auto& one : on.actor) world.exit(one.id, "kill"_atom);
    world.run_for(1s);
    for (std::size_t index = 0; index < actors; ++index) {
      if (std::ranges::any_of(on.actor[index].exits, [](int exits) { return exits != 0; }))
        return "an EXIT for a link that was taken back";
    }
    return {};
  });
}

}  // namespace
}  // namespace ergo::test
