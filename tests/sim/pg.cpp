// Process groups between nodes under random faults: when it has been quiet for a while, every scope knows every member,
// and so does everybody who followed the changes.
#include "cluster.hpp"

#include <ergo/otp/pg.hpp>

#include <map>
#include <set>

namespace ergo::test {
namespace {

using otp::pg;
using otp::pg_answer;
using otp::pg_change;
using otp::pg_event;

constexpr int group_count = 3;

/// Text of a pid with its node and incarnation.
std::string key_of(const pid& one) {
  return std::string{one.node.name().text()} + "/" + std::to_string(one.node.creation()) + "/" +
         etf::to_text(term{one});
}

/// Who is in which group, as often as it joined: `group => members`.
using membership = std::map<int, std::multiset<std::string>>;

/// What the scenario knows and what it lets processes do.
struct stage {
  sim& world;
  pg scope{"rooms"_atom};
  std::map<std::string, membership> joined;                 // by node: what its workers have joined
  std::map<std::string, std::unique_ptr<membership>> seen;  // by node: what its follower was told
  std::map<std::string, std::vector<pid>> workers;
  bool quiet = false;
  std::string wrong;
};

task<> keep_scope(process& self, stage* on) {
  (void)co_await on->scope.start_link(self);
  co_await self.sleep(forever);
}

// Connections come from whoever sends first; scopes never do.
task<> keep_connected(process& self, std::vector<std::string> names) {
  for (;;) {
    for (const auto& name : names) self.send(destination{"nobody"_atom, atom::of(name)}, 1);
    co_await self.sleep(20ms);
  }
}

task<> work(process& self, stage* on, std::string node) {
  const auto name = key_of(self.id());
  while (!on->quiet) {
    co_await self.sleep(std::chrono::microseconds{on->world.pick(10'000)});
    const auto group = static_cast<int>(on->world.pick(group_count));
    auto& mine = on->joined[node][group];
    if (on->world.pick(3) != 0) {
      const auto done = co_await on->scope.join(self, group);
      if (done == pg_answer::ok) mine.insert(name);
    } else {
      const auto done = co_await on->scope.leave(self, group);
      if (done == pg_answer::ok) mine.erase(mine.find(name));
    }
  }
  co_await self.sleep(forever);
}

// Whatever the faults have left, somebody is in a group at the end.
task<> stay(process& self, stage* on, std::string node) {
  const auto done = co_await on->scope.join(self, 0);
  if (done == pg_answer::ok) on->joined[node][0].insert(key_of(self.id()));
  co_await self.sleep(forever);
}

void apply(const pg_event& news, membership& view, std::string& wrong) {
  auto& members = view[static_cast<int>(news.group.as_integer().value_or(-1))];
  for (const auto& one : news.members) {
    if (news.change == pg_change::join) {
      members.insert(key_of(one));
    } else if (const auto found = members.find(key_of(one)); found != members.end()) {
      members.erase(found);
    } else {
      wrong = key_of(one) + " left a group in which it was not";
    }
  }
}

task<> follow(process& self, stage* on, membership* view) {
  const auto all = co_await on->scope.monitor_scope(self);
  for (const auto& [group, members] : all->groups) {
    for (const auto& one : members) (*view)[static_cast<int>(group.as_integer().value_or(-1))].insert(key_of(one));
  }
  for (;;) {
    const auto news = co_await self.receive<pg_event>();
    if (news->ref == all->ref) apply(*news, *view, on->wrong);
  }
}

void set_up(stage& on, const std::string& node, const std::vector<std::string>& names) {
  on.joined.erase(node);
  on.workers[node].clear();
  on.seen[node] = std::make_unique<membership>();
  on.world.spawn(node, keep_scope, &on);
  const auto& here = on.world.node(node);
  (void)on.world.run_until([&] { return here.whereis(on.scope.name()).has_value(); }, 1s);
  on.world.spawn(node, keep_connected, names);
  on.world.spawn(node, follow, &on, on.seen[node].get());
  for (int count = 0; count < 3; ++count) on.workers[node].push_back(on.world.spawn(node, work, &on, node));
}

void kill_one(stage& on, const std::string& node) {
  auto& here = on.workers[node];
  if (here.empty()) return;
  const auto victim = here.back();
  here.pop_back();
  on.world.exit(victim, "kill"_atom);
  (void)on.world.run_until([&] { return !on.world.alive(victim); }, 1s);
  for (auto& [group, members] : on.joined[node]) members.erase(key_of(victim));
}

task<> look(process& self, pg scope, membership* out) {
  for (int group = 0; group < group_count; ++group) {
    const auto members = co_await scope.members(self, group);
    if (!members) co_return;
    for (const auto& one : *members) (*out)[group].insert(key_of(one));
  }
}

void drop_empty(membership& view) {
  std::erase_if(view, [](const auto& entry) { return entry.second.empty(); });
}

std::string compare_views(stage& on, const std::vector<std::string>& names) {
  membership truth;
  for (const auto& [node, groups] : on.joined) {
    for (const auto& [group, members] : groups) truth[group].insert(members.begin(), members.end());
  }
  drop_empty(truth);
  for (const auto& name : names) {
    membership seen;
    on.world.spawn(name, look, on.scope, &seen);
    on.world.run_for(10ms);
    drop_empty(*on.seen[name]);
    if (seen != truth) return "the scope of " + name + " knows other members than there are";
    if (*on.seen[name] != truth) return "who follows the scope of " + name + " knows other members than there are";
  }
  return truth.empty() ? "nobody is in any group" : "";
}

TEST_CASE("after quiet every scope, and everybody who follows one, knows all members of all nodes", "[pg]") {
  check_seeds(100, [](sim& world) -> std::string {
    stage on{.world = world};
    const auto names = start_nodes(world, 3 + world.pick(4));
    for (const auto& name : names) set_up(on, name, names);
    for (int fault = 0; fault < 25; ++fault) {
      world.run_for(std::chrono::milliseconds{world.pick(30)});
      const auto& mortal = names[world.pick(names.size())];
      switch (world.pick(6)) {
        case 0: kill_one(on, mortal); break;
        case 1:
          world.crash(mortal);
          on.joined.erase(mortal);
          world.run_for(std::chrono::milliseconds{world.pick(40)});
          world.start(mortal);
          set_up(on, mortal, names);
          break;
        default: random_network_fault(world);
      }
    }
    world.heal();
    on.quiet = true;
    world.spawn(names.front(), stay, &on, names.front());
    world.run_for(2s);
    const auto differs = compare_views(on, names);
    return on.wrong.empty() ? differs : on.wrong;
  });
}

}  // namespace
}  // namespace ergo::test
