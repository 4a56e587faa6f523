// The vocabulary of the distribution handshake (protocol §2): what the two machines of connector.hpp
// and acceptor.hpp are told (events), what they want done (actions), and how a handshake ends.
//
// A driver starts with `resume(handshake::started{})`, does what the returned action says and answers
// it with the event named there; `closed` and `timed_out` may be passed at any time.
#pragma once

#include <ergo/dist/flags.hpp>
#include <ergo/dist/handshake_message.hpp>
#include <ergo/dist/node_name.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace ergo::inline v0::dist {

/// What a handshake is waiting for. A driver restarts its per-step deadline when this changes.
enum class handshake_step : std::uint8_t {
  start,       ///< Nothing was exchanged yet.
  name,        ///< The acceptor waits for the peer's name.
  admission,   ///< The acceptor waits for the connection table.
  status,      ///< The connector waits for the verdict on its name.
  alive,       ///< One side decides whether an old connection is dead.
  challenge,   ///< The connector waits for the peer's challenge.
  complement,  ///< The acceptor waits for the rest of an old-form name.
  reply,       ///< The acceptor waits for the peer's proof.
  commit,      ///< The acceptor waits for the connection table to clear the way.
  ack,         ///< The connector waits for the peer's proof.
  finished,    ///< Done or failed.
};

/// Why a handshake ended without a connection. Each value is a different thing to tell the user;
/// `to_string(handshake_failure)` does so in a sentence.
enum class handshake_errc : std::uint8_t {
  closed,              ///< The peer closed, or the socket failed.
  timeout,             ///< The step took longer than its deadline.
  bad_message,         ///< The bytes are not the message that is due.
  too_long,            ///< A message longer than `max_message` was announced.
  unexpected_status,   ///< A status that makes no sense at this point.
  bad_name,            ///< A name that no node can have.
  mixed_names,         ///< Long names on one side, short names on the other.
  own_name,            ///< The peer has our own name.
  name_mismatch,       ///< The node that answered is not the one that was dialled.
  missing_flags,       ///< The peer lacks capabilities that we require.
  not_allowed,         ///< The peer refused us: its allow list or flags we lack.
  refused,             ///< We refused the peer: not on the allow list.
  nok,                 ///< The peer prefers its own attempt to connect to us.
  yielded,             ///< We prefer our own attempt to connect to the peer.
  duplicate,           ///< There is a connection already and it stands.
  superseded,          ///< Another attempt with the same peer was completed first.
  wrong_cookie,        ///< The peer's proof was not made with our cookie.
  cookie_rejected,     ///< The peer closed after our proof: its cookie is most likely another.
  reflected,           ///< The peer sent our own challenge or proof back.
  digest_unavailable,  ///< MD5 is not available in this process.
  bad_event,           ///< The driver passed an event that does not answer the last action.
};

/// A handshake's end without a connection.
struct handshake_failure {
  handshake_errc code;
  handshake_step step;  ///< Where it happened.
  flags missing;        ///< With `missing_flags`: which ones.
  std::string peer;     ///< The peer's name as far as it was known. Unverified, so escape it in logs.
  std::string
      answered{};  ///< With `name_mismatch`: the name that the peer gives itself. Unverified; empty when it is none.
};

[[nodiscard]] std::string_view to_string(handshake_errc code);
[[nodiscard]] std::string_view to_string(handshake_step step);
/// One sentence for a human, with the cure where there is one.
[[nodiscard]] std::string to_string(const handshake_failure& failure);

/// MD5 of `data`; nothing when the library refuses (FIPS mode).
using digest_function = std::optional<digest> (*)(bytes_view data);

/// What both roles need to know about this node and this attempt.
struct handshake_config {
  /// Our node name in UTF-8; for a connector without `@` = the host, and the peer names us.
  std::string name;
  /// Our creation (4 or more for a live node).
  std::uint32_t creation{};
  /// What we can do. NAME_ME is added by the machines where it belongs.
  flags offer{pass_through_offer};
  /// What the peer must be able to do.
  flags required{required_of_peers};
  /// The names of this cluster.
  naming names{naming::any};
  /// Two bytes on TCP, four inside TLS.
  length_prefix prefix{length_prefix::two_bytes};
  /// Longest message accepted, in bytes; also bounds the memory of a handshake.
  std::size_t max_message{2048};
  /// Fresh from the operating system's random generator for every attempt (attack S04).
  std::uint32_t challenge{};
  /// MD5, required.
  digest_function md5{};
  /// True when the number is the challenge of any unfinished handshake of this node, so that a peer
  /// cannot have us solve our own riddle over a second connection (attack S05). May be empty.
  std::function<bool(std::uint32_t)> issued_here;
};

/// What is known about the peer once both sides have proven that they have the cookie.
struct handshake_result {
  std::string peer;          ///< Its node name, UTF-8.
  std::uint32_t creation{};  ///< Its incarnation.
  flags peer_flags;          ///< Its offer, digest expanded.
  flags negotiated;          ///< What holds on this connection.
  std::string our_name;      ///< Our name; differs from the config's when the peer named us.
  std::uint32_t our_creation{};
  byte_buffer leftover;  ///< Bytes received behind the handshake: the first packets.
};

namespace handshake {

// Events.

/// Begins the handshake.
struct started {};
/// The bytes of the last `write` were handed to the carrier.
struct sent {};
/// Answers `read`: any number of bytes in the order they arrived. They are copied as needed.
struct received {
  bytes_view bytes;
};
/// The carrier ended or failed.
struct closed {};
/// The deadline of the step, or of the whole handshake, has passed.
struct timed_out {};

/// What the connection table thinks of a name.
enum class decision : std::uint8_t { ok, ok_simultaneous, nok, not_allowed, alive, named };

/// Answers `ask`. The cookie is the one for this peer; it is needed unless the decision is a refusal.
struct admission {
  decision verdict{decision::not_allowed};
  std::string cookie;
  std::string given_name;          ///< With `named`: the full name for the peer.
  std::uint32_t given_creation{};  ///< With `named`.
};

/// Answers `ask_alive` and `commit`.
enum class verdict : std::uint8_t { proceed, drop };

using event = std::variant<started, sent, received, closed, timed_out, admission, verdict>;

// Actions.

/// Write these bytes (valid until the next `resume`), then pass `sent`.
struct write {
  bytes_view bytes;
};
/// Pass `received` when bytes have arrived.
struct read {};
/// Ask the connection table about an unverified name; pass `admission`. Views are valid until then.
struct ask {
  std::string_view name;   ///< A host only when `wants_name`.
  flags offered;           ///< Digest expanded; the low half only after an old-form name.
  std::uint32_t creation;  ///< 0 when not told yet.
  bool wants_name;         ///< The peer asks to be named (answer `named` or `not_allowed`).
};
/// Connector: the peer believes that a connection is up. Pass `proceed` when this side has none (and
/// its socket is closed: OTP 23 waits for that), `drop` when it stands.
struct ask_alive {};
/// Acceptor: the peer has proven itself. Close an old connection, wait until it is gone, then pass
/// `proceed`; or `drop` when another attempt was faster.
struct commit {};
/// The end: both sides have proven themselves.
struct done {
  handshake_result result;
};
/// The end: close the carrier. After `wrong_cookie`, close late (attack S03).
struct failed {
  handshake_failure failure;
};

using action = std::variant<write, read, ask, ask_alive, commit, done, failed>;

}  // namespace handshake
}  // namespace ergo::inline v0::dist
