// High-water marks, and threads that are no process as senders: what is told, what waits, and that every sum is right.
#include "policies.hpp"

namespace ergo::test {
namespace {

// ----- high water ---------------------------------------------------------------------------------------------------

std::vector<std::string> levels(const manual_world& world) {
  std::vector<std::string> told;
  for (const auto& one : world.events()) {
    if (one.what == event::kind::overload)
      told.push_back(text(one.fields[0].second) + " " + text(one.fields[1].second));
  }
  return told;
}

TEST_CASE("a high-water mark is told once when it is reached, and once when no more than half of it waits again") {
  const std::size_t bound = GENERATE(no_limit, std::size_t{12});
  manual_world world;
  reference alias;
  const auto server = world.spawn(
      {.name = "busy"_atom, .mailbox_bound = bound, .high_water = 10},
      [](process& self, reference* own) -> task<> {
        *own = self.make_alias();
        for (;;) {
          const auto count = co_await self.receive<atom>();
          if (count->text() == "take") (void)co_await self.receive<std::int64_t>();
        }
      },
      &alias);
  world.run();
  const auto send = [&](int count) {
    for (int number = 0; number < count; ++number) world.send(server, number);
    world.run();
  };
  const auto take = [&](int count) {  // over the alias, which no bound concerns
    for (int number = 0; number < count; ++number) {
      world.spawn(
          [](process& self, reference to) -> task<> {
            self.send(to, "take"_atom);
            co_return;
          },
          alias);
      world.run();
    }
  };
  using list = std::vector<std::string>;
  send(9);
  CHECK(levels(world).empty());
  send(1);
  CHECK(levels(world) == list{"high 10"});
  take(4);
  send(6);
  CHECK(levels(world) == list{"high 10"});
  CHECK(world.runtime().mailbox(server).waiting == 12);
  take(6);
  CHECK(levels(world) == list{"high 10"});
  take(1);
  CHECK(levels(world) == list{"high 10", "normal 5"});
  take(5);
  send(9);
  CHECK(levels(world) == list{"high 10", "normal 5"});
  send(5);
  CHECK(levels(world) == list{"high 10", "normal 5", "high 10"});
  CHECK(world.runtime().mailbox(server).waiting == (bound == no_limit ? 14 : 12));
  for (const auto& one : world.events()) {
    if (one.what != event::kind::overload) continue;
    CHECK(one.process == server);
    CHECK(one.name == "busy"_atom);
  }
  world.exit(server, "kill"_atom);
  world.run();
  CHECK(levels(world).size() == 4);  // nothing waits any more
}

TEST_CASE("a high-water mark of 0 is one of 1, and is not told of for ever") {
  manual_world world;
  const auto server = world.spawn({.high_water = 0}, [](process& self) -> task<> {
    for (;;) (void)co_await self.receive_any();
  });
  world.run();
  world.send(server, 1);
  CHECK(levels(world) == std::vector<std::string>{"high 1"});
  world.run();
  CHECK(levels(world) == std::vector<std::string>{"high 1", "normal 0"});
}

// ----- threads that are no process ----------------------------------------------------------------------------------

struct thread_results {
  std::atomic<std::size_t> sent{0};
  std::atomic<std::size_t> succeeded{0};
  std::atomic<std::size_t> full{0};
  std::atomic<std::size_t> late{0};
  std::atomic<std::size_t> other{0};

  void add(const result<void>& outcome) {
    if (outcome) {
      ++succeeded;
    } else if (outcome.error() == errc::system_limit) {
      ++full;
    } else if (outcome.error() == errc::timeout) {
      ++late;
    } else {
      ++other;
    }
    ++sent;  // at last: it tells that the others have been counted
  }
};

// R23, from threads and processes of all cores at once.
TEST_CASE("accepted, dropped, rejected and redirected add up to what threads and processes sent at once", "[R23]") {
  const auto policy = each_policy();
  CAPTURE(name_of(policy));
  constexpr std::size_t each = 4'000;
  constexpr std::size_t threads = 3;
  constexpr std::size_t processes = 8;
  threaded_world world{{.cores = 2}};
  std::atomic<std::size_t> taken{0};
  std::atomic<std::size_t> elsewhere{0};
  const auto count = [](process& self, std::atomic<std::size_t>* out) -> task<> {
    for (;;) {
      (void)co_await self.receive_any();
      ++*out;
    }
  };
  const auto other = world.spawn(count, &elsewhere);
  const auto server =
      world.spawn({.mailbox_bound = 8, .policy = policy, .high_water = 6, .redirect_to = other}, count, &taken);
  thread_results seen;
  std::vector<std::thread> senders;
  for (std::size_t thread = 0; thread < threads; ++thread) {
    senders.emplace_back([&, thread] {
      for (std::size_t number = 0; number < each; ++number) {
        if (thread == 0) {
          world.runtime().send(server, number);
        } else {
          seen.add(world.runtime().send(server, number, 30s));
        }
      }
    });
  }
  for (std::size_t process = 0; process < processes; ++process) {
    world.spawn(
        [](ergo::process& self, pid to, thread_results* out, bool asks) -> task<> {
          const destination target{to};
          for (std::size_t number = 0; number < each; ++number) {
            if (asks) {
              out->add(self.try_send(target, number));
            } else {
              co_await self.send(target, number);
              ++out->sent;
            }
          }
        },
        server, &seen, process % 2 == 0);
  }
  for (auto& one : senders) one.join();
  REQUIRE(eventually([&] { return seen.sent == (threads - 1 + processes) * each; }, 60s));
  REQUIRE(eventually(
      [&] {
        const auto now = world.runtime().mailbox(server);
        return now.waiting == 0 && now.redirected == elsewhere && now.accepted == taken;
      },
      60s));
  const auto told = world.runtime().mailbox(server);
  CHECK(sum(told) == (threads + processes) * each);
  CHECK(seen.late == 0);
  CHECK(seen.other == 0);
  if (policy == redirect) CHECK(seen.full == 0);
  if (policy == fail_sender || policy == block_thread) CHECK(told.rejected == seen.full);
  if (policy == drop_newest) CHECK(told.rejected == 0);
  const auto high = world.events().all();
  CHECK(std::ranges::count_if(high, [](const event& one) {
          return one.what == event::kind::overload && one.level == log_level::warning;
        }) >= 1);
}

TEST_CASE("where threads wait for room nothing that they send is lost, and everything comes in order") {
  threaded_world world{{.cores = 2}};
  struct book {
    std::array<std::atomic<std::int64_t>, 4> next{};
    std::atomic<std::size_t> wrong{0};
  } seen;
  const auto server = world.spawn(
      {.mailbox_bound = 2, .policy = block_thread},
      [](process& self, book* out) -> task<> {
        for (;;) {
          auto got = co_await self.receive<std::tuple<std::int64_t, std::int64_t>>();
          const auto [who, number] = *got;
          if (out->next.at(static_cast<std::size_t>(who))++ != number) ++out->wrong;
        }
      },
      &seen);
  std::vector<std::thread> senders;
  std::atomic<std::size_t> failed{0};
  for (std::int64_t who = 0; who < 4; ++who) {
    senders.emplace_back([&, who] {
      for (std::int64_t number = 0; number < 3'000; ++number) {
        if (!world.runtime().send(server, etf::tuple(who, number), forever)) ++failed;
      }
    });
  }
  for (auto& one : senders) one.join();
  CHECK(failed == 0);
  REQUIRE(eventually([&] { return std::ranges::all_of(seen.next, [](const auto& one) { return one == 3'000; }); }));
  CHECK(seen.wrong == 0);
  CHECK(world.runtime().mailbox(server).accepted == 12'000);
}

TEST_CASE("a thread that waits for room learns of its time limit, of the end of the process and of the runtime's") {
  threaded_world world{{.cores = 1}};
  const auto deaf = [](process& self) -> task<> { (void)co_await self.receive<atom>(); };
  const spawn_options how{.mailbox_bound = 1, .policy = block_thread};
  const auto first = world.spawn(how, deaf);
  const auto second = world.spawn(how, deaf);
  REQUIRE(world.runtime().send(first, 1, 10s));
  REQUIRE(world.runtime().send(second, 1, 10s));
  CHECK(world.runtime().send(first, 2, 5ms).error() == errc::timeout);
  CHECK(world.runtime().mailbox(first).rejected == 1);
  CHECK(world.runtime().send(pid{first.node, first.id, first.serial + 1}, 2, 10s).error() == errc::noproc);
  CHECK(world.runtime().send("nobody"_atom, 2, 10s).error() == errc::noproc);

  reports<errc> told;
  std::thread one{[&] { told.add(world.runtime().send(first, 2, 60s).error().code()); }};
  world.runtime().exit(first, exit_reason{"kill"_atom});
  one.join();
  CHECK(told.all() == std::vector{errc::noproc});
  std::thread other{[&] { told.add(world.runtime().send(second, 2, 60s).error().code()); }};
  world.runtime().stop(5s);
  other.join();
  REQUIRE(told.size() == 2);
  CHECK((told.all()[1] == errc::noproc || told.all()[1] == errc::stopped));
}

TEST_CASE("a process never waits for room where it sends, not even by what is meant for threads") {
  threaded_world world{{.cores = 1}};
  reports<errc> told;
  const spawn_options how{.mailbox_bound = 0, .policy = block_thread};
  const auto server = world.spawn(how, [](process& self) -> task<> { (void)co_await self.receive<atom>(); });
  world.spawn(
      [](process& self, pid to, reports<errc>* out) -> task<> {
        out->add(self.runtime().send(to, 1, 60s).error().code());
        co_return;
      },
      server, &told);
  REQUIRE(told.wait_for(1));
  CHECK(told.all() == std::vector{errc::system_limit});
}

}  // namespace
}  // namespace ergo::test
