// Names and locks of a cluster under random faults: when it has been quiet for a while every node has the same names,
// and while it was not, no lock had two holders.
#include "cluster.hpp"

#include <ergo/otp/global.hpp>

#include <map>
#include <memory>
#include <set>

namespace ergo::test {
namespace {

namespace global = otp::global;

constexpr std::size_t name_count = 4;

struct stage {
  sim& world;
  std::vector<std::string> nodes;
  bool quiet = false;
  std::shared_ptr<int> inside = std::make_shared<int>(0);  // how many have the lock; outlives their frames
  int rounds = 0;                                          // how often it was had
  std::string wrong;
};

void start_names(stage& on, const std::string& node) {
  global::options chosen;
  chosen.seed = 1 + on.world.random()();
  chosen.disconnect = [&world = on.world, node](atom peer) { world.cut(node, peer.text()); };
  on.world.spawn(
      node,
      [](process& self, global::options how) -> task<> {
        (void)co_await global::start_link(self, how);
        co_await self.sleep(forever);
      },
      chosen);
  const auto& here = on.world.node(node);
  (void)on.world.run_until([&] { return here.whereis("global_name_server"_atom).has_value(); }, 1s);
}

// Connections come from whoever sends first.
task<> keep_connected(process& self, std::vector<std::string> names) {
  for (;;) {
    for (const auto& name : names) self.send(destination{"nobody"_atom, atom::of(name)}, 1);
    co_await self.sleep(200ms);
  }
}

otp::global_name name_of(std::size_t number) { return otp::global_name{static_cast<std::int64_t>(number)}; }

task<> work(process& self, stage* on) {
  while (!on->quiet) {
    co_await self.sleep(std::chrono::milliseconds{on->world.pick(300)});
    const auto name = name_of(on->world.pick(name_count));
    if (on->world.pick(3) != 0) {
      (void)co_await global::register_name(self, name, self.id());
    } else if (global::whereis_name(self, name) == self.id()) {
      (void)co_await global::unregister_name(self, name);
    }
    if (on->world.pick(8) == 0) co_return;
  }
  co_await self.sleep(forever);
}

void set_up(stage& on, const std::string& node) {
  start_names(on, node);
  on.world.spawn(node, keep_connected, on.nodes);
  for (int count = 0; count < 3; ++count) on.world.spawn(node, work, &on);
}

using table = std::map<std::string, pid>;

table names_at(stage& on, const std::string& node) {
  const auto& here = on.world.node(node);
  table all;
  for (const auto& name : global::registered_names(here)) {
    const auto found = global::whereis_name(here, otp::global_name{name});
    if (found) all.emplace(etf::to_text(name), *found);
  }
  return all;
}

std::string text_of(const table& names) {
  std::string text;
  for (const auto& [name, process] : names) {
    text += " " + name + "=" + etf::to_text(term{process}) + "." + std::to_string(process.node.creation());
  }
  return text.empty() ? " nothing" : text;
}

std::string compare_names(stage& on) {
  const auto first = names_at(on, on.nodes.front());
  for (const auto& node : on.nodes) {
    const auto here = names_at(on, node);
    if (here != first) return node + " has" + text_of(here) + ", " + on.nodes.front() + " has" + text_of(first);
  }
  for (const auto& [name, process] : first) {
    if (!on.world.alive(process)) return name + " is the name of a process that has ended";
  }
  return {};
}

void restart(stage& on, const std::string& node) {
  on.world.crash(node);
  on.world.run_for(std::chrono::milliseconds{on.world.pick(400)});
  on.world.start(node);
}

TEST_CASE("after quiet every node has the same names, and each is the name of a process that lives", "[global]") {
  check_seeds(40, [](sim& world) -> std::string {
    stage on{.world = world};
    on.nodes = start_nodes(world, 3 + world.pick(4));
    for (const auto& name : on.nodes) set_up(on, name);
    for (int fault = 0; fault < 12; ++fault) {
      world.run_for(std::chrono::milliseconds{world.pick(500)});
      if (world.pick(5) == 0) {
        const auto& mortal = on.nodes[world.pick(on.nodes.size())];
        restart(on, mortal);
        set_up(on, mortal);
      } else {
        random_network_fault(world);
      }
    }
    world.heal();
    on.quiet = true;
    world.run_for(60s);
    const auto keeper = name_of(name_count);  // whatever the faults have left, there is a name at the end
    world.spawn(
        on.nodes.front(),
        [](process& self, otp::global_name name) -> task<> {
          (void)co_await global::register_name(self, name, self.id());
          co_await self.sleep(forever);
        },
        keeper);
    world.run_for(20s);
    if (names_at(on, on.nodes.back()).empty()) return "there is no name at all";
    return compare_names(on);
  });
}

task<> enter(process& self, stage* on) {
  ++*on->inside;
  ++on->rounds;
  if (*on->inside > 1) on->wrong = "two processes have the lock";
  const struct leaving {  // also when the process is killed
    std::shared_ptr<int> inside;
    ~leaving() { --*inside; }
  } left{on->inside};
  co_await self.sleep(std::chrono::milliseconds{on->world.pick(50)});
}

task<> compete(process& self, stage* on) {
  const global::lock_id id{"the_lock"_atom, self.id()};
  global::lock_options everywhere;
  everywhere.nodes.emplace();
  for (const auto& name : on->nodes) everywhere.nodes->push_back(atom::of(name));
  while (!on->quiet) {
    const auto body = [on](process& me) { return enter(me, on); };
    (void)co_await global::trans(self, id, body, everywhere);
    co_await self.sleep(std::chrono::milliseconds{on->world.pick(200)});
  }
}

TEST_CASE("a lock that is set on all nodes has one holder, whoever ends while it is wanted", "[global]") {
  check_seeds(12, [](sim& world) -> std::string {
    stage on{.world = world};
    on.nodes = start_nodes(world, 3 + world.pick(4));
    std::vector<pid> competitors;
    for (const auto& name : on.nodes) {
      start_names(on, name);
      for (int count = 0; count < 2; ++count) competitors.push_back(world.spawn(name, compete, &on));
    }
    for (int fault = 0; fault < 10; ++fault) {
      world.run_for(std::chrono::milliseconds{world.pick(3'000)});
      if (world.pick(3) == 0) {
        const auto mortal = on.nodes[world.pick(on.nodes.size())];
        restart(on, mortal);
        start_names(on, mortal);
        competitors.push_back(world.spawn(mortal, compete, &on));
      } else {
        auto& victim = competitors[world.pick(competitors.size())];
        world.exit(victim, "kill"_atom);
        victim = world.spawn(victim.node.name().text(), compete, &on);
      }
      if (!on.wrong.empty()) return on.wrong;
    }
    const auto before = on.rounds;
    world.run_for(60s);
    if (on.rounds == before) return "nobody gets the lock any more";
    return on.wrong;
  });
}

}  // namespace
}  // namespace ergo::test
