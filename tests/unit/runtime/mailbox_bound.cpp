// Bounded mailboxes: what is counted, what is refused, and what the bound never touches.
#include "fixture.hpp"

namespace ergo::test {
namespace {

TEST_CASE("an exit message, a DOWN and a nodedown are never subject to the mailbox's bound") {
  manual_world world;
  std::vector<std::string> got;
  const auto bounded = world.spawn(
      {.trap_exits = true, .mailbox_bound = 1},
      [](process& self, std::vector<std::string>* out) -> task<> {
        const auto child = self.spawn_link([](process& own) -> task<> {
          own.exit(exit_reason{"bad"_atom});
          co_return;
        });
        const destination to{child};
        (void)self.monitor(to);
        self.monitor_node("other@host"_atom);
        co_await self.sleep(100ms);
        out->push_back(std::to_string(self.unread()) + " unread, " + std::to_string(self.dropped()) + " dropped");
      },
      &got);
  world.run();
  for (int number = 0; number < 10; ++number) world.send(bounded, number);
  world.advance(1s);
  CHECK(got == std::vector<std::string>{"3 unread, 10 dropped"});
}

// R23.
TEST_CASE("of a bounded mailbox accepted, dropped and rejected add up to what was sent") {
  const auto policy = GENERATE(overflow::drop_newest, overflow::fail_sender);
  CAPTURE(policy == overflow::fail_sender);
  constexpr std::size_t casts = 300;
  constexpr std::size_t calls = 200;
  manual_world world;
  struct counts {
    std::size_t accepted = 0;
    std::size_t dropped = 0;
    std::size_t rejected = 0;
    std::size_t highest = 0;
    std::size_t limit_errors = 0;
    std::size_t other_errors = 0;
  } seen;
  std::mt19937_64 random{11};
  const auto server = world.spawn(
      {.mailbox_bound = 16, .policy = policy},
      [](process& self, counts* out) -> task<> {
        for (;;) {
          auto got = co_await self.receive_any();
          out->highest = std::max(out->highest, self.unread() + 1);
          ++out->accepted;
          if (got.is_call()) self.reply(got.from(), 1);
          if (out->accepted % 3 == 0) co_await self.sleep(1ms);
          out->dropped = self.dropped();
          out->rejected = self.rejected();
        }
      },
      &seen);
  for (std::size_t number = 0; number < calls; ++number) {
    world.spawn(
        [](process& self, pid to, counts* out) -> task<> {
          const destination target{to};
          const term request{1};
          auto answer = co_await call(self, target, request, 10s);
          if (answer) co_return;
          answer.error() == errc::system_limit ? ++out->limit_errors : ++out->other_errors;
        },
        server, &seen);
  }
  for (std::size_t number = 0; number < casts; ++number) {
    world.send(server, number);
    if (number % 10 == 0) {
      world.run_random(random, 20);
      world.pass(100us);
    }
  }
  world.advance(20s);
  CHECK(seen.accepted + seen.dropped + seen.rejected == casts + calls);
  CHECK(seen.dropped > 0);
  CHECK(seen.highest <= 16);
  if (policy == overflow::fail_sender) {
    CHECK(seen.rejected > 0);
    CHECK(seen.limit_errors == seen.rejected);
    CHECK(seen.other_errors == 0);
  } else {
    CHECK(seen.rejected == 0);
    CHECK(seen.limit_errors == 0);  // dropped calls time out
  }
}

}  // namespace
}  // namespace ergo::test
