// The fault of libergo/TESTING.md that is a scenario's own: done in a whole run, and left out where it is not wanted.
#include <ergo/testing/sim.hpp>

#include <iostream>

void north_dozes(ergo::testing::sim& world);  // of the document

namespace {

bool is_done_by(const ergo::testing::fault_choice& which) {
  ergo::testing::sim_options options;
  options.faults = which;
  ergo::testing::sim world{options};
  world.start("north@sim");
  north_dozes(world);
  return world.faults().front().done;
}

}  // namespace

int main() {
  const bool right = is_done_by({}) && !is_done_by(ergo::testing::fault_choice{{2}});
  if (!right) std::cerr << "the fault was not done, or not left out\n";
  return right ? 0 : 1;
}
