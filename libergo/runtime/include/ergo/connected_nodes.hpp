// Which nodes are connected, and which processes want to know: what `nodes()` and `net_kernel:monitor_nodes/2` are in
// Erlang. The network says what happens; processes are told in order with the traffic (promise A12).
#pragma once

#include <ergo/error.hpp>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace ergo::inline v0 {

class local_node;

/// Which of the connected nodes are meant.
enum class node_set : std::uint8_t { visible, hidden, all };

/// A connection to another node.
struct node_link {
  atom node;
  bool hidden = false;           ///< either end hides itself: the node is not in Erlang's `nodes()`
  std::uint64_t connection = 0;  ///< distinguishes the connections that a node makes while it lives; never 0
};

/// The nodes that one node is connected with. Any thread; what it tells is in each process's inbox when it returns.
///
/// Other nodes of the same program are not among them: nothing has to be connected to reach those.
class connected_nodes {
 public:
  explicit connected_nodes(local_node& owner) noexcept : owner_{owner} {}

  /// The names of those that are connected now, sorted.
  [[nodiscard]] std::vector<atom> list(node_set which = node_set::visible) const;
  [[nodiscard]] bool contains(atom node) const;

  // For the network. Of one node the two alternate strictly; what is out of turn is ignored.

  /// A node is connected; to be called before any of its traffic reaches a process.
  void came(const node_link& link);
  /// It is not any more; to be called when everything that had arrived, and the news of the loss, was delivered.
  /// `reason` is an atom of `net_kernel:monitor_nodes/2`, such as `connection_closed`. Returns the connection that was.
  std::optional<node_link> went(atom node, const term& reason);

  // For `process::monitor_nodes`.

  /// Tells `who` from now on, instead of what it asked for before; returns those of them that are connected already.
  std::vector<atom> subscribe(const pid& who, node_set which);
  void unsubscribe(const pid& who);

 private:
  [[nodiscard]] std::vector<atom> list_locked(node_set which) const;
  void tell(const node_link& about, const term& news);

  local_node& owner_;
  mutable std::mutex mutex_;  // held while inboxes are filled, so that all are told in one order
  std::map<std::string_view, node_link> up_;
  std::vector<std::pair<pid, node_set>> told_;
};

}  // namespace ergo::inline v0
