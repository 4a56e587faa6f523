// Cores on lease: parallelism, stealing, fairness under load, order between threads, and sleep without wake-ups.
#include "fixture.hpp"
#include "program_state.hpp"

#include <ergo/detail/core_api.hpp>

#include <algorithm>
#include <atomic>
#include <set>

namespace ergo::test {
namespace {

struct meeting {
  std::atomic<int> inside{0};
  std::atomic<bool> all_met{false};
};

// Runs slices of about a millisecond until all partners have been seen in a slice at the same time.
task<> meet(process& self, meeting* at, int partners) {
  while (!at->all_met) {
    at->inside.fetch_add(1);
    const auto until = std::chrono::steady_clock::now() + 1ms;
    while (std::chrono::steady_clock::now() < until) {
      if (at->inside.load() == partners) at->all_met = true;
    }
    at->inside.fetch_sub(1);
    co_await self.yield();
  }
}

TEST_CASE("processes that compute use all cores, also when one process started them all") {
  const auto cores = GENERATE(2U, 4U);
  CAPTURE(cores);
  meeting at;
  threaded_world world{{.cores = cores}};
  world.spawn(
      [](process& self, meeting* where, int partners) -> task<> {
        for (int count = 0; count < partners; ++count) (void)self.spawn(meet, where, partners);
        co_return;
      },
      &at, static_cast<int>(cores));
  CHECK(eventually([&] { return at.all_met.load(); }, 20s));
  at.all_met = true;
}

TEST_CASE("a pinned process stays on its core, whatever the others do") {
  std::atomic<int> wrong{0};
  std::atomic<bool> stop{false};
  reports<int> done;
  threaded_world world{{.cores = 3}};
  for (int count = 0; count < 6; ++count) {
    world.spawn(
        {.pinned = true},
        [](process& self, std::atomic<int>* moved, reports<int>* out) -> task<> {
          const int home = detail::current_core();
          for (int round = 0; round < 500; ++round) {
            if (round % 50 == 0) {
              co_await self.sleep(1ms);
            } else {
              co_await self.yield();
            }
            if (detail::current_core() != home) ++*moved;
          }
          out->add(home);
        },
        &wrong, &done);
    world.spawn(
        [](process& self, std::atomic<bool>* enough) -> task<> {
          while (!*enough) co_await self.yield();
        },
        &stop);
  }
  CHECK(done.wait_for(6));
  stop = true;
  CHECK(wrong == 0);
}

TEST_CASE("two processes that keep each other running do not starve a third on their core") {
  std::atomic<bool> stop{false};
  reports<int> done;
  threaded_world world{{.cores = 1}};
  struct player {
    static task<> play(process& self, std::atomic<bool>* enough) {
      while (!*enough) {
        auto partner = co_await self.receive<pid>(1s);
        if (partner.timed_out()) continue;
        self.send(*partner, self.id());
      }
    }
  };
  const auto left = world.spawn(player::play, &stop);
  const auto right = world.spawn(player::play, &stop);
  world.runtime().send(left, right);
  world.spawn(
      [](process& self, reports<int>* out) -> task<> {
        for (int turn = 0; turn < 200; ++turn) co_await self.yield();
        out->add(1);
      },
      &done);
  CHECK(done.wait_for(1));
  stop = true;
}

TEST_CASE("calls are answered while other processes flood the same core") {
  std::atomic<bool> stop{false};
  reports<int> answered;
  threaded_world world{{.cores = 1}};
  const auto sink = world.spawn({.mailbox_bound = 10'000}, [](process& self) -> task<> {
    for (;;) (void)co_await self.receive_any();
  });
  for (int count = 0; count < 3; ++count) {
    world.spawn(
        [](process& self, pid to, std::atomic<bool>* enough) -> task<> {
          while (!*enough) co_await self.send(to, 1);
        },
        sink, &stop);
  }
  auto server = world.runtime().spawn(
      world.node(), {}, plain({.receive = [](process& self, message got) { self.reply(got.from(), 1); }}));
  REQUIRE(server);
  world.spawn(
      [](process& self, pid to, reports<int>* out) -> task<> {
        const destination target{to};
        const term request{1};
        for (int round = 0; round < 100; ++round) {
          auto answer = co_await call(self, target, request, 10s);
          if (!answer) co_return;
        }
        out->add(1);
      },
      *server, &answered);
  CHECK(answered.wait_for(1, 20s));
  stop = true;
}

// A1 and A2 between threads.
TEST_CASE("messages of 8 senders on 3 cores arrive in order for each sender, none lost, none twice") {
  constexpr std::int64_t each = 20'000;
  constexpr int senders = 8;
  reports<std::string> verdict;
  threaded_world world{{.cores = 3}};
  const auto sink = world.spawn(
      [](process& self, reports<std::string>* out) -> task<> {
        std::array<std::int64_t, senders> next{};
        for (std::int64_t got = 0; got < each * senders; ++got) {
          auto one = co_await self.receive<std::pair<std::int64_t, std::int64_t>>(20s);
          if (one.timed_out()) {
            out->add("lost");
            co_return;
          }
          auto& expected = next[static_cast<std::size_t>(one->first)];
          if (one->second != expected++) {
            out->add("out of order");
            co_return;
          }
        }
        out->add(self.unread() == 0 ? "right" : "too many");
      },
      &verdict);
  for (int sender = 0; sender < senders; ++sender) {
    world.spawn(
        [](process& self, pid to, int who) -> task<> {
          for (std::int64_t number = 0; number < each; ++number) {
            const auto content = etf::tuple(who, number);
            co_await self.send(to, content);
          }
        },
        sink, sender);
  }
  CHECK(verdict.wait_for(1, 60s));
  CHECK(verdict.all() == std::vector<std::string>{"right"});
}

TEST_CASE("threads outside and processes of two runtimes may send to each other") {
  reports<std::int64_t> got;
  threaded_world left{{.cores = 1}};
  threaded_world right{{.cores = 1}};
  const auto sink = right.spawn(
      [](process& self, reports<std::int64_t>* out) -> task<> {
        for (;;) {
          auto one = co_await self.receive<std::int64_t>();
          out->add(*one);
        }
      },
      &got);
  left.spawn(
      [](process& /*self*/, ergo::runtime* other, pid to) -> task<> {
        for (std::int64_t number = 0; number < 1000; ++number) other->send(to, number);
        co_return;
      },
      &right.runtime(), sink);
  REQUIRE(got.wait_for(1000));
  const auto all = got.all();
  for (std::size_t number = 0; number < all.size(); ++number) REQUIRE(all[number] == static_cast<std::int64_t>(number));
}

TEST_CASE("timers of many processes on all cores go off, and not before their time") {
  reports<bool> fired;
  threaded_world world{{.cores = 2}};
  for (int count = 0; count < 500; ++count) {
    world.spawn(
        [](process& self, reports<bool>* out, int delay) -> task<> {
          const auto begun = std::chrono::steady_clock::now();
          co_await self.sleep(std::chrono::milliseconds{delay});
          out->add(std::chrono::steady_clock::now() - begun >= std::chrono::milliseconds{delay});
        },
        &fired, count % 50);
  }
  CHECK(fired.wait_for(500));
  for (const bool in_time : fired.all()) REQUIRE(in_time);
}

TEST_CASE("blocking work of many processes runs at the same time, each on a thread of its own, up to the limit") {
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::atomic<bool> open{false};
  reports<int> done;
  threaded_world world{{.cores = 1, .blocking_threads = 8}};
  for (int count = 0; count < 20; ++count) {
    world.spawn(
        [](process& self, std::atomic<int>* in, std::atomic<int>* top, std::atomic<bool>* may_go,
           reports<int>* out) -> task<> {
          const auto work = [=] {
            const int now = ++*in;
            for (int seen = *top; seen < now && !top->compare_exchange_weak(seen, now);) {
            }
            while (!*may_go) std::this_thread::yield();
            --*in;
            return now;
          };
          const int place = co_await self.blocking(work);
          out->add(place);
        },
        &inside, &most, &open, &done);
  }
  CHECK(eventually([&] { return most == 8; }));
  open = true;
  CHECK(done.wait_for(20));
  CHECK(most == 8);
}

TEST_CASE("a runtime with nothing to do sleeps: no thread of it wakes up") {
  const auto before = threads_now();
  reports<int> ready;
  reports<int> woken;
  threaded_world world{{.cores = 4}};
  for (int count = 0; count < 20; ++count) {
    world.spawn(
        [](process& self, reports<int>* out) -> task<> {
          out->add(1);
          (void)co_await self.receive<down>(1h);  // with a timer that is far away
        },
        &ready);
  }
  REQUIRE(ready.wait_for(20));
  std::set<int> own;
  std::ranges::set_difference(threads_now(), before, std::inserter(own, own.begin()));
  REQUIRE(own.size() >= 5);  // four cores and the watchdog
  // Asleep is when nothing happens for 500 ms. On a busy computer it may take a while to get there.
  const auto quiet = [&](std::chrono::milliseconds span) {
    const auto from = voluntary_switches(own);
    std::mutex mutex;
    std::unique_lock lock{mutex};
    std::condition_variable never;
    (void)never.wait_for(lock, span, [] { return false; });
    return voluntary_switches(own) - from;
  };
  CHECK(eventually([&] { return quiet(500ms) == 0; }));
  // And it wakes up when there is work.
  world.spawn(
      [](process& /*self*/, reports<int>* out) -> task<> {
        out->add(1);
        co_return;
      },
      &woken);
  CHECK(woken.wait_for(1));
}

}  // namespace
}  // namespace ergo::test
