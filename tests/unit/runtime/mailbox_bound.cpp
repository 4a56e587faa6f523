// Bounded mailboxes: what is counted, what is refused, and what the bound never touches.
#include "policies.hpp"

namespace ergo::test {
namespace {

/// Takes whatever comes, and answers calls.
task<> take_all(process& self, std::size_t* taken) {
  for (;;) {
    auto got = co_await self.receive_any();
    ++*taken;
    if (got.is_call()) self.reply(got.from(), 1);
  }
}

TEST_CASE("whatever the policy, signals, what comes over an alias and system messages are never subject to the bound") {
  const auto policy = each_policy();
  CAPTURE(name_of(policy));
  manual_world world;
  std::vector<std::string> got;
  reference alias;
  const auto bounded = world.spawn(
      {.trap_exits = true, .mailbox_bound = 1, .policy = policy},
      [](process& self, reference* own, std::vector<std::string>* out) -> task<> {
        *own = self.make_alias(alias_use::until_dropped, urgency::priority);
        const auto child = self.spawn_link([](process& body) -> task<> {
          body.exit(exit_reason{"bad"_atom});
          co_return;
        });
        const destination to{child};
        (void)self.monitor(to);
        self.monitor_node("other@host"_atom);
        co_await self.sleep(100ms);
        while (self.unread() != 0) {
          const auto next = co_await self.receive_any();
          if (next.as<down>()) out->emplace_back("down");
          if (next.as<exit_message>()) out->emplace_back("exit");
          if (next.as<node_down>()) out->emplace_back("node");
          if (next.as<etf::term>()) out->push_back(text(*next.as<etf::term>()));
        }
      },
      &alias, &got);
  world.run();
  for (int number = 0; number < 10; ++number) {
    world.send(bounded, number);
    world.spawn(
        [](process& self, reference to) -> task<> {
          self.send(to, "aliased"_atom);
          self.send(to, "urgent"_atom, urgency::priority);
          co_return;
        },
        alias);
    world.send(bounded, etf::tuple("system"_atom, etf::tuple(pid{}, 1), "get_state"_atom));
    world.run();
  }
  world.advance(1s);
  const auto count = [&](std::string_view what) { return std::ranges::count(got, what); };
  CHECK(count("down") == 1);
  CHECK(count("exit") == 1);
  CHECK(count("node") == 1);
  CHECK(count("aliased") == 10);
  CHECK(count("urgent") == 10);
  CHECK(std::ranges::count_if(got, [](const auto& one) { return one.starts_with("{system,"); }) == 10);
  CHECK(got.size() == 34);  // and one number
  CHECK(count(policy == drop_oldest ? "9" : "0") == 1);
}

// R23, from processes: calls that wait, sends that ask, sends that do not, and the process's own timers.
TEST_CASE("of a bounded mailbox accepted, dropped, rejected and redirected add up to what was sent", "[R23]") {
  const auto policy = each_policy();
  CAPTURE(name_of(policy));
  constexpr std::size_t casts = 300;
  constexpr std::size_t calls = 200;
  constexpr std::size_t timers = 50;
  manual_world world;
  struct counts {
    std::size_t taken = 0;
    std::size_t highest = 0;
    std::size_t answered = 0;
    std::size_t limit_errors = 0;
    std::size_t timeouts = 0;
    std::size_t other_errors = 0;
    std::size_t refused = 0;
    std::size_t elsewhere = 0;
  } seen;
  std::mt19937_64 random{11};
  const auto other = world.spawn(take_all, &seen.elsewhere);
  const auto server = world.spawn(
      {.mailbox_bound = 16, .policy = policy, .redirect_to = other},
      [](process& self, counts* out) -> task<> {
        const destination own{self.id()};
        for (std::size_t number = 0; number < timers; ++number) self.send_after(2ms, own, 1);
        for (;;) {
          auto got = co_await self.receive_any();
          out->highest = std::max(out->highest, self.unread() + 1);
          ++out->taken;
          if (got.is_call()) self.reply(got.from(), 1);
          if (out->taken % 3 == 0) co_await self.sleep(1ms);
        }
      },
      &seen);
  for (std::size_t number = 0; number < calls; ++number) {
    world.spawn(
        [](process& self, pid to, counts* out) -> task<> {
          const destination target{to};
          const term request{1};
          auto answer = co_await call(self, target, request, 10s);
          if (answer) {
            ++out->answered;
          } else if (answer.error() == errc::system_limit) {
            ++out->limit_errors;
          } else if (answer.error() == errc::timeout) {
            ++out->timeouts;
          } else {
            ++out->other_errors;
          }
        },
        server, &seen);
  }
  for (std::size_t number = 0; number < casts; ++number) {
    if (number % 2 == 0) {
      world.send(server, number);
    } else {
      world.spawn(
          [](process& self, pid to, counts* out) -> task<> {
            const destination target{to};
            if (!self.try_send(target, 1)) ++out->refused;
            co_return;
          },
          server, &seen);
    }
    if (number % 10 == 0) {
      world.run_random(random, 20);
      world.pass(100us);
    }
  }
  world.advance(20s);
  const auto told = world.runtime().mailbox(server);
  CHECK(sum(told) == casts + calls + timers);
  CHECK(told.accepted == seen.taken);
  CHECK(told.redirected == seen.elsewhere);
  CHECK(told.waiting == 0);
  CHECK(seen.highest <= 16);
  CHECK(seen.answered + seen.limit_errors + seen.timeouts == calls);
  CHECK(seen.other_errors == 0);
  if (policy == fail_sender || policy == block_thread) {
    CHECK(told.rejected > 0);
    CHECK(told.rejected == seen.limit_errors + seen.refused);
    CHECK(seen.timeouts == 0);
  } else {
    CHECK(told.rejected == 0);
    CHECK(seen.limit_errors == 0);  // dropped calls time out
  }
  if (policy == redirect) {
    CHECK(told.redirected > 0);
    CHECK(told.dropped == 0);
    CHECK(seen.answered == calls);
  } else {
    CHECK(told.dropped > 0);
  }
  const auto losses = world.runtime().mailbox_losses();
  CHECK(losses.dropped == told.dropped);
  CHECK(losses.rejected == told.rejected);
  CHECK(losses.redirected == told.redirected);
}

TEST_CASE("a mailbox that drops the oldest keeps the newest, in order") {
  manual_world world;
  std::vector<std::int64_t> got;
  const auto server = world.spawn(
      {.mailbox_bound = 10, .policy = drop_oldest},
      [](process& self, std::vector<std::int64_t>* out) -> task<> {
        for (;;) {
          auto number = co_await self.receive<std::int64_t>();
          out->push_back(*number);
        }
      },
      &got);
  world.run();
  for (std::int64_t number = 0; number < 500; ++number) world.send(server, number);
  world.run();
  CHECK(got == std::vector<std::int64_t>{490, 491, 492, 493, 494, 495, 496, 497, 498, 499});
  const auto told = world.runtime().mailbox(server);
  CHECK(told.accepted == 10);
  CHECK(told.dropped == 490);
}

TEST_CASE("what a mailbox drops by itself may hold more than its bound only until the process runs") {
  manual_world world;
  const auto server = world.spawn({.mailbox_bound = 10, .policy = drop_oldest},
                                  [](process& self) -> task<> { (void)co_await self.receive<etf::atom>(); });
  world.run();
  for (int number = 0; number < 70'000; ++number) world.send(server, number);
  CHECK(world.runtime().mailbox(server).waiting == 65'546);
  CHECK(world.runtime().mailbox(server).dropped == 70'000 - 65'546);
  world.run();
  CHECK(world.runtime().mailbox(server).waiting == 10);
  CHECK(world.runtime().mailbox(server).dropped == 69'990);
}

// A wait that has looked at messages knows where it stopped; what it had seen goes meanwhile, and what it had not.
TEST_CASE("a selective wait finds its message while others are dropped around the place where it looks") {
  manual_world world;
  std::mt19937_64 random{23};
  std::size_t found = 0;
  const auto server = world.spawn(
      {.mailbox_bound = 5, .policy = drop_oldest},
      [](process& self, std::size_t* out) -> task<> {
        for (;;) {
          const destination own{self.id()};
          auto watch = self.monitor(own);
          (void)self.demonitor(watch);
          (void)co_await self.receive<etf::atom>();
          ++*out;
        }
      },
      &found);
  std::size_t wanted = 0;
  for (int round = 0; round < 3'000; ++round) {
    for (auto before = random() % 9; before-- > 0;) world.send(server, 1);
    if (random() % 2 == 0) world.run();
    ++wanted;
    world.send(server, "wanted"_atom);
    for (auto behind = random() % 5; behind-- > 0;) world.send(server, 2);
    world.run();
    REQUIRE(found == wanted);
  }
  CHECK(sum(world.runtime().mailbox(server)) >= wanted);
}

TEST_CASE("two full mailboxes that redirect to each other drop what neither takes, and fail calls") {
  manual_world world;
  std::array<pid, 2> both;
  for (std::size_t which = 0; which < 2; ++which) {
    const spawn_options how{.name = which == 0 ? "left"_atom : "right"_atom,
                            .mailbox_bound = 3,
                            .policy = redirect,
                            .redirect_to = which == 0 ? "right"_atom : "left"_atom};
    both[which] = world.spawn(how, [](process& self) -> task<> { (void)co_await self.receive<etf::atom>(); });
  }
  world.run();
  for (int number = 0; number < 10; ++number) world.send(both[0], number);
  std::string failed;
  world.spawn(
      [](process& self, pid to, std::string* out) -> task<> {
        const destination target{to};
        const term request{1};
        auto answer = co_await call(self, target, request, 10s);
        *out = answer ? "answered" : answer.error().message();
      },
      both[0], &failed);
  world.run();
  const auto left = world.runtime().mailbox(both[0]);
  const auto right = world.runtime().mailbox(both[1]);
  CHECK(left.accepted == 3);
  CHECK(left.redirected == 8);
  CHECK(right.accepted == 3);
  CHECK(right.dropped == 4);
  CHECK(right.rejected == 1);
  CHECK(failed.find("mailbox") != std::string::npos);
}

TEST_CASE("what is redirected to nobody is dropped, and a call of it fails at once") {
  manual_world world;
  const spawn_options how{.mailbox_bound = 0, .policy = redirect, .redirect_to = "nobody"_atom};
  const auto server = world.spawn(how, [](process& self) -> task<> { (void)co_await self.receive<etf::atom>(); });
  world.send(server, 1);
  std::string failed;
  world.spawn(
      [](process& self, pid to, std::string* out) -> task<> {
        const destination target{to};
        const term request{1};
        auto answer = co_await call(self, target, request, 10s);
        *out = answer ? "answered" : answer.error().message();
      },
      server, &failed);
  world.run();
  CHECK(world.runtime().mailbox(server).dropped == 1);
  CHECK(world.runtime().mailbox(server).rejected == 1);
  CHECK(failed.find("mailbox") != std::string::npos);
}

TEST_CASE("a runtime's bound is that of every process that names none, and each may name another") {
  manual_world world{{.mailbox = {.bound = 3, .policy = fail_sender}}};
  const auto idle = [](process& self) -> task<> { (void)co_await self.receive<etf::atom>(); };
  const auto plain = world.spawn(idle);
  const auto own = world.spawn({.mailbox_bound = 5}, idle);
  const auto none = world.spawn({.mailbox_bound = no_limit}, idle);
  for (int number = 0; number < 10; ++number) {
    for (const auto& to : {plain, own, none}) world.send(to, number);
  }
  world.run();
  CHECK(world.runtime().mailbox(plain).accepted == 3);
  CHECK(world.runtime().mailbox(plain).dropped == 7);
  CHECK(world.runtime().mailbox(own).accepted == 5);
  CHECK(world.runtime().mailbox(none).accepted == 0);  // counts nothing
  std::size_t unread = 0;
  world.spawn(
      [](process& self, pid of, std::size_t* out) -> task<> {
        auto facts = co_await process_info(self, of, 1s);
        for (const auto& fact : facts->items()) {
          if (fact.elements()[0].is("message_queue_len"_atom))
            *out = static_cast<std::size_t>(*fact.elements()[1].as_integer());
        }
      },
      none, &unread);
  world.run();
  CHECK(unread == 10);
}

TEST_CASE("who lives in a slot after a process with a full mailbox begins with an empty one") {
  manual_world world{{.processes = 2}};
  for (int round = 0; round < 200; ++round) {
    const auto server = world.spawn({.mailbox_bound = 4, .policy = round % 2 == 0 ? drop_newest : drop_oldest},
                                    [](process& self) -> task<> { (void)co_await self.receive<etf::atom>(); });
    if (round % 3 != 0) world.run();
    for (int number = 0; number < 6; ++number) world.send(server, number);
    if (round % 5 != 0) world.run();
    CHECK(world.runtime().mailbox(server).waiting >= 4);
    world.exit(server, "kill"_atom);
    for (int number = 0; number < 3; ++number) world.send(server, number);
    world.run();
    REQUIRE_FALSE(world.alive(server));
    CHECK(world.runtime().mailbox(server).waiting == 0);
    const auto successor =
        world.spawn({.mailbox_bound = 2}, [](process& self) -> task<> { (void)co_await self.receive<etf::atom>(); });
    world.send(server, 1);  // late
    world.send(successor, 1);
    world.run();
    REQUIRE(world.runtime().mailbox(successor).waiting == 1);
    REQUIRE(sum(world.runtime().mailbox(successor)) == 1);
    world.send(successor, "go"_atom);
    world.run();
  }
}

}  // namespace
}  // namespace ergo::test
