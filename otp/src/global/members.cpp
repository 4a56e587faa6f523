#include "members.hpp"

#include <algorithm>

namespace ergo::inline v0::otp::global_detail {

int members::version(atom node) const {
  if (node == context_.node()) return own_version;
  if (const auto found = known_.find(node); found != known_.end()) return found->second;
  if (const auto found = pending_.find(node); found != pending_.end()) return found->second;
  const auto found = synced_.find(node);
  return found == synced_.end() ? 0 : found->second;
}

std::vector<atom> members::add(const std::vector<member>& nodes) {
  std::vector<atom> added;
  for (const auto& [node, version] : nodes) {
    if (node == context_.node()) continue;
    const auto [place, fresh] = known_.try_emplace(node, version);
    if (fresh) added.push_back(node);
    if (place->second == 0) place->second = version;
  }
  return added;
}

void members::remove(atom node) {
  known_.erase(node);
  pending_.erase(node);
  synced_.erase(node);
}

std::vector<atom> members::nodes() const {
  std::vector<atom> all;
  for (const auto& [node, version] : known_) all.push_back(node);
  return all;
}

std::vector<atom> members::followers() const {
  std::set<atom, node_less> all;
  for (const auto& [node, version] : known_) all.insert(node);
  for (const auto& [node, version] : synced_) all.insert(node);
  return {all.begin(), all.end()};
}

std::vector<atom> members::synced_nodes() const {
  std::vector<atom> all;
  for (const auto& [node, version] : synced_) all.push_back(node);
  return all;
}

std::vector<member> members::list() const {
  std::vector<member> all;
  for (const auto& [node, version] : known_) all.push_back({node, version});
  return all;
}

term members::known_term(int version) const {
  std::vector<term> all;
  for (const auto& [node, its] : known_)
    all.push_back(version < known_versions_version ? term{node} : etf::tuple(node, its));
  return etf::make_list(all);
}

term members::known_map() const {
  std::vector<term> pairs;
  for (const auto& [node, version] : known_) {
    pairs.emplace_back(node);
    pairs.emplace_back(version);
  }
  return etf::make_map(pairs);
}

void members::multicast(const term& content, atom but, int version, reach how_far) const {
  const auto send = [&](const std::map<atom, int, node_less>& to) {
    for (const auto& [node, its] : to) {
      if (node != but && its >= version) context_.act(info_action{node, content});
    }
  };
  send(known_);
  if (how_far == reach::known_and_pending) send(pending_);
}

term node_list(const std::vector<atom>& nodes) {
  const std::vector<term> list{nodes.begin(), nodes.end()};
  return etf::make_list(list);
}

std::vector<member> read_members(const term& list) {
  std::vector<member> read;
  for (const auto& item : list.items()) {
    if (const auto node = item.as_atom()) read.push_back({*node, 0});
    if (!item.is_tuple(2)) continue;
    const auto node = item.elements()[0].as_atom();
    const auto version = item.elements()[1].as_integer();
    if (node && version) read.push_back({*node, static_cast<int>(std::clamp<std::int64_t>(*version, 0, 1000))});
  }
  return read;
}

}  // namespace ergo::inline v0::otp::global_detail
