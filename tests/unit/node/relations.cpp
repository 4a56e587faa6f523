// Links and monitors between two nodes of this program, counted: R10 and R11, and R13 with names that are used again.
#include "fault_stage.hpp"

#include <ergo_test/figures.hpp>
#include <ergo_test/sanitizers.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

using namespace ergo;
using namespace ergo_test;
using namespace std::chrono_literals;
using ergo::test::scenario;

namespace {

constexpr int crowd = 40;  // processes of each round
constexpr int watchers = 3;

/// What all watchers of a round were told.
struct told {
  std::atomic<int> armed{0};
  std::atomic<int> downs{0};
  std::atomic<int> exits{0};
  std::atomic<int> twice{0};   ///< a DOWN or an EXIT of whom there was one already
  std::atomic<int> others{0};  ///< with another reason than the one that is right
};

using shared_told = std::shared_ptr<told>;

task<> wait_for_end(process& self) {
  (void)co_await self.receive_any();
  self.exit(exit_reason{"boom"_atom});
}

/// Monitors and links to all, and counts what it is told of them.
task<> watch(process& self, std::vector<pid> all, std::vector<atom> reasons, shared_told into) {
  self.trap_exits(exits::trapped);
  const auto right = [&](const exit_reason& told) {
    return std::ranges::any_of(reasons, [&](atom each) { return told.is(each); });
  };
  for (const auto& one : all) {
    (void)self.monitor(one);
    self.link(one);
  }
  const term hello{"hello"_atom};
  const auto there = co_await call(self, echo_at_b, hello, 15s);  // all of it has arrived there
  if (there) ++into->armed;
  std::unordered_map<pid, int> downs;
  std::unordered_map<pid, int> exits;
  for (;;) {
    const auto got = co_await self.receive_any();
    if (const auto ended = got.as<down>()) {
      ++into->downs;
      if (++downs[ended->object.as_pid().value_or(pid{})] > 1) ++into->twice;
      if (!right(ended->reason)) ++into->others;
    } else if (const auto left = got.as<exit_message>()) {
      ++into->exits;
      if (++exits[left->from] > 1) ++into->twice;
      if (!right(left->reason)) ++into->others;
    }
  }
}

std::vector<pid> spawn_crowd(node& on) {
  std::vector<pid> made;
  for (int one = 0; one < crowd; ++one) made.push_back(on.spawn(wait_for_end).value());
  return made;
}

/// Watchers at `a` of a new crowd at `b`, all armed.
struct watched_crowd {
  watched_crowd(node& a, node& b, const std::vector<atom>& reasons)
      : members{spawn_crowd(b)}, seen{std::make_shared<told>()} {
    for (int one = 0; one < watchers; ++one) watching.push_back(a.spawn(watch, members, reasons, seen).value());
    REQUIRE(eventually([&] { return seen->armed == watchers; }));
  }
  /// Waits for one DOWN and one EXIT for each pair, and counts what is wrong.
  void settle(node& a, scenario& figures) {
    constexpr int all = watchers * crowd;
    CHECK(eventually([&] { return seen->downs >= all && seen->exits >= all; }));
    for (const auto& one : watching) a.runtime().exit(one, exit_reason{"kill"_atom});
    const int wrong = seen->twice + seen->others + std::abs(all - seen->downs) + std::abs(all - seen->exits);
    CHECK(wrong == 0);
    figures.ran(2 * all);
    figures.violated(wrong);
  }
  std::vector<pid> members;
  shared_told seen;
  std::vector<pid> watching;
};

int times() { return ergo::test::sanitized ? 10 : rounds(20, 500); }

}  // namespace

TEST_CASE("each link and monitor of another node is told once of each process that ends there", "[A3][R10]") {
  scenario figures{"R10", "links and monitors told of processes that end at the other node"};
  fault_stage on;
  start_echo(*on.b);
  REQUIRE(on.a->connect(name_b));
  for (int round = 0; round < times(); ++round) {
    const bool killed = round % 2 == 0;
    const std::vector<atom> reasons{killed ? "killed"_atom : "boom"_atom};
    watched_crowd all{*on.a, *on.b, reasons};
    for (const auto& one : all.members) {
      if (killed) {
        on.b->runtime().exit(one, exit_reason{"kill"_atom});
      } else {
        on.b->send(one, "end"_atom);
      }
    }
    // What b says of them is on its way before what it answers now; a second DOWN would be there, too.
    REQUIRE(eventually([&] { return all.seen->downs >= watchers * crowd; }));
    CHECK(call_from(*on.a, echo_at_b, term{round}) == term{round});
    all.settle(*on.a, figures);
  }
}

TEST_CASE("each link and monitor is told once that its node is lost, reset or gone", "[A3][R11]") {
  scenario figures{"R11", "links and monitors told of a node that is reset, disconnected or gone"};
  const auto port = free_port();
  const auto behind = free_port();
  fault_proxy proxy{endpoint{0x7F00'0002, port}, endpoint{0x7F00'0002, behind}};
  const auto a = started(plain_options(name_a, port));
  auto options = plain_options(name_b, free_port());
  options.listen_port_min = behind;
  auto b = started(options);
  start_echo(*b);
  for (int round = 0; round < times(); ++round) {
    // A node that stops ends its processes with `shutdown` before it closes its connections.
    std::vector<atom> reasons{"noconnection"_atom};
    if (round % 3 == 2) reasons.push_back("shutdown"_atom);
    watched_crowd all{*a, *b, reasons};
    if (round % 3 == 0) proxy.end_all(ergo::test::ending::reset);
    if (round % 3 == 1) (void)a->disconnect(name_b);
    if (round % 3 == 2) {
      b.reset();
      b = started(options);
      start_echo(*b);
    }
    REQUIRE(eventually([&] { return all.seen->downs >= watchers * crowd; }));
    // Nor do they hear of those again when the nodes have met anew and the processes end.
    REQUIRE(eventually([&] { return !b->is_connected(name_a); }));
    CHECK(call_from(*a, echo_at_b, term{round}) == term{round});
    if (round % 3 != 2) {
      for (const auto& one : all.members) b->runtime().exit(one, exit_reason{"kill"_atom});
    }
    CHECK(call_from(*a, echo_at_b, term{round}) == term{round});
    all.settle(*a, figures);
  }
}

namespace {

/// Monitors a name of b, and counts whenever that is still taken when it hears of the end.
task<> watch_name(process& self, node* b, atom name, std::shared_ptr<std::atomic<int>> armed,
                  std::shared_ptr<std::atomic<int>> told_of, std::shared_ptr<std::atomic<int>> taken) {
  const destination named{name, b->name()};
  for (;;) {
    const auto watched = self.monitor(named);
    const term hello{"hello"_atom};
    (void)co_await call(self, echo_at_b, hello, 15s);
    ++*armed;
    const auto ended = co_await self.receive<down>();
    if (b->whereis(name)) ++*taken;
    if (ended->ref != watched.ref) ++*taken;
    ++*told_of;
    (void)co_await self.receive<atom>();
  }
}

}  // namespace

TEST_CASE("a name is free before a watcher at another node hears of its process, and is used again", "[A3][R13]") {
  scenario figures{"R13", "a name at the other node is given to the next process once the end is told"};
  fault_stage on;
  start_echo(*on.b);
  const auto armed = std::make_shared<std::atomic<int>>(0);
  const auto told_of = std::make_shared<std::atomic<int>>(0);
  const auto taken = std::make_shared<std::atomic<int>>(0);
  auto holder = on.b->spawn(spawn_options{.name = "mine"_atom}, make_body(wait_for_end));
  REQUIRE(holder);
  const auto watcher = on.a->spawn(watch_name, on.b.get(), "mine"_atom, armed, told_of, taken);
  REQUIRE(watcher);
  const int all = ergo::test::sanitized ? 200 : rounds(1'000, 10'000);
  for (int round = 1; round <= all; ++round) {
    REQUIRE(eventually([&] { return *armed == round; }));
    on.b->runtime().exit(*holder, exit_reason{"kill"_atom});
    REQUIRE(eventually([&] { return *told_of == round; }));
    holder = on.b->spawn(spawn_options{.name = "mine"_atom}, make_body(wait_for_end));
    REQUIRE(holder);
    on.a->send(*watcher, "again"_atom);
  }
  CHECK(*taken == 0);
  figures.ran(all);
  figures.violated(*taken);
  on.a.reset();  // the watcher asks b, and would do so once more when b ends its processes
}
