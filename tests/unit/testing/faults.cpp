// Faults: silent directions, slow readers, signals that pass others, nodes and processes that crash, and a plan of
// which parts are left out.
#include <ergo/calls.hpp>
#include <ergo/testing/sim.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace ergo;
using namespace std::chrono_literals;
using testing::sim;

namespace {

constexpr const char* left = "left@sim";
constexpr const char* right = "right@sim";

struct heard {
  std::vector<std::int64_t> numbers;
  std::vector<time_point> times;
};

task<> listen(process& self, sim* world, heard* out) {
  for (;;) {
    const auto got = co_await self.receive<std::int64_t>();
    out->numbers.push_back(*got);
    out->times.push_back(world->now());
  }
}

task<> count_to(process& self, pid to, std::int64_t last) {
  for (std::int64_t number = 1; number <= last; ++number) co_await self.send(to, number);
}

task<> note_loss(process& self, sim* world, atom of, std::vector<time_point>* out) {
  self.monitor_node(of);
  (void)co_await self.receive<node_down>();
  out->push_back(world->now());
}

struct pair {
  explicit pair(testing::sim_options options = {}) : world{std::move(options)} {
    for (const auto* const name : {left, right}) world.start(name);
    at_left = world.spawn(left, listen, &world, &left_heard);
    at_right = world.spawn(right, listen, &world, &right_heard);
  }
  void connect() {
    world.spawn(left, count_to, at_right, std::int64_t{1});
    world.run_for(50ms);
    REQUIRE(world.connected(left, right));
  }

  sim world;
  heard left_heard;
  heard right_heard;
  pid at_left;
  pid at_right;
};

// ----- one direction ------------------------------------------------------------------------------------------------

TEST_CASE("a muted direction is silent while the other goes on, until who hears nothing gives up") {
  pair on;
  on.connect();
  std::vector<time_point> left_lost;
  std::vector<time_point> right_lost;
  on.world.spawn(left, note_loss, &on.world, atom::of(right), &left_lost);
  on.world.spawn(right, note_loss, &on.world, atom::of(left), &right_lost);
  on.world.settle();
  const auto muted_at = on.world.now();
  on.world.mute(left, right);
  on.world.spawn(left, count_to, on.at_right, std::int64_t{3});
  on.world.spawn(right, count_to, on.at_left, std::int64_t{3});
  on.world.run_for(100ms);
  CHECK(on.right_heard.numbers.size() == 1);  // of `connect`
  CHECK(on.left_heard.numbers == std::vector<std::int64_t>{1, 2, 3});
  CHECK(on.world.connected(left, right));
  on.world.run_for(1s);
  REQUIRE(right_lost.size() == 1);
  CHECK(right_lost[0] - muted_at >= 150ms);  // 200 ms, give or take a quarter
  CHECK(right_lost[0] - muted_at <= 250ms + 1ms);
  REQUIRE(left_lost.size() == 1);
  CHECK(left_lost[0] >= right_lost[0]);
  CHECK(left_lost[0] - right_lost[0] <= 26ms);
  on.world.spawn(right, count_to, on.at_left, std::int64_t{9});
  on.world.run_for(1s);
  CHECK_FALSE(on.world.connected(right, left));  // who connects must hear and be heard
  CHECK(on.left_heard.numbers.size() == 3);
  on.world.heal(left, right);
  on.world.spawn(right, count_to, on.at_left, std::int64_t{1});
  on.world.run_for(100ms);
  CHECK(on.left_heard.numbers.size() == 4);
}

TEST_CASE("what a muted direction holds arrives whole and in order when it is healed in time") {
  pair on;
  on.connect();
  on.right_heard.numbers.clear();
  on.world.mute(left, right);
  on.world.spawn(left, count_to, on.at_right, std::int64_t{30});
  on.world.run_for(100ms);
  CHECK(on.right_heard.numbers.empty());
  on.world.heal();
  on.world.run_for(1s);
  CHECK(on.right_heard.numbers.size() == 30);
  CHECK(std::ranges::is_sorted(on.right_heard.numbers));
  CHECK(on.world.sessions(left, right) == 1);
  CHECK(on.world.lost() == 0);
}

TEST_CASE("a node that crashes behind a muted direction is missed by the silence alone") {
  testing::sim_options options;
  options.silence = 10s;
  pair on{options};
  on.connect();
  std::vector<time_point> lost;
  on.world.spawn(left, note_loss, &on.world, atom::of(right), &lost);
  on.world.settle();
  const auto muted_at = on.world.now();
  on.world.mute(right, left);
  on.world.crash(right);
  on.world.run_for(5s);
  CHECK(lost.empty());
  CHECK(on.world.connected(left, right));
  on.world.run_for(10s);
  REQUIRE(lost.size() == 1);
  CHECK(lost[0] - muted_at >= 7500ms);
}

// ----- slow readers -------------------------------------------------------------------------------------------------

TEST_CASE("a slow reader takes one packet in its time, and who awaits his sends waits with it") {
  testing::sim_options options;
  options.busy_above = 8;
  pair on{options};
  on.connect();
  on.right_heard = {};
  const auto writer = on.world.spawn(left, count_to, on.at_right, std::int64_t{100});
  on.world.read_every(right, 10ms);
  const auto begun = on.world.now();
  on.world.run_for(500ms);
  CHECK(on.right_heard.numbers.size() <= 51);
  CHECK(on.right_heard.numbers.size() >= 49);
  CHECK(on.world.alive(writer));  // at most eight and some are on their way
  CHECK(on.world.run_until([&] { return on.right_heard.numbers.size() == 100; }));
  CHECK(on.right_heard.times.back() - begun >= 990ms);
  CHECK(std::ranges::is_sorted(on.right_heard.numbers));
  CHECK(on.world.sessions() == 1);  // a slow peer is no lost peer
}

TEST_CASE("a node that does not read at all hears everything when it reads again") {
  pair on;
  on.connect();
  on.right_heard = {};
  on.world.read_every(right, forever);
  on.world.spawn(left, count_to, on.at_right, std::int64_t{20});
  on.world.spawn(right, count_to, on.at_left, std::int64_t{20});
  on.world.run_for(10s);
  CHECK(on.right_heard.numbers.empty());
  CHECK(on.left_heard.numbers.size() == 20);
  on.world.read_every(right, duration{});
  on.world.run_for(1s);
  CHECK(on.right_heard.numbers.size() == 20);
}

// ----- order between pairs ------------------------------------------------------------------------------------------

// Two senders on one node take turns to send to one receiver; the first always comes first.
struct turns {
  std::size_t upside_down = 0;
  bool in_order = true;
  std::uint64_t overtaken = 0;
};

turns take_turns(unsigned overtaking, std::uint64_t seed) {
  testing::sim_options options;
  options.seed = seed;
  options.overtaking = overtaking;
  pair on{options};
  const auto send_all = [](process& self, pid to, std::int64_t who) -> task<> {
    for (std::int64_t round = 0; round < 20; ++round) {
      co_await self.sleep(who == 0 ? 1ms : 0ms);
      self.send(to, 2 * round + who);
      co_await self.sleep(who == 0 ? 0ms : 1ms);
    }
  };
  const auto first = on.world.spawn(left, send_all, on.at_right, std::int64_t{0});
  on.world.run_for(500us);
  on.world.spawn(left, send_all, on.at_right, std::int64_t{1});
  on.world.run_for(10s);
  CHECK_FALSE(on.world.alive(first));
  CHECK(on.right_heard.numbers.size() == 40);
  turns seen{.overtaken = on.world.overtaken()};
  std::int64_t last[2] = {-1, -1};
  for (const auto number : on.right_heard.numbers) {
    auto& before = last[number % 2];
    seen.in_order = seen.in_order && number > before;
    before = number;
  }
  seen.upside_down = 40 - static_cast<std::size_t>(std::ranges::is_sorted_until(on.right_heard.numbers) -
                                                   on.right_heard.numbers.begin());
  return seen;
}

TEST_CASE("signals of one connection pass those of other senders where that is wished, and of their own never") {
  std::uint64_t overtaken = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto calm = take_turns(0, seed);
    CHECK(calm.overtaken == 0);
    const auto mixed = take_turns(60, seed);
    CHECK(mixed.in_order);
    overtaken += mixed.overtaken;
    CHECK((mixed.upside_down == 0 || mixed.overtaken > 0));
  }
  CHECK(overtaken > 20);
}

// A number goes straight to its receiver and, sent before, over a third node: which one is first?
bool detour_is_first(std::uint64_t seed, duration most_delay) {
  testing::sim_options options;
  options.seed = seed;
  options.least_delay = 1ms;
  options.most_delay = most_delay;
  pair on{options};
  on.world.start("third@sim");
  const auto relay = on.world.spawn(
      "third@sim",
      [](process& self, pid to) -> task<> {
        const auto got = co_await self.receive<std::int64_t>();
        self.send(to, *got);
      },
      on.at_right);
  on.world.spawn(
      left,
      [](process& self, pid over, pid to) -> task<> {
        self.send(over, 1);
        self.send(to, 2);
        co_return;
      },
      relay, on.at_right);
  on.world.run_for(1s);
  REQUIRE(on.right_heard.numbers.size() == 2);
  return on.right_heard.numbers[0] == 1;
}

TEST_CASE("connections of different nodes are as fast as they like: a detour may be the shorter way") {
  std::size_t detours = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CHECK_FALSE(detour_is_first(seed, 1ms));
    detours += detour_is_first(seed, 20ms) ? 1 : 0;
  }
  CHECK(detours > 3);
  CHECK(detours < 40);
}

// ----- crashes ------------------------------------------------------------------------------------------------------

TEST_CASE("a node that is restarted boots as it did first, and a killed process cannot trap it") {
  sim world;
  std::vector<std::string> booted;
  std::vector<pid> processes;
  const auto boot = [&](const std::string& name) {
    booted.push_back(name);
    processes.push_back(world.spawn(name, {.trap_exits = true}, make_body([](process& self) -> task<> {
                                      for (;;) (void)co_await self.receive_any();
                                    })));
  };
  world.start(left, boot);
  world.run_for(1ms);
  const auto begun = world.now();
  world.restart(left, 7ms);
  CHECK(world.now() - begun >= 7ms);
  CHECK(booted == std::vector<std::string>{left, left});
  CHECK_FALSE(world.alive(processes[0]));
  world.run_for(1ms);
  world.exit(processes[1], "go"_atom);
  world.run_for(1ms);
  CHECK(world.alive(processes[1]));
  world.kill(processes[1]);
  world.run_for(1ms);
  CHECK_FALSE(world.alive(processes[1]));
}

// ----- the plan -----------------------------------------------------------------------------------------------------

struct choices {
  std::vector<std::size_t> script;
  std::vector<std::size_t> faults;
  std::vector<testing::planned_fault> plan;
  friend bool operator==(const choices& one, const choices& other) {
    return one.script == other.script && one.faults == other.faults;
  }
};

choices choose(const testing::fault_choice& which, int busy) {
  testing::sim_options options;
  options.seed = 5;
  options.faults = which;
  pair on{options};
  for (int count = 0; count < busy; ++count) {
    on.world.spawn(
        left,
        [](process& self, sim* world) -> task<> {
          for (;;) co_await self.sleep(std::chrono::milliseconds{1 + world->pick(3)});
        },
        &on.world);
  }
  choices made;
  for (int round = 0; round < 6; ++round) {
    made.script.push_back(on.world.pick(1'000'000));
    on.world.run_for(10ms);
    on.world.fault("choose", [&] {
      made.faults.push_back(on.world.pick(1'000'000));
      on.world.run_for(5ms);
      made.faults.push_back(on.world.pick(1'000'000));
    });
    on.world.random_fault({.restart = 0, .kill = 0});
  }
  made.plan = on.world.faults();
  return made;
}

TEST_CASE("what is left out of a plan, and what processes do, changes no other choice") {
  const auto whole = choose({}, 0);
  CHECK(whole.faults.size() == 12);
  REQUIRE(whole.plan.size() == 12);
  CHECK(choose({}, 3) == whole);
  const auto part = choose(testing::fault_choice{{5, 3}}, 3);
  CHECK(part.script == whole.script);
  CHECK(part.faults == std::vector<std::size_t>{whole.faults[2], whole.faults[3], whole.faults[4], whole.faults[5]});
  REQUIRE(part.plan.size() == 12);
  for (std::size_t index = 0; index < 12; ++index) {
    CHECK(part.plan[index].number == index + 1);
    CHECK(part.plan[index].what == whole.plan[index].what);
    CHECK(part.plan[index].done == (index == 2 || index == 4));
    CHECK(whole.plan[index].done);
  }
}

TEST_CASE("a fault within another is a part of it") {
  pair on;
  int done = 0;
  on.world.fault("both", [&] {
    on.world.fault("one", [&] { ++done; });
    on.world.random_fault();
    ++done;
  });
  CHECK(done == 2);
  REQUIRE(on.world.faults().size() == 1);
  CHECK(on.world.faults()[0].what == "both");
}

TEST_CASE("random faults are of the kinds that were asked for, and spare whom they should") {
  testing::sim_options options;
  options.history = true;
  pair on{options};
  const auto crashed = on.world.node(left).identity();
  for (int count = 0; count < 200; ++count) {
    on.world.random_fault({.cut = 0,
                           .partition = 0,
                           .mute = 0,
                           .heal = 0,
                           .slow = 0,
                           .restart = 1,
                           .kill = 1,
                           .longest_absence = 1ms,
                           .spared = {right}});
  }
  CHECK(on.world.node(left).identity() != crashed);
  CHECK(on.world.alive(on.at_right));
  CHECK_FALSE(on.world.alive(on.at_left));
  for (const auto& one : on.world.faults()) {
    const bool known = one.what.starts_with("restart left@sim after") || one.what.starts_with("kill ") ||
                       one.what == "nothing";  // nobody lives there
    if (!known) FAIL(one.what);
  }
  on.world.random_fault({.cut = 0, .partition = 0, .mute = 0, .heal = 0, .slow = 0, .restart = 0, .kill = 0});
  CHECK(on.world.faults().back().what == "nothing");
}

TEST_CASE("a choice of faults is written as it is read") {
  using testing::fault_choice;
  for (const auto* const written : {"all", "none", "3", "3,9,12"}) {
    const auto read = fault_choice::parse(written);
    REQUIRE(read);
    CHECK(read->text() == written);
  }
  CHECK(fault_choice::parse("9,3,9")->text() == "3,9");
  for (const auto* const wrong : {"", "3,", ",3", "3;9", "-1", "some", "99999999999"})
    CHECK_FALSE(fault_choice::parse(wrong));
  CHECK(fault_choice{}.contains(7));
  CHECK(fault_choice{{7}}.contains(7));
  CHECK_FALSE(fault_choice{{7}}.contains(8));
  CHECK_FALSE(fault_choice{std::vector<unsigned>{}}.contains(1));
}

}  // namespace
