// The links and monitors that cross one connection, so that its loss tells everybody exactly once (promise A3).
//
// Processes hold the truth about their links; this table may hold a pair that the process has dropped meanwhile (it
// then ignores the news), never the reverse.
#pragma once

#include <ergo/destination.hpp>
#include <ergo/detail/signal.hpp>
#include <ergo/etf/seeded_hash.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace ergo::inline v0::detail {

/// What is connected with what over one connection. Owned by the connection's slices.
class crossing {
 public:
  /// A monitor of ours on something over there.
  struct own_monitor {
    pid watcher;
    destination target{pid{}};
  };
  /// A monitor of theirs on a process of ours.
  struct peer_monitor {
    pid watcher;
    pid target;
    atom name;  ///< by which name it was made; `''` for by pid
  };
  /// One signal that the loss of the connection gives: to a process of this program.
  struct notice {
    pid to;
    signal* envelope;
  };

  /// The ends of a link.
  struct pair {
    pid local;
    pid remote;
    friend bool operator==(const pair&, const pair&) = default;
  };
  /// The peer chooses the bits of its pids and references: nobody may foresee where they are put (attack S23).
  struct pair_hash {
    using is_avalanching = void;
    std::size_t operator()(const pair& ends) const noexcept {
      constexpr etf::seeded_hash hash;
      return etf::seeded_hash::of(hash(ends.local), hash(ends.remote));
    }
  };
  template <typename Key, typename Value>
  using table = boost::unordered_flat_map<Key, Value, etf::seeded_hash>;

  // Links.

  void linked(const pid& local, const pid& remote);                          ///< a LINK passed, either way
  void unlinking(const pid& local, const pid& remote, std::uint64_t id);     ///< our UNLINK passed
  void acknowledged(const pid& local, const pid& remote, std::uint64_t id);  ///< its acknowledgement passed
  void unlinked_by_peer(const pid& local, const pid& remote);                ///< their UNLINK passed
  void broken(const pid& local, const pid& remote);                          ///< a link exit passed, either way

  // Monitors.

  void watching(const reference& ref, const own_monitor& made);
  /// Takes a monitor of ours out: its `down` arrived, or it was taken back. Empty when there is none.
  std::optional<own_monitor> watched_no_more(const reference& ref);
  void watched(const reference& ref, const peer_monitor& made);
  /// Takes a monitor of theirs out: its `down` left, or they took it back. Empty when there is none.
  std::optional<peer_monitor> unwatched(const reference& ref);

  // Processes that we have asked for.

  void spawning(const reference& id, const pid& requester) { spawning_.insert_or_assign(id, requester); }
  /// Takes a request out: its reply arrived. Empty when there is none.
  std::optional<pid> spawned(const reference& id);

  // Watched nodes.

  void watch_node(const pid& watcher) { ++node_watchers_[watcher]; }
  void unwatch_node(const pid& watcher);

  /// Everything that the loss of the connection to `peer` tells processes of this program; the table is empty
  /// afterwards.
  [[nodiscard]] std::vector<notice> lost(etf::node_id peer);
  /// The same for node watchers alone: the node could not be reached.
  [[nodiscard]] std::vector<notice> unreachable(atom peer);

  [[nodiscard]] std::size_t links() const noexcept { return links_.size(); }
  [[nodiscard]] std::size_t own_monitors() const noexcept { return own_.size(); }
  [[nodiscard]] std::size_t peer_monitors() const noexcept { return theirs_.size(); }
  [[nodiscard]] bool watched_node() const noexcept { return !node_watchers_.empty(); }

 private:
  class notices;
  void tell_watchers(notices& told, atom peer) const;
  [[nodiscard]] std::size_t watches() const;

  boost::unordered_flat_map<pair, std::uint64_t, pair_hash> links_;  // id of our unlink under way, 0 while linked
  table<reference, own_monitor> own_;
  table<reference, peer_monitor> theirs_;
  table<reference, pid> spawning_;
  table<pid, unsigned> node_watchers_;
};

/// Makes of the end of a link one that its process does not notice.
void soften(signal& link_exit) noexcept;

/// Answers a signal to `to`, on a node that cannot be reached, as Erlang does: monitors and links get `noconnection`,
/// spawn requests too, an unlink its acknowledgement, everything else is dropped. Gives the answer and its receiver, or
/// a null envelope. Takes `envelope` over.
[[nodiscard]] crossing::notice undeliverable(const destination& to, signal* envelope) noexcept;

}  // namespace ergo::inline v0::detail
