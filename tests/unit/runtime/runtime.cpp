// Start, wait and stop: every wait resolves, every stop is bounded, and nothing is left.
#include "ergo_test/baseline.hpp"
#include "ergo_test/figures.hpp"
#include "fixture.hpp"
#include "program_state.hpp"

#include <ergo/detail/core_api.hpp>

#include <atomic>

namespace ergo::test {
namespace {

struct bodies {
  static task<> rest(process& self) { co_await self.sleep(forever); }
  static task<exit_reason> end_with(process& /*self*/, term reason) { co_return exit_reason{reason}; }
  static task<> stubborn(process& self) {  // ends of nothing but kill
    for (;;) (void)co_await self.receive_any();
  }
};

TEST_CASE("wait returns the exit reason, of one that has gone too") {
  threaded_world world;
  const auto first = world.spawn(bodies::end_with, etf::tuple("done"_atom, 5));
  const auto ended = world.runtime().wait(first, 10s);
  REQUIRE(ended);
  CHECK((text(ended->value()) == "{done,5}" || text(ended->value()) == "noproc"));
  const auto again = world.runtime().wait(first, 10s);
  REQUIRE(again);
  CHECK(again->is("noproc"_atom));
  const auto second = world.spawn(bodies::rest);
  std::thread killer{[&] { world.runtime().exit(second, exit_reason{"kill"_atom}); }};
  const auto killed = world.runtime().wait(second, forever);
  killer.join();
  REQUIRE(killed);
  CHECK((killed->is("killed"_atom) || killed->is("noproc"_atom)));
}

TEST_CASE("wait gives up after its time limit and leaves no watcher behind") {
  threaded_world world;
  const auto target = world.spawn(bodies::rest);
  const auto ended = world.runtime().wait(target, 5ms);
  REQUIRE_FALSE(ended);
  CHECK(ended.error() == errc::timeout);
  CHECK(eventually([&] { return world.runtime().process_count() == 1; }));
  const auto crashed = [](const event& happened) { return happened.what == event::kind::crash; };
  CHECK(std::ranges::none_of(world.events().all(), crashed));  // its watcher
}

TEST_CASE("a wait that is under way when the runtime stops fails with stopped or tells the end") {
  for (int round = 0; round < 20; ++round) {
    reports<std::string> outcome;
    threaded_world world;
    const auto target = world.spawn(bodies::rest);
    std::thread waiter{[&] {
      const auto ended = world.runtime().wait(target, forever);
      outcome.add(ended ? text(ended->value()) : text(ended.error().reason()));
    }};
    (void)eventually([&] { return world.runtime().process_count() == 2; });
    world.runtime().stop();
    waiter.join();
    const auto told = outcome.all().front();
    REQUIRE((told == "stopped" || told == "shutdown" || told == "noproc"));
  }
}

TEST_CASE("after stop nothing starts any more and everything that asks is told") {
  threaded_world world;
  const auto target = world.spawn(bodies::rest);
  world.runtime().stop();
  CHECK(world.runtime().process_count() == 0);
  const auto refused = world.runtime().spawn(world.node(), bodies::rest);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::stopped);
  const auto ended = world.runtime().wait(target, forever);
  REQUIRE_FALSE(ended);
  CHECK(ended.error() == errc::stopped);
  world.runtime().send(target, 1);
  world.runtime().exit(target, exit_reason{"kill"_atom});
  world.runtime().stop();  // once more does nothing
  CHECK_FALSE(world.runtime().alive(target));
}

TEST_CASE("stop tells processes to shut down and kills those that do not") {
  reports<std::string> told;
  threaded_world world;
  const auto polite = world.spawn(
      {.trap_exits = true},
      [](process& self, reports<std::string>* out) -> task<> {
        out->add("is there");
        auto order = co_await self.receive<exit_message>();
        out->add(text(order->reason.value()));
      },
      &told);
  const auto deaf = world.spawn({.trap_exits = true}, bodies::stubborn);
  REQUIRE(told.wait_for(1));
  CHECK((world.runtime().alive(polite) && world.runtime().alive(deaf)));
  const auto begun = std::chrono::steady_clock::now();
  world.runtime().stop(500ms);
  CHECK(std::chrono::steady_clock::now() - begun < 3s);
  CHECK(told.all() == std::vector<std::string>{"is there", "shutdown"});
  CHECK(world.runtime().process_count() == 0);
}

TEST_CASE("stop on one of the runtime's own threads begins the stop and returns") {
  reports<int> returned;
  threaded_world world;
  const auto resting = world.spawn(bodies::rest);
  world.spawn(
      [](process& self, reports<int>* out) -> task<> {
        self.runtime().stop();
        out->add(1);
        co_return;
      },
      &returned);
  CHECK(returned.wait_for(1));
  CHECK(eventually([&] { return !world.runtime().alive(resting); }));
  world.runtime().stop();
}

TEST_CASE("two threads may stop a runtime at once") {
  for (int round = 0; round < 20; ++round) {
    threaded_world world;
    for (int count = 0; count < 10; ++count) world.spawn(bodies::rest);
    std::thread other{[&] { world.runtime().stop(); }};
    world.runtime().stop();
    CHECK(world.runtime().process_count() == 0);
    other.join();
  }
}

// Issue item 5, house.md §6: each step of a stop is bounded.
TEST_CASE("stop returns although a callback never does: an event names the process, and nothing of it runs later",
          "[R47]") {
  const auto spare_threads = GENERATE(256U, 0U);  // with 0 the core stays with the callback
  const auto before = threads_now();
  gate door;
  std::atomic<int> later{0};
  std::atomic<int> events_later{0};
  std::atomic<bool> over{false};
  reports<event> events;
  {
    runtime_options options;
    options.cores = 2;
    options.spare_threads = spare_threads;
    options.on_event = [&](const event& one) {
      if (over) ++events_later;
      events.add(one);
    };
    ergo::runtime runtime{options};
    std::atomic<bool> reached{false};
    const auto stuck =
        runtime.spawn(runtime.anonymous(), {.name = "hangs"_atom}, plain({.receive = [&](process& self, message) {
                        ++later;
                        self.send(self.id(), 1);
                        reached = true;
                        door.wait();
                        self.send(self.id(), self.now().time_since_epoch().count());
                      }}));
    REQUIRE(stuck);
    const auto fine = runtime.spawn(runtime.anonymous(), bodies::rest);
    REQUIRE(fine);
    runtime.send(*stuck, 1);
    runtime.send(*stuck, 2);
    runtime.send(*stuck, 3);
    CHECK(eventually([&] { return reached.load(); }));
    const auto begun = std::chrono::steady_clock::now();
    runtime.stop(50ms);
    const auto took = std::chrono::steady_clock::now() - begun;
    CHECK(took < 50ms + 3s);
    CHECK_FALSE(runtime.alive(*fine));
    const auto all = events.all();
    const auto named = std::ranges::find_if(all, [](const event& one) { return one.what == event::kind::limit; });
    REQUIRE(named != all.end());
    CHECK(named->process == *stuck);
    CHECK(named->name == "hangs"_atom);
    CHECK(named->level == log_level::critical);
    over = true;
  }
  // The runtime object has gone; now the callback returns into what was left for it.
  CHECK(later == 1);
  door.release();
  CHECK(eventually([&] { return threads_now().size() <= before.size(); }));
  CHECK(later == 1);
  CHECK(events_later == 0);
}

TEST_CASE("stop returns although a blocking job never does", "[R47]") {
  const auto before = threads_now();
  gate door;
  reports<event> events;
  std::atomic<bool> reached{false};
  {
    runtime_options options;
    options.cores = 1;
    options.on_event = [&](const event& one) { events.add(one); };
    ergo::runtime runtime{options};
    const auto stuck = runtime.spawn(runtime.anonymous(), {},
                                     make_body(
                                         [](process& self, gate* wait_at, std::atomic<bool>* there) -> task<> {
                                           const auto work = [wait_at, there] {
                                             *there = true;
                                             wait_at->wait();
                                           };
                                           co_await self.blocking(work);
                                         },
                                         &door, &reached));
    REQUIRE(stuck);
    CHECK(eventually([&] { return reached.load(); }));
    const auto begun = std::chrono::steady_clock::now();
    runtime.stop(50ms);
    CHECK(std::chrono::steady_clock::now() - begun < 50ms + 4s);
    const auto all = events.all();
    const auto named = std::ranges::find_if(all, [](const event& one) { return one.what == event::kind::limit; });
    REQUIRE(named != all.end());
    CHECK(named->process == *stuck);
  }
  door.release();
  CHECK(eventually([&] { return threads_now().size() <= before.size(); }));
}

TEST_CASE(
    "a runtime with three nodes starts and stops 1,000 times and leaves threads, descriptors and memory as before",
    "[R56]") {
  scenario figures{"R56", "lives of a runtime with three nodes without networks"};
  const auto once = [] {
    runtime_options options;
    options.cores = 2;
    ergo::runtime runtime{options};
    std::array<local_node*, 3> nodes{};
    for (std::uint32_t number = 0; number < 3; ++number) {
      nodes[number] = &runtime.add_node(*etf::node_id::make(atom::of("cycle" + std::to_string(number) + "@host"), 1));
    }
    reports<int> answered;
    for (auto* const node : nodes) {
      const auto server =
          runtime.spawn(*node, {.name = "echo"_atom},
                        plain({.receive = [](process& self, message got) { self.reply(got.from(), got.payload()); }}));
      REQUIRE(server);
    }
    for (std::size_t number = 0; number < 3; ++number) {
      const auto client = runtime.spawn(
          *nodes[number],
          [](process& self, atom other, reports<int>* out) -> task<> {
            const destination server{"echo"_atom, other};
            const term request{5};
            auto answer = co_await call(self, server, request, 10s);
            out->add(answer ? 1 : 0);
            co_await self.sleep(forever);
          },
          nodes[(number + 1) % 3]->name(), &answered);
      REQUIRE(client);
    }
    REQUIRE(answered.wait_for(3));
    for (const int one : answered.all()) REQUIRE(one == 1);
    runtime.stop();
  };
  for (int warm = 0; warm < 50; ++warm) once();
  const auto before = held_now();
  const int lives = sanitized ? 200 : 1000;
  for (int round = 0; round < lives; ++round) once();
  const auto more = grown(before);
  CHECK(more.threads <= 0);  // a thread that was joined is listed for a moment longer
  CHECK(more.descriptors == 0);
  if (!sanitized) CHECK(more.resident < 1 << 20);
  figures.ran(lives);
  if (!sanitized) figures.measured({"RSS more", static_cast<double>(more.resident) / 1024, "KiB", 1024});
}

TEST_CASE("posted work runs on its core, between slices") {
  reports<int> where;
  threaded_world world{{.cores = 2}};
  for (unsigned core = 0; core < 2; ++core) world.runtime().post(core, [&] { where.add(detail::current_core()); });
  CHECK(where.wait_for(2));
  auto all = where.all();
  std::ranges::sort(all);
  CHECK(all == std::vector<int>{0, 1});
}

TEST_CASE("processes lists the living ones of a node") {
  threaded_world world;
  auto& other = world.runtime().add_node(*etf::node_id::make("other@host"_atom, 1));
  std::vector<pid> mine;
  for (int count = 0; count < 5; ++count) mine.push_back(world.spawn(bodies::rest));
  const auto elsewhere = world.runtime().spawn(other, bodies::rest);
  auto listed = world.runtime().processes(world.node());
  CHECK(listed.size() == 5);
  for (const auto& one : mine) CHECK(std::ranges::count(listed, one) == 1);
  CHECK(world.runtime().processes(other) == std::vector<pid>{*elsewhere});
  world.runtime().exit(mine[2], exit_reason{"kill"_atom});
  CHECK(eventually([&] { return world.runtime().processes(world.node()).size() == 4; }));
}

}  // namespace
}  // namespace ergo::test
