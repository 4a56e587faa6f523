// Timers of processes, on a clock that the test moves.
#include "fixture.hpp"

namespace ergo::test {
namespace {

using milliseconds = std::chrono::milliseconds;

// Notes each message with the time at which it arrived, in ms since the start.
struct stamped {
  std::vector<std::pair<std::int64_t, std::string>> log;
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> all;
    for (const auto& [at, what] : log) all.push_back(std::to_string(at) + " " + what);
    return all;
  }
};

task<> note_arrivals(process& self, manual_world* world, time_point start, stamped* into) {
  for (;;) {
    auto got = co_await self.receive_any();
    into->log.emplace_back(std::chrono::duration_cast<milliseconds>(world->now() - start).count(), text(got.to_term()));
  }
}

TEST_CASE("send_after delivers at its time and in the order of the times") {
  manual_world world;
  stamped kept;
  const auto sink = world.spawn(note_arrivals, &world, world.now(), &kept);
  world.spawn(
      [](process& self, pid to) -> task<> {
        self.send_after(30ms, to, "c"_atom);
        self.send_after(10ms, to, "a"_atom);
        self.send_after(20ms, to, "b"_atom);
        self.send_after(0ms, to, "now"_atom);
        self.send_after(-5ms, to, "past"_atom);
        co_await self.sleep(1s);
      },
      sink);
  world.advance(100ms);
  REQUIRE(kept.log.size() == 5);
  auto got = kept.lines();
  std::ranges::sort(got.begin(), got.begin() + 2);
  CHECK(got == std::vector<std::string>{"0 now", "0 past", "10 a", "20 b", "30 c"});
}

TEST_CASE("start_timer sends {timeout, Ref, Content} with the reference it returned") {
  manual_world world;
  bool same = false;
  world.spawn(
      [](process& self, bool* ok) -> task<> {
        const auto timer = self.start_timer(10ms, self.id(), "tick"_atom);
        auto got = co_await self.receive_any();
        const auto expected = etf::tuple("timeout"_atom, timer.ref, "tick"_atom);
        *ok = got.payload() == expected;
      },
      &same);
  world.advance(10ms);
  CHECK(same);
}

TEST_CASE("cancel_timer returns the time that was left, and the message never comes") {
  manual_world world;
  std::vector<std::int64_t> left;
  std::vector<std::string> got;
  world.spawn(
      [](process& self, std::vector<std::int64_t>* remaining, std::vector<std::string>* log) -> task<> {
        const auto timer = self.send_after(100ms, self.id(), "late"_atom);
        co_await self.sleep(30ms);
        const auto first = self.cancel_timer(timer);
        const auto second = self.cancel_timer(timer);
        remaining->push_back(first ? std::chrono::duration_cast<milliseconds>(*first).count() : -1);
        remaining->push_back(second ? 0 : -1);
        const auto fired = self.send_after(5ms, self.id(), "early"_atom);
        co_await self.sleep(10ms);
        remaining->push_back(self.cancel_timer(fired) ? 0 : -1);
        for (;;) {
          auto arrived = co_await self.receive<message>(1s);
          if (arrived.timed_out()) break;
          log->push_back(text(arrived->payload()));
        }
      },
      &left, &got);
  world.advance(5s);
  CHECK(left == std::vector<std::int64_t>{70, -1, -1});
  CHECK(got == std::vector<std::string>{"early"});
}

TEST_CASE("a timer of a process that never rests goes off on time all the same") {
  manual_world world;
  int polls = 0;
  bool got_it = false;
  world.spawn(
      [](process& self, int* count, bool* done) -> task<> {
        self.send_after(20ms, self.id(), "tick"_atom);
        for (; *count < 1000; ++*count) {
          auto got = co_await self.receive<atom>(0ms);
          if (!got.timed_out()) {
            *done = true;
            break;
          }
          co_await self.yield();
        }
      },
      &polls, &got_it);
  // Each millisecond the process gets a few turns; it is runnable all the time.
  for (int elapsed = 0; elapsed < 25 && !got_it; ++elapsed) {
    world.run(4);
    world.pass(1ms);
  }
  world.run();
  CHECK(got_it);
}

TEST_CASE("timers die with their process") {
  manual_world world;
  stamped kept;
  const auto sink = world.spawn(note_arrivals, &world, world.now(), &kept);
  const auto owner = world.spawn(
      [](process& self, pid to) -> task<> {
        self.send_after(10ms, to, "ghost"_atom);
        co_await self.sleep(1h);
      },
      sink);
  world.run();
  world.exit(owner, "kill"_atom);
  world.advance(1s);
  CHECK(kept.log.empty());
}

TEST_CASE("a timer to a name finds whoever has the name when it goes off") {
  manual_world world;
  stamped kept;
  world.spawn([](process& self) -> task<> {
    self.send_after(10ms, "later"_atom, "hello"_atom);
    co_await self.sleep(1s);
  });
  world.run();
  world.spawn({.name = "later"_atom}, note_arrivals, &world, world.now(), &kept);
  world.advance(20ms);
  CHECK(kept.lines() == std::vector<std::string>{"10 hello"});
}

namespace {
constexpr std::chrono::hours year{24 * 365};
}  // namespace

TEST_CASE("a timer may be set for years, and for ever") {
  manual_world world;
  stamped kept;
  world.spawn({.name = "later"_atom}, note_arrivals, &world, world.now(), &kept);
  std::optional<duration> left;
  world.spawn(
      [](process& self, std::optional<duration>* remaining) -> task<> {
        self.send_after(forever, "later"_atom, "never"_atom);
        self.send_after(year, "later"_atom, "far"_atom);
        self.send_after(1ms, "later"_atom, "near"_atom);
        *remaining = self.cancel_timer(self.send_after(2 * year, self.id(), "too far"_atom));
        co_await self.sleep(3 * year);
      },
      &left);
  world.advance(2 * year);
  CHECK(left == duration{2 * year});
  CHECK(kept.lines() == std::vector<std::string>{"1 near", std::to_string(milliseconds{year}.count()) + " far"});
}

TEST_CASE("100,000 timers go off in order, each exactly once, and cancelled ones never") {
  constexpr int timers = 100'000;
  manual_world world;
  std::mt19937_64 random{7};
  std::vector<std::int64_t> due(timers);
  for (auto& at : due) at = static_cast<std::int64_t>(random() % 10'000);
  struct outcome {
    std::vector<int> times;
    std::int64_t last = 0;
    int disorder = 0;
    int wrong_time = 0;
  } seen{std::vector<int>(timers), 0, 0, 0};
  const auto start = world.now();
  const auto sink = world.spawn(
      [](process& self, manual_world* where, time_point begin, const std::vector<std::int64_t>* when,
         outcome* out) -> task<> {
        for (;;) {
          auto got = co_await self.receive<std::int64_t>();
          const auto number = static_cast<std::size_t>(*got);
          const auto now = std::chrono::duration_cast<milliseconds>(where->now() - begin).count();
          ++out->times[number];
          if ((*when)[number] < out->last) ++out->disorder;
          if ((*when)[number] != now) ++out->wrong_time;
          out->last = (*when)[number];
        }
      },
      &world, start, &due, &seen);
  world.spawn(
      [](process& self, pid to, const std::vector<std::int64_t>* when) -> task<> {
        std::vector<timer_ref> kept;
        for (std::size_t number = 0; number < when->size(); ++number)
          kept.push_back(self.send_after(milliseconds{(*when)[number]}, to, number));
        for (std::size_t number = 0; number < kept.size(); number += 3) (void)self.cancel_timer(kept[number]);
        co_await self.sleep(1h);
      },
      sink, &due);
  world.advance(11s);
  std::size_t wrong = 0;
  for (std::size_t number = 0; number < timers; ++number) {
    if (seen.times[number] != (number % 3 == 0 ? 0 : 1)) ++wrong;
  }
  CHECK(wrong == 0);
  CHECK(seen.disorder == 0);
  CHECK(seen.wrong_time == 0);
}

TEST_CASE("starting and cancelling a timer for ever does not grow") {
  manual_world world;
  std::size_t alive_after = 0;
  const auto owner = world.spawn(
      [](process& self, std::size_t* rounds) -> task<> {
        for (; *rounds < 200'000; ++*rounds) {
          const auto timer = self.send_after(1h, self.id(), "never"_atom);
          (void)self.cancel_timer(timer);
          if (*rounds % 1000 == 0) co_await self.yield();
        }
        co_await self.sleep(1s);
      },
      &alive_after);
  world.run();
  CHECK(alive_after == 200'000);
  CHECK(world.alive(owner));
  world.advance(1s);
  CHECK_FALSE(world.alive(owner));
}

TEST_CASE("an idle timeout fires once when no message comes, and a message takes it back") {
  manual_world world;
  stamped kept;
  const auto start = world.now();
  const auto note = [&](std::string what) {
    kept.log.emplace_back(std::chrono::duration_cast<milliseconds>(world.now() - start).count(), std::move(what));
  };
  auto started = world.runtime().spawn(world.node(), {},
                                       plain({
                                           .start = [](process& self) { self.set_idle_timeout(50ms); },
                                           .receive =
                                               [&](process& self, message got) {
                                                 note(text(got.payload()));
                                                 if (got.payload().is("again"_atom)) self.set_idle_timeout(50ms);
                                               },
                                           .idle = [&](process& /*self*/) { note("idle"); },
                                       }));
  REQUIRE(started);
  world.advance(40ms);
  world.send(*started, "again"_atom);  // at 40: next idle at 90
  world.advance(100ms);                // idle at 90, once
  world.send(*started, "plain"_atom);  // at 140: no idle timeout any more
  world.advance(1s);
  CHECK(kept.lines() == std::vector<std::string>{"40 again", "90 idle", "140 plain"});
}

TEST_CASE("an idle timeout of zero comes after what is in the mailbox already") {
  manual_world world;
  std::vector<std::string> log;
  auto started = world.runtime().spawn(world.node(), {},
                                       plain({
                                           .start =
                                               [](process& self) {
                                                 self.send(self.id(), "first"_atom);
                                                 self.set_idle_timeout(0ms);
                                               },
                                           .receive =
                                               [&](process& self, message got) {
                                                 log.push_back(text(got.payload()));
                                                 self.set_idle_timeout(0ms);
                                               },
                                           .idle = [&](process& /*self*/) { log.emplace_back("idle"); },
                                       }));
  REQUIRE(started);
  world.run();
  CHECK(log == std::vector<std::string>{"first", "idle"});
}

TEST_CASE("what a slice has used up already does not shorten the times that it asks for afterwards") {
  manual_world world;
  const auto begun = world.now();
  std::vector<std::string> log;
  world.spawn(
      [](process& self, manual_world* of, time_point start, std::vector<std::string>* out) -> task<> {
        const auto tell = [&](const char* what) {
          const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(of->now() - start);
          out->push_back(what + (" " + std::to_string(since.count())));
        };
        (void)self.now();
        of->pass_time(200ms);  // a long computation
        (void)self.send_after(100ms, self.id(), "timer"_atom);
        (void)co_await self.receive_any();
        tell("timer");
        (void)self.now();
        of->pass_time(200ms);
        (void)co_await self.receive<message>(100ms);
        tell("wait");
        (void)self.now();
        of->pass_time(200ms);
        co_await self.sleep(100ms);
        tell("sleep");
      },
      &world, begun, &log);
  world.advance(10s);
  CHECK(log == std::vector<std::string>{"timer 300", "wait 600", "sleep 900"});
}

}  // namespace
}  // namespace ergo::test
