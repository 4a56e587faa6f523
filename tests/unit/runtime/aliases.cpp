// Aliases: references by which a process is reached until it takes them back.
#include <catch2/catch_test_macros.hpp>

#include "fixture.hpp"

using namespace ergo;
using namespace ergo::test;

namespace {

/// What the owner of an alias did, and how it is told what to do.
struct owner_log {
  reference alias;
  std::vector<std::string> received;
  bool dropped = false;
};

/// Makes an alias and writes down what comes; `drop` takes the alias back.
task<> own_alias(process& self, alias_use use, owner_log* log) {
  log->alias = self.make_alias(use);
  for (;;) {
    auto got = co_await self.receive_any();
    if (got.payload().is("drop"_atom)) {
      log->dropped = self.drop_alias(log->alias);
    } else {
      log->received.push_back(text(got.to_term()));
    }
  }
}

/// Sends `content` over an alias, in order with what else it sends.
void send_over(manual_world& world, const reference& alias, const term& content, urgency how = urgency::ordinary) {
  world.spawn(
      [](process& self, reference to, term what, urgency as) -> task<> {
        self.send(to, what, as);
        co_return;
      },
      alias, content, how);
  world.run();
}

using texts = std::vector<std::string>;

}  // namespace

TEST_CASE("an alias brings messages until it is dropped, and none later") {
  manual_world world;
  owner_log log;
  const auto owner = world.spawn(own_alias, alias_use::until_dropped, &log);
  world.run();
  send_over(world, log.alias, 1);
  send_over(world, log.alias, 2, urgency::priority);
  CHECK(log.received == texts{"1", "2"});
  world.send(owner, "drop"_atom);
  world.run();
  CHECK(log.dropped);
  send_over(world, log.alias, 3);
  CHECK(log.received == texts{"1", "2"});
  world.send(owner, "drop"_atom);
  world.run();
  CHECK_FALSE(log.dropped);
}

TEST_CASE("an alias for one message brings one message") {
  manual_world world;
  owner_log log;
  world.spawn(own_alias, alias_use::one_message, &log);
  world.run();
  send_over(world, log.alias, 1);
  send_over(world, log.alias, 2);
  CHECK(log.received == texts{"1"});
}

TEST_CASE("messages over an alias keep their place among those to the pid") {
  manual_world world;
  owner_log log;
  const auto owner = world.spawn(own_alias, alias_use::until_dropped, &log);
  world.run();
  world.spawn(
      [](process& self, pid to, reference alias) -> task<> {
        self.send(to, 1);
        self.send(alias, 2);
        self.send(to, 3);
        co_return;
      },
      owner, log.alias);
  world.run();
  CHECK(log.received == texts{"1", "2", "3"});
}

TEST_CASE("an exit signal over an alias ends whoever has it, and nobody when it was dropped") {
  const bool drops = GENERATE(false, true);
  manual_world world;
  owner_log log;
  const auto owner = world.spawn(own_alias, alias_use::until_dropped, &log);
  world.run();
  if (drops) world.send(owner, "drop"_atom);
  world.run();
  world.spawn(
      [](process& self, reference alias) -> task<> {
        self.exit(alias, exit_reason{"bad"_atom});
        co_return;
      },
      log.alias);
  world.run();
  CHECK(world.alive(owner) == drops);
}

TEST_CASE("nobody has the alias of a dead process, nor whoever lives in its slot") {
  manual_world world;
  owner_log first;
  const auto owner = world.spawn(own_alias, alias_use::until_dropped, &first);
  world.run();
  world.exit(owner, "kill"_atom);
  world.run();
  owner_log second;
  for (int tries = 0; tries < 100; ++tries) world.spawn(own_alias, alias_use::until_dropped, &second);
  world.run();
  send_over(world, first.alias, 1);
  CHECK(second.received.empty());
  CHECK(first.received.empty());
}

TEST_CASE("only its owner drops an alias, and references that are none bring nothing") {
  manual_world world;
  owner_log log;
  world.spawn(own_alias, alias_use::until_dropped, &log);
  world.run();
  bool dropped = true;
  reference plain{};
  world.spawn(
      [](process& self, reference alias, bool* result, reference* made) -> task<> {
        *result = self.drop_alias(alias);
        *made = self.make_ref();
        (void)co_await self.receive_any();
        *result = true;
      },
      log.alias, &dropped, &plain);
  world.run();
  CHECK_FALSE(dropped);
  send_over(world, plain, 1);
  CHECK_FALSE(dropped);
  send_over(world, log.alias, 1);
  CHECK(log.received == texts{"1"});
}
