// The name table of one node: a copy of what all nodes of the cluster agree on.
#pragma once

#include "locks.hpp"

#include <ergo/etf/seeded_hash.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <optional>

namespace ergo::inline v0::otp::global_detail {

/// A registered process.
struct named {
  pid process;
  term method;  ///< what decides when two have the name: a fun of three arguments
  std::uint64_t watch = 0;
  std::optional<atom> registrar;  ///< the node that registered it, for a process of a node without a name server
};

/// Names with their processes; one name per process, which its registrar sees to. Each operation takes a time that
/// hardly grows with the number of names, but those about all of them, and about a node.
class name_table {
 public:
  explicit name_table(context& shared) : context_{shared} {}

  [[nodiscard]] const named* find(const term& name) const;
  [[nodiscard]] bool has(const pid& process) const;
  [[nodiscard]] std::vector<term> names() const;

  /// Gives `name` to a process, whoever had it before.
  void insert(const term& name, const pid& process, const term& method, std::optional<atom> registrar = std::nullopt);
  void erase(const term& name);
  /// A watched process has ended; false when it is none of ours.
  bool down(std::uint64_t watch);
  /// Drops the names of all processes of a node.
  void node_down(atom node);

  [[nodiscard]] term exchanged() const;  ///< `[{Name, Pid, Method}]`
  [[nodiscard]] term external() const;   ///< `[{Name, Pid, RegNode}]`

 private:
  using table = std::map<term, named, term_less>;
  /// Forgets who has a name; the name itself is the caller's business.
  void forget(const table::iterator& entry);
  table::iterator remove(const table::iterator& entry);

  context& context_;
  table names_;
  boost::unordered_flat_map<std::uint64_t, table::iterator> by_watch_;
  boost::unordered_flat_map<pid, std::size_t, etf::seeded_hash> names_of_;  // how many names a process has
};

}  // namespace ergo::inline v0::otp::global_detail
