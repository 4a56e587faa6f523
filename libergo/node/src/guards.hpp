// Processes of the node's own, and what peers may do to them that may not manage the node (attack S30).
#pragma once

#include <ergo/guard.hpp>
#include <ergo/local_node.hpp>

#include <atomic>
#include <optional>

namespace ergo::inline v0::detail {

/// Who says something to a process: a peer without `right::manage`.
struct guest {
  atom node;
  right held = right::talk;
};

/// Which names are guarded, and what is let through to each. Any thread. It is asked for each message of such a peer:
/// so entries are never changed or taken away, and looking takes no lock; the newest of a name counts.
class guards {
 public:
  guards();
  ~guards();
  guards(const guards&) = delete;
  guards& operator=(const guards&) = delete;

  /// Guards whoever is registered as `name`; an empty `admits` lets everything through.
  void add(atom name, admission admits);
  [[nodiscard]] bool has(const local_node& at, const pid& process) const;
  /// Whether `said` may reach `process`.
  [[nodiscard]] bool admits(const local_node& at, const pid& process, const guest& who, const term& said) const;

 private:
  struct entry {
    atom name;
    admission admits;
    const entry* older;
  };
  [[nodiscard]] const entry* find(const local_node& at, const pid& process) const;

  std::atomic<const entry*> newest_{nullptr};
};

/// Who waits for an answer to a message: to a call, or to a request of `sys`.
[[nodiscard]] std::optional<caller> asker_of(const term& said);

}  // namespace ergo::inline v0::detail
