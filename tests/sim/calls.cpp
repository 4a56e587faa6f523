// A6 and A15: every call resolves to an answer or a distinct error, whatever happens to nodes and connections, a late
// answer never reaches a mailbox, and nothing is left in any table.
#include "callers.hpp"

namespace ergo::test {
namespace {

TEST_CASE("every call between nodes resolves while servers die and connections are lost", "[A6][A15]") {
  check_seeds(200, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 3);
    std::vector<pid> servers;
    for (const auto& name : names) start_server(world, name, servers);
    outcomes seen;
    constexpr int rounds = 30;
    constexpr int callers = 6;
    for (int caller = 0; caller < callers; ++caller) {
      world.spawn(names[static_cast<std::size_t>(caller) % names.size()], keep_calling, &world, &names, &servers,
                  rounds, &seen);
    }
    for (int fault = 0; fault < 25; ++fault) {
      world.run_for(std::chrono::milliseconds{world.pick(30)});
      if (world.pick(2) == 0) random_network_fault(world);
      if (world.pick(3) == 0) world.exit(servers[world.pick(servers.size())], "kill"_atom);
      start_server(world, names[world.pick(names.size())], servers);
    }
    world.heal();
    world.run_for(60s);
    return verdict(seen, rounds * callers);
  });
}

TEST_CASE("every call resolves when the server's node is killed and started anew, and old pids reach nobody",
          "[A13][A15]") {
  check_seeds(100, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 3);
    const std::vector<std::string> mortal{names[1], names[2]};
    std::vector<pid> servers;
    for (const auto& name : mortal) start_server(world, name, servers);
    outcomes seen;
    constexpr int rounds = 40;
    for (int caller = 0; caller < 4; ++caller)
      world.spawn(names[0], keep_calling, &world, &mortal, &servers, rounds, &seen);
    for (int fault = 0; fault < 8; ++fault) {
      world.run_for(std::chrono::milliseconds{world.pick(60)});
      const auto& victim = mortal[world.pick(2)];
      world.crash(victim);
      world.run_for(std::chrono::milliseconds{world.pick(40)});
      world.start(victim);
      start_server(world, victim, servers);
    }
    world.run_for(60s);
    return verdict(seen, rounds * 4);
  });
}

TEST_CASE("late answers never reach the mailbox of who no longer waits for them", "[A6][R15]") {
  check_seeds(50, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 2);
    const auto slow = world.spawn(names[1], [](process& self) -> task<> {
      for (;;) {
        auto request = co_await self.receive_any();
        self.send_after(1s, self.id(), term{"rest"_atom});
        co_await self.sleep(20ms);
        self.reply(request.from(), request.payload());
      }
    });
    int timeouts = 0;
    std::size_t strays = 0;
    world.spawn(
        names[0],
        [](process& self, sim* in, pid server, int* late, std::size_t* unread) -> task<> {
          const destination target{server};
          for (int round = 0; round < 200; ++round) {
            const term request{round};
            auto answer = co_await call(self, target, request, std::chrono::milliseconds{1 + in->pick(15)});
            if (!answer && answer.error().code() == errc::timeout) ++*late;
          }
          co_await self.sleep(60s);
          *unread = self.unread();
        },
        &world, slow, &timeouts, &strays);
    world.run_for(120s);
    if (strays != 0) return std::to_string(strays) + " late answers in the mailbox";
    return timeouts == 200 ? "" : "only " + std::to_string(timeouts) + " calls were late";
  });
}

TEST_CASE("what is sent over an alias to another node arrives in order until it is dropped", "[A6]") {
  check_seeds(50, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 2);
    constexpr int sent = 50;
    int taken = 0;
    bool in_order = true;
    const auto collector = world.spawn(
        names[0],
        [](process& self, int* count, bool* ordered) -> task<> {
          const auto asker = co_await self.receive<pid>();
          const auto alias = self.make_alias();
          self.send(*asker, alias);
          while (*count < sent / 2) {
            const auto got = co_await self.receive<int>();
            *ordered = *ordered && *got == *count;
            ++*count;
          }
          self.drop_alias(alias);
          while (self.unread() != 0) {  // those that had come before
            const auto got = co_await self.receive<int>();
            *ordered = *ordered && *got == *count;
            ++*count;
          }
          (void)co_await self.receive_any();
          *ordered = false;
        },
        &taken, &in_order);
    world.spawn(
        names[1],
        [](process& self, pid to) -> task<> {
          self.send(to, self.id());
          const auto alias = co_await self.receive<reference>();
          for (int number = 0; number < sent; ++number) {
            self.send(*alias, number);
            if (number % 5 == 0) co_await self.sleep(1ms);
          }
        },
        collector);
    world.run_for(60s);
    if (taken < sent / 2) return "only " + std::to_string(taken) + " arrived";
    return in_order ? "" : "out of order, or after the alias was dropped";
  });
}

}  // namespace
}  // namespace ergo::test
