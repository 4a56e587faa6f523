// The end of processes: in every state they can be suspended in, and what user code may throw. Destructors run, nothing
// is touched later (the sanitizer builds see to that), the node lives.
#include "ergo_test/figures.hpp"
#include "fixture.hpp"

#include <ergo_test/sanitizers.hpp>

#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <new>

namespace ergo::test {
namespace {

// Counts itself; for "destructors run".
struct tracked {
  explicit tracked(int* alive) : alive_{alive} { ++*alive_; }
  tracked(const tracked&) = delete;
  tracked& operator=(const tracked&) = delete;
  ~tracked() { --*alive_; }
  int* alive_;
  std::string heap = std::string(64, 'x');
};

struct places {
  static task<> in_receive(process& self, int* alive) {
    const tracked here{alive};
    (void)co_await self.receive<std::string>();
  }
  static task<> in_receive_if(process& self, int* alive) {
    const tracked here{alive};
    const auto never = [](const message& /*candidate*/) { return false; };
    (void)co_await self.receive_if(never, 1h);
  }
  static task<> in_any(process& self, int* alive) {
    const tracked here{alive};
    for (;;) {
      auto got = co_await self.receive_any();
      const tracked per_message{alive};
      (void)co_await self.receive<down>();
    }
  }
  static task<> in_call(process& self, int* alive) {
    const tracked here{alive};
    const destination silent{"silent"_atom};
    const term request{etf::binary(std::string(200, 'q'))};
    (void)co_await call(self, silent, request, forever);
  }
  static task<> in_sleep(process& self, int* alive) {
    const tracked here{alive};
    co_await self.sleep(1h);
  }
  static task<> in_yield(process& self, int* alive) {
    const tracked here{alive};
    for (;;) co_await self.yield();
  }
  static task<int> nested(process& self, int* alive, int depth) {
    const tracked here{alive};
    if (depth == 0) {
      co_await self.sleep(1h);
      co_return 0;
    }
    auto below = nested(self, alive, depth - 1);
    const int value = co_await std::move(below);
    co_return value + 1;
  }
  static task<> in_nested(process& self, int* alive) {
    const tracked here{alive};
    auto chain = nested(self, alive, 50);
    (void)co_await std::move(chain);
  }
  static task<> with_unstarted(process& self, int* alive) {
    const tracked here{alive};
    const auto never_awaited = nested(self, alive, 3);
    co_await self.sleep(1h);
  }
};

using place = task<> (*)(process&, int*);
struct named_place {
  const char* name;
  place body;
};
constexpr std::array every_place{
    named_place{"receive", places::in_receive},     named_place{"receive_if", places::in_receive_if},
    named_place{"receive_any", places::in_any},     named_place{"call", places::in_call},
    named_place{"sleep", places::in_sleep},         named_place{"yield", places::in_yield},
    named_place{"nested tasks", places::in_nested}, named_place{"a task not started", places::with_unstarted},
};

TEST_CASE("a process that is killed while it is suspended is gone at once, with its frames and relations", "[R54]") {
  const auto where = GENERATE(from_range(every_place));
  CAPTURE(where.name);
  constexpr int rounds = 1000;
  scenario figures{"R54", std::string{"killed while suspended: "} + where.name};
  manual_world world;
  world.spawn({.name = "silent"_atom}, [](process& self) -> task<> {
    for (;;) {
      auto taken = co_await self.receive_any();
      (void)taken;
    }
  });
  world.run();
  const auto before = world.runtime().process_count();
  int alive = 0;
  int downs = 0;
  for (int round = 0; round < rounds; ++round) {
    const auto target = world.spawn(where.body, &alive);
    world.spawn(
        [](process& self, pid of, int* count) -> task<> {
          const destination to{of};
          (void)self.monitor(to);
          auto ended = co_await self.receive<down>();
          if (ended->reason.is("killed"_atom)) ++*count;
        },
        target, &downs);
    world.run(20);
    if (round % 2 == 0) world.send(target, "unread"_atom);
    world.exit(target, "kill"_atom);
    world.run();
    if (world.alive(target)) FAIL("still alive");
  }
  CHECK(alive == 0);
  CHECK(downs == rounds);
  CHECK(world.runtime().process_count() == before);
  figures.ran(rounds);
  figures.violated(std::abs(rounds - downs) + alive);
}

// R54: "destroy at every suspension point".
TEST_CASE("a process may be killed after any number of its slices", "[R54]") {
  struct busy {
    static task<std::string> work(process& self, int* alive, int depth) {
      const tracked here{alive};
      std::string result = std::string(40, static_cast<char>('a' + depth % 26));
      co_await self.yield();
      if (depth > 0) {
        auto below = work(self, alive, depth - 1);
        result += co_await std::move(below);
      }
      auto got = co_await self.receive<std::int64_t>(1ms);
      if (!got.timed_out()) result += std::to_string(*got);
      const destination silent{"silent"_atom};
      const term request{etf::binary(result)};
      auto answer = co_await call(self, silent, request, 1ms);
      if (!answer) result += "-";
      const auto job = [&result] { return result.size(); };
      const auto size = co_await self.blocking(job);
      co_return result + std::to_string(size);
    }
    static task<> root(process& self, int* alive, bool* finished) {
      const tracked here{alive};
      const auto timer = self.send_after(2ms, self.id(), 7);
      auto whole = work(self, alive, 3);
      const auto text_of = co_await std::move(whole);
      (void)self.cancel_timer(timer);
      *finished = !text_of.empty();
    }
  };
  int points = 0;
  for (bool finished = false; !finished; ++points) {
    manual_world world;
    int alive = 0;
    world.spawn({.name = "silent"_atom}, [](process& self) -> task<> {
      for (;;) (void)co_await self.receive_any();
    });
    world.run();
    const auto target = world.spawn(busy::root, &alive, &finished);
    for (int step = 0; step < points && world.alive(target); ++step) {
      if (!world.runtime().step([](std::size_t /*runnable*/) { return std::size_t{0}; })) world.pass(500us);
    }
    world.exit(target, "kill"_atom);
    world.run();
    REQUIRE(alive == 0);
    REQUIRE(world.runtime().process_count() == 1);
    REQUIRE(points < 1000);
  }
  CHECK(points > 20);
}

TEST_CASE("a chain of 100,000 nested tasks is unwound on a small stack", "[R54]") {
  constexpr int depth = chains_take_stack ? 1'000 : 100'000;
  const auto how = GENERATE(as<std::string>{}, "killed", "runtime stops");
  CAPTURE(how);
  scenario figures{"R54", "nested tasks, unwound on a small stack: " + how};
  figures.may_keep(std::int64_t{64} << 20);  // the frames' blocks stay with the program
  figures.ran(depth);
  int alive = 0;
  {
    manual_world world;
    const auto target = world.spawn(
        [](process& self, int* count) -> task<> {
          auto chain = places::nested(self, count, depth);
          (void)co_await std::move(chain);
        },
        &alive);
    world.run();
    CHECK(alive == depth + 1);
    if (how == "killed") {
      world.exit(target, "kill"_atom);
      world.run();
      CHECK(alive == 0);
    }
  }
  CHECK(alive == 0);
}

TEST_CASE(
    "a process that dies while its blocking work runs is dead to others at once, but keeps its frame for the work",
    "[R54]") {
  reports<std::string> told;
  std::atomic<int> alive{0};
  threaded_world world;
  std::promise<void> gate;
  std::promise<void> at_work;
  struct on_frame {
    std::atomic<int>* count;
    explicit on_frame(std::atomic<int>* into) : count{into} { ++*count; }
    ~on_frame() { --*count; }
  };
  const auto target = world.spawn(
      {.name = "worker"_atom},
      [](process& self, std::atomic<int>* count, std::promise<void>* begun,
         std::shared_future<void> may_end) -> task<> {
        const on_frame here{count};
        std::string inside_the_frame = "before";
        const auto work = [&] {
          begun->set_value();
          may_end.wait();
          inside_the_frame = std::string(100, 'w');
        };
        co_await self.blocking(work);
      },
      &alive, &at_work, gate.get_future().share());
  at_work.get_future().wait();
  world.spawn(
      [](process& self, pid of, reports<std::string>* out) -> task<> {
        const destination to{of};
        (void)self.monitor(to);
        self.exit(of, exit_reason{"kill"_atom});
        auto ended = co_await self.receive<down>();
        out->add(text(ended->reason.value()));
        auto answer = co_await call(self, to, term{}, forever);
        out->add(text(answer.error().reason()));
        out->add(self.register_name("worker"_atom) ? "free" : "taken");
      },
      target, &told);
  CHECK(told.wait_for(3));
  CHECK(told.all() == std::vector<std::string>{"killed", "noproc", "free"});
  CHECK(alive == 1);
  gate.set_value();
  CHECK(eventually([&] { return alive == 0 && world.runtime().process_count() == 0; }));
}

struct shared_work {
  std::atomic<int> frames{0};
  std::atomic<int> begun{0};
  std::atomic<int> ended{0};
};

task<> work_until_let_go(process& self, shared_work* with, std::shared_ptr<std::latch> may_end) {
  struct on_frame {
    shared_work* of;
    explicit on_frame(shared_work* work) : of{work} { ++of->frames; }
    ~on_frame() { --of->frames; }
  };
  const on_frame here{with};
  std::string inside_the_frame = "before";
  const auto work = [&] {
    ++with->begun;
    may_end->wait();
    inside_the_frame = std::string(100, 'w');
    ++with->ended;
  };
  co_await self.blocking(work);
}

// R54: before the work has a thread, while it has one, and while it waits for one behind others.
TEST_CASE("a thousand processes killed in their blocking work leave no frame, no work and no slot behind", "[R54]") {
  const auto threads = GENERATE(1U, 64U);
  CAPTURE(threads);
  scenario figures{"R54", "killed in blocking work, " + std::to_string(threads) + " threads at most for it"};
  shared_work with;
  threaded_world world{{.blocking_threads = threads}};
  int begun = 0;
  for (int round = 0; round < 250; ++round) {
    auto gate = std::make_shared<std::latch>(1);
    std::vector<pid> targets;
    for (int count = 0; count < 4; ++count) targets.push_back(world.spawn(work_until_let_go, &with, gate));
    if (round % 2 == 0) REQUIRE(eventually([&] { return with.begun > begun; }));
    for (const auto& one : targets) world.runtime().exit(one, exit_reason{"kill"_atom});
    for (const auto& one : targets) REQUIRE(eventually([&] { return !world.runtime().alive(one); }));
    if (round % 2 == 0) REQUIRE(with.frames > 0);  // kept for the work that has begun
    gate->count_down();
    REQUIRE(eventually([&] { return with.frames == 0 && world.runtime().process_count() == 0; }));
    begun = with.begun;
  }
  CHECK(with.begun >= 125);
  CHECK(with.ended == with.begun);
  figures.ran(1000);
  figures.violated(std::abs(with.begun - with.ended) + with.frames);
}

TEST_CASE("a destructor may still send, and what it sends to its own process is dropped") {
  manual_world world;
  std::vector<std::string> got;
  const auto sink = world.spawn(
      [](process& self, std::vector<std::string>* into) -> task<> {
        for (;;) {
          auto one = co_await self.receive_any();
          into->push_back(text(one.payload()));
        }
      },
      &got);
  struct farewell {
    process& self;
    pid to;
    ~farewell() {
      self.send(to, "goodbye"_atom);
      self.send(self.id(), "ghost"_atom);
    }
  };
  const auto target = world.spawn(
      [](process& self, pid to) -> task<> {
        const farewell last{self, to};
        co_await self.sleep(1h);
      },
      sink);
  world.run();
  world.exit(target, "kill"_atom);
  world.run();
  CHECK(got == std::vector<std::string>{"goodbye"});
  CHECK_FALSE(world.alive(target));
}

struct thrower {
  const char* name;
  void (*raise)();
  const char* reason;
};
constexpr std::array throwers{
    thrower{"an exception", [] { throw std::runtime_error{"broken"}; }, "{exception,<<\"broken\">>}"},
    thrower{"42", [] { throw 42; }, "{nocatch,unknown_exception}"},
    thrower{"bad_alloc", [] { throw std::bad_alloc{}; }, "{exception,<<\"std::bad_alloc\">>}"},
};

enum class callback : std::uint8_t { start, receive, idle, task_body, after_wait, predicate };

std::unique_ptr<behaviour> body_that_throws(callback where, void (*raise)()) {
  const auto throws = [raise](auto&&...) { raise(); };
  switch (where) {
    case callback::start: return plain({.start = throws});
    case callback::receive: return plain({.receive = throws});
    case callback::idle: return plain({.start = [](process& self) { self.set_idle_timeout(1ms); }, .idle = throws});
    case callback::task_body:
      return make_body(
          [](process& /*self*/, void (*how)()) -> task<> {
            how();
            co_return;
          },
          raise);
    case callback::after_wait:
      return make_body(
          [](process& self, void (*how)()) -> task<> {
            co_await self.sleep(1ms);
            how();
          },
          raise);
    case callback::predicate:
      return make_body(
          [](process& self, void (*how)()) -> task<> {
            const auto asks = [how](const message& /*candidate*/) {
              how();
              return false;
            };
            (void)co_await self.receive_if(asks);
          },
          raise);
  }
  return nullptr;
}

TEST_CASE("whatever a callback throws ends its process with a crash event and fires its links, 100 times each",
          "[R17]") {
  const auto what = GENERATE(from_range(throwers));
  const auto where = GENERATE(callback::start, callback::receive, callback::idle, callback::task_body,
                              callback::after_wait, callback::predicate);
  CAPTURE(what.name, static_cast<int>(where));
  scenario figures{"R17", std::string{"processes: each callback throws "} + what.name};
  manual_world world;
  int linked = 0;
  for (int round = 0; round < 100; ++round) {
    std::string reason;
    auto target = world.runtime().spawn(world.node(), {.name = "fragile"_atom}, body_that_throws(where, what.raise));
    REQUIRE(target);
    world.spawn(
        {.trap_exits = true},
        [](process& self, pid of, std::string* why, int* count) -> task<> {
          self.link(of);
          auto ended = co_await self.receive<exit_message>();
          *why = text(ended->reason.value());
          ++*count;
        },
        *target, &reason, &linked);
    // The partner links before the target's first slice, as the one at the end of the queue is chosen first.
    (void)world.runtime().step([](std::size_t count) { return count - 1; });
    if (where != callback::idle) world.send(*target, "hello"_atom);
    world.advance(10ms);
    REQUIRE(reason == what.reason);
    REQUIRE(world.crashes() == static_cast<std::size_t>(round) + 1);
    const auto& event = world.events().back();
    REQUIRE(event.process == *target);
    REQUIRE(event.name == "fragile"_atom);
    REQUIRE(text(event.reason) == what.reason);
  }
  CHECK(linked == 100);
  CHECK(world.runtime().process_count() == 0);
  figures.ran(100);
  figures.violated(100 - linked);
}

TEST_CASE("ordinary ends are no crashes") {
  const auto reason = GENERATE(as<std::string>{}, "normal", "shutdown", "{shutdown,cause}", "other");
  manual_world world;
  world.spawn(
      [](process& self, term why) -> task<> {
        self.exit(exit_reason{why});
        co_return;
      },
      *etf::parse(reason));
  world.run();
  CHECK(world.crashes() == (reason == "other" ? 1U : 0U));
}

TEST_CASE("an exit from any depth runs the destructors on its way and is no std::exception") {
  manual_world world;
  int alive = 0;
  int swallowed = 0;
  std::string reason;
  struct depths {
    static task<> at(process& self, int* count, int* swallowed, int depth) {
      const tracked here{count};
      if (depth == 0) self.exit(exit_reason{"deep"_atom});
      try {
        auto below = at(self, count, swallowed, depth - 1);
        co_await std::move(below);
      } catch (const std::exception&) {
        ++*swallowed;
      }
    }
  };
  world.spawn(
      [](process& self, int* count, int* caught, std::string* why) -> task<> {
        (void)self.spawn_monitor(depths::at, count, caught, 20);
        auto ended = co_await self.receive<down>();
        *why = text(ended->reason.value());
      },
      &alive, &swallowed, &reason);
  world.run();
  CHECK(reason == "deep");
  CHECK(swallowed == 0);
  CHECK(alive == 0);
}

TEST_CASE("a subscriber of events that throws harms nobody", "[R45]") {
  manual_source clock;
  runtime_options options{
      .clock = &clock, .on_event = [](const event&) { throw std::runtime_error{"subscriber"}; }, .manual = true};
  ergo::runtime runtime{options};
  auto target = runtime.spawn(runtime.anonymous(), [](process& self) -> task<> {
    self.exit(exit_reason{"crash"_atom});
    co_return;
  });
  REQUIRE(target);
  while (runtime.step([](std::size_t) { return std::size_t{0}; })) {
  }
  CHECK_FALSE(runtime.alive(*target));
}

}  // namespace
}  // namespace ergo::test
