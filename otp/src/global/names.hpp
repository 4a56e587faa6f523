// The name table of one node: a copy of what all nodes of the cluster agree on.
#pragma once

#include "locks.hpp"

#include <optional>

namespace ergo::inline v0::otp::global_detail {

/// A registered process.
struct named {
  pid process;
  term method;  ///< what decides when two have the name: a fun of three arguments
  std::uint64_t watch = 0;
  std::optional<atom> registrar;  ///< the node that registered it, for a process of a node without a name server
};

/// Names with their processes; one name per process, which its registrar sees to.
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
  void erase_if(const std::function<bool(const named&)>& gone);

  context& context_;
  std::map<term, named, term_less> names_;
};

}  // namespace ergo::inline v0::otp::global_detail
