// Where a message may go: a pid, a local name, or a name on another node.
#pragma once

#include <ergo/error.hpp>

namespace ergo::inline v0 {

/// A process by identity or by name, as in Erlang's `Pid ! M`, `Name ! M` and `{Name, Node} ! M`.
class destination {
 public:
  destination(const pid& process) noexcept : node_{}, name_{}, pid_{process} {}  // NOLINT: pids are destinations
  destination(atom name) noexcept : node_{}, name_{name}, by_name_{true} {}      // NOLINT: so are local names
  destination(atom name, atom node) noexcept : node_{node}, name_{name}, by_name_{true} {}

  /// Reads `Pid`, `Name` or `{Name, Node}`; fails with `badarg`.
  [[nodiscard]] static result<destination> from(const term& value);

  [[nodiscard]] bool by_name() const noexcept { return by_name_; }
  [[nodiscard]] const pid& process() const noexcept { return pid_; }  ///< meaningful unless `by_name()`
  [[nodiscard]] atom name() const noexcept { return name_; }          ///< meaningful if `by_name()`
  /// The node's name where it was given; `''` for pids and local names.
  [[nodiscard]] atom node() const noexcept { return node_; }
  /// `Pid`, `Name` or `{Name, Node}`.
  [[nodiscard]] term to_term() const;

  friend bool operator==(const destination&, const destination&) noexcept = default;

 private:
  atom node_;
  atom name_;
  pid pid_{};
  bool by_name_ = false;
};

}  // namespace ergo::inline v0
