// The process of a scope on one node: what members, subscribers and strangers see of it.
#include "support.hpp"

#include <ergo/otp/pg.hpp>

namespace ergo::test {
namespace {

using otp::pg;
using otp::pg_answer;
using otp::pg_change;
using otp::pg_event;

/// Starts the scope `rooms` in a process that does nothing else.
pg start_scope(world& on, atom name = "rooms"_atom) {
  const pg scope{name};
  on.spawn(
      [](process& self, pg wanted) -> task<> {
        const auto started = co_await wanted.start_link(self);
        CHECK(started.has_value());
        co_await self.sleep(forever);
      },
      scope);
  on.settle();
  REQUIRE(on.node().whereis(name));
  return scope;
}

pid idle(world& on) {
  return on.spawn([](process& self) -> task<> { co_await self.sleep(forever); });
}

TEST_CASE("members join and leave, each as often as it did") {
  world on;
  const auto rooms = start_scope(on);
  on.run(
      [](process& self, pg scope, pid one, pid two) -> task<> {
        const std::vector others{one, two};
        const auto lobby = "lobby"_atom;
        const auto first = co_await scope.join(self, lobby);
        CHECK(first == pg_answer::ok);
        const auto more = co_await scope.join(self, lobby, others);
        CHECK(more == pg_answer::ok);
        const auto again = co_await scope.join(self, lobby);
        CHECK(again == pg_answer::ok);
        const auto members = co_await scope.members(self, lobby);
        CHECK(members->size() == 4);
        CHECK(std::ranges::count(*members, self.id()) == 2);
        const auto local = co_await scope.local_members(self, lobby);
        CHECK(*local == *members);
        const auto left = co_await scope.leave(self, lobby);
        CHECK(left == pg_answer::ok);
        const auto rest = co_await scope.members(self, lobby);
        CHECK(std::ranges::count(*rest, self.id()) == 1);
        const auto never = co_await scope.leave(self, "kitchen"_atom);
        CHECK(never == pg_answer::not_joined);
        const auto groups = co_await scope.groups(self);
        CHECK(*groups == std::vector{term{lobby}});
        const auto own = co_await scope.local_groups(self);
        CHECK(*own == *groups);
        const auto nobody = co_await scope.members(self, "kitchen"_atom);
        CHECK(nobody->empty());
      },
      rooms, idle(on), idle(on));
}

TEST_CASE("processes of other nodes cannot be joined from here") {
  world on;
  const auto rooms = start_scope(on);
  on.run(
      [](process& self, pg scope) -> task<> {
        const std::vector<pid> strange{self.id(), pid{*etf::node_id::make("far@h"_atom, 1), 5, 0}};
        const auto joined = co_await scope.join(self, "lobby"_atom, strange);
        CHECK(joined == pg_answer::nolocal);
        const auto left = co_await scope.leave(self, "lobby"_atom, strange);
        CHECK(left == pg_answer::nolocal);
        const auto members = co_await scope.members(self, "lobby"_atom);
        CHECK(members->empty());
      },
      rooms);
}

TEST_CASE("whoever monitors a group has its members of one moment and every change after it") {
  world on;
  const auto rooms = start_scope(on);
  const auto guest = idle(on);
  on.run(
      [](process& self, pg scope, pid other) -> task<> {
        const auto lobby = "lobby"_atom;
        (void)co_await scope.join(self, lobby);
        const auto watch = co_await scope.monitor(self, lobby);
        CHECK(watch->members == std::vector{self.id()});
        (void)co_await scope.join(self, lobby, {&other, 1});
        (void)co_await scope.join(self, "kitchen"_atom, {&other, 1});
        self.exit(other, exit_reason{"kill"_atom});
        const auto came = co_await self.receive<pg_event>(1s);
        CHECK(came->ref == watch->ref);
        CHECK(came->change == pg_change::join);
        CHECK(came->group == term{lobby});
        CHECK(came->members == std::vector{other});
        const auto went = co_await self.receive<pg_event>(1s);
        CHECK(went->change == pg_change::leave);
        CHECK(went->members == std::vector{other});
        const auto ended = co_await scope.demonitor(self, watch->ref);
        CHECK(ended == true);
        const auto twice = co_await scope.demonitor(self, watch->ref);
        CHECK(twice == false);
        (void)co_await scope.leave(self, lobby);
        const auto nothing = co_await self.receive<pg_event>(1s);
        CHECK(nothing.timed_out());
      },
      rooms, guest);
}

TEST_CASE("whoever monitors a scope has all its groups of one moment and every change after it") {
  world on;
  const auto rooms = start_scope(on);
  on.run(
      [](process& self, pg scope) -> task<> {
        (void)co_await scope.join(self, 1);
        (void)co_await scope.join(self, 1.0);
        const auto watch = co_await scope.monitor_scope(self);
        CHECK(watch->groups.size() == 2);
        CHECK(watch->groups.at(term{1}) == std::vector{self.id()});
        (void)co_await scope.leave(self, 1);
        const auto went = co_await self.receive<pg_event>(1s);
        CHECK(went->ref == watch->ref);
        CHECK(went->change == pg_change::leave);
        CHECK(went->group == term{1});
      },
      rooms);
}

TEST_CASE("a subscriber that ends is told no more, and is still a member until then") {
  world on;
  const auto rooms = start_scope(on);
  bool left = false;
  on.run(
      [](process& self, pg scope, bool* gone) -> task<> {
        const auto [child, watch] = self.spawn_monitor(
            [](process& me, pg inside) -> task<> {
              (void)co_await inside.join(me, "lobby"_atom);
              (void)co_await inside.monitor(me, "lobby"_atom);
              (void)co_await me.receive<atom>();
            },
            scope);
        (void)watch;
        co_await self.sleep(1ms);
        const auto before = co_await scope.members(self, "lobby"_atom);
        CHECK(*before == std::vector{child});
        self.send(child, "end"_atom);
        (void)co_await self.receive<down>();
        co_await self.sleep(1ms);
        const auto after = co_await scope.members(self, "lobby"_atom);
        *gone = after && after->empty();
      },
      rooms, &left);
  CHECK(left);
  CHECK(on.events().empty());
}

TEST_CASE("scopes are apart, and one that does not run is noproc") {
  world on;
  const auto rooms = start_scope(on);
  const auto other = start_scope(on, "others"_atom);
  on.run(
      [](process& self, pg scope, pg apart) -> task<> {
        (void)co_await scope.join(self, "lobby"_atom);
        const auto elsewhere = co_await apart.members(self, "lobby"_atom);
        CHECK(elsewhere->empty());
        const pg unknown;
        CHECK(unknown.name() == "pg"_atom);
        const auto failed = co_await unknown.join(self, "lobby"_atom);
        CHECK(failed.error() == errc::noproc);
        const auto twice = co_await scope.start_link(self);
        CHECK(twice.error() == errc::name_taken);
      },
      rooms, other);
}

TEST_CASE("a scope survives every message, and answers calls that it does not know") {
  world on;
  const auto rooms = start_scope(on);
  const auto scope = *on.node().whereis("rooms"_atom);
  on.run(
      [](process& self, pid server, pg name) -> task<> {
        (void)co_await name.join(self, "lobby"_atom);
        const std::vector<term> strange{term{},
                                        term{"hello"_atom},
                                        etf::tuple("join"_atom, 1, 2, 3),
                                        etf::tuple("discover"_atom, server),
                                        etf::tuple("nodeup"_atom, "x@h"_atom),
                                        etf::tuple("leave"_atom, self.id(), self.id(), etf::list("lobby"_atom))};
        for (const auto& one : strange) {
          self.send(server, one);
          self.send_cast(server, one);
          const auto answer = co_await otp::call(self, server, one);
          CHECK(*answer == etf::tuple("error"_atom, "badarg"_atom));
        }
        const auto members = co_await name.members(self, "lobby"_atom);
        CHECK(*members == std::vector{self.id()});
      },
      scope, rooms);
  CHECK(on.runtime().alive(scope));
}

TEST_CASE("the calls of pg.erl are answered as there") {
  world on;
  const auto rooms = start_scope(on);
  on.run(
      [](process& self, pg scope) -> task<> {
        const destination server{scope.name()};
        const auto me = term{self.id()};
        const auto joined = co_await otp::call(self, server, etf::tuple("join_local"_atom, "g"_atom, me));
        CHECK(*joined == term{"ok"_atom});
        const auto watched = co_await otp::call(self, server, etf::tuple("monitor"_atom, "g"_atom));
        CHECK(watched->elements()[1] == etf::list(me));
        const auto ref = watched->elements()[0];
        const auto left = co_await otp::call(self, server, etf::tuple("leave_local"_atom, "g"_atom, etf::list(me)));
        CHECK(*left == term{"ok"_atom});
        const auto told = co_await self.receive<term>(1s);
        CHECK(*told == etf::tuple(ref, "leave"_atom, "g"_atom, etf::list(me)));
        const auto again = co_await otp::call(self, server, etf::tuple("leave_local"_atom, "g"_atom, me));
        CHECK(*again == term{"not_joined"_atom});
        const auto ended = co_await otp::call(self, server, etf::tuple("demonitor"_atom, ref));
        CHECK(*ended == term{"ok"_atom});
        const auto unknown = co_await otp::call(self, server, etf::tuple("demonitor"_atom, ref));
        CHECK(*unknown == term{"false"_atom});
      },
      rooms);
}

}  // namespace
}  // namespace ergo::test
