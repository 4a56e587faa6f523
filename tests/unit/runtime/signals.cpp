// Links and exit signals on one node: how a process ends and who is told, and the rules behind it.
#include "observer.hpp"

namespace ergo::test {
namespace {

TEST_CASE(
    "a link tells a process that traps exits exactly once, and ends one that does not unless the reason is normal") {
  const auto row = GENERATE(from_range(matrix));
  const auto mode = GENERATE(exits::deadly, exits::trapped);
  CAPTURE(name_of(row.how), mode == exits::trapped);
  manual_world world;
  observer seen{world};
  seen.subject = row.how == ending::noproc ? world.spawn([](process& /*self*/) -> task<> { co_return; })
                                           : world.spawn(subject_body::body);
  if (row.how == ending::noproc) world.run();
  const auto partner = world.spawn(
      {.trap_exits = mode == exits::trapped},
      [](process& self, observer* out) -> task<> {
        self.link(out->subject);
        for (;;) {
          auto got = co_await self.receive_any();
          out->log.push_back(out->line(got));
        }
      },
      &seen);
  // How the partner itself ends is seen by a monitor.
  observer last{world};
  last.subject = partner;
  world.spawn(watch_by, destination{partner}, &last);
  world.run();
  end_subject(world, seen.subject, row.how);
  world.run();
  if (mode == exits::trapped) {
    CHECK(seen.log == log_lines{std::string{"EXIT P "} + row.reason});
    CHECK(last.log.empty());
  } else if (row.how == ending::normal) {
    CHECK(seen.log.empty());
    CHECK(last.log.empty());
    CHECK(world.alive(partner));
  } else {
    CHECK(seen.log.empty());
    CHECK(last.log == log_lines{std::string{"DOWN P "} + row.reason + " same"});
  }
}

// A5.
TEST_CASE("an exit signal does what exit/2 does") {
  struct row {
    const char* what;
    term reason;
    exits mode;
    const char* message;  // that the target received; null for none
    const char* ended;    // reason it ended with; null where it lives
  };
  const auto rows = std::vector<row>{
      {"normal is ignored", "normal"_atom, exits::deadly, nullptr, nullptr},
      {"normal is received when trapped", "normal"_atom, exits::trapped, "EXIT ? normal", nullptr},
      {"other reasons end", "bad"_atom, exits::deadly, nullptr, "bad"},
      {"other reasons are received when trapped", "bad"_atom, exits::trapped, "EXIT ? bad", nullptr},
      {"kill becomes killed", "kill"_atom, exits::deadly, nullptr, "killed"},
      {"kill cannot be trapped", "kill"_atom, exits::trapped, nullptr, "killed"},
      {"killed can be trapped", "killed"_atom, exits::trapped, "EXIT ? killed", nullptr},
      {"{kill, 1} is an ordinary reason", etf::tuple("kill"_atom, 1), exits::trapped, "EXIT ? {kill,1}", nullptr},
  };
  for (const auto& one : rows) {
    CAPTURE(one.what);
    manual_world world;
    observer seen{world, {}, idle_process(world)};
    const auto target = world.spawn(
        {.trap_exits = one.mode == exits::trapped},
        [](process& self, observer* out) -> task<> {
          for (;;) {
            auto got = co_await self.receive_any();
            out->log.push_back(out->line(got));
          }
        },
        &seen);
    observer last{world};
    last.subject = target;
    world.spawn(watch_by, destination{target}, &last);
    world.run();
    world.exit(target, one.reason);
    world.run();
    CHECK(seen.log == (one.message == nullptr ? log_lines{} : log_lines{one.message}));
    CHECK(last.log == (one.ended == nullptr ? log_lines{} : log_lines{std::string{"DOWN P "} + one.ended + " same"}));
  }
}

TEST_CASE("an exit signal to oneself ends the process, also with normal") {
  const auto reason = GENERATE(as<std::string>{}, "normal", "bad", "kill");
  manual_world world;
  observer seen{world};
  bool survived = false;
  seen.subject = world.spawn(
      [](process& self, std::string why, bool* after) -> task<> {
        (void)co_await self.receive_any();
        self.exit(self.id(), exit_reason{atom::of(why)});
        co_await self.yield();
        *after = true;
      },
      reason, &survived);
  world.spawn(watch_by, destination{seen.subject}, &seen);
  world.run();
  world.send(seen.subject, 1);
  world.run();
  CHECK_FALSE(survived);
  CHECK(seen.log == log_lines{"DOWN P " + (reason == "kill" ? std::string{"killed"} : reason) + " same"});
}

TEST_CASE("the kill of a linked process travels as killed, and a link exit with reason kill stays kill") {
  manual_world world;
  observer seen{world};
  // subject -- middle -- end, all linked; the end traps.
  seen.subject = world.spawn(
      [](process& self, observer* out) -> task<> {
        const auto far_end = self.runtime().spawn(self.node(), spawn_options{.trap_exits = true},
                                                  make_body(
                                                      [](process& own, observer* into) -> task<> {
                                                        for (;;) {
                                                          auto got = co_await own.receive_any();
                                                          into->log.push_back(into->line(got));
                                                        }
                                                      },
                                                      out));
        self.link(*far_end);
        co_await self.sleep(forever);
      },
      &seen);
  const auto killer = world.spawn(
      [](process& self, pid partner) -> task<> {
        self.link(partner);
        (void)co_await self.receive_any();
        self.exit(exit_reason{"kill"_atom});
      },
      seen.subject);
  world.run();
  world.send(killer, 1);
  world.run();
  // The killer ended with `kill`; the subject, which does not trap, ended of the same reason, not of `killed`.
  CHECK(seen.log == log_lines{"EXIT P kill"});
}

TEST_CASE("a process gives another one and itself a group leader") {
  manual_world world;
  const auto led = idle_process(world);
  bool own = false;
  const auto leader = world.spawn(
      [](process& self, pid other, bool* led_itself) -> task<> {
        self.group_leader(self.id(), other);
        self.group_leader(other, self.id());
        *led_itself = self.group_leader() == other;
        (void)co_await self.receive_any();
      },
      led, &own);
  world.run();
  CHECK(own);
  term found;
  world.spawn(
      [](process& self, pid who, term* seen) -> task<> {
        const auto facts = co_await process_info(self, who);
        for (const auto& fact : facts->items())
          if (fact.elements()[0].is("group_leader"_atom)) *seen = fact.elements()[1];
      },
      led, &found);
  world.run();
  CHECK(found == term{leader});
}

TEST_CASE("linking twice is one link: one exit signal, and one unlink ends it") {
  manual_world world;
  observer seen{world};
  seen.subject = idle_process(world);
  const auto partner = world.spawn(
      {.trap_exits = true},
      [](process& self, observer* out) -> task<> {
        self.link(out->subject);
        self.link(out->subject);
        auto order = co_await self.receive<atom>();
        if (*order == "unlink"_atom) self.unlink(out->subject);
        for (;;) {
          auto got = co_await self.receive_any();
          out->log.push_back(out->line(got));
        }
      },
      &seen);
  const bool unlinks = GENERATE(false, true);
  world.run();
  world.send(partner, unlinks ? "unlink"_atom : "stay"_atom);
  world.run();
  world.exit(seen.subject, "kill"_atom);
  world.run();
  CHECK(seen.log == (unlinks ? log_lines{} : log_lines{"EXIT P killed"}));
}

TEST_CASE("a link to oneself is none, as in Erlang") {
  manual_world world;
  observer seen{world};
  seen.subject = world.spawn(
      {.trap_exits = true},
      [](process& self, observer* out) -> task<> {
        self.link(self.id());
        auto got = co_await self.receive_any();
        out->log.push_back(out->line(got));
      },
      &seen);
  world.run();
  world.exit(seen.subject, "kill"_atom);
  world.run();
  CHECK(seen.log.empty());
}

TEST_CASE("signals between two processes keep their order among messages") {
  manual_world world;
  observer seen{world};
  // The subject sends, links, sends, unlinks, sends and dies: the partner sees no EXIT and all messages.
  const auto partner = world.spawn(
      {.trap_exits = true},
      [](process& self, observer* out) -> task<> {
        for (;;) {
          auto got = co_await self.receive_any();
          out->log.push_back(out->line(got));
        }
      },
      &seen);
  world.spawn(
      [](process& self, pid to) -> task<> {
        self.send(to, 1);
        self.link(to);
        self.send(to, 2);
        self.unlink(to);
        self.send(to, 3);
        self.exit(exit_reason{"bad"_atom});
        co_return;
      },
      partner);
  seen.subject = world.spawn(
      [](process& self, pid to) -> task<> {
        self.send(to, 4);
        self.link(to);
        self.send(to, 5);
        self.exit(exit_reason{"bad"_atom});
        co_return;
      },
      partner);
  world.run();
  CHECK(seen.log == log_lines{"1", "2", "3", "4", "5", "EXIT P bad"});
}

TEST_CASE("after unlink no exit signal of that link arrives, even when the partner dies at the same moment") {
  const auto seed = GENERATE(range(0U, 200U));
  manual_world world;
  std::mt19937_64 random{seed};
  int exits_after = 0;
  const auto partner = world.spawn([](process& self) -> task<> {
    for (int turn = 0; turn < 3; ++turn) co_await self.yield();
    self.exit(exit_reason{"bad"_atom});
  });
  world.spawn(
      {.trap_exits = true},
      [](process& self, pid other, int* count) -> task<> {
        self.link(other);
        for (int turn = 0; turn < 2; ++turn) co_await self.yield();
        self.unlink(other);
        co_await self.yield();
        const auto before = self.unread();  // an EXIT that came before the unlink
        co_await self.sleep(10ms);
        *count += static_cast<int>(self.unread() - before);
      },
      partner, &exits_after);
  world.run_random(random);
  world.advance(1s);
  CHECK(exits_after == 0);
}

}  // namespace
}  // namespace ergo::test
