// The simulator itself: the same seed is the same run, time passes only when nothing else can happen, faults do what
// they say, and a failing run can be repeated.
#include <ergo/calls.hpp>
#include <ergo/etf/text.hpp>
#include <ergo/testing/sim.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

using namespace ergo;
using namespace std::chrono_literals;
using testing::sim;

namespace {

std::vector<std::string> start_nodes(sim& world, std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t index = 0; index < count; ++index) {
    names.push_back("n" + std::to_string(index) + "@sim");
    world.start(names.back());
  }
  return names;
}

testing::sim_options options_with(std::uint64_t seed, bool history = false) {
  testing::sim_options options;
  options.seed = seed;
  options.history = history;
  return options;
}

// The order in which thirty processes hear of one's end. Only the name of the node makes a run differ from another; it
// has another number in this program, and so its identifiers other hashes.
std::vector<int> order_of_news(const std::string& node) {
  sim world{options_with(1)};
  world.start(node);
  const auto mortal = world.spawn(node, [](process& self) -> task<> { co_await self.sleep(1h); });
  std::vector<int> heard;
  for (int number = 0; number < 30; ++number) {
    world.spawn(
        node,
        [](process& self, std::vector<int>* log, pid whom, int me) -> task<> {
          (void)self.monitor(whom);
          (void)co_await self.receive<down>();
          log->push_back(me);
        },
        &heard, mortal, number);
  }
  world.run_for(1s);
  world.exit(mortal, "kill"_atom);
  world.run_for(1s);
  return heard;
}

// Some traffic between two nodes with a cut; returns the steps that were taken.
std::string sample_run(std::uint64_t seed) {
  sim world{options_with(seed, true)};
  const auto names = start_nodes(world, 3);
  const auto sink = world.spawn(names[0], [](process& self) -> task<> {
    for (;;) (void)co_await self.receive_any();
  });
  for (const auto& name : names) {
    world.spawn(
        name,
        [](process& self, sim* in, pid to) -> task<> {
          for (int number = 0; number < 20; ++number) {
            self.send(to, number);
            co_await self.sleep(std::chrono::microseconds{in->pick(1000)});
          }
        },
        &world, sink);
  }
  world.run_for(3ms);
  world.cut(names[0], names[1]);
  world.run_for(1s);
  return world.history() + std::to_string(world.packets()) + "/" + std::to_string(world.lost()) + "/" +
         std::to_string(world.steps());
}

TEST_CASE("one seed is one run, and another seed another") {
  CHECK(sample_run(1) == sample_run(1));
  CHECK(sample_run(7) == sample_run(7));
  CHECK(sample_run(1) != sample_run(7));
}

TEST_CASE("who is told of an end first does not depend on what the program did before") {
  const auto first = order_of_news("m0@sim");
  CHECK(first.size() == 30);
  for (int other = 1; other < 8; ++other) CHECK(order_of_news("m" + std::to_string(other) + "@sim") == first);
}

TEST_CASE("an hour of sleep passes at once, and with nothing to wait for there is no next step") {
  sim world;
  const auto names = start_nodes(world, 2);
  bool awake = false;
  world.spawn(
      names[1],
      [](process& self, bool* out) -> task<> {
        co_await self.sleep(1h);
        *out = true;
      },
      &awake);
  const auto begun = world.now();
  CHECK(world.run_until([&] { return awake; }, 2h));
  CHECK(world.now() - begun >= 1h);
  CHECK(world.now() - begun < 1h + 1s);
  world.settle();
  CHECK_FALSE(world.step());
  CHECK_FALSE(world.run_until([] { return false; }, 1s));
}

TEST_CASE("packets take their time and keep their order") {
  testing::sim_options options;
  options.least_delay = 3ms;
  options.most_delay = 9ms;
  sim world{options};
  const auto names = start_nodes(world, 2);
  std::vector<std::int64_t> got;
  const auto sink = world.spawn(
      names[1],
      [](process& self, std::vector<std::int64_t>* into) -> task<> {
        for (;;) {
          auto one = co_await self.receive<std::int64_t>();
          into->push_back(*one);
        }
      },
      &got);
  world.spawn(
      names[0],
      [](process& self, pid to) -> task<> {
        for (int number = 0; number < 50; ++number) self.send(to, number);
        co_return;
      },
      sink);
  world.run_for(2ms);
  CHECK(got.empty());
  world.run_for(20ms);
  REQUIRE(got.size() == 50);
  CHECK(std::ranges::is_sorted(got));
  CHECK(world.sessions(names[0], names[1]) == 1);
  CHECK(world.connected(names[0], names[1]));
}

TEST_CASE("a partition holds until it is healed, a cut only until the next send") {
  sim world;
  const auto names = start_nodes(world, 2);
  std::vector<std::string> told;
  const auto target = world.spawn(names[1], [](process& self) -> task<> { co_await self.sleep(forever); });
  const auto watch = [&] {
    world.spawn(
        names[0],
        [](process& self, pid of, std::vector<std::string>* out) -> task<> {
          const destination to{of};
          (void)self.monitor(to);
          auto ended = co_await self.receive<down>(1s);
          out->push_back(ended.timed_out() ? "alive" : etf::to_text(ended->reason.value()));
        },
        target, &told);
  };
  watch();
  world.run_for(50ms);
  world.cut(names[0], names[1]);
  world.run_for(50ms);
  CHECK(told == std::vector<std::string>{"noconnection"});
  watch();
  world.run_for(2s);
  CHECK(told.back() == "alive");
  world.partition(names[0], names[1]);
  world.run_for(1s);
  watch();
  world.run_for(1s);
  CHECK(told.back() == "noconnection");
  world.heal(names[0], names[1]);
  watch();
  world.run_for(2s);
  CHECK(told.back() == "alive");
  CHECK(world.sessions(names[0], names[1]) == 3);
}

TEST_CASE("a crashed node is gone without a word, its destructors run, and it comes back with another creation") {
  sim world;
  const auto names = start_nodes(world, 2);
  int alive = 0;
  struct tracked {
    explicit tracked(int* count) : count_{count} { ++*count_; }
    ~tracked() { --*count_; }
    int* count_;
  };
  const auto first = world.spawn(
      names[1],
      [](process& self, int* count) -> task<> {
        const tracked here{count};
        co_await self.sleep(forever);
      },
      &alive);
  world.run_for(1ms);
  CHECK(alive == 1);
  CHECK(world.alive(first));
  const auto before = world.node(names[1]).identity();
  world.crash(names[1]);
  CHECK(alive == 0);
  CHECK_FALSE(world.running(names[1]));
  CHECK_FALSE(world.alive(first));
  CHECK_THROWS_AS(world.node(names[1]), std::out_of_range);
  CHECK(world.nodes() == std::vector<std::string>{names[0]});
  const auto after = world.start(names[1]).identity();
  CHECK(after.name() == before.name());
  CHECK(after.creation() == before.creation() + 1);
  CHECK_FALSE(world.alive(first));
  CHECK_THROWS_AS(world.start(names[1]), std::logic_error);
}

TEST_CASE("blocking work and timers run in simulated time") {
  sim world;
  const auto names = start_nodes(world, 1);
  std::vector<std::string> order;
  world.spawn(
      names[0],
      [](process& self, std::vector<std::string>* out) -> task<> {
        self.send_after(5min, self.id(), term{"late"_atom});
        const auto work = [out] {
          out->emplace_back("blocking");
          return 7;
        };
        const int value = co_await self.blocking(work);
        out->push_back(std::to_string(value));
        auto got = co_await self.receive<atom>();
        out->emplace_back(got->text());
      },
      &order);
  const auto begun = world.now();
  CHECK(world.run_until([&] { return order.size() == 3; }, 10min));
  CHECK(order == std::vector<std::string>{"blocking", "7", "late"});
  CHECK(world.now() - begun >= 5min);
}

TEST_CASE("a node that was never started, or has gone, cannot be reached, and nobody waits for it") {
  sim world;
  const auto names = start_nodes(world, 2);
  world.crash(names[1]);
  std::vector<std::string> told;
  for (const auto& other : {names[1], std::string{"never@sim"}}) {
    world.spawn(
        names[0],
        [](process& self, std::string there, std::vector<std::string>* out) -> task<> {
          const destination target{"anybody"_atom, atom::of(there)};
          const term request{1};
          auto answer = co_await call(self, target, request, 5s);
          out->push_back(answer ? "answered" : etf::to_text(answer.error().reason()));
        },
        other, &told);
  }
  world.run_for(1s);
  std::ranges::sort(told);
  CHECK(told == std::vector<std::string>{"{nodedown,n1@sim}", "{nodedown,never@sim}"});
  CHECK(world.sessions() == 0);
}

TEST_CASE("links and monitors to a node that cannot be reached end with noconnection") {
  sim world;
  const auto names = start_nodes(world, 2);
  const auto lost = world.spawn(names[1], [](process& self) -> task<> { co_await self.sleep(forever); });
  world.run_for(1ms);
  world.crash(names[1]);
  std::vector<std::string> told;
  world.spawn(
      names[0],
      [](process& self, pid target, atom there, std::vector<std::string>* out) -> task<> {
        self.trap_exits(exits::trapped);
        self.link(target);
        const auto exited = co_await self.receive<exit_message>();
        out->push_back(etf::to_text(exited->reason.value()));
        for (const auto& to : {destination{target}, destination{"anybody"_atom, there}}) {
          const auto watch = self.monitor(to);
          const auto down = co_await self.receive<ergo::down>();
          out->push_back(down->ref == watch.ref ? etf::to_text(down->reason.value()) : "another one");
        }
      },
      lost, atom::of(names[1]), &told);
  world.run_for(1s);
  CHECK(told == std::vector<std::string>(3, "noconnection"));
}

TEST_CASE("a process that throws ends alone, and its node reports it") {
  testing::sim_options options;
  std::vector<event::kind> reported;
  options.runtime.on_event = [&](const event& happened) { reported.push_back(happened.what); };
  sim world{options};
  const auto names = start_nodes(world, 1);
  const auto broken = world.spawn(names[0], [](process&) -> task<> {
    throw std::runtime_error{"broken"};
    co_return;
  });
  const auto other = world.spawn(names[0], [](process& self) -> task<> { co_await self.sleep(forever); });
  world.run_for(1ms);
  CHECK_FALSE(world.alive(broken));
  CHECK(world.alive(other));
  CHECK(reported == std::vector<event::kind>{event::kind::crash});
}

}  // namespace
