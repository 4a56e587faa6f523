// Receive: order, selection, time limits, and what a wait may look at. All on the test's thread.
#include "fixture.hpp"

#include <ergo_test/sanitizers.hpp>

namespace ergo::test {
namespace {

struct seen {
  std::vector<std::string> log;
  void add(const term& what) { log.push_back(text(what)); }
  void add(std::string what) { log.push_back(std::move(what)); }
};

task<> keep_everything(process& self, seen* kept) {
  for (;;) {
    auto got = co_await self.receive_any();
    kept->add(got.to_term());
  }
}

TEST_CASE("messages of one sender arrive in the order in which they were sent") {
  manual_world world;
  seen kept;
  const auto target = world.spawn(keep_everything, &kept);
  for (int number = 0; number < 5000; ++number) world.send(target, number);
  world.run();
  REQUIRE(kept.log.size() == 5000);
  for (int number = 0; number < 5000; ++number)
    REQUIRE(kept.log[static_cast<std::size_t>(number)] == std::to_string(number));
}

TEST_CASE("messages of many senders arrive in order for each pair, whatever the scheduler picks") {
  constexpr int senders = 8;
  constexpr int each = 500;
  const auto seed = GENERATE_COPY(1U, 2U, 3U, 4U, 5U);
  manual_world world;
  std::mt19937_64 random{seed};
  std::vector<std::vector<std::int64_t>> got(senders);
  const auto sink = world.spawn(
      [](process& self, std::vector<std::vector<std::int64_t>>* into) -> task<> {
        for (;;) {
          auto pair = co_await self.receive<std::pair<std::int64_t, std::int64_t>>();
          (*into)[static_cast<std::size_t>(pair->first)].push_back(pair->second);
        }
      },
      &got);
  for (int sender = 0; sender < senders; ++sender) {
    world.spawn(
        [](process& self, pid to, int who) -> task<> {
          for (int number = 0; number < each; ++number) {
            const auto content = etf::tuple(who, number);
            co_await self.send(to, content);
            if (number % 7 == 0) co_await self.yield();
          }
        },
        sink, sender);
  }
  world.run_random(random);
  for (const auto& numbers : got) {
    REQUIRE(numbers.size() == each);
    for (int number = 0; number < each; ++number) REQUIRE(numbers[static_cast<std::size_t>(number)] == number);
  }
}

TEST_CASE("a selective receive takes the first message that fits and leaves the others in order") {
  manual_world world;
  seen kept;
  const auto target = world.spawn(
      [](process& self, seen* into) -> task<> {
        auto wanted = co_await self.receive<std::string>();
        into->add(*wanted);
        for (int rest = 0; rest < 3; ++rest) {
          auto got = co_await self.receive_any();
          into->add(got.payload());
        }
        into->add(std::to_string(self.unread()));
      },
      &kept);
  world.send(target, 1);
  world.send(target, 2);
  world.send(target, etf::binary("hello"));
  world.send(target, 3);
  world.run();
  CHECK(kept.log == std::vector<std::string>{"hello", "1", "2", "3", "0"});
}

TEST_CASE("a receive with several types brings the first message that is one of them") {
  manual_world world;
  seen kept;
  const auto target = world.spawn(
      [](process& self, seen* into) -> task<> {
        for (int round = 0; round < 2; ++round) {
          auto got = co_await self.receive<std::int64_t, std::string>();
          if (const auto* const number = got.get<std::int64_t>()) into->add("number " + std::to_string(*number));
          if (const auto* const word = got.get<std::string>()) into->add("word " + *word);
        }
      },
      &kept);
  world.send(target, "ignored"_atom);
  world.send(target, etf::binary("a"));
  world.send(target, 7);
  world.run();
  CHECK(kept.log == std::vector<std::string>{"word a", "number 7"});
}

TEST_CASE("a wait looks at each unread message once, however often it is woken") {
  manual_world world;
  int asked = 0;
  bool found = false;
  const auto target = world.spawn(
      [](process& self, int* count, bool* done) -> task<> {
        const auto wanted = [count](const message& candidate) {
          ++*count;
          return candidate.payload().is("now"_atom);
        };
        auto got = co_await self.receive_if(wanted);
        *done = static_cast<bool>(got);
      },
      &asked, &found);
  for (int batch = 0; batch < 10; ++batch) {
    for (int number = 0; number < 100; ++number) world.send(target, number);
    world.run();
  }
  CHECK(asked == 1000);
  CHECK_FALSE(found);
  world.send(target, "now"_atom);
  world.run();
  CHECK(asked == 1001);
  CHECK(found);
}

TEST_CASE("messages that a wait left behind are looked at again by the next wait") {
  manual_world world;
  seen kept;
  const auto target = world.spawn(
      [](process& self, seen* into) -> task<> {
        const auto even = [](const message& candidate) { return *candidate.payload().as_integer() % 2 == 0; };
        for (int round = 0; round < 3; ++round) {
          auto got = co_await self.receive_if(even);
          into->add(got.payload());
        }
        for (int round = 0; round < 3; ++round) {
          auto got = co_await self.receive_any();
          into->add(got.payload());
        }
      },
      &kept);
  for (int number = 1; number <= 6; ++number) world.send(target, number);
  world.run();
  CHECK(kept.log == std::vector<std::string>{"2", "4", "6", "1", "3", "5"});
}

TEST_CASE("a predicate that throws ends the process with its exception and leaves the message alone") {
  manual_world world;
  const auto target = world.spawn([](process& self) -> task<> {
    const auto picky = [](const message& candidate) -> bool {
      if (candidate.payload().is("poison"_atom)) throw std::runtime_error{"not this one"};
      return false;
    };
    (void)co_await self.receive_if(picky);
  });
  world.run();
  world.send(target, "fine"_atom);
  world.run();
  CHECK(world.alive(target));
  world.send(target, "poison"_atom);
  world.run();
  CHECK_FALSE(world.alive(target));
  REQUIRE(world.crashes() == 1);
  CHECK(text(world.events().back().reason) == "{exception,<<\"not this one\">>}");
}

TEST_CASE("a receive gives up after its time limit, not earlier, and says so") {
  manual_world world;
  seen kept;
  world.spawn(
      [](process& self, seen* into) -> task<> {
        auto got = co_await self.receive<std::int64_t>(50ms);
        into->add(got.timed_out() ? "timeout" : "message");
        const auto none = [](const message& /*candidate*/) { return false; };
        auto nothing = co_await self.receive_if(none, 20ms);
        into->add(nothing ? "message" : "timeout");
      },
      &kept);
  world.advance(49ms);
  CHECK(kept.log.empty());
  world.advance(1ms);
  CHECK(kept.log.size() == 1);
  world.advance(20ms);
  CHECK(kept.log == std::vector<std::string>{"timeout", "timeout"});
}

TEST_CASE("the time limit of a receive that was answered does not end a later one") {
  manual_world world;
  seen kept;
  const auto target = world.spawn(
      [](process& self, seen* into) -> task<> {
        auto first = co_await self.receive<std::int64_t>(10ms);
        into->add(first.timed_out() ? "timeout" : "message");
        auto second = co_await self.receive<std::int64_t>(100ms);
        into->add(second.timed_out() ? "timeout" : "message");
      },
      &kept);
  world.run();
  world.advance(5ms);
  world.send(target, 1);
  world.advance(50ms);
  CHECK(kept.log == std::vector<std::string>{"message"});
  world.send(target, 2);
  world.run();
  CHECK(kept.log == std::vector<std::string>{"message", "message"});
}

TEST_CASE("a message that does not fit does not extend the time limit") {
  manual_world world;
  seen kept;
  const auto target = world.spawn(
      [](process& self, seen* into) -> task<> {
        auto got = co_await self.receive<std::string>(30ms);
        into->add(got.timed_out() ? "timeout" : "message");
      },
      &kept);
  for (int step = 0; step < 3; ++step) {
    world.advance(10ms);
    world.send(target, step);
  }
  world.run();
  CHECK(kept.log == std::vector<std::string>{"timeout"});
}

TEST_CASE("a receive without waiting finds what the process has just sent to itself") {
  manual_world world;
  seen kept;
  world.spawn(
      [](process& self, seen* into) -> task<> {
        self.send(self.id(), 5);
        auto got = co_await self.receive<std::int64_t>(0ms);
        into->add(got.timed_out() ? "timeout" : "message");
        auto again = co_await self.receive<std::int64_t>(0ms);
        into->add(again.timed_out() ? "timeout" : "message");
      },
      &kept);
  world.run();
  CHECK(kept.log == std::vector<std::string>{"message", "timeout"});
}

TEST_CASE("a receive without waiting finds what arrived while the slice ran") {
  manual_world world;
  seen kept;
  // The child sends before it ends; the parent is told of the end and then polls for the message.
  world.spawn(
      [](process& self, seen* into) -> task<> {
        const auto parent = self.id();
        const auto child = self.spawn_monitor(
            [](process& own, pid to) -> task<> {
              own.send(to, 1);
              co_return;
            },
            parent);
        (void)co_await self.receive<down>();
        auto got = co_await self.receive<std::int64_t>(0ms);
        into->add(got.timed_out() ? "timeout" : "message");
        (void)child;
      },
      &kept);
  world.run();
  CHECK(kept.log == std::vector<std::string>{"message"});
}

TEST_CASE("sleep leaves messages unread, and ends at its time") {
  manual_world world;
  seen kept;
  const auto target = world.spawn(
      [](process& self, seen* into) -> task<> {
        const auto before = self.now();
        co_await self.sleep(100ms);
        into->add(std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(self.now() - before).count()));
        into->add(std::to_string(self.unread()));
      },
      &kept);
  world.run();
  for (int number = 0; number < 10; ++number) world.send(target, number);
  world.advance(99ms);
  CHECK(kept.log.empty());
  world.advance(1ms);
  CHECK(kept.log == std::vector<std::string>{"100", "10"});
}

TEST_CASE("yield lets everybody else run first") {
  manual_world world;
  seen kept;
  for (int who = 0; who < 3; ++who) {
    world.spawn(
        [](process& self, seen* into, int name) -> task<> {
          for (int round = 0; round < 3; ++round) {
            into->add(std::to_string(name));
            co_await self.yield();
          }
        },
        &kept, who);
  }
  world.run();
  CHECK(kept.log == std::vector<std::string>{"0", "1", "2", "0", "1", "2", "0", "1", "2"});
}

TEST_CASE("a process that awaits its sends yields when its slice is used up") {
  manual_world world;
  seen kept;
  const auto sink = world.spawn([](process& self) -> task<> {
    for (;;) (void)co_await self.receive_any();
  });
  world.spawn(
      [](process& self, pid to, seen* into) -> task<> {
        for (int number = 0; number < 10'000; ++number) co_await self.send(to, number);
        into->add("flooded");
      },
      sink, &kept);
  world.spawn(
      [](process& self, seen* into) -> task<> {
        co_await self.yield();
        into->add("neighbour");
      },
      &kept);
  world.run();
  CHECK(kept.log == std::vector<std::string>{"neighbour", "flooded"});
}

TEST_CASE("blocking work runs outside of the process and brings its value or its exception") {
  manual_world world;
  seen kept;
  world.spawn(
      [](process& self, seen* into) -> task<> {
        const auto compute = [] { return 6 * 7; };
        const auto answer = co_await self.blocking(compute);
        into->add(std::to_string(answer));
        const auto fail_here = [] { throw std::runtime_error{"disk full"}; };
        try {
          co_await self.blocking(fail_here);
        } catch (const std::runtime_error& thrown) {
          into->add(std::string{thrown.what()});
        }
      },
      &kept);
  world.run();
  CHECK(kept.log == std::vector<std::string>{"42", "disk full"});
}

TEST_CASE("tasks return values and pass exceptions through any number of frames") {
  constexpr int frames = chains_take_stack ? 1'000 : 50'000;
  manual_world world;
  seen kept;
  struct nested {
    static task<int> add(process& self, int depth) {
      if (depth == 0) co_return 1;
      auto below = add(self, depth - 1);
      const int value = co_await std::move(below);
      co_return value + 1;
    }
    static task<int> fall(process& self, int depth) {
      if (depth == 0) {
        co_await self.yield();
        throw std::runtime_error{"bottom"};
      }
      auto below = fall(self, depth - 1);
      const int value = co_await std::move(below);
      co_return value;
    }
  };
  world.spawn(
      [](process& self, seen* into) -> task<> {
        auto sum = nested::add(self, frames);
        into->add(std::to_string(co_await std::move(sum)));
        try {
          auto falls = nested::fall(self, frames);
          (void)co_await std::move(falls);
        } catch (const std::runtime_error& thrown) {
          into->add(std::string{thrown.what()});
        }
      },
      &kept);
  world.run();
  CHECK(kept.log == std::vector<std::string>{std::to_string(frames + 1), "bottom"});
}

}  // namespace
}  // namespace ergo::test
