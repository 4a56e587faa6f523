// What a node holds now, and what it has let in, refused, lost and left out since it started: for those who watch it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ergo::inline v0 {

/// Why a caller has not become a peer.
enum class refusal : std::uint8_t {
  left,          ///< it closed, or its socket failed, before it had proven itself
  late,          ///< `node_limits::handshake_step` or `handshake_total` was over
  garbage,       ///< what it sent is no handshake
  name,          ///< no name that may call here: malformed, short beside long ones, or our own
  capabilities,  ///< it lacks what every node needs
  not_allowed,   ///< `node_options::allow`, or a certificate for another name
  cookie,        ///< its proof was not made with our cookie
  tls,           ///< there is no private channel with it
  crossing,      ///< another connection with it was there, or was made first: nobody's fault
  pushed_out,    ///< silent for longest when `node_limits::pending_handshakes` or `pending_per_address` was reached
  turned_away,   ///< the same limits, and all others had just spoken
  connections,   ///< `node_limits::connections` was reached
  descriptors,   ///< the program had no file descriptor left for it
  other,         ///< this node is stopping, or could not judge
};

/// How a peer has broken the protocol; each ends its connection.
enum class breach : std::uint8_t {
  frame,    ///< a packet longer than `node_limits::frame`
  packet,   ///< a header, a reference to an atom or a fragment that is none
  control,  ///< a control message of no operation, or of wrong parts
  payload,  ///< a payload that is no term
  message,  ///< a message larger than `node_limits::message`, or deeper, or with a larger integer than its limits say
  atoms,    ///< more new atoms than `node_limits::atoms_per_peer`, or than there is room for
  unread,   ///< more answers left unread than `node_limits::unread_answers`
};

/// Why a connection that was up is so no longer.
enum class parting : std::uint8_t {
  closed,        ///< the peer closed, or the socket failed
  silent,        ///< nothing was heard for `node_options::net_ticktime`
  breach,        ///< the peer broke the protocol
  disconnected,  ///< this side was told to disconnect
  replaced,      ///< the peer came back with a new connection
  stopping,      ///< this node is going down
};

/// The word of a reason, as it stands in its enumeration.
[[nodiscard]] std::string_view to_string(refusal why) noexcept;
[[nodiscard]] std::string_view to_string(breach why) noexcept;
[[nodiscard]] std::string_view to_string(parting why) noexcept;

/// How often something happened for each of its reasons.
template <typename Reason, Reason last>
class tally {
 public:
  static constexpr std::size_t reasons = static_cast<std::size_t>(last) + 1;

  [[nodiscard]] std::uint64_t& operator[](Reason why) noexcept { return counts_[static_cast<std::size_t>(why)]; }
  [[nodiscard]] std::uint64_t operator[](Reason why) const noexcept { return counts_[static_cast<std::size_t>(why)]; }
  [[nodiscard]] std::uint64_t all() const noexcept {
    std::uint64_t sum = 0;
    for (const auto count : counts_) sum += count;
    return sum;
  }
  /// Calls `take(Reason, std::uint64_t)` for each reason, those that never occurred too.
  template <typename Take>
  void for_each(Take take) const {
    for (std::size_t place = 0; place < reasons; ++place) take(static_cast<Reason>(place), counts_[place]);
  }

 private:
  std::array<std::uint64_t, reasons> counts_{};
};

/// What has passed over a connection since it came up, or over all of them since the node started.
struct connection_counters {
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t packets_in = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t ticks_in = 0;
  std::uint64_t ticks_out = 0;
};

/// A node in numbers: see `node::figures`. Those that only grow start at 0 with the node and are never set back.
struct node_figures {
  // Held now.
  std::size_t connections = 0;  ///< peers that are up
  std::size_t handshakes = 0;   ///< under way, in either direction
  std::size_t names = 0;        ///< nodes to which there is, was or should have been a connection
  std::size_t queued = 0;       ///< bytes that are written to no socket yet, of all connections
  std::size_t busy = 0;         ///< connections over `node_limits::busy`
  std::size_t unfinished = 0;   ///< bytes of packets and messages that are not whole yet, of peers that have 64 KiB

  // Since the start.
  std::uint64_t let_in = 0;     ///< callers that became peers
  std::uint64_t reached = 0;    ///< nodes that we called and that became peers
  std::uint64_t unreached = 0;  ///< calls of ours that came to nothing
  tally<refusal, refusal::other> refused;
  tally<breach, breach::unread> breaches;
  tally<parting, parting::stopping> partings;
  std::uint64_t over_quota = 0;       ///< links, monitors and processes that peers were refused for `node_limits`
  std::uint64_t nameless = 0;         ///< signals to nodes beyond `node_limits::names`
  std::uint64_t shortages = 0;        ///< times that a caller found the program without file descriptors
  std::uint64_t events_left_out = 0;  ///< of `node_options::on_event`, where too many came at once
  connection_counters moved;          ///< over all connections, those that have ended too
};

}  // namespace ergo::inline v0
