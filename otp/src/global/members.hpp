// Who belongs to the cluster, as one node sees it.
#pragma once

#include "context.hpp"

#include <set>

namespace ergo::inline v0::otp::global_detail {

/// A node with the version of its protocol; 0 where it is not known.
struct member {
  atom node;
  int version;
};

/// Which members a message goes to besides those that are known.
enum class reach : std::uint8_t { known, known_and_pending };

/// Known, pending and removed nodes.
class members {
 public:
  explicit members(context& shared) : context_{shared} {}

  [[nodiscard]] bool known(atom node) const { return known_.contains(node); }
  [[nodiscard]] bool pending(atom node) const { return pending_.contains(node); }
  /// Whether the node may count on us: it is known or pending, or has greeted us.
  [[nodiscard]] bool potential(atom node) const { return known(node) || pending(node) || synced(node); }
  [[nodiscard]] bool synced(atom node) const { return synced_.contains(node); }
  /// The version of a known or pending node, of one that has greeted us, or of ourselves; otherwise 0.
  [[nodiscard]] int version(atom node) const;

  [[nodiscard]] bool connected(atom node) const { return connected_.contains(node); }
  [[nodiscard]] std::vector<atom> connected_nodes() const { return {connected_.begin(), connected_.end()}; }
  void set_connected(atom node) { connected_.insert(node); }
  void clear_connected(atom node) { connected_.erase(node); }
  void set_pending(atom node, int version) { pending_[node] = version; }
  void clear_pending(atom node) { pending_.erase(node); }
  void set_synced(atom node) { synced_[node] = version(node); }
  /// Adds nodes; returns those that were not known before.
  std::vector<atom> add(const std::vector<member>& nodes);
  /// Forgets a node altogether.
  void remove(atom node);

  /// Marks a node that is taken out on purpose: its loss is no news.
  void set_removing(atom node) { removing_.insert(node); }
  /// Whether the node was marked; it is not any more.
  bool take_removing(atom node) { return removing_.erase(node) != 0; }

  [[nodiscard]] std::vector<atom> nodes() const;  ///< known ones, in Erlang's order
  /// Likewise those that take us for a member: known ones, and who else has greeted us.
  [[nodiscard]] std::vector<atom> followers() const;
  [[nodiscard]] std::vector<member> list() const;
  [[nodiscard]] std::vector<atom> synced_nodes() const;
  /// The known nodes for a peer of `version`: with theirs, or as plain names.
  [[nodiscard]] term known_term(int version) const;
  /// As `known_term` but as the map that `init_connect` carries.
  [[nodiscard]] term known_map() const;

  /// Sends an info to all members of at least `version` but one.
  void multicast(const term& content, atom but, int version, reach how_far) const;

 private:
  context& context_;
  std::map<atom, int, node_less> known_;
  std::map<atom, int, node_less> pending_;
  std::set<atom, node_less> connected_;  // whether members or not
  std::set<atom, node_less> removing_;
  std::map<atom, int, node_less> synced_;
};

/// Node names as a list of atoms.
[[nodiscard]] term node_list(const std::vector<atom>& nodes);
/// Reads `[Node | {Node, Version}]`; what is neither is left out.
[[nodiscard]] std::vector<member> read_members(const term& list);

}  // namespace ergo::inline v0::otp::global_detail
