// Actors that come and go: one after the other, and a tree of a million.
#include "workloads.hpp"

namespace ergo_bench::in_caf {
namespace {

void nothing(caf::event_based_actor* /*self*/) {}

struct spawning {
  caf::actor_addr child;
  count ended = 0;
};

void next_child(caf::stateful_actor<spawning>* self) {
  self->state.child = self->spawn<caf::monitored>(nothing).address();
}

caf::behavior spawner(caf::stateful_actor<spawning>* self, count children, finish done) {
  self->set_down_handler([=](const caf::down_msg& ended) {
    if (ended.source != self->state.child || ended.reason) done->fail("an actor did not end as expected");
    if (++self->state.ended < children) return next_child(self);
    done->arrive();
    self->quit();
  });
  next_child(self);
  return {[](caf::unit_t) {}};
}

constexpr count fan_out = 10;

struct summing {
  count sum = 0;
  count missing = fan_out;
};

/// The leaf `first`, or the tree above the leaves from `first` on.
caf::behavior tree(caf::stateful_actor<summing>* self, caf::actor parent, count first, count leaves) {
  if (leaves == 1) {
    self->send(parent, first);
    return {};
  }
  const auto each = leaves / fan_out;
  for (count child = 0; child < fan_out; ++child)
    self->spawn(tree, caf::actor_cast<caf::actor>(self), first + child * each, each);
  return {[=](count sum) {
    self->state.sum += sum;
    if (--self->state.missing > 0) return;
    self->send(parent, self->state.sum);
    self->quit();
  }};
}

caf::behavior tree_owner(caf::event_based_actor* self, count leaves, finish done) {
  self->spawn(tree, caf::actor_cast<caf::actor>(self), count{0}, leaves);
  return {[=](count sum) {
    sum == leaves*(leaves - 1) / 2 ? done->arrive() : done->fail("the sum is wrong");
    self->quit();
  }};
}

}  // namespace

measurement spawn_exit(caf::actor_system& on, count operations) {
  const auto done = std::make_shared<finish_line>(1);
  const stopwatch watch;
  // A monitor holds its owner weakly: without this handle the owner would be out of reach, and told nothing.
  const auto owner = on.spawn(spawner, operations, done);
  done->wait();
  return watch.read(static_cast<std::uint64_t>(operations));
}

measurement skynet(caf::actor_system& on, count operations) {
  count leaves = 1;
  while (leaves * fan_out <= operations) leaves *= fan_out;
  const auto done = std::make_shared<finish_line>(1);
  const stopwatch watch;
  on.spawn(tree_owner, leaves, done);
  done->wait();
  return watch.read(1);
}

}  // namespace ergo_bench::in_caf
