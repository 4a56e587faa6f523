// Monitors of processes and nodes on one node: what they tell, once, and how they are taken back.
#include "observer.hpp"

#include <random>

namespace ergo::test {
namespace {

TEST_CASE("a monitor tells exactly once how its process ended") {
  const auto row = GENERATE(from_range(matrix));
  const bool by_name = GENERATE(false, true);
  CAPTURE(name_of(row.how), by_name);
  manual_world world;
  observer seen{world};
  if (row.how == ending::noproc) {
    seen.subject = world.spawn([](process& /*self*/) -> task<> { co_return; });
    world.run();
  } else {
    seen.subject = world.spawn({.name = by_name ? atom{"subject"_atom} : atom{}}, subject_body::body);
  }
  world.spawn(watch_by, by_name ? destination{"subject"_atom} : destination{seen.subject}, &seen);
  world.run();
  end_subject(world, seen.subject, row.how);
  world.run();
  world.advance(1s);
  const std::string object = by_name ? "{subject,nonode@nohost}" : "P";
  CHECK(seen.log == log_lines{"DOWN " + object + " " + row.reason + " same"});
}

TEST_CASE("two monitors on one process are two messages, and each has its own reference") {
  manual_world world;
  observer seen{world};
  std::vector<std::string> refs;
  seen.subject = idle_process(world);
  world.spawn(
      [](process& self, observer* out, std::vector<std::string>* order) -> task<> {
        const destination target{out->subject};
        const auto first = self.monitor(target);
        const auto second = self.monitor(target);
        for (int count = 0; count < 2; ++count) {
          auto got = co_await self.receive<down>();
          order->push_back(got->ref == first.ref ? "first" : got->ref == second.ref ? "second" : "unknown");
        }
        auto more = co_await self.receive<message>(1s);
        order->push_back(more.timed_out() ? "no more" : "more");
      },
      &seen, &refs);
  world.run();
  world.exit(seen.subject, "kill"_atom);
  world.run();
  world.advance(2s);
  REQUIRE(refs.size() == 3);
  std::ranges::sort(refs.begin(), refs.begin() + 2);
  CHECK(refs == std::vector<std::string>{"first", "second", "no more"});
}

TEST_CASE("after demonitor nothing arrives any more; with flush not even what had arrived") {
  struct row {
    const char* what;
    bool dies_before;
    demonitor_mode mode;
    bool returned;
    std::size_t downs;
  };
  const auto one = GENERATE(
      row{"alive", false, demonitor_mode::keep, true, 0}, row{"alive, flush", false, demonitor_mode::flush, true, 0},
      row{"dead", true, demonitor_mode::keep, false, 1}, row{"dead, flush", true, demonitor_mode::flush, false, 0});
  CAPTURE(one.what);
  manual_world world;
  observer seen{world};
  seen.subject = idle_process(world);
  struct outcome {
    bool was_active = false;
    std::size_t downs = 0;
  } got;
  const auto watcher = world.spawn(
      [](process& self, pid target, demonitor_mode mode, outcome* out) -> task<> {
        const destination to{target};
        const auto kept = self.monitor(to);
        const auto watch = self.monitor(to);
        (void)co_await self.receive<atom>();  // leaves what has arrived in the mailbox
        out->was_active = self.demonitor(watch, mode);
        (void)self.demonitor(kept, demonitor_mode::flush);
        (void)co_await self.receive<atom>();
        for (;;) {
          auto more = co_await self.receive<down>(10ms);
          if (more.timed_out()) break;
          if (more->ref == watch.ref) ++out->downs;
        }
      },
      seen.subject, one.mode, &got);
  world.run();
  if (one.dies_before) world.exit(seen.subject, "kill"_atom);
  world.run();
  world.send(watcher, "go"_atom);
  world.run();
  world.exit(seen.subject, "kill"_atom);
  world.run();
  world.send(watcher, "count"_atom);
  world.advance(1s);
  CHECK(got.was_active == one.returned);
  CHECK(got.downs == one.downs);
}

TEST_CASE("a demonitor that crosses the DOWN on its way wins") {
  manual_world world;
  struct outcome {
    bool was_active = false;
    bool heard = false;
  } got;
  const auto subject = idle_process(world);
  world.spawn(
      [](process& self, pid target, outcome* out) -> task<> {
        const destination to{target};
        const auto watch = self.monitor(to);
        self.exit(target, exit_reason{"kill"_atom});
        co_await self.yield();  // the target dies; its DOWN is in the inbox of this process
        out->was_active = self.demonitor(watch);
        auto more = co_await self.receive<down>(10ms);
        out->heard = !more.timed_out();
      },
      subject, &got);
  // Oldest first: watcher, target, watcher.
  world.advance(1s);
  CHECK(got.was_active != got.heard);
}

TEST_CASE("a registered name is free before its DOWN and EXIT are seen") {
  manual_world world;
  int free_at_down = 0;
  int free_at_exit = 0;
  for (int round = 0; round < 50; ++round) {
    const auto subject = world.spawn({.name = "taken"_atom}, subject_body::body);
    world.spawn(
        [](process& self, pid target, int* free) -> task<> {
          const destination to{target};
          (void)self.monitor(to);
          (void)co_await self.receive<down>();
          *free += self.node().whereis("taken"_atom) ? 0 : 1;
        },
        subject, &free_at_down);
    world.spawn(
        {.trap_exits = true},
        [](process& self, pid target, int* free) -> task<> {
          self.link(target);
          (void)co_await self.receive<exit_message>();
          *free += self.register_name("taken"_atom) ? 1 : 0;
        },
        subject, &free_at_exit);
    world.run();
    end_subject(world, subject, ending::abnormal);
    world.run();
  }
  CHECK(free_at_down == 50);
  CHECK(free_at_exit == 50);
}

TEST_CASE("a monitor by name watches the process that had the name, not its successor") {
  manual_world world;
  observer seen{world};
  const auto first = world.spawn({.name = "post"_atom}, subject_body::body);
  world.spawn(watch_by, destination{"post"_atom}, &seen);
  world.run();
  end_subject(world, first, ending::abnormal);
  world.run();
  const auto second = world.spawn({.name = "post"_atom}, subject_body::body);
  world.run();
  end_subject(world, second, ending::abnormal);
  world.run();
  CHECK(seen.log == log_lines{"DOWN {post,nonode@nohost} {bad,1} same"});
}

TEST_CASE("monitor_node without a network tells at once that the node is down") {
  manual_world world;
  log_lines got;
  world.spawn(
      [](process& self, log_lines* out) -> task<> {
        self.monitor_node("other@host"_atom);
        self.monitor_node("other@host"_atom);
        self.demonitor_node("never@host"_atom);
        for (int count = 0; count < 2; ++count) {
          auto gone = co_await self.receive<node_down>(10ms);
          out->push_back(gone.timed_out() ? "nothing" : to_text(gone->node));
        }
      },
      &got);
  world.advance(1s);
  CHECK(got == log_lines{"other@host", "other@host"});
}

/// What a process found that waits for the end of monitored processes with a mailbox full of other things.
struct findings {
  pid dead;
  int wrong = 0;
  int found = 0;
  std::size_t unread = 0;
  std::size_t expected = 0;
};

task<> expect_end(process& self, findings* out, monitor_ref watch) {
  const auto got = co_await self.receive(watch, 1s);
  const bool right = got && got->ref == watch.ref && got->reason.is("noproc"_atom);
  ++(right ? out->found : out->wrong);
}

// Fills and empties its mailbox at random, by plain messages and those with priority, and waits for monitors between.
task<> wait_amid_messages(process& self, findings* out, std::uint32_t seed) {
  std::mt19937 random{seed};
  std::vector<std::int64_t> unread;
  const auto urgent = self.make_alias(alias_use::until_dropped, urgency::priority);
  const destination dead{out->dead};
  for (std::int64_t number = 0; number < 500; ++number) {
    const auto choice = random() % 6;
    if (choice < 2) {
      self.send(self.id(), number);
      unread.push_back(number);
    } else if (choice == 2) {
      self.send(urgent, number, urgency::priority);
      unread.push_back(number);
    } else if (choice == 3 && !unread.empty()) {
      const auto at = unread.begin() + static_cast<std::ptrdiff_t>(random() % unread.size());
      const auto wanted = *at;
      unread.erase(at);
      auto is_wanted = [wanted](const message& one) { return one.payload().as_integer() == wanted; };
      (void)co_await self.receive_if(is_wanted);
    } else if (choice == 4) {
      co_await expect_end(self, out, self.monitor(dead));
    } else {
      const auto first = self.monitor(dead);
      const auto second = self.monitor(dead);
      co_await expect_end(self, out, random() % 2 == 0 ? first : second);
      self.demonitor(first, demonitor_mode::flush);
      self.demonitor(second, demonitor_mode::flush);
    }
  }
  co_await self.sleep(1ms);
  out->unread = self.unread();
  out->expected = unread.size();
}

TEST_CASE("the end of one monitored process is found among whatever else is unread, which stays") {
  const auto seed = GENERATE(range(1U, 21U));
  CAPTURE(seed);
  manual_world world;
  findings got;
  got.dead = world.spawn([](process& /*self*/) -> task<> { co_return; });
  world.run();
  world.spawn(wait_amid_messages, &got, seed);
  world.run();
  world.advance(10s);
  CHECK(got.wrong == 0);
  CHECK(got.found > 100);
  CHECK(got.unread == got.expected);
}

TEST_CASE("a wait for a monitored process that goes on living gives up after its time") {
  manual_world world;
  bool gave_up = false;
  const auto subject = idle_process(world);
  world.spawn(
      [](process& self, pid other, bool* out) -> task<> {
        self.send(self.id(), 1);
        const auto watch = self.monitor(other);
        const auto got = co_await self.receive(watch, 10ms);
        *out = got.timed_out();
      },
      subject, &gave_up);
  world.advance(1s);
  CHECK(gave_up);
}

}  // namespace
}  // namespace ergo::test
