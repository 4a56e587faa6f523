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

/// Makes an alias that heeds priority, and reads nothing before it is told `read`; then what is there, in order.
task<> own_urgent(process& self, alias_use use, owner_log* log) {
  log->alias = self.make_alias(use, urgency::priority);
  self.trap_exits(exits::trapped);
  (void)co_await self.receive_if([](const message& one) { return one.payload().is("read"_atom); });
  for (;;) {
    auto got = co_await self.receive_any();
    log->received.push_back(text(got.to_term()));
  }
}

/// Sends over an alias: ordinary and urgent messages in turn, numbers from `first` on.
task<> send_mixed(process& self, reference alias, int first, int count) {
  for (int number = first; number < first + count; ++number)
    self.send(alias, number, number % 2 == 0 ? urgency::priority : urgency::ordinary);
  co_return;
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

TEST_CASE("what was sent with priority over an alias that heeds it is read first, in its own order") {
  manual_world world;
  owner_log log;
  const auto owner = world.spawn(own_urgent, alias_use::until_dropped, &log);
  world.run();
  world.spawn(send_mixed, log.alias, 1, 5);
  world.run();
  world.spawn(
      [](process& self, reference alias) -> task<> {
        self.exit(alias, exit_reason{"why"_atom}, urgency::priority);
        co_return;
      },
      log.alias);
  world.run();
  CHECK(log.received.empty());
  world.send(owner, "read"_atom);
  world.run();
  REQUIRE(log.received.size() == 6);
  CHECK(log.received[2].starts_with("{'EXIT',"));
  log.received.erase(log.received.begin() + 2);
  CHECK(log.received == texts{"2", "4", "1", "3", "5"});
  world.spawn(send_mixed, log.alias, 11, 4);
  world.run();
  CHECK(texts{log.received.end() - 4, log.received.end()} == texts{"12", "14", "11", "13"});
}

TEST_CASE("a wait that has passed by what is in the mailbox sees what comes with priority next, each once") {
  manual_world world;
  std::vector<std::string> looked_at;
  reference alias{};
  const auto owner = world.spawn(
      [](process& self, std::vector<std::string>* looks, reference* made) -> task<> {
        *made = self.make_alias(alias_use::until_dropped, urgency::priority);
        for (const auto* const wanted : {"6", "7"}) {
          const auto seen = [looks, wanted](const message& one) {
            looks->push_back(text(one.payload()));
            return looks->back() == wanted;
          };
          (void)co_await self.receive_if(seen);
        }
      },
      &looked_at, &alias);
  world.run();
  for (const auto& [content, how] :
       {std::pair{1, urgency::ordinary}, {2, urgency::priority}, {3, urgency::ordinary}, {4, urgency::priority}}) {
    send_over(world, alias, content, how);
  }
  CHECK(looked_at == texts{"1", "2", "3", "4"});
  send_over(world, alias, 5, urgency::ordinary);
  send_over(world, alias, 6, urgency::priority);
  CHECK(looked_at == texts{"1", "2", "3", "4", "5", "6", "2", "4", "1", "3", "5"});
  send_over(world, alias, 7, urgency::priority);
  CHECK_FALSE(world.alive(owner));
  CHECK(looked_at.size() == 12);
}

TEST_CASE("with messages taken from anywhere in the mailbox, the order stays: with priority, then by arrival") {
  // Against a plain model: two queues.
  std::mt19937 random{7};
  manual_world world;
  std::vector<std::string> urgent;
  std::vector<std::string> ordinary;
  std::vector<std::string> taken;
  reference alias{};
  const auto owner = world.spawn(
      [](process& self, reference* made, std::vector<std::string>* log) -> task<> {
        *made = self.make_alias(alias_use::until_dropped, urgency::priority);
        for (;;) {
          const auto order = co_await self.receive_if([](const message& one) { return one.payload().is_tuple(2); });
          const auto wanted = order.payload().elements()[1];
          const auto is_it = [wanted](const message& one) { return one.payload() == wanted; };
          const auto got = co_await self.receive_if(is_it, 0ms);
          log->push_back(got ? text(got.payload()) : "nothing");
        }
      },
      &alias, &taken);
  world.run();
  const auto take = [&](std::vector<std::string>& from) {
    const auto at = from.begin() + static_cast<std::ptrdiff_t>(random() % from.size());
    world.send(owner, etf::tuple("take"_atom, std::stoi(*at)));
    world.run();
    REQUIRE(taken.back() == *at);
    from.erase(at);
  };
  for (int number = 0; number < 2000; ++number) {
    const bool first = random() % 2 == 0;
    (first ? urgent : ordinary).push_back(std::to_string(number));
    send_over(world, alias, number, first ? urgency::priority : urgency::ordinary);
    if (random() % 3 == 0 && !urgent.empty()) take(urgent);
    if (random() % 3 == 0 && !ordinary.empty()) take(ordinary);
  }
  CHECK(taken.size() > 500);
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
