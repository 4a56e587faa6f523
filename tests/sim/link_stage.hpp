// Six processes on three nodes that link and unlink as they are told, and what they believe afterwards.
#pragma once

#include "cluster.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

namespace ergo::test {

inline constexpr std::size_t actors = 6;  // on three nodes

struct actor_state {
  pid id{};
  std::set<std::size_t> linked;  // as it believes
  std::vector<int> exits = std::vector<int>(actors);
  int strange = 0;
};

struct stage {
  explicit stage(sim& in) : world{in} {
    for (std::size_t index = 0; index < 3; ++index) {
      names.push_back(node_name(index));
      world.start(names.back());
    }
    for (std::size_t index = 0; index < actors; ++index) start(index);
  }
  void start(std::size_t index);
  [[nodiscard]] std::size_t index_of(const pid& who) const {
    const auto found = std::ranges::find(actor, who, &actor_state::id);
    return static_cast<std::size_t>(found - actor.begin());
  }

  sim& world;
  std::vector<std::string> names;
  std::array<actor_state, actors> actor{};
};

// Obeys {link, Pid} and {unlink, Pid}; an EXIT ends the link it tells of; `look` asks the process info for the truth.
inline task<> act(process& self, stage* on, std::size_t index) {
  for (;;) {
    auto got = co_await self.receive_any();
    auto& me = on->actor[index];
    if (const auto left = got.as<exit_message>()) {
      const auto from = on->index_of(left->from);
      if (from == actors) {
        ++me.strange;
      } else {
        ++me.exits[from];
      }
    } else if (got.payload().is_tuple(2)) {
      const auto other = *got.payload().elements()[1].as_pid();
      got.payload().elements()[0].is("link"_atom) ? self.link(other) : self.unlink(other);
    }
  }
}

inline void stage::start(std::size_t index) {
  actor[index] = {};
  actor[index].id = world.spawn(names[index % names.size()], {.trap_exits = true}, make_body(act, this, index));
}

// When everything has arrived, asks every actor for its links, on its own node.
inline void look_everywhere(stage& on) {
  on.world.run_for(1s);
  for (std::size_t index = 0; index < actors; ++index) {
    on.actor[index].linked.clear();
    on.world.spawn(
        on.names[index % on.names.size()],
        [](process& self, stage* here, std::size_t whose) -> task<> {
          auto info = co_await process_info(self, here->actor[whose].id);
          if (!info) co_return;
          for (const auto& fact : info->items()) {
            if (!fact.elements()[0].is("links"_atom)) continue;
            for (const auto& other : fact.elements()[1].items())
              here->actor[whose].linked.insert(here->index_of(*other.as_pid()));
          }
        },
        &on, index);
  }
  on.world.run_for(1s);
}

struct op {
  std::size_t by;
  std::size_t with;
  bool link;
};

[[nodiscard]] inline op random_op(stage& on) {
  const auto by = on.world.pick(actors);
  return {by, (by + 1 + on.world.pick(actors - 1)) % actors, on.world.pick(2) == 0};
}

inline void order(stage& on, const op& one) {
  on.world.send(on.actor[one.by].id, etf::tuple(one.link ? "link"_atom : "unlink"_atom, on.actor[one.with].id));
}

// What must hold for a pair when everything has arrived; empty where both answers are right.
[[nodiscard]] inline std::optional<bool> expected(const std::vector<op>& ops, std::size_t left, std::size_t right,
                                                  bool before) {
  bool linked = before;
  std::set<std::size_t> who;
  bool any_link = false;
  bool any_unlink = false;
  for (const auto& one : ops) {
    if (!((one.by == left && one.with == right) || (one.by == right && one.with == left))) continue;
    who.insert(one.by);
    (one.link ? any_link : any_unlink) = true;
    linked = one.link;
  }
  if (any_link && any_unlink && who.size() == 2) return std::nullopt;
  return linked;
}

[[nodiscard]] inline std::string pair_text(std::size_t left, std::size_t right) {
  return std::to_string(left) + " and " + std::to_string(right);
}

[[nodiscard]] inline std::string check_symmetry(const stage& on) {
  for (std::size_t left = 0; left < actors; ++left) {
    for (const auto right : on.actor[left].linked) {
      if (right >= actors) return "a link to somebody who has gone";
      if (!on.actor[right].linked.contains(left)) return "a one-sided link of " + pair_text(left, right);
    }
  }
  return {};
}

/// Kills an actor that the seed picks and starts another in its place: each partner gets exactly one EXIT, nobody else
/// any. Empty when it was so.
[[nodiscard]] inline std::string check_death(stage& on) {
  const auto victim = on.world.pick(actors);
  const auto partners = on.actor[victim].linked;
  for (auto& one : on.actor) std::ranges::fill(one.exits, 0);
  on.world.exit(on.actor[victim].id, "kill"_atom);
  on.world.run_for(1s);
  for (std::size_t other = 0; other < actors; ++other) {
    if (other == victim) continue;
    if (on.actor[other].exits[victim] != (partners.contains(other) ? 1 : 0))
      return std::to_string(on.actor[other].exits[victim]) + " EXIT for the link of " + pair_text(other, victim);
    if (on.actor[other].strange != 0) return "an EXIT of a stranger";
  }
  on.start(victim);
  return {};
}

}  // namespace ergo::test
