// Requests and their answers: one pair, many pairs.
#include "workloads.hpp"

#include <vector>

namespace ergo_bench::in_caf {
namespace {

caf::behavior echo(caf::event_based_actor* /*self*/) {
  return {[](count number) { return number; }};
}

struct calling {
  count number = 0;
};

void next_call(caf::stateful_actor<calling>* self, const caf::actor& server, count calls, const finish& done) {
  self->request(server, caf::infinite, self->state.number)
      .await(
          [=](count answer) {
            if (answer != self->state.number) done->fail("a call was answered wrongly");
            if (++self->state.number < calls) return next_call(self, server, calls, done);
            done->arrive();
            self->quit();
          },
          [=](const caf::error& /*failed*/) { done->fail("a call failed"); });
}

void caller(caf::stateful_actor<calling>* self, caf::actor server, count calls, finish done) {
  next_call(self, server, calls, done);
}

measurement call(caf::actor_system& on, unsigned pairs, count each) {
  const auto done = std::make_shared<finish_line>(pairs);
  std::vector<caf::actor> servers;
  for (unsigned pair = 0; pair < pairs; ++pair) servers.push_back(on.spawn(echo));
  const stopwatch watch;
  for (const auto& server : servers) on.spawn(caller, server, each, done);
  done->wait();
  const auto took = watch.read(static_cast<std::uint64_t>(each) * pairs);
  for (const auto& server : servers) caf::anon_send_exit(server, caf::exit_reason::user_shutdown);
  return took;
}

}  // namespace

measurement call_sequential(caf::actor_system& on, count operations) { return call(on, 1, operations); }
measurement call_many(caf::actor_system& on, count operations) { return call(on, 120, operations / 120); }

}  // namespace ergo_bench::in_caf
