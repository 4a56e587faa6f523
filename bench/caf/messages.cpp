// Messages one way: a pair, a storm, a ring.
#include "workloads.hpp"

#include <algorithm>
#include <vector>

namespace ergo_bench::in_caf {
namespace {

struct counting {
  count next = 0;
};

caf::behavior sink(caf::stateful_actor<counting>* self, count expected, finish done) {
  return {[=](count number) {
    if (number != self->state.next++) done->fail("a message was lost, doubled or overtaken");
    if (self->state.next < expected) return;
    done->arrive();
    self->quit();
  }};
}

/// Sends to each of a group in turn; the message is what it says to itself to go on.
caf::behavior source(caf::stateful_actor<counting>* self, std::vector<caf::actor> group, count rounds) {
  self->send(self, caf::ok_atom::value);
  const auto per_turn = std::max<count>(1, batch / static_cast<count>(group.size()));
  return {[=](caf::ok_atom go_on) {
    auto& round = self->state.next;
    const auto until = std::min(round + per_turn, rounds);
    for (; round < until; ++round) {
      for (const auto& to : group) self->send(to, round);
    }
    round < rounds ? self->send(self, go_on) : self->quit();
  }};
}

constexpr count ring_size = 1'000;

struct member_state {
  caf::actor next;
  count round = 0;
};

caf::behavior ring_member(caf::stateful_actor<member_state>* self, count place, count rounds, finish done) {
  return {[=](const caf::actor& next) { self->state.next = next; },
          [=](count token) {
            const auto hops = self->state.round++ * ring_size + place;
            if (token != hops) done->fail("the token was lost, doubled or overtaken");
            hops + 1 == rounds* ring_size ? done->arrive() : self->send(self->state.next, hops + 1);
            if (self->state.round == rounds) self->quit();
          }};
}

}  // namespace

measurement send_one_to_one(caf::actor_system& on, count operations) {
  const auto done = std::make_shared<finish_line>(1);
  const stopwatch watch;
  const auto to = on.spawn(sink, operations, done);
  on.spawn(source, std::vector<caf::actor>{to}, operations);
  done->wait();
  return watch.read(static_cast<std::uint64_t>(operations));
}

measurement storm(caf::actor_system& on, count operations) {
  constexpr count senders = 20;
  constexpr count receivers = 2'000;
  const auto each = operations / receivers;
  const auto done = std::make_shared<finish_line>(receivers);
  std::vector<caf::actor> sinks;
  for (count number = 0; number < receivers; ++number) sinks.push_back(on.spawn(sink, each, done));
  const stopwatch watch;
  constexpr auto group = receivers / senders;
  for (count sender = 0; sender < senders; ++sender) {
    const auto first = sinks.begin() + sender * group;
    on.spawn(source, std::vector<caf::actor>(first, first + group), each);
  }
  done->wait();
  return watch.read(static_cast<std::uint64_t>(each * receivers));
}

measurement ring(caf::actor_system& on, count operations) {
  const auto done = std::make_shared<finish_line>(1);
  const auto rounds = std::max<count>(1, operations / ring_size);
  std::vector<caf::actor> members;
  for (count place = 0; place < ring_size; ++place) members.push_back(on.spawn(ring_member, place, rounds, done));
  for (std::size_t place = 0; place < members.size(); ++place)
    caf::anon_send(members[place], members[(place + 1) % members.size()]);
  const stopwatch watch;
  caf::anon_send(members.front(), count{0});
  done->wait();
  return watch.read(static_cast<std::uint64_t>(rounds * ring_size));
}

}  // namespace ergo_bench::in_caf
