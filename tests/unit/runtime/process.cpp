// What a process does to others and to itself: spawn, names, references, identity.
#include "fixture.hpp"

#include <set>

namespace ergo::test {
namespace {

using lines = std::vector<std::string>;

struct idle {
  static task<> body(process& self) { co_await self.sleep(forever); }
};

TEST_CASE("a child knows its ancestors, its group leader and its initial call") {
  manual_world world;
  lines got;
  const auto leader = world.spawn(idle::body);
  const auto root = world.spawn(
      {.name = "root"_atom, .group_leader = leader},
      [](process& self, lines* into) -> task<> {
        struct inner {
          static task<> grandchild(process& own, lines* out) {
            out->push_back(std::to_string(own.ancestors().items().size()));
            out->push_back(text(own.ancestors().items()[1]));
            out->push_back(std::to_string(own.group_leader().id));
            co_return;
          }
          static task<> child(process& own, lines* out) {
            out->push_back(text(own.ancestors()));
            (void)own.spawn(inner::grandchild, out);
            co_await own.sleep(forever);
          }
        };
        (void)self.spawn(inner::child, into);
        co_await self.sleep(forever);
      },
      &got);
  world.run();
  CHECK(got == lines{"[root]", "2", "root", std::to_string(leader.id)});
  CHECK(world.alive(root));
}

TEST_CASE("spawn_link ends the parent with the child, and spawn_monitor tells it") {
  manual_world world;
  lines got;
  const auto parent = world.spawn(
      [](process& self, lines* into) -> task<> {
        struct child {
          static task<> fails(process& own) {
            own.exit(exit_reason{"oops"_atom});
            co_return;
          }
        };
        const auto watched = self.spawn_monitor(child::fails);
        auto ended = co_await self.receive<down>();
        into->push_back(ended->ref == watched.second.ref ? text(ended->reason.value()) : "other");
        (void)self.spawn_link(child::fails);
        co_await self.sleep(forever);
        into->push_back("survived");
      },
      &got);
  world.run();
  CHECK(got == lines{"oops"});
  CHECK_FALSE(world.alive(parent));
}

TEST_CASE("a name belongs to one living process at a time") {
  manual_world world;
  const auto first = world.spawn({.name = "unique"_atom}, idle::body);
  const auto second = world.runtime().spawn(world.node(), {.name = "unique"_atom}, make_body(idle::body));
  REQUIRE_FALSE(second);
  CHECK(second.error() == errc::name_taken);
  CHECK(second.error().context().as_pid() == first);
  CHECK(world.node().whereis("unique"_atom) == first);
  world.run();
  world.exit(first, "kill"_atom);
  world.run();
  CHECK_FALSE(world.node().whereis("unique"_atom));
  CHECK(world.runtime().spawn(world.node(), {.name = "unique"_atom}, make_body(idle::body)));
}

TEST_CASE("a process registers and unregisters itself") {
  manual_world world;
  lines got;
  const auto other = world.spawn({.name = "busy"_atom}, idle::body);
  const auto target = world.spawn(
      [](process& self, lines* into) -> task<> {
        const auto note = [into](const result<void>& done) {
          into->push_back(done ? "ok" : text(done.error().reason()));
        };
        note(self.register_name("undefined"_atom));
        note(self.register_name(atom{}));
        const auto taken = self.register_name("busy"_atom);
        into->push_back(taken ? "ok"
                              : to_text(taken.error().code() == errc::name_taken ? "name_taken"_atom : "wrong"_atom));
        note(self.register_name("mine"_atom));
        const auto twice = self.register_name("second"_atom);
        into->push_back(twice ? "ok" : "refused");
        into->push_back(self.node().whereis("mine"_atom) == self.id() ? "found" : "lost");
        self.unregister_name();
        into->push_back(self.node().whereis("mine"_atom) ? "found" : "free");
        note(self.register_name("second"_atom));
        co_await self.sleep(forever);
      },
      &got);
  world.run();
  CHECK(got == lines{"{badarg,undefined}", "{badarg,''}", "name_taken", "ok", "refused", "found", "free", "ok"});
  CHECK(world.node().whereis("second"_atom) == target);
  CHECK(world.alive(other));
}

TEST_CASE("references are unique among processes, slots that are used again, and callers outside") {
  manual_world world;
  std::set<std::array<std::uint32_t, 5>> seen;
  std::size_t made = 0;
  const auto keep = [&](const reference& ref) {
    ++made;
    seen.insert(ref.words);
    CHECK(ref.size == 3);
    CHECK(ref.words[0] < (1U << 18));
  };
  std::vector<reference> all;
  for (int round = 0; round < 20; ++round) {
    for (int count = 0; count < 10; ++count) {
      world.spawn(
          [](process& self, std::vector<reference>* into) -> task<> {
            for (int number = 0; number < 20; ++number) into->push_back(self.make_ref());
            const auto timer = self.send_after(1h, self.id(), 1);
            into->push_back(timer.ref);
            co_return;
          },
          &all);
    }
    world.run();
    all.push_back(world.node().make_ref());
  }
  for (const auto& one : all) keep(one);
  CHECK(seen.size() == made);
}

TEST_CASE("a reference tells which living process made it") {
  manual_world world;
  reference ref;
  const auto maker = world.spawn(
      [](process& self, reference* out) -> task<> {
        *out = self.make_ref();
        co_await self.sleep(forever);
      },
      &ref);
  world.run();
  CHECK(world.node().owner_of(ref) == maker);
  CHECK_FALSE(local_node::is_call(ref));
  CHECK_FALSE(world.node().owner_of(world.node().make_ref()));
  world.exit(maker, "kill"_atom);
  world.run();
  CHECK_FALSE(world.node().owner_of(ref));
}

TEST_CASE("at the limit of processes spawn fails with system_limit, and a death makes room") {
  manual_world world{{.processes = 3}};
  std::vector<pid> all;
  for (int count = 0; count < 3; ++count) all.push_back(world.spawn(idle::body));
  world.run();
  const auto refused = world.runtime().spawn(world.node(), {}, make_body(idle::body));
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::system_limit);
  CHECK(text(refused.error().reason()) == "{system_limit,process_limit}");
  world.exit(all[1], "kill"_atom);
  world.run();
  CHECK(world.runtime().spawn(world.node(), {}, make_body(idle::body)));
}

TEST_CASE("a process that cannot spawn ends with the reason, and try_spawn tells it instead") {
  manual_world world{{.processes = 2}};
  lines got;
  world.spawn(
      [](process& self, lines* into) -> task<> {
        const auto first = self.try_spawn({}, make_body(idle::body));
        const auto second = self.try_spawn({}, make_body(idle::body));
        into->push_back(first ? "ok" : "no");
        into->push_back(second ? "ok" : text(second.error().reason()));
        (void)self.spawn(idle::body);
        into->push_back("unreachable");
        co_return;
      },
      &got);
  world.run();
  CHECK(got == lines{"ok", "{system_limit,process_limit}"});
  REQUIRE(world.crashes() == 1);
  CHECK(text(world.events().back().reason) == "{system_limit,process_limit}");
}

TEST_CASE("process::log arrives as a structured event") {
  manual_world world;
  const auto who = world.spawn({.name = "talker"_atom}, [](process& self) -> task<> {
    self.log(log_level::notice, "paid", {{"amount", 5}, {"to", "bob"_atom}});
    co_return;
  });
  world.run();
  REQUIRE(world.events().size() == 1);
  const auto& line = world.events().front();
  CHECK(line.what == event::kind::log);
  CHECK(line.level == log_level::notice);
  CHECK(line.process == who);
  CHECK(line.name == "talker"_atom);
  CHECK(line.text == "paid");
  REQUIRE(line.fields.size() == 2);
  CHECK(line.fields[0].first == "amount");
  CHECK(line.fields[1].second.is("bob"_atom));
}

TEST_CASE("sends to the dead and to unknown names vanish") {
  manual_world world;
  const auto gone = world.spawn([](process& /*self*/) -> task<> { co_return; });
  world.run();
  bool done = false;
  world.spawn(
      [](process& self, pid dead, bool* out) -> task<> {
        const pid never{self.id().node, 77'777, 3};
        const pid remote{*etf::node_id::make("other@host"_atom, 3), 5, 0};
        self.send(dead, 1);
        self.send(never, 1);
        self.send(remote, 1);
        self.send("nobody"_atom, 1);
        const destination elsewhere{"nobody"_atom, "other@host"_atom};
        self.send(elsewhere, 1);
        self.exit(dead, exit_reason{"kill"_atom});
        const auto sent = self.try_send(dead, 1);
        *out = sent.has_value();
        co_return;
      },
      gone, &done);
  world.run();
  CHECK(done);
  CHECK(world.crashes() == 0);
}

TEST_CASE("a message to an earlier tenant of a slot does not reach the present one") {
  manual_world world{{.processes = 1}};
  lines got;
  const auto first = world.spawn(idle::body);
  world.run();
  world.exit(first, "kill"_atom);
  world.run();
  const auto second = world.spawn(
      [](process& self, lines* into) -> task<> {
        for (;;) {
          auto one = co_await self.receive_any();
          into->push_back(text(one.payload()));
        }
      },
      &got);
  CHECK(second.id == first.id);
  CHECK(second.serial != first.serial);
  world.send(first, "old"_atom);
  world.exit(first, "kill"_atom);
  world.send(second, "new"_atom);
  world.run();
  CHECK(got == lines{"new"});
}

}  // namespace
}  // namespace ergo::test
