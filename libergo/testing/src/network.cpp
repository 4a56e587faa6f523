// Sessions, packets, loss.
#include "network.hpp"

#include "undeliverable.hpp"

#include <algorithm>

namespace ergo::inline v0::testing {

using detail::signal_kind;

sim::network::link* sim::network::find(const member& one, const member& other) const {
  for (const auto& known : links_) {
    const auto* const left = known->ends[0].owner;
    const auto* const right = known->ends[1].owner;
    if ((left == &one && right == &other) || (left == &other && right == &one)) return known.get();
  }
  return nullptr;
}

sim::network::link& sim::network::between(member& one, member& other) {
  if (auto* const known = find(one, other)) return *known;
  auto& made = *links_.emplace_back(std::make_unique<link>());
  made.ends[0].owner = &one;
  made.ends[1].owner = &other;
  return made;
}

// A session if there is none and one can be had. What is left of an old one ends first, on both sides.
bool sim::network::reach(link& on, std::size_t side) {
  if (on.ends[side].up) return true;
  const auto& other = *on.ends[1 - side].owner;
  if (on.separated || other.runtime == nullptr) return false;
  open(on);
  return true;
}

void sim::network::open(link& on) {
  for (std::size_t side = 0; side < 2; ++side) {
    if (on.ends[side].up) tell(on, side);
  }
  on.broken = false;
  ++sessions;
  ++on.sessions;
  for (std::size_t side = 0; side < 2; ++side) {
    auto& one = on.ends[side];
    const auto peer = on.ends[1 - side].owner->node->identity();
    one.up = true;
    one.carry = sim_.options_.carry ? sim_.options_.carry(*one.owner->node, peer)
                                    : make_envelope_carriage(*one.owner->node, peer);
    lost += one.towards.size();
    one.towards.clear();
    one.last_due = sim_.now();
    one.notices_at = time_point::max();
    one.owner->node->connected().came({peer.name(), false, sessions});
  }
}

void sim::network::put(link& on, std::size_t side, packet what) {
  auto& far = on.ends[1 - side];
  if (on.broken || !far.up) {  // nobody has noticed yet, but nothing arrives any more
    ++lost;
    return;
  }
  const auto spread = (sim_.options_.most_delay - sim_.options_.least_delay).count();
  const auto delay =
      sim_.options_.least_delay + duration{static_cast<duration::rep>(sim_.pick(static_cast<std::size_t>(spread) + 1))};
  far.last_due = std::max(far.last_due, sim_.now() + delay);
  far.towards.push_back({std::move(what), far.last_due});
}

void sim::network::deliver(member& from, const destination& to, detail::signal* envelope) {
  const auto name = to.by_name() ? to.node() : to.process().node.name();
  auto* const target = sim_.find(name.text());
  if (target == nullptr || target == &from) return answer_undeliverable(*from.node, to, envelope, "noconnection"_atom);
  auto& on = between(from, *target);
  const auto side = side_of(on, from);
  if (!reach(on, side)) return answer_undeliverable(*from.node, to, envelope, "noconnection"_atom);
  on.ends[side].carry->write(to, envelope, [&](packet made) { put(on, side, std::move(made)); });
}

bool sim::network::busy(const member& from, atom node) const {
  const auto* const target = sim_.find(node.text());
  const auto* const on = target == nullptr ? nullptr : find(from, *target);
  if (on == nullptr) return false;
  const auto side = side_of(*on, from);  // what is still under way of a connection that is lost makes nobody wait
  return on->ends[side].up && on->ends[1 - side].towards.size() > sim_.options_.busy_above;
}

void sim::network::wake_when_drained(member& from, atom node, const pid& waiting) {
  auto* const target = sim_.find(node.text());
  auto* const on = target == nullptr ? nullptr : find(from, *target);
  if (on == nullptr || !busy(from, node))
    return from.node->route_local(waiting, detail::make_signal(signal_kind::wake));
  on->ends[side_of(*on, from)].waiting.push_back(waiting);
}

void sim::network::wake_waiting(end& of) {
  for (const auto& one : std::exchange(of.waiting, {}))
    of.owner->node->route_local(one, detail::make_signal(signal_kind::wake));
}

void sim::network::monitor_node(member& from, const pid& watcher, atom node) {
  auto* const target = sim_.find(node.text());
  if (target != nullptr && target != &from) {
    auto& on = between(from, *target);
    const auto side = side_of(on, from);
    if (reach(on, side)) {
      auto& watchers = on.ends[side].watchers;
      const auto known = std::ranges::find(watchers, watcher, &std::pair<pid, unsigned>::first);
      if (known == watchers.end()) return watchers.emplace_back(watcher, 1U), void();
      ++known->second;
      return;
    }
  }
  from.node->route_local(watcher, detail::make_signal(signal_kind::node_down, pid{}, term{node}));
}

void sim::network::demonitor_node(member& from, const pid& watcher, atom node) {
  const auto* const target = sim_.find(node.text());
  auto* const on = target == nullptr ? nullptr : find(from, *target);
  if (on == nullptr) return;
  auto& watchers = on->ends[side_of(*on, from)].watchers;
  const auto known = std::ranges::find(watchers, watcher, &std::pair<pid, unsigned>::first);
  if (known != watchers.end() && --known->second == 0) watchers.erase(known);
}

void sim::network::tell_watchers(end& of, atom node) {
  for (const auto& [watcher, count] : std::exchange(of.watchers, {})) {
    for (unsigned one = 0; one < count; ++one) {
      of.owner->node->route_local(watcher, detail::make_signal(signal_kind::node_down, pid{}, term{node}));
    }
  }
}

// ----- loss ---------------------------------------------------------------------------------------------------------

// Some of what is under way still arrives, always the oldest; then each end notices.
void sim::network::lose(link& on) {
  if (on.broken || (!on.ends[0].up && !on.ends[1].up)) return;
  on.broken = true;
  for (auto& one : on.ends) {
    if (!one.up) continue;
    const auto arrives = sim_.pick(one.towards.size() + 1);
    lost += one.towards.size() - arrives;
    one.towards.erase(one.towards.begin() + static_cast<std::ptrdiff_t>(arrives), one.towards.end());
    const auto from = one.towards.empty() ? sim_.now() : one.towards.back().due;
    one.notices_at = from + duration{static_cast<duration::rep>(
                                sim_.pick(static_cast<std::size_t>(sim_.options_.slowest_notice.count()) + 1))};
  }
}

void sim::network::tell(link& on, std::size_t side) {
  auto& one = on.ends[side];
  one.up = false;
  one.notices_at = time_point::max();
  lost += one.towards.size();
  one.towards.clear();
  const auto carry = std::move(one.carry);
  carry->lost();
  const auto peer = atom::of(on.ends[1 - side].owner->name);
  tell_watchers(one, peer);
  one.owner->node->connected().went(peer, term{"connection_closed"_atom});
  wake_waiting(one);
}

void sim::network::cut(member& left, member& right) {
  if (auto* const on = find(left, right)) lose(*on);
}

void sim::network::partition(member& left, member& right, bool separate) {
  auto& on = between(left, right);
  on.separated = separate;
  if (separate) lose(on);
}

void sim::network::crashed(member& gone) {
  for (auto& on : links_) {
    const auto side = side_of(*on, gone);
    if (on->ends[side].owner != &gone) continue;
    lose(*on);
    auto& end_of = on->ends[side];
    end_of.up = false;
    end_of.carry.reset();
    lost += end_of.towards.size();
    end_of.towards.clear();
    end_of.notices_at = time_point::max();
    end_of.waiting.clear();
    end_of.watchers.clear();
  }
}

bool sim::network::connected(const member& from, const member& to) const {
  const auto* const on = find(from, to);
  return on != nullptr && on->ends[side_of(*on, from)].up;
}

std::uint64_t sim::network::sessions_of(const member& one, const member& other) const {
  const auto* const on = find(one, other);
  return on == nullptr ? 0 : on->sessions;
}

// ----- progress -----------------------------------------------------------------------------------------------------

std::size_t sim::network::due_actions(time_point now) {
  due_.clear();
  for (auto& on : links_) {
    for (std::size_t side = 0; side < 2; ++side) {
      auto& one = on->ends[side];
      if (!one.up) continue;
      if (!one.towards.empty() && one.towards.front().due <= now) due_.push_back({on.get(), side, false});
      if (one.towards.empty() && one.notices_at <= now) due_.push_back({on.get(), side, true});
    }
  }
  return due_.size();
}

void sim::network::act(std::size_t index) {
  const auto chosen = due_[index];
  if (chosen.notice) {
    tell(*chosen.on, chosen.side);
  } else {
    take(*chosen.on, chosen.side);
  }
}

void sim::network::take(link& on, std::size_t side) {
  auto& one = on.ends[side];
  auto first = std::move(one.towards.front().what);
  one.towards.pop_front();
  auto& sender = on.ends[1 - side];
  if (one.towards.size() <= sim_.options_.busy_above / 2 && sender.owner->node != nullptr) wake_waiting(sender);
  ++packets;
  auto wrong = one.carry->read(std::move(first), [&](packet answer) { put(on, side, std::move(answer)); });
  if (wrong.empty()) return;
  if (refused++ == 0) refusal = std::move(wrong);
  lose(on);
}

time_point sim::network::next_due() const {
  auto next = time_point::max();
  for (const auto& on : links_) {
    for (const auto& one : on->ends) {
      if (!one.up) continue;
      if (!one.towards.empty()) {
        next = std::min(next, one.towards.front().due);
      } else {
        next = std::min(next, one.notices_at);
      }
    }
  }
  return next;
}

}  // namespace ergo::inline v0::testing
