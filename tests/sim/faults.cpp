// R49: everything at once. Callers, watchers, linkers and senders on a node that stays, their partners on nodes that
// are killed, cut off and started anew; all invariants at the end.
#include "callers.hpp"
#include "traffic.hpp"
#include "watchers.hpp"

#include <unordered_map>

namespace ergo::test {
namespace {

/// What one process knows of its links: each gives exactly one EXIT, and none after an unlink.
struct linker_state {
  std::unordered_map<pid, bool> linked;
  int wrong = 0;
};

task<> keep_linking(process& self, sim* world, const std::vector<pid>* targets, linker_state* out) {
  self.trap_exits(exits::trapped);
  bool more = true;
  bool quiet = false;  // every EXIT that has come is read, so that `linked` is what the process itself believes
  for (;;) {
    if (more && quiet) {
      const auto other = (*targets)[world->pick(targets->size())];
      const bool wanted = world->pick(3) != 0;
      wanted ? self.link(other) : self.unlink(other);
      out->linked[other] = wanted;
    }
    auto got = co_await self.receive<exit_message, atom>(std::chrono::milliseconds{more ? world->pick(4) : 1000});
    quiet = got.timed_out();
    if (got.get<atom>() != nullptr) more = false;
    if (const auto* const ended = got.get<exit_message>()) {
      auto& known = out->linked[ended->from];
      if (!known) ++out->wrong;
      known = false;
    }
  }
}

struct cast {
  explicit cast(sim& in) : world{in}, names{start_nodes(in, 3 + in.pick(3))}, mortal{names.begin() + 1, names.end()} {
    for (const auto& name : names) settle_on(name);
    const auto& home = names[0];
    for (int count = 0; count < 2; ++count) {
      watchers.push_back(std::make_unique<watcher_state>());
      linkers.push_back(std::make_unique<linker_state>());
      busy.push_back(world.spawn(home, keep_watching, &world, &names, &targets, watchers.back().get()));
      busy.push_back(world.spawn(home, keep_linking, &world, &targets, linkers.back().get()));
      world.spawn(home, keep_calling, &world, &names, &servers, rounds, &calls);
    }
  }
  /// What a node has from its start.
  void settle_on(const std::string& name) {
    start_server(world, name, servers);
    start_target(world, name, targets);
    if (name == names[0]) {
      ear = numbers.receive(world, name);
    } else {
      numbers.send(world, name, ear, 30);
      const auto there = numbers.receive(world, name);
      numbers.send(world, names[0], there, 30);
    }
  }
  void random_fault() {
    const auto& victim = mortal[world.pick(mortal.size())];
    switch (world.pick(8)) {
      case 0:
        world.crash(victim);
        world.run_for(std::chrono::milliseconds{world.pick(30)});
        world.start(victim);
        return settle_on(victim);
      case 1: return world.exit(targets[world.pick(targets.size())], "kill"_atom);
      case 2: return world.exit(servers[world.pick(servers.size())], "kill"_atom);
      case 3: start_server(world, names[world.pick(names.size())], servers); return;
      case 4: start_target(world, names[world.pick(names.size())], targets); return;
      default: return random_network_fault(world, names);
    }
  }
  void come_to_rest() {
    for (const auto& one : busy) world.send(one, "finish"_atom);
    world.run_for(1s);
    heal_all(world, names);
    world.run_for(30s);
    for (const auto& one : targets) world.exit(one, "kill"_atom);
    world.run_for(30s);
  }
  [[nodiscard]] std::string verdict() const {
    if (auto wrong = numbers.verdict(); !wrong.empty()) return wrong;
    if (auto wrong = check_watchers(watchers); !wrong.empty()) return wrong;
    for (const auto& one : linkers) {
      if (one->wrong != 0) return std::to_string(one->wrong) + " EXIT without a link";
      for (const auto& [other, linked] : one->linked) {
        if (linked) return "no EXIT for the link to " + etf::to_text(term{other});
      }
    }
    return test::verdict(calls, 2 * rounds);
  }

  static constexpr int rounds = 30;
  sim& world;
  std::vector<std::string> names;
  std::vector<std::string> mortal;
  std::vector<pid> servers;
  std::vector<pid> targets;
  std::vector<pid> busy;
  pid ear{};
  traffic numbers;
  outcomes calls;
  std::vector<std::unique_ptr<watcher_state>> watchers;
  std::vector<std::unique_ptr<linker_state>> linkers;
};

TEST_CASE("every promise holds while three to five nodes are killed, cut off and started anew", "[R49]") {
  std::uint64_t packets = 0;
  check_seeds(200, [&](sim& world) -> std::string {
    cast on{world};
    for (int fault = 0; fault < 30; ++fault) {
      world.run_for(std::chrono::milliseconds{world.pick(12)});
      on.random_fault();
    }
    on.come_to_rest();
    packets += world.packets();
    return on.verdict();
  });
  CHECK(packets != 0);
}

}  // namespace
}  // namespace ergo::test
