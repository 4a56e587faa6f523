// Links, monitors and exit signals on one node: the matrix of issue item 3, and the rules behind it.
#include "fixture.hpp"

namespace ergo::test {
namespace {

using log_lines = std::vector<std::string>;

// Writes down every message; `P` stands for the pid of interest.
struct observer {
  manual_world& world;
  log_lines log{};
  pid subject{};

  std::string line(const message& got) const {
    if (const auto ended = got.as<down>()) {
      const auto object =
          ended->object.as_pid() ? (*ended->object.as_pid() == subject ? "P" : "?") : text(ended->object);
      return "DOWN " + std::string{object} + " " + text(ended->reason.value());
    }
    if (const auto left = got.as<exit_message>())
      return std::string{"EXIT "} + (left->from == subject ? "P " : "? ") + text(left->reason.value());
    return text(got.to_term());
  }
};

struct rest_for_ever {
  static task<> body(process& self) { co_await self.sleep(forever); }
};

pid idle_process(manual_world& world, const spawn_options& options = {}) {
  return world.spawn(options, rest_for_ever::body);
}

// How the subject ends.
enum class ending : std::uint8_t { normal, abnormal, kill_signal, exit_with_kill, noproc };

std::string name_of(ending how) {
  static constexpr std::array names{"normal", "abnormal", "kill signal", "exit(kill)", "noproc"};
  return names[static_cast<std::size_t>(how)];
}

struct subject_body {
  // Ends as the first message says: {exit, Reason}.
  static task<> body(process& self) {
    auto order = co_await self.receive<term>();
    self.exit(exit_reason{order->elements()[1]});
  }
};

void end_subject(manual_world& world, const pid& subject, ending how) {
  switch (how) {
    case ending::normal: return world.send(subject, etf::tuple("exit"_atom, "normal"_atom));
    case ending::abnormal: return world.send(subject, etf::tuple("exit"_atom, etf::tuple("bad"_atom, 1)));
    case ending::exit_with_kill: return world.send(subject, etf::tuple("exit"_atom, "kill"_atom));
    case ending::kill_signal: return world.exit(subject, "kill"_atom);
    case ending::noproc: break;
  }
}

struct matrix_row {
  ending how;
  const char* reason;  // that monitors and trapping links are told
};
constexpr std::array matrix{matrix_row{ending::normal, "normal"}, matrix_row{ending::abnormal, "{bad,1}"},
                            matrix_row{ending::kill_signal, "killed"}, matrix_row{ending::exit_with_kill, "kill"},
                            matrix_row{ending::noproc, "noproc"}};

task<> watch_by(process& self, destination target, observer* out) {
  const auto watch = self.monitor(target);
  for (;;) {
    auto got = co_await self.receive_any();
    const bool same = got.as<down>() && got.as<down>()->ref == watch.ref;
    out->log.push_back(out->line(got) + (same ? " same" : " other"));
  }
}

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

TEST_CASE("an exit message, a DOWN and a nodedown are never subject to the mailbox's bound") {
  manual_world world;
  log_lines got;
  const auto bounded = world.spawn(
      {.trap_exits = true, .mailbox_bound = 1},
      [](process& self, log_lines* out) -> task<> {
        const auto child = self.spawn_link([](process& own) -> task<> {
          own.exit(exit_reason{"bad"_atom});
          co_return;
        });
        const destination to{child};
        (void)self.monitor(to);
        self.monitor_node("other@host"_atom);
        co_await self.sleep(100ms);
        out->push_back(std::to_string(self.unread()) + " unread, " + std::to_string(self.dropped()) + " dropped");
      },
      &got);
  world.run();
  for (int number = 0; number < 10; ++number) world.send(bounded, number);
  world.advance(1s);
  CHECK(got == log_lines{"3 unread, 10 dropped"});
}

// R23.
TEST_CASE("of a bounded mailbox accepted, dropped and rejected add up to what was sent") {
  const auto policy = GENERATE(overflow::drop_newest, overflow::fail_sender);
  CAPTURE(policy == overflow::fail_sender);
  constexpr std::size_t casts = 300;
  constexpr std::size_t calls = 200;
  manual_world world;
  struct counts {
    std::size_t accepted = 0;
    std::size_t dropped = 0;
    std::size_t rejected = 0;
    std::size_t highest = 0;
    std::size_t limit_errors = 0;
    std::size_t other_errors = 0;
  } seen;
  std::mt19937_64 random{11};
  const auto server = world.spawn(
      {.mailbox_bound = 16, .policy = policy},
      [](process& self, counts* out) -> task<> {
        for (;;) {
          auto got = co_await self.receive_any();
          out->highest = std::max(out->highest, self.unread() + 1);
          ++out->accepted;
          if (got.is_call()) self.reply(got.from(), 1);
          if (out->accepted % 3 == 0) co_await self.sleep(1ms);
          out->dropped = self.dropped();
          out->rejected = self.rejected();
        }
      },
      &seen);
  for (std::size_t number = 0; number < calls; ++number) {
    world.spawn(
        [](process& self, pid to, counts* out) -> task<> {
          const destination target{to};
          const term request{1};
          auto answer = co_await call(self, target, request, 10s);
          if (answer) co_return;
          answer.error() == errc::system_limit ? ++out->limit_errors : ++out->other_errors;
        },
        server, &seen);
  }
  for (std::size_t number = 0; number < casts; ++number) {
    world.send(server, number);
    if (number % 10 == 0) {
      world.run_random(random, 20);
      world.pass(100us);
    }
  }
  world.advance(20s);
  CHECK(seen.accepted + seen.dropped + seen.rejected == casts + calls);
  CHECK(seen.dropped > 0);
  CHECK(seen.highest <= 16);
  if (policy == overflow::fail_sender) {
    CHECK(seen.rejected > 0);
    CHECK(seen.limit_errors == seen.rejected);
    CHECK(seen.other_errors == 0);
  } else {
    CHECK(seen.rejected == 0);
    CHECK(seen.limit_errors == 0);  // dropped calls time out
  }
}

}  // namespace
}  // namespace ergo::test
