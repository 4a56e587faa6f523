// Slices: how much one process may do before others run, and that nobody starves.
#include "fixture.hpp"

namespace ergo::test {
namespace {

TEST_CASE("a process with a full mailbox lets others run after 256 messages") {
  manual_world world;
  int taken = 0;
  int neighbour_at = -1;
  auto flooded = world.runtime().spawn(world.node(), {}, plain({.receive = [&](process&, message) { ++taken; }}));
  REQUIRE(flooded);
  world.run();
  for (int number = 0; number < 1000; ++number) world.send(*flooded, number);
  (void)world.spawn(
      [](process& /*self*/, int* at, const int* now) -> task<> {
        *at = *now;
        co_return;
      },
      &neighbour_at, &taken);
  world.run();
  CHECK(taken == 1000);
  CHECK(neighbour_at == 256);
}

TEST_CASE("a process that keeps itself busy for ever takes turns with the others") {
  manual_world world;
  int spins = 0;
  auto spinner = world.runtime().spawn(world.node(), {},
                                       plain({.start = [](process& self) { self.send(self.id(), 1); },
                                              .receive =
                                                  [&](process& self, message) {
                                                    ++spins;
                                                    self.send(self.id(), 1);
                                                  }}));
  REQUIRE(spinner);
  int turns = 0;
  world.spawn(
      [](process& self, int* count) -> task<> {
        for (; *count < 100; ++*count) co_await self.yield();
      },
      &turns);
  world.run(250);
  CHECK(turns == 100);
  CHECK(spins >= 100);
}

TEST_CASE("process code that was started with run gets no message until its task has ended") {
  manual_world world;
  std::vector<std::string> log;
  // A behaviour that answers `slow` by a task which sleeps.
  class server final : public behaviour {
   public:
    explicit server(std::vector<std::string>* into) : log_{into} {}
    void start(process& /*self*/) override {}
    void receive(process& self, message got) override {
      log_->push_back(text(got.payload()));
      if (got.payload().is("slow"_atom)) work_.start(self, slowly(self));
    }
    void task_ended(process& /*self*/) override { log_->push_back("ended " + std::to_string(work_.take())); }

   private:
    static task<int> slowly(process& self) {
      co_await self.sleep(10ms);
      co_return 7;
    }
    std::vector<std::string>* log_;
    root_task<int> work_;
  };
  const auto target = world.runtime().spawn(world.node(), {}, std::make_unique<server>(&log));
  REQUIRE(target);
  world.send(*target, "slow"_atom);
  world.send(*target, "next"_atom);
  world.advance(9ms);
  CHECK(log == std::vector<std::string>{"slow"});
  world.advance(1ms);
  CHECK(log == std::vector<std::string>{"slow", "ended 7", "next"});
}

TEST_CASE("stop from a callback ends the process after it, and gives it nothing more") {
  manual_world world;
  int taken = 0;
  auto target = world.runtime().spawn(world.node(), {}, plain({.receive = [&](process& self, message) {
                                        ++taken;
                                        self.stop("done"_atom);
                                      }}));
  REQUIRE(target);
  for (int number = 0; number < 3; ++number) world.send(*target, number);
  world.run();
  CHECK(taken == 1);
  CHECK_FALSE(world.alive(*target));
  REQUIRE(world.crashes() == 1);
  CHECK(world.events().back().reason.is("done"_atom));
}

TEST_CASE("signals act without waiting behind unread messages") {
  manual_world world;
  auto target = world.spawn([](process& self) -> task<> { co_await self.sleep(forever); });
  world.run();
  for (int number = 0; number < 10'000; ++number) world.send(target, number);
  bool told = false;
  world.spawn(
      [](process& self, pid of, bool* out) -> task<> {
        const destination to{of};
        (void)self.monitor(to);
        self.exit(of, exit_reason{"kill"_atom});
        auto ended = co_await self.receive<down>();
        *out = ended->reason.is("killed"_atom);
      },
      target, &told);
  CHECK(world.run() <= 6);
  CHECK(told);
}

TEST_CASE("an exit signal before the first slice ends a process that has never run") {
  manual_world world;
  bool ran = false;
  const auto target = world.spawn(
      [](process& /*self*/, bool* out) -> task<> {
        *out = true;
        co_return;
      },
      &ran);
  world.exit(target, "kill"_atom);
  world.run();
  CHECK_FALSE(ran);
  CHECK_FALSE(world.alive(target));
}

}  // namespace
}  // namespace ergo::test
