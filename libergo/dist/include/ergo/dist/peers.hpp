// The connection table: who is connected, who is being connected, and who waits for it (promises A11,
// A12). A machine without sockets: a driver reports what happened and does what the commands say.
//
// An *attempt* is one socket from its first byte to its end, dialled or accepted; after the handshake
// it is the connection. Names are unverified until an attempt is proven: an unproven one never ends,
// delays for long or replaces anything.
#pragma once

#include <ergo/dist/handshake.hpp>
#include <ergo/etf/seeded_hash.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <variant>
#include <vector>

namespace ergo::inline v0::dist {

/// One socket with a peer. Never reused while a table lives.
enum class attempt_id : std::uint64_t { none = 0 };

/// Somebody who wants to talk to a peer; chosen by the driver.
enum class waiter_id : std::uint64_t {};

/// Why there is no connection (any more).
enum class peer_errc : std::uint8_t {
  unresolved,    ///< Its host has no address, or nobody knows where it listens (`system`, `detail`).
  unregistered,  ///< The port mapper of its host does not answer, or does not know it (`system`, `detail`).
  unreachable,   ///< Nobody answers where it should listen (`system`).
  tls,           ///< There is no private channel with the peer (`detail`).
  handshake,     ///< The handshake failed (`handshake`).
  no_answer,     ///< The peer said it would connect to us itself, and did not.
  closed,        ///< The peer closed, or the carrier failed (`system`).
  silent,        ///< Nothing was heard for the net tick time.
  protocol,      ///< The peer broke the protocol.
  disconnected,  ///< This side was told to disconnect.
  replaced,      ///< The peer came back with a new connection.
  superseded,    ///< Another attempt with the peer was faster.
  stopping,      ///< This node is going down.
};

/// The code with what is known beyond it.
struct peer_reason {
  peer_errc code;
  std::optional<handshake_failure> handshake{};
  std::error_code system{};
  std::string detail{};  ///< what else is known, as a clause; empty for nothing
};

[[nodiscard]] std::string_view to_string(peer_errc code);
/// One sentence for a human.
[[nodiscard]] std::string to_string(const peer_reason& reason);

namespace peering {

// Events.

/// Somebody wants a connection; answered at once or later with exactly one `granted` or `denied`.
struct want {
  std::string_view peer;
  waiter_id waiter;
};
/// The waiter lost interest and gets no answer.
struct forget {
  std::string_view peer;
  waiter_id waiter;
};
/// An acceptor asks about a name (`handshake::ask`); `id` comes from `peers::next_id`.
struct incoming {
  attempt_id id;
  std::string_view peer;
};
/// A connector got `alive` (`handshake::ask_alive`).
struct alive {
  attempt_id id;
};
/// An acceptor's peer has proven itself (`handshake::commit`).
struct proven {
  attempt_id id;
};
/// The handshake is done (`handshake::done`).
struct established {
  attempt_id id;
};
/// The attempt is over: dial or handshake failed, or the connection ended **and everything that had
/// arrived on it was delivered**. Each attempt ends with exactly one of these, closed by command or not.
struct ended {
  attempt_id id;
  peer_reason reason;
};
/// The time set by `await_peer` (the set-up time, 7 s) is over.
struct waited_out {
  std::string_view peer;
  std::uint64_t ticket;
};
/// The user wants the connection gone.
struct disconnect {
  std::string_view peer;
  attempt_id only = attempt_id::none;  ///< this connection and no other; none: also a call that is under way
};
/// The node goes down: everything is closed and nothing new begins.
struct stop {};

using event = std::variant<want, forget, incoming, alive, proven, established, ended, waited_out, disconnect, stop>;

// Commands, to be carried out in the order given.

/// Find and call the peer, then run a connector.
struct dial {
  attempt_id id;
  std::string peer;
};
/// Answers `incoming`.
struct admit {
  attempt_id id;
  handshake::decision decision;
};
/// Answers `alive` or `proven`, possibly later: an old connection must be gone first.
struct conclude {
  attempt_id id;
  handshake::verdict verdict;
};
/// End the attempt and then report `ended`. Nothing else that it reports counts any more.
struct close {
  attempt_id id;
  peer_errc reason;
};
/// The peer is up over this attempt: only now read packets, after telling the observers.
struct nodeup {
  attempt_id id;
  std::string peer;
};
/// The peer is down: tell the observers, after all traffic. Alternates strictly with `nodeup`.
struct nodedown {
  attempt_id id;
  std::string peer;
  peer_reason reason;
};
/// The waiter may send over this connection.
struct granted {
  waiter_id waiter;
  attempt_id id;
};
/// There is no connection for the waiter.
struct denied {
  waiter_id waiter;
  peer_reason reason;
};
/// Pass `waited_out` after the set-up time. There is nothing to cancel: old tickets are ignored.
struct await_peer {
  std::string peer;
  std::uint64_t ticket;
};

using command = std::variant<dial, admit, conclude, close, nodeup, nodedown, granted, denied, await_peer>;
using commands = std::vector<command>;

}  // namespace peering

/// What the table knows about a peer.
enum class peer_state : std::uint8_t {
  idle,       ///< Nothing; the table keeps no memory of such peers.
  dialing,    ///< We are calling.
  accepting,  ///< It called us and has not proven itself.
  waiting,    ///< It said it would call.
  joining,    ///< Proven; the last message is on its way, or an old connection has to go first.
  up,
  closing,
};

/// Decides dial, wait, accept, take over and give up for all peers of one node.
///
/// One flight per peer: who wants a connection while one is being made waits for that. When two nodes
/// call each other, the call of the one whose name is greater wins on both ends. Not thread-safe;
/// costs a hash lookup per event and memory only for peers that are not idle.
class peers {
 public:
  /// `own_name` = our node name, for the order of names.
  explicit peers(std::string own_name) : own_name_{std::move(own_name)} {}

  /// Takes note of an event and says what to do about it. Events of unknown attempts are ignored. When it throws
  /// `std::bad_alloc`, the event has not happened; what waits for a call that there is no memory for is denied.
  [[nodiscard]] peering::commands resume(const peering::event& event);

  /// A fresh number for an accepted socket.
  [[nodiscard]] attempt_id next_id() { return attempt_id{++last_id_}; }
  /// The connection to a peer that is up.
  [[nodiscard]] std::optional<attempt_id> up(std::string_view peer) const;
  [[nodiscard]] peer_state state(std::string_view peer) const;
  /// The names of all peers that are up, sorted.
  [[nodiscard]] std::vector<std::string> nodes() const;
  /// Attempts that have not ended.
  [[nodiscard]] std::size_t attempts() const { return attempts_.size(); }
  /// Peers about which anything is remembered.
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  enum class stage : std::uint8_t { dialing, admitted, heir, committed, up, closing };
  enum class patience : std::uint8_t { none, for_call, for_proof };

  struct attempt {
    std::string peer;
    stage at;
    bool takes_over;  // admitted as `alive`: the peer itself said that the old connection is dead
    bool announced{false};
    peer_errc close_reason{peer_errc::closed};
  };
  struct entry {
    attempt_id owner{};  // the one that is committed, up or, after that, closing
    attempt_id heir{};   // proven, waits for the owner's end
    attempt_id dial{};   // never beside an owner
    std::vector<attempt_id> admitted;
    std::vector<waiter_id> waiters;
    patience waits{patience::none};
    std::uint64_t ticket{};
    int dials{};  // in this episode: since the peer was last up, denied or not wanted
  };
  using entry_map =
      std::unordered_map<std::string, entry, etf::seeded_hash, std::equal_to<>>;  // strangers choose names
  using slot = entry_map::value_type;

  void on(const peering::want& event);
  void on(const peering::forget& event);
  void on(const peering::incoming& event);
  void on(const peering::alive& event);
  void on(const peering::proven& event);
  void on(const peering::established& event);
  void on(const peering::ended& event);
  void on(const peering::waited_out& event);
  void on(const peering::disconnect& event);
  void on(const peering::stop& event);

  [[nodiscard]] std::size_t most_commands(const peering::event& event) const;
  [[nodiscard]] handshake::decision judge(const slot& peer) const;
  [[nodiscard]] bool outranks(attempt_id challenger, attempt_id owner) const;
  [[nodiscard]] bool is(attempt_id id, stage at) const;
  void admit(slot& peer, attempt_id id, handshake::decision decided);
  void commit(slot& peer, attempt_id id);
  void announce(slot& peer, peering::nodeup&& news);
  void dial_ended(slot& peer, const peer_reason& reason);
  void owner_ended(slot& peer, attempt_id id, attempt& gone, const peer_reason& reason);
  void pursue(slot& peer, const peer_reason& reason);
  void call(slot& peer);
  void wait_for(slot& peer, patience what);
  void deny_all(slot& peer, const peer_reason& reason);
  void drop(attempt_id id, peer_errc reason);
  void drop_admitted(slot& peer, attempt_id newest);
  void cut(slot& peer, peer_errc reason);
  void prune(std::string_view peer);
  [[nodiscard]] static bool is_idle(const entry& e);

  std::string own_name_;
  std::uint64_t last_id_{};
  std::uint64_t last_ticket_{};
  bool stopping_{false};
  entry_map entries_;
  std::unordered_map<attempt_id, attempt> attempts_;
  peering::commands out_;
};

}  // namespace ergo::inline v0::dist
