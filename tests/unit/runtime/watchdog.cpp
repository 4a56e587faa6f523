// User code cannot hold a core: R55, and what is reported about slices that take too long.
#include "ergo_test/figures.hpp"
#include "fixture.hpp"
#include "program_state.hpp"

#include <ergo/detail/core_api.hpp>

#include <algorithm>
#include <atomic>

namespace ergo::test {
namespace {

struct tally {
  std::atomic<std::int64_t> worst_answer_us{0};
  std::atomic<std::int64_t> worst_timer_us{0};
  std::atomic<int> answers{0};
  std::atomic<int> timers{0};

  static void raise(std::atomic<std::int64_t>& to, std::chrono::steady_clock::duration value) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(value).count();
    for (auto seen = to.load(); seen < us && !to.compare_exchange_weak(seen, us);) {
    }
  }
};

task<> keep_calling(process& self, pid server, tally* into, std::atomic<bool>* enough) {
  const destination target{server};
  const term request{1};
  while (!*enough) {
    const auto begun = std::chrono::steady_clock::now();
    auto answer = co_await call(self, target, request, 5s);
    if (!answer) co_return;
    tally::raise(into->worst_answer_us, std::chrono::steady_clock::now() - begun);
    ++into->answers;
    co_await self.sleep(1ms);
  }
}

task<> keep_timing(process& self, tally* into, std::atomic<bool>* enough) {
  while (!*enough) {
    const auto due = std::chrono::steady_clock::now() + 5ms;
    self.send_after(5ms, self.id(), "tick"_atom);
    auto tick = co_await self.receive<atom>(5s);
    if (tick.timed_out()) co_return;
    tally::raise(into->worst_timer_us, std::chrono::steady_clock::now() - due);
    ++into->timers;
  }
}

void spin_for(std::chrono::milliseconds span) {
  const auto until = std::chrono::steady_clock::now() + span;
  while (std::chrono::steady_clock::now() < until) {
  }
}

// R55. Other programs compete for this machine's processors, so an attempt that was disturbed is repeated; a runtime
// that lets user code hold a core fails every attempt by an order of magnitude.
TEST_CASE(
    "with every core's callbacks spinning or blocked in read(2), others are answered within 100 ms and timers are late "
    "by less than 20 ms",
    "[R55]") {
  scenario row{"R55", "calls and timers while every core's callbacks spin or block"};
  constexpr unsigned cores = 2;
  bool good = false;
  std::string figures;
  for (int attempt = 0; attempt < 6 && !good; ++attempt) {
    gate door;
    tally seen;
    std::atomic<bool> enough{false};
    std::atomic<int> holding{0};
    threaded_world world{{.cores = cores}};
    auto server = world.runtime().spawn(
        world.node(), {}, plain({.receive = [](process& self, message got) { self.reply(got.from(), 1); }}));
    REQUIRE(server);
    for (unsigned count = 0; count < cores; ++count) {
      const auto holder = world.runtime().spawn(world.node(), {}, plain({.receive = [&, count](process&, message) {
                                                  ++holding;
                                                  if (count % 2 == 0) {
                                                    while (!enough) spin_for(1ms);
                                                  } else {
                                                    door.wait();
                                                  }
                                                }}));
      REQUIRE(holder);
      world.runtime().send(*holder, 1);
    }
    REQUIRE(eventually([&] { return holding == static_cast<int>(cores); }));
    for (int count = 0; count < 4; ++count) {
      world.spawn(keep_calling, *server, &seen, &enough);
      world.spawn(keep_timing, &seen, &enough);
    }
    (void)eventually([&] { return seen.answers >= 100 && seen.timers >= 100; }, 3s);
    enough = true;
    door.release();
    world.runtime().stop();
    figures += " answers " + std::to_string(seen.answers) + " worst " + std::to_string(seen.worst_answer_us) +
               " us, timers " + std::to_string(seen.timers) + " worst " + std::to_string(seen.worst_timer_us) + " us;";
    row.ran(seen.answers + seen.timers);
    good = seen.answers >= 40 && seen.timers >= 40 && seen.worst_answer_us < 100'000 && seen.worst_timer_us < 20'000;
    if (good) {
      row.measured({"slowest answer", static_cast<double>(seen.worst_answer_us) / 1000, "ms", 100});
      row.measured({"latest timer", static_cast<double>(seen.worst_timer_us) / 1000, "ms", 20});
    }
  }
  INFO(figures);
  CHECK(good);
}

TEST_CASE("a slice that takes too long is reported with its process while it runs and when it has ended") {
  gate door;
  threaded_world world{{.cores = 1}};
  const auto slow = world.runtime().spawn(world.node(), {.name = "sluggish"_atom},
                                          plain({.receive = [&](process&, message) { door.wait(); }}));
  REQUIRE(slow);
  world.runtime().send(*slow, 1);
  const auto is_slow = [](const event& one) { return one.what == event::kind::slow_slice; };
  CHECK(world.events().wait_until([&](const auto& all) { return std::ranges::any_of(all, is_slow); }));
  door.release();
  CHECK(world.events().wait_until([&](const auto& all) { return std::ranges::count_if(all, is_slow) == 2; }));
  for (const auto& one : world.events().all()) {
    REQUIRE(is_slow(one));
    CHECK(one.process == *slow);
    CHECK(one.name == "sluggish"_atom);
    CHECK(one.took >= 50ms);
    CHECK(one.took < 10s);
    CHECK(one.level == log_level::warning);
  }
}

TEST_CASE("short slices are not reported") {
  reports<int> done;
  threaded_world world{{.cores = 2}};
  for (int count = 0; count < 4; ++count) {
    world.spawn(
        [](process& self, reports<int>* out) -> task<> {
          for (int round = 0; round < 20; ++round) {
            spin_for(1ms);
            co_await self.yield();
          }
          out->add(1);
        },
        &done);
  }
  CHECK(done.wait_for(4));
  world.runtime().stop();
  // A processor that was taken away for 50 ms by other programs is reported rightly; without that there is nothing.
  CHECK(std::ranges::count_if(world.events().all(), [](const event& one) { return one.took < 50ms; }) == 0);
}

TEST_CASE("what a late slice sends arrives, in order, and it goes on with its messages afterwards") {
  reports<std::int64_t> got;
  threaded_world world{{.cores = 1}};
  const auto sink = world.spawn(
      [](process& self, reports<std::int64_t>* out) -> task<> {
        for (;;) {
          auto one = co_await self.receive<std::int64_t>();
          out->add(*one);
        }
      },
      &got);
  auto late = world.runtime().spawn(world.node(), {}, plain({.receive = [&](process& self, message order) {
                                      const auto base = *order.payload().as_integer() * 1000;
                                      for (std::int64_t number = 0; number < 300; ++number) {
                                        self.send(sink, base + number);
                                        if (number % 100 == 50)
                                          spin_for(15ms);  // before, while and after the core is lost
                                      }
                                    }}));
  REQUIRE(late);
  for (int order = 0; order < 3; ++order) world.runtime().send(*late, order);
  REQUIRE(got.wait_for(900));
  const auto all = got.all();
  REQUIRE(all.size() == 900);
  CHECK(std::ranges::is_sorted(all));
}

TEST_CASE("a slice keeps its number when its core is taken from it") {
  threaded_world world{{.cores = 1}};
  std::atomic<bool> moved_on{false};
  reports<std::uint64_t> seen;
  const auto neighbour = world.spawn(
      [](process& self, std::atomic<bool>* out) -> task<> {
        (void)co_await self.receive_any();
        *out = true;
      },
      &moved_on);
  auto late = world.runtime().spawn(world.node(), {}, plain({.receive = [&](process& self, message) {
                                      seen.add(detail::current_slice());
                                      self.send(neighbour, 1);
                                      // The only core goes on: it was taken from this slice.
                                      (void)eventually([&] { return moved_on.load(); });
                                      seen.add(detail::current_slice());
                                    }}));
  REQUIRE(late);
  world.runtime().send(*late, 1);
  REQUIRE(seen.wait_for(2));
  REQUIRE(moved_on);
  CHECK(seen.all()[0] != 0);
  CHECK(seen.all()[0] == seen.all()[1]);
}

TEST_CASE("slices of a thread have different numbers, and outside of them there is none") {
  threaded_world world{{.cores = 1, .takeover = 1min}};  // one thread only
  reports<std::uint64_t> seen;
  world.spawn(
      [](process& self, reports<std::uint64_t>* out) -> task<> {
        for (int slice = 0; slice < 3; ++slice) {
          out->add(detail::current_slice());
          co_await self.yield();
        }
      },
      &seen);
  REQUIRE(seen.wait_for(3));
  const auto numbers = seen.all();
  CHECK(numbers[0] != numbers[1]);
  CHECK(numbers[1] != numbers[2]);
  CHECK(detail::current_slice() == 0);
}

TEST_CASE("slices that are lost again and again leave no thread behind and lose no work") {
  std::atomic<int> done{0};
  threaded_world world{{.cores = 2, .takeover = 1ms}};
  const auto before = threads_now().size();
  for (int count = 0; count < 20; ++count) {
    world.spawn(
        [](process& self, std::atomic<int>* counter) -> task<> {
          for (int round = 0; round < 10; ++round) {
            spin_for(3ms);
            co_await self.yield();
          }
          ++*counter;
        },
        &done);
  }
  CHECK(eventually([&] { return done == 20; }, 30s));
  CHECK(threads_now().size() <= before + 24);
}

TEST_CASE("with no spare thread allowed a late slice keeps its core, and work goes on afterwards") {
  std::atomic<bool> after{false};
  threaded_world world{{.cores = 1, .spare_threads = 0}};
  auto late = world.runtime().spawn(world.node(), {}, plain({.receive = [](process&, message) { spin_for(40ms); }}));
  REQUIRE(late);
  world.runtime().send(*late, 1);
  world.spawn(
      [](process& /*self*/, std::atomic<bool>* out) -> task<> {
        *out = true;
        co_return;
      },
      &after);
  CHECK(eventually([&] { return after.load(); }));
}

TEST_CASE("running out of spare threads is reported once") {
  gate door;
  threaded_world world{{.cores = 1, .spare_threads = 2}};
  for (int count = 0; count < 4; ++count) {
    const auto holder =
        world.runtime().spawn(world.node(), {}, plain({.receive = [&](process&, message) { door.wait(); }}));
    REQUIRE(holder);
    world.runtime().send(*holder, 1);
  }
  const auto is_limit = [](const event& one) { return one.what == event::kind::limit; };
  CHECK(world.events().wait_until([&](const auto& all) { return std::ranges::any_of(all, is_limit); }));
  door.release();
  world.runtime().stop();
  CHECK(std::ranges::count_if(world.events().all(), is_limit) == 1);
}

}  // namespace
}  // namespace ergo::test
