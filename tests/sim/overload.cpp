// R23: bounded mailboxes with senders on other nodes.
#include "cluster.hpp"

#include <catch2/generators/catch_generators.hpp>

namespace ergo::test {
namespace {

using enum overflow;

constexpr std::size_t each = 60;

/// What the server found, and what its callers were told.
struct sums {
  mailbox_counts counts;
  std::size_t taken = 0;
  std::size_t elsewhere = 0;
  std::size_t signals = 0;  ///< `down` of every sender
  std::size_t calls = 0;
  std::size_t answered = 0;
  std::size_t limit = 0;
  std::size_t timeouts = 0;
  std::size_t other = 0;
};

/// Reads at a random pace; watches every sender that says who it is, over an alias, which no bound concerns.
task<> read_slowly(process& self, sim* world, reference* alias, sums* out) {
  *alias = self.make_alias();
  for (;;) {
    auto got = co_await self.receive_any();
    out->counts = self.mailbox();
    if (const auto sender = got.payload().as_pid(); sender && !got.is_call()) {
      const destination target{*sender};
      (void)self.monitor(target);
      continue;
    }
    if (got.as<down>()) {
      ++out->signals;
      continue;
    }
    ++out->taken;
    if (got.is_call()) self.reply(got.from(), 1);
    if (world->pick(4) == 0) co_await self.sleep(std::chrono::microseconds{world->pick(3'000)});
  }
}

task<> take_all(process& self, std::size_t* taken) {
  for (;;) {
    auto got = co_await self.receive_any();
    ++*taken;
    if (got.is_call()) self.reply(got.from(), 1);
  }
}

task<> send_all(process& self, sim* world, reference alias, pid to, sums* out) {
  const destination target{to};
  self.send(alias, self.id());
  for (std::size_t number = 0; number < each; ++number) {
    if (world->pick(3) == 0) {
      ++out->calls;
      const term request{1};
      auto answer = co_await call(self, target, request, 2s);
      if (answer) {
        ++out->answered;
      } else if (answer.error() == errc::system_limit) {
        ++out->limit;
      } else if (answer.error() == errc::timeout) {
        ++out->timeouts;
      } else {
        ++out->other;
      }
    } else if (world->pick(2) == 0) {
      self.send(target, number);
    } else {
      self.send_cast(target, number);
    }
    if (world->pick(5) == 0) co_await self.sleep(std::chrono::microseconds{world->pick(500)});
  }
}

std::string verdict(const sums& seen, overflow policy, std::size_t senders) {
  const auto& told = seen.counts;
  const auto sum = told.accepted + told.dropped + told.rejected + told.redirected;
  if (sum != senders * each) return "sent " + std::to_string(senders * each) + ", counted " + std::to_string(sum);
  if (told.accepted != seen.taken) return "accepted and taken differ";
  if (told.redirected != seen.elsewhere) return "redirected and taken elsewhere differ";
  if (seen.signals != senders) return "a signal was lost";
  if (seen.other != 0) return "a call failed otherwise";
  if (seen.answered + seen.limit + seen.timeouts != seen.calls) return "a call did not end";
  if (policy == redirect ? told.redirected == 0 : told.dropped == 0) return "the mailbox was never full";
  return {};
}

TEST_CASE("whatever its policy, a bounded mailbox accounts for all that other nodes send, and loses no signal",
          "[R23]") {
  const auto policy = GENERATE(drop_newest, fail_sender, drop_oldest, block_thread, redirect);
  CAPTURE(static_cast<int>(policy));
  check_seeds(20, [&](sim& world) -> std::string {
    const auto names = start_nodes(world, 3);
    sums seen;
    reference alias;
    const auto other = world.spawn(names[0], take_all, &seen.elsewhere);
    const spawn_options how{.mailbox_bound = 5, .policy = policy, .redirect_to = other};
    const auto server = world.spawn(names[0], how, make_body(read_slowly, &world, &alias, &seen));
    world.run_for(1ms);
    constexpr std::size_t senders = 6;
    for (std::size_t sender = 0; sender < senders; ++sender)
      world.spawn(names[sender % 3], send_all, &world, alias, server, &seen);
    world.run_for(300s);
    return verdict(seen, policy, senders);
  });
}

}  // namespace
}  // namespace ergo::test
