// A1 and A2: order and "at most once" for each pair of processes, through losses and new connections; back-pressure.
#include "traffic.hpp"

#include <algorithm>

namespace ergo::test {
namespace {

TEST_CASE("without faults every signal of every kind arrives once and in order for each pair", "[A1]") {
  check_seeds(40, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 3);
    const auto made = start_traffic(world, names, 30);
    world.run_for(10s);
    if (auto wrong = made.verdict(); !wrong.empty()) return wrong;
    if (made.sent() != 24 * 30) return "not everything was sent";
    if (made.received() != made.sent())
      return "sent " + std::to_string(made.sent()) + ", received " + std::to_string(made.received());
    return {};
  });
}

TEST_CASE("when connections are lost signals are missing only at the end of a session, and none comes twice or late",
          "[A1][A2]") {
  check_seeds(200, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 3 + world.pick(2));
    const auto made = start_traffic(world, names, 25);
    for (int fault = 0; fault < 12; ++fault) {
      world.run_for(std::chrono::microseconds{world.pick(6000)});
      random_network_fault(world);
    }
    world.heal();
    world.run_for(10s);
    if (world.lost() == 0 && world.sessions() < names.size() + 3) return "nothing was ever lost";
    return made.verdict();
  });
}

TEST_CASE("nothing of a killed node arrives at its successor, and what the successor sends is in order", "[A1][A2]") {
  check_seeds(100, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 2);
    traffic made;
    const auto target = made.receive(world, names[0]);
    for (int incarnation = 0; incarnation < 6; ++incarnation) {
      const auto there = made.receive(world, names[1]);
      for (int copy = 0; copy < 2; ++copy) {
        made.send(world, names[1], target, 20);
        made.send(world, names[0], there, 20);
      }
      world.run_for(std::chrono::microseconds{world.pick(20'000)});
      world.crash(names[1]);
      world.run_for(std::chrono::microseconds{world.pick(20'000)});
      world.start(names[1]);
    }
    world.run_for(5s);
    if (made.received() == 0) return "nothing arrived";
    return made.verdict();
  });
}

// The last signals of a process, after all that it has sent.
TEST_CASE("EXIT and DOWN of a process come after everything that it sent", "[A1][A3]") {
  check_seeds(150, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 2);
    struct outcome {
      int numbers = 0;
      int exits = 0;
      int downs = 0;
      bool early = false;
    } seen;
    const auto speaker = world.spawn(
        names[1],
        [](process& self, sim* in) -> task<> {
          auto listener = co_await self.receive<pid>();
          self.link(*listener);
          for (int number = 0; number < 40; ++number) {
            const auto content = etf::tuple(1, number);
            if (in->pick(2) == 0) {
              self.send(*listener, content);
            } else {
              self.exit(*listener, exit_reason{content});
            }
            if (in->pick(8) == 0) co_await self.sleep(std::chrono::microseconds{in->pick(500)});
          }
          self.exit(exit_reason{"done"_atom});
        },
        &world);
    world.spawn(names[0], {.trap_exits = true},
                make_body(
                    [](process& self, pid other, outcome* out) -> task<> {
                      const destination target{other};
                      (void)self.monitor(target);
                      self.send(other, self.id());
                      for (;;) {
                        auto got = co_await self.receive_any();
                        if (number_in(got)) {
                          if (out->exits + out->downs != 0) out->early = true;
                          ++out->numbers;
                        } else {
                          got.as<down>() ? ++out->downs : ++out->exits;
                        }
                      }
                    },
                    speaker, &seen));
    world.run_for(5s);
    if (seen.early) return "something came after the end";
    if (seen.numbers != 40 || seen.exits != 1 || seen.downs != 1) {
      return std::to_string(seen.numbers) + " numbers, " + std::to_string(seen.exits) + " EXIT, " +
             std::to_string(seen.downs) + " DOWN";
    }
    return {};
  });
}

TEST_CASE("a process that awaits its sends is held while the connection is busy, and goes on when it has drained") {
  testing::sim_options slow;
  slow.least_delay = 1ms;
  slow.busy_above = 16;
  check_seeds(30, slow, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 2);
    traffic seen;
    const auto target = seen.receive(world, names[1]);
    std::size_t most_at_once = 0;
    world.spawn(
        names[0],
        [](process& self, pid to, std::size_t* most, const traffic* got) -> task<> {
          for (std::size_t number = 0; number < 500; ++number) {
            const auto content = etf::tuple(1, number);
            co_await self.send(to, content);
            *most = std::max(*most, number + 1 - got->received());
          }
        },
        target, &most_at_once, &seen);
    world.run_for(60s);
    if (!seen.receivers[0]->wrong.empty()) return seen.receivers[0]->wrong;
    if (seen.received() != 500) return "received " + std::to_string(seen.received());
    // Some may wait in the receiver's mailbox besides those on the way.
    if (most_at_once > 64) return "under way at once: " + std::to_string(most_at_once);
    return {};
  });
}

TEST_CASE("a send that must not wait is refused with busy while the connection is, and nothing else is lost") {
  testing::sim_options slow;
  slow.least_delay = 1ms;
  slow.busy_above = 16;
  check_seeds(30, slow, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 2);
    traffic seen;
    const auto target = seen.receive(world, names[1]);
    struct count {
      std::size_t sent = 0;
      std::size_t refused = 0;
      std::string wrong;
    } tried;
    world.spawn(
        names[0],
        [](process& self, pid to, atom there, count* out) -> task<> {
          while (out->sent < 500) {
            const auto gone = self.try_send(to, etf::tuple(1, out->sent));
            if (gone) {
              ++out->sent;
              continue;
            }
            ++out->refused;
            if (gone.error() != error{errc::busy, there}) out->wrong = gone.error().message();
            co_await self.sleep(1ms);
          }
        },
        target, atom::of(names[1]), &tried);
    world.run_for(60s);
    if (!seen.receivers[0]->wrong.empty()) return seen.receivers[0]->wrong;
    if (!tried.wrong.empty()) return "refused with " + tried.wrong;
    if (tried.refused == 0) return "the connection was never busy";
    return seen.received() == 500 ? "" : "received " + std::to_string(seen.received());
  });
}

TEST_CASE("a busy connection that is lost lets its senders go") {
  testing::sim_options slow;
  slow.least_delay = 1ms;
  slow.busy_above = 4;
  check_seeds(600, slow, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 2);
    const auto target = world.spawn(names[1], [](process& self) -> task<> {
      for (;;) (void)co_await self.receive_any();
    });
    int finished = 0;
    for (int count = 0; count < 4; ++count) {
      world.spawn(
          names[0],
          [](process& self, pid to, int* out) -> task<> {
            for (int number = 0; number < 100; ++number) co_await self.send(to, number);
            ++*out;
          },
          target, &finished);
    }
    for (int fault = 0; fault < 6; ++fault) {
      world.run_for(std::chrono::microseconds{world.pick(8000)});
      if (world.pick(3) == 0) {
        world.crash(names[1]);
        world.run_for(std::chrono::microseconds{world.pick(30'000)});
        world.start(names[1]);
      } else {
        random_network_fault(world);
      }
    }
    world.heal();
    if (!world.run_until([&] { return finished == 4; }, 60s))
      return "only " + std::to_string(finished) + " of 4 senders came to their end";
    return {};
  });
}

}  // namespace
}  // namespace ergo::test
