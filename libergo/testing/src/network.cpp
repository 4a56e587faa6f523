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
  if (on.separated || on.ends[0].muted || on.ends[1].muted || other.runtime == nullptr) return false;
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
    one.gives_up_at = time_point::max();
    one.owner->node->connected().came({peer.name(), false, sessions});
  }
}

void sim::network::put(link& on, std::size_t side, packet what) {
  auto& far = on.ends[1 - side];
  if (on.broken || !far.up) {  // nobody has noticed yet, but nothing arrives any more
    ++lost;
    return;
  }
  if (const auto place = place_for(what, far); place != far.towards.end()) {
    const auto due = place->due;
    overtaken += static_cast<std::uint64_t>(far.towards.end() - place);
    far.towards.insert(place, {std::move(what), due});
    return;
  }
  const auto delay = sim_.options_.least_delay + up_to(sim_.options_.most_delay - sim_.options_.least_delay);
  far.last_due = std::max(far.last_due, sim_.now() + delay);
  far.towards.push_back({std::move(what), far.last_due});
}

duration sim::network::up_to(duration most) {
  return duration{static_cast<duration::rep>(sim_.choose(static_cast<std::size_t>(most.count()) + 1))};
}

// Where a packet goes among those that are under way: mostly behind all, but never before one of the same sender, and
// not past one that has none.
std::deque<sim::network::on_the_way>::iterator sim::network::place_for(const packet& what, end& far) {
  const auto last = far.towards.end();
  if (sim_.options_.overtaking == 0 || what.envelope == nullptr || what.envelope->from == pid{}) return last;
  if (sim_.choose(100) >= sim_.options_.overtaking) return last;
  auto first = last;
  while (first != far.towards.begin()) {
    const auto* const before = std::prev(first)->what.envelope;
    if (before == nullptr || before->from == pid{} || before->from == what.envelope->from) break;
    --first;
  }
  const auto passed = sim_.choose(static_cast<std::size_t>(last - first) + 1);
  return last - static_cast<std::ptrdiff_t>(passed);
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

// Some of what is under way still arrives, always the oldest; then each end notices. One that hears nothing notices by
// the silence.
void sim::network::lose(link& on) {
  if (on.broken || (!on.ends[0].up && !on.ends[1].up)) return;
  on.broken = true;
  for (auto& one : on.ends) {
    if (!one.up) continue;
    const auto arrives = one.muted ? 0 : sim_.choose(one.towards.size() + 1);
    lost += one.towards.size() - arrives;
    one.towards.erase(one.towards.begin() + static_cast<std::ptrdiff_t>(arrives), one.towards.end());
    if (one.muted) continue;
    const auto from = one.towards.empty() ? sim_.now() : one.towards.back().due;
    one.notices_at = from + up_to(sim_.options_.slowest_notice);
  }
}

void sim::network::tell(link& on, std::size_t side) {
  auto& one = on.ends[side];
  one.up = false;
  one.notices_at = time_point::max();
  one.gives_up_at = time_point::max();
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

void sim::network::partition(member& left, member& right) {
  auto& on = between(left, right);
  on.separated = true;
  lose(on);
}

// An end whose notice was under way does not hear of it any more.
void sim::network::mute(member& from, member& to) {
  auto& on = between(from, to);
  auto& deaf = on.ends[side_of(on, to)];
  if (deaf.muted) return;
  deaf.muted = true;
  if (!deaf.up) return;
  deaf.gives_up_at = sim_.now() + sim_.options_.silence * 3 / 4 + up_to(sim_.options_.silence / 2);
  deaf.notices_at = time_point::max();
}

void sim::network::end_silence(end& of, bool lost_meanwhile) {
  if (!std::exchange(of.muted, false)) return;
  of.gives_up_at = time_point::max();
  if (of.up && lost_meanwhile) of.notices_at = sim_.now() + up_to(sim_.options_.slowest_notice);
}

void sim::network::heal(member& left, member& right) {
  auto& on = between(left, right);
  on.separated = false;
  for (auto& one : on.ends) end_silence(one, on.broken);
}

void sim::network::heal_all() {
  for (auto& on : links_) heal(*on->ends[0].owner, *on->ends[1].owner);
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
    end_of.gives_up_at = time_point::max();
    end_of.waiting.clear();
    end_of.watchers.clear();
  }
}

bool sim::network::connected(const member& from, const member& to) const {
  const auto* const on = find(from, to);
  return on != nullptr && on->ends[side_of(*on, from)].up;
}

bool sim::network::quiet(const member& one, const member& other) const {
  const auto* const on = find(one, other);
  if (on == nullptr) return true;
  const bool noticed = !on->broken || (!on->ends[0].up && !on->ends[1].up);
  return noticed && on->ends[0].up == on->ends[1].up && on->ends[0].towards.empty() && on->ends[1].towards.empty();
}

std::size_t sim::network::remembered(const member& from, const member& to) const {
  const auto* const on = find(from, to);
  const auto* const carry = on == nullptr ? nullptr : on->ends[side_of(*on, from)].carry.get();
  return carry == nullptr ? 0 : carry->remembered();
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
      const bool reads = !one.muted && one.owner->reads_at <= now;
      if (reads && !one.towards.empty() && one.towards.front().due <= now)
        due_.push_back({on.get(), side, event::packet});
      if (one.towards.empty() && one.notices_at <= now) due_.push_back({on.get(), side, event::notice});
      if (one.gives_up_at <= now) due_.push_back({on.get(), side, event::silence});
    }
  }
  return due_.size();
}

void sim::network::act(std::size_t index) {
  const auto chosen = due_[index];
  if (sim_.options_.history) sim_.note(describe(chosen));
  switch (chosen.what) {
    case event::packet: return take(*chosen.on, chosen.side);
    case event::notice: return tell(*chosen.on, chosen.side);
    case event::silence: lose(*chosen.on); return tell(*chosen.on, chosen.side);
  }
}

std::string sim::network::describe(const action& chosen) const {
  const auto& here = chosen.on->ends[chosen.side].owner->name;
  const auto& there = chosen.on->ends[1 - chosen.side].owner->name;
  switch (chosen.what) {
    case event::packet: return here + " reads of " + there;
    case event::notice: return here + " notices the loss of " + there;
    case event::silence: return here + " gives up " + there + ", which is silent";
  }
  return {};
}

void sim::network::take(link& on, std::size_t side) {
  auto& one = on.ends[side];
  auto first = std::move(one.towards.front().what);
  one.towards.pop_front();
  one.owner->reads_at = after(sim_.now(), one.owner->gap);
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
      next = std::min(next, one.gives_up_at);
      if (one.towards.empty()) {
        next = std::min(next, one.notices_at);
      } else if (!one.muted) {
        next = std::min(next, std::max(one.towards.front().due, one.owner->reads_at));
      }
    }
  }
  return next;
}

}  // namespace ergo::inline v0::testing
