// Processes that monitor random targets, and what promise A3 allows of the DOWNs that they get.
#pragma once

#include "cluster.hpp"

#include <algorithm>
#include <memory>

namespace ergo::test {

struct idle {
  static task<> body(process& self) { co_await self.sleep(forever); }
};

struct watched {
  reference ref;
  destination target{pid{}};
  int downs = 0;
  bool taken_back = false;
  std::string reason;
};

struct watcher_state {
  std::vector<watched> all;
  int strangers = 0;
  int twice = 0;
};

// Monitors random targets by pid and name, takes some back, notes every DOWN; until told to finish.
inline task<> keep_watching(process& self, sim* world, const std::vector<std::string>* names,
                            const std::vector<pid>* targets, watcher_state* out) {
  bool more = true;
  for (;;) {
    if (more && out->all.size() < 60) {
      destination target{(*targets)[world->pick(targets->size())]};
      if (world->pick(3) == 0) target = destination{"target"_atom, atom::of((*names)[world->pick(names->size())])};
      const auto made = self.monitor(target);
      watched fresh;
      fresh.ref = made.ref;
      fresh.target = target;
      out->all.push_back(fresh);
      if (world->pick(4) == 0) {
        auto& victim = out->all[world->pick(out->all.size())];
        (void)self.demonitor(monitor_ref{victim.ref}, demonitor_mode::flush);
        victim.taken_back = true;
      }
    }
    auto got = co_await self.receive<down, atom>(std::chrono::milliseconds{more ? world->pick(5) : 1000});
    if (got.get<atom>() != nullptr) more = false;
    const auto* const ended = got.get<down>();
    if (ended == nullptr) continue;
    const auto known = std::ranges::find(out->all, ended->ref, &watched::ref);
    if (known == out->all.end()) {
      ++out->strangers;
      continue;
    }
    ++known->downs;
    known->reason = etf::to_text(ended->reason.value());
    if (known->taken_back) ++known->downs;  // after a flush there must be none
    if (known->downs > 1) ++out->twice;
    const auto expected = known->target.by_name() ? etf::tuple(known->target.name(), known->target.node())
                                                  : term{known->target.process()};
    if (ended->object != expected) ++out->strangers;
  }
}

inline void start_target(sim& world, const std::string& on, std::vector<pid>& targets) {
  auto& node = world.node(on);
  const auto named = node.owner().spawn(node, {.name = "target"_atom}, make_body(idle::body));
  targets.push_back(named ? *named : world.spawn(on, idle::body));
}

[[nodiscard]] inline std::string check_watchers(const std::vector<std::unique_ptr<watcher_state>>& all) {
  for (const auto& one : all) {
    if (one->strangers != 0) return std::to_string(one->strangers) + " DOWN of unknown monitors or objects";
    for (const auto& monitor : one->all) {
      const int expected = monitor.taken_back ? 0 : 1;
      // One that had come before it was taken back counts as well.
      if (monitor.taken_back && monitor.downs == 1) continue;
      if (monitor.downs != expected) {
        return std::to_string(monitor.downs) + " DOWN for a monitor of " + etf::to_text(monitor.target.to_term()) +
               " (" + monitor.reason + ")";
      }
      if (monitor.downs == 1 && monitor.reason != "killed" && monitor.reason != "noproc" &&
          monitor.reason != "noconnection") {
        return "a DOWN with " + monitor.reason;
      }
    }
  }
  return {};
}

}  // namespace ergo::test
