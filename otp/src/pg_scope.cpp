// Membership of one scope: our own, that of each peer, and the sum of both.
#include "pg_scope.hpp"

#include <ergo/etf/seeded_hash.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>

namespace ergo::inline v0::otp::detail {
namespace {

using members = pg_scope::members;
using group_map = std::map<term, members, term_order>;

std::optional<members> read_members(const term& list) {
  if (const auto one = list.as_pid()) return members{*one};
  if (!list.is_list() || list.drop(list.items().size()) != term{}) return std::nullopt;
  members read;
  read.reserve(list.items().size());
  for (const auto& item : list.items()) {
    const auto who = item.as_pid();
    if (!who) return std::nullopt;
    read.push_back(*who);
  }
  return read;
}

// `[{Group, Pids}]`, or a map with the same.
std::optional<group_map> read_groups(const term& from) {
  group_map read;
  const auto put = [&](const term& group, const term& pids) {
    auto who = read_members(pids);
    if (who && !who->empty()) read.insert_or_assign(group, *who);
    return who.has_value();
  };
  if (from.is_map()) {
    const auto entries = from.entries();
    for (std::size_t at = 0; at < entries.size(); at += 2) {
      if (!put(entries[at], entries[at + 1])) return std::nullopt;
    }
    return read;
  }
  if (!from.is_list()) return std::nullopt;
  for (const auto& item : from.items()) {
    if (!item.is_tuple(2) || !put(item.elements()[0], item.elements()[1])) return std::nullopt;
  }
  return read;
}

// As pg.erl writes it: one process is no list.
term one_or_list(std::span<const pid> who) { return who.size() == 1 ? term{who.front()} : list_of(who); }

// Takes each of `what` out of `from` as often as it is named; returns what was there. Linear in the sum of both.
members subtract(members& from, std::span<const pid> what) {
  members taken;
  if (what.size() == 1) {
    const auto found = std::ranges::find(from, what.front());
    if (found != from.end()) {
      taken.push_back(*found);
      from.erase(found);
    }
    return taken;
  }
  boost::unordered_flat_map<pid, unsigned, etf::seeded_hash> wanted;
  for (const auto& one : what) ++wanted[one];
  std::erase_if(from, [&](const pid& one) {
    const auto named = wanted.find(one);
    if (named == wanted.end() || named->second == 0) return false;
    --named->second;
    taken.push_back(one);
    return true;
  });
  return taken;
}

template <typename Map>
term keys_of(const Map& map) {
  std::vector<term> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return etf::make_list(keys);
}

}  // namespace

term list_of(std::span<const pid> who) {
  const std::vector<term> items{who.begin(), who.end()};
  return etf::make_list(items);
}

// ----- our own members ----------------------------------------------------------------------------------------------

void pg_scope::join(const term& group, std::span<const pid> who) {
  if (who.empty()) return;
  for (const auto& one : who) {
    auto& joined = own_[one];
    if (joined.empty()) out_.emplace_back(pg_action::watch{one});
    joined.push_back(group);
  }
  auto& entry = view_[group];
  entry.all.insert(entry.all.end(), who.begin(), who.end());
  entry.local.insert(entry.local.end(), who.begin(), who.end());
  notify(change::join, group, who);
  broadcast(etf::tuple("join"_atom, self_, group, one_or_list(who)));
}

bool pg_scope::leave(const term& group, std::span<const pid> who) {
  members gone;
  for (const auto& one : who) {
    const auto known = own_.find(one);
    if (known == own_.end()) continue;
    auto& joined = known->second;
    const auto found = std::ranges::find(joined, group);
    if (found == joined.end()) continue;
    joined.erase(found);
    gone.push_back(one);
    if (!joined.empty()) continue;
    own_.erase(known);
    out_.emplace_back(pg_action::unwatch{one});
  }
  if (gone.empty()) return false;
  subtract(view_[group].local, gone);
  drop_from_view(group, gone);
  notify(change::leave, group, gone);
  broadcast(etf::tuple("leave"_atom, self_, one_or_list(gone), etf::list(group)));
  return true;
}

void pg_scope::ended(const pid& who) {
  if (auto own = own_.extract(who)) {
    const std::span<const pid> gone{&who, 1};
    for (const auto& group : own.mapped()) {
      subtract(view_[group].local, gone);
      drop_from_view(group, gone);
      notify(change::leave, group, gone);
    }
    return broadcast(etf::tuple("leave"_atom, self_, who, etf::make_list(own.mapped())));
  }
  const auto lost = peers_.extract(who);
  if (lost.empty()) return;
  for (const auto& [group, gone] : lost.mapped().groups) {
    drop_from_view(group, gone);
    notify(change::leave, group, gone);
  }
}

term pg_scope::own_groups() const {
  std::vector<term> entries;
  for (const auto& [group, entry] : view_) {
    if (!entry.local.empty()) entries.push_back(etf::tuple(group, list_of(entry.local)));
  }
  return etf::make_list(entries);
}

// ----- peers --------------------------------------------------------------------------------------------------------

void pg_scope::node_up(atom node) {
  out_.emplace_back(pg_action::send{{name_, node}, etf::tuple("discover"_atom, self_)});
}

bool pg_scope::receive(const term& message) {
  const auto parts = message.elements();
  if (parts.size() < 2 || !parts[1].as_pid() || parts[1].as_pid()->node == self_.node) return false;
  if (parts[0].is("discover"_atom)) return discovered(parts);
  if (parts[0].is("join"_atom)) return joined(parts);
  if (parts[0].is("leave"_atom)) return left(parts);
  if (parts[0].is("update"_atom)) return updated(parts);
  const bool local_data = parts[0].is("local_data"_atom) && parts.size() == 4;
  if (!local_data && !(parts[0].is("sync"_atom) && parts.size() == 3)) return false;
  auto groups = read_groups(parts.back());
  return groups && synchronised(parts[1], *std::move(groups));
}

pg_scope::peer& pg_scope::peer_for(const pid& who) {
  const auto [place, fresh] = peers_.try_emplace(who);
  if (fresh) out_.emplace_back(pg_action::watch{who});
  return place->second;
}

// Whatever version it speaks, it is answered in version 0: a third element crashes pg up to OTP 25, and all newer ones
// go down to what they are told.
bool pg_scope::discovered(std::span<const term> parts) {
  if (parts.size() > 3) return false;
  const auto who = *parts[1].as_pid();
  const bool known = peers_.contains(who);
  auto& by = peer_for(who);
  by.told = true;
  out_.emplace_back(pg_action::cast{who, etf::tuple("sync"_atom, self_, own_groups())});
  if (!known) out_.emplace_back(pg_action::send{who, etf::tuple("discover"_atom, self_)});
  return true;
}

// What it says replaces what was known of it.
bool pg_scope::synchronised(const term& from, std::map<term, members, term_order> groups) {
  auto& by = peer_for(*from.as_pid());
  const auto before = by.groups;
  for (const auto& [group, was] : before) {
    const auto now = groups.find(group);
    auto gone = was;
    if (now != groups.end()) subtract(gone, now->second);
    remove(by, group, gone);
  }
  for (auto& [group, now] : groups) {
    if (const auto was = before.find(group); was != before.end()) subtract(now, was->second);
    add(by, group, now);
  }
  return true;
}

// Before it has discovered us, or after it was lost, a peer may still send changes of what we do not know.
bool pg_scope::joined(std::span<const term> parts) {
  const auto who = parts.size() == 4 ? read_members(parts[3]) : std::nullopt;
  if (!who) return false;
  const auto by = peers_.find(*parts[1].as_pid());
  if (by != peers_.end()) add(by->second, parts[2], *who);
  return true;
}

bool pg_scope::left(std::span<const term> parts) {
  const auto who = parts.size() == 4 ? read_members(parts[2]) : std::nullopt;
  if (!who || !parts[3].is_list()) return false;
  const auto by = peers_.find(*parts[1].as_pid());
  if (by == peers_.end()) return true;
  for (const auto& group : parts[3].items()) remove(by->second, group, *who);
  return true;
}

// `{update, Peer, [{Group, Joined, Left}]}` of version 1.
bool pg_scope::updated(std::span<const term> parts) {
  struct step {
    term group;
    members joined;
    members left;
  };
  if (parts.size() != 3 || !parts[2].is_list()) return false;
  std::vector<step> steps;
  for (const auto& item : parts[2].items()) {
    if (!item.is_tuple(3)) return false;
    auto joined = read_members(item.elements()[1]);
    auto left = read_members(item.elements()[2]);
    if (!joined || !left) return false;
    steps.push_back({item.elements()[0], *std::move(joined), *std::move(left)});
  }
  const auto by = peers_.find(*parts[1].as_pid());
  if (by == peers_.end()) return true;
  for (const auto& one : steps) {
    add(by->second, one.group, one.joined);
    remove(by->second, one.group, one.left);
  }
  return true;
}

void pg_scope::add(peer& of, const term& group, const members& who) {
  if (who.empty()) return;
  auto& theirs = of.groups[group];
  theirs.insert(theirs.end(), who.begin(), who.end());
  auto& all = view_[group].all;
  all.insert(all.end(), who.begin(), who.end());
  notify(change::join, group, who);
}

void pg_scope::remove(peer& of, const term& group, const members& who) {
  const auto theirs = of.groups.find(group);
  if (theirs == of.groups.end()) return;
  const auto gone = subtract(theirs->second, who);
  if (theirs->second.empty()) of.groups.erase(theirs);
  if (gone.empty()) return;
  drop_from_view(group, gone);
  notify(change::leave, group, gone);
}

void pg_scope::drop_from_view(const term& group, std::span<const pid> who) {
  const auto entry = view_.find(group);
  subtract(entry->second.all, who);
  if (entry->second.all.empty()) view_.erase(entry);
}

void pg_scope::broadcast(const term& message) {
  for (const auto& [who, about] : peers_) {
    if (about.told) out_.emplace_back(pg_action::send{who, message});
  }
}

// ----- subscribers --------------------------------------------------------------------------------------------------

void pg_scope::notify(change what, const term& group, std::span<const pid> who) {
  const auto named = subscribers_.find(group);
  if (everything_.empty() && named == subscribers_.end()) return;
  const term verb{what == change::join ? "join"_atom : "leave"_atom};
  const auto pids = list_of(who);
  const auto tell = [&](const subscriber& one) {
    out_.emplace_back(pg_action::send{one.who, etf::tuple(one.ref, verb, group, pids)});
  };
  std::ranges::for_each(everything_, tell);
  if (named != subscribers_.end()) std::ranges::for_each(named->second, tell);
}

void pg_scope::subscribe(const term& group, const reference& ref, const pid& who) {
  subscribers_[group].push_back({ref, who});
}

bool pg_scope::unsubscribe(const reference& ref) {
  const auto is_it = [&](const subscriber& one) { return one.ref == ref; };
  if (std::erase_if(everything_, is_it) != 0) return true;
  const auto found = std::ranges::find_if(subscribers_, [&](auto& of) { return std::erase_if(of.second, is_it) != 0; });
  if (found == subscribers_.end()) return false;
  if (found->second.empty()) subscribers_.erase(found);
  return true;
}

// ----- what is there ------------------------------------------------------------------------------------------------

members pg_scope::all(const term& group) const {
  const auto found = view_.find(group);
  return found == view_.end() ? members{} : found->second.all;
}

members pg_scope::local(const term& group) const {
  const auto found = view_.find(group);
  return found == view_.end() ? members{} : found->second.local;
}

term pg_scope::groups() const { return keys_of(view_); }

term pg_scope::local_groups() const {
  std::vector<term> keys;
  for (const auto& [group, entry] : view_) {
    if (!entry.local.empty()) keys.push_back(group);
  }
  return etf::make_list(keys);
}

term pg_scope::everything() const {
  std::vector<term> entries;
  for (const auto& [group, entry] : view_) {
    entries.push_back(group);
    entries.push_back(list_of(entry.all));
  }
  return etf::make_map(entries);
}

}  // namespace ergo::inline v0::otp::detail
