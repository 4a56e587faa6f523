// What a node is told when it starts: who it is, whom it trusts, where it listens, and how much it bears.
#pragma once

#include <ergo/clock.hpp>
#include <ergo/error.hpp>
#include <ergo/events.hpp>
#include <ergo/tls_options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace boost::asio {
class io_context;
}  // namespace boost::asio

namespace ergo::inline v0 {

/// Whether other nodes count this one in `nodes()` and mesh with it, or only talk to it.
enum class visibility : std::uint8_t {
  hidden,   ///< in `nodes(hidden)` only; no `global`, no transitive connections (the default of a node alone)
  visible,  ///< in `nodes()`; `global` of the peers is answered where `ergo::kernel` runs, else left without an answer
};

/// Who runs the port mapper by which nodes find each other.
enum class epmd_mode : std::uint8_t {
  embedded,     ///< our own when none answers, else a client of it; takes the port over when the server dies
  client_only,  ///< only an existing one
  none,         ///< no port mapper: peers are found by `routes`, `resolve` and `peer_port` of `node_options` alone
};

/// Long and short names never meet, as with `erl -name` and `erl -sname`.
enum class name_kind : std::uint8_t {
  automatic,    ///< by the host part: long when it has a dot or is an IPv6 address
  short_names,  ///< hosts without a dot
  long_names,   ///< hosts with a dot, or IP addresses
};

/// What is traced; a set.
enum class trace_category : std::uint8_t {
  none = 0,
  node = 1,  ///< one line per routing decision
  dist = 2,  ///< one line per control message
  all = 3,
};
[[nodiscard]] constexpr trace_category operator|(trace_category left, trace_category right) noexcept {
  return static_cast<trace_category>(static_cast<std::uint8_t>(left) | static_cast<std::uint8_t>(right));
}
[[nodiscard]] constexpr bool contains(trace_category set, trace_category one) noexcept {
  return (static_cast<std::uint8_t>(set) & static_cast<std::uint8_t>(one)) != 0;
}

/// What a node may have done here; a set.
enum class right : std::uint8_t {
  talk = 0,     ///< messages, links, monitors, being pinged: everybody may
  observe = 1,  ///< look: nodes, processes, memory, applications
  call = 2,     ///< call what the program provides
  manage = 4,   ///< end the program, end the node's own processes
  all = 7,
};
[[nodiscard]] constexpr right operator|(right left, right right_hand) noexcept {
  return static_cast<right>(static_cast<std::uint8_t>(left) | static_cast<std::uint8_t>(right_hand));
}
[[nodiscard]] constexpr bool contains(right set, right wanted) noexcept {
  const auto asked = static_cast<std::uint8_t>(wanted);
  return (static_cast<std::uint8_t>(set) & asked) == asked;
}

/// What the nodes whose names match may have done.
struct grant {
  std::string nodes;  ///< a name or a glob such as `ops@*`
  right may = right::talk;
};

/// Where a node listens.
struct node_address {
  std::string host;        ///< a name or an address; empty: the host part of the node's name
  std::uint16_t port = 0;  ///< 0: what the port mapper of that host says, or `node_options::peer_port` without one
};

/// Where the nodes listen whose names match.
struct route {
  std::string nodes;  ///< a name or a glob such as `db@*`
  node_address at;
};

/// The program's own way from the name of a node to where it listens; nothing for a node that it does not know, which
/// is then looked for as if there were no such function.
///
/// Called for each attempt to connect, on a thread on which it may block; several calls at once, and the last ones may
/// go on when the node has stopped. What it throws ends the attempt and is its reason. The attempt waits for it at most
/// `node_limits::handshake_step`.
using node_resolver = std::function<std::optional<node_address>(std::string_view node)>;

class node;

/// Starts what must be on a node before it meets its first peer; an error is that of the node's start.
///
/// Called once, on a thread that may block, when the node has its name and processes run on it, but nobody can reach it
/// yet; it must not talk to other nodes. What it has started ends with the node. What it throws is an error (`badarg`).
using node_boot = std::function<result<void>(node& started)>;

/// Receives trace lines without line end; called from any thread, several at once.
using trace_sink = std::function<void(std::string_view)>;

/// So many events at once, and then so many in a second; what is left out is counted, and told with the next one.
struct event_rate {
  double burst;
  double per_second;
};

/// Limits of a node. The defaults are those of a hardened node; every one of them may be raised.
struct node_limits {
  std::chrono::milliseconds handshake_step{7'000};    ///< for each step of a handshake, as OTP's net_setuptime
  std::chrono::milliseconds handshake_total{15'000};  ///< for a whole handshake
  std::size_t pending_handshakes = 256;               ///< unfinished incoming handshakes
  std::size_t pending_per_address = 32;    ///< of these, from one address (IPv6: from one network of 64 bits)
  std::size_t connections = 16'384;        ///< peers at a time; who is there stays, newcomers are refused
  std::size_t names = 65'536;              ///< nodes that are remembered because they were called or have called
  std::uint32_t frame = 128U << 20;        ///< bytes of one packet; a longer one closes the connection
  std::size_t message = 512U << 20;        ///< bytes of terms that one message may turn into
  std::size_t depth = 10'000'000;          ///< lists, tuples and maps within each other in a message
  std::size_t integer = 64U << 10;         ///< bytes of one integer
  std::size_t busy = 1U << 20;             ///< queued bytes from which a connection is busy
  std::size_t slice = 64U << 20;           ///< bytes that one slice of a process may put on a busy connection
  std::size_t unread_answers = 64U << 20;  ///< bytes of answers (noproc, acknowledgements) a peer may leave unread
  std::size_t unread_tls = 1U << 20;       ///< bytes of TLS's own answers (to changes of keys) that it may leave unread
  std::size_t system_unsent = 64U << 10;   ///< bytes that the system may hold unsent of a connection; 0: it decides
  std::size_t system_unread = 256U << 10;  ///< bytes that it may hold unread of a peer on this computer; 0: it decides
  std::size_t atoms_per_peer = 100'000;    ///< new atoms and incarnations of nodes that one peer (by name) may make
  std::size_t links_per_peer = 1'000'000;  ///< links between processes here and there that it may add to
  std::size_t monitors_per_peer = 1'000'000;  ///< monitors of its processes on ours
  std::size_t processes_per_peer = 100'000;   ///< processes that live here because it asked for them
  std::size_t open_messages = 16U << 10;      ///< messages of which a peer may have sent some fragments and not all
  std::size_t open_bytes = 512U << 20;        ///< bytes of these, and thereby of each message that comes in fragments
  /// Bytes of packets and messages of all peers that are not whole yet; above, the peer that has most of them is
  /// disconnected. Peers that have less than 64 KiB are not counted.
  std::size_t all_open_bytes = 2ULL << 30;
  /// Queued bytes of all connections; above, each of them is busy at a sixteenth of `busy`, until peers have read.
  std::size_t all_queued = 1ULL << 30;
  std::size_t spare_names = 1'000;         ///< names that nodes had from us and have left, to be given again
  event_rate events_of_peer{100, 10};      ///< told of one peer; `node::subscribe` is told everything
  event_rate events_of_peers{1'000, 100};  ///< told of all peers
  event_rate events_of_strangers{1, 1};    ///< told of callers that are refused, and of those for want of descriptors
  std::chrono::milliseconds drain{2'000};  ///< for writing what is queued when a connection is closed by us
};

/// How a node starts. Everything but `name` (or `named_by`) has a default.
struct node_options {
  /// `bank@host`, or `bank`: then this computer's host name is appended, up to its first dot for short names.
  std::string name;
  /// A node without a name of its own, as `erl -sname undefined`: it calls this peer (OTP 23 or later, or ours) when it
  /// starts, and is what the peer names it; it is hidden and nobody can call it. `name` is empty or `undefined@host`.
  ///
  /// The name is ours while that connection stands. When it ends, all others are ended, and no other node can be
  /// reached (`not_alive`) until the node has connected to that peer again: under the same name, if the peer has not
  /// given it to another node meanwhile; then only a new start helps. In this Erlang is different: its node is
  /// `nonode@nohost` from then on, and is named anew by whichever node it calls next. Ours goes on calling itself what
  /// it was called, because the pids and references that its processes hold have that name in them.
  std::string named_by;
  name_kind names = name_kind::automatic;
  ergo::visibility visibility = ergo::visibility::hidden;

  /// The secret of the cluster. Empty (preferred): read from a file that only its owner can read.
  std::string cookie;
  /// Empty: ERGO_COOKIE_FILE, else `~/.erlang.cookie`, else `$XDG_CONFIG_HOME/erlang/.erlang.cookie`; made when there
  /// is none.
  std::string cookie_file;
  /// Other secrets for certain peers, by node name.
  std::map<std::string, std::string, std::less<>> peer_cookies;
  /// Node names or globs (`db@*`, `*@10.0.0.*`) that may connect; empty: all that have the cookie.
  std::vector<std::string> allow;

  /// Who may have what done here; the first entry whose pattern matches decides. A node that none matches may observe
  /// and call, and manage too if it is connected from a loopback address or has shown a certificate. What is refused is
  /// answered with `permission_denied`.
  std::vector<grant> grants;

  /// Encrypts every connection, as Erlang's `-proto_dist inet_tls`; with nodes that do not there is none. Empty: in the
  /// clear.
  std::optional<tls_options> tls;

  epmd_mode epmd = epmd_mode::embedded;
  std::uint16_t epmd_port = 0;  ///< 0: ERL_EPMD_PORT, else 4369
  std::string epmd_address;  ///< where the embedded one listens; empty: ERL_EPMD_ADDRESS, else loopback and the node's
                             ///< addresses
  std::uint16_t peer_port = 0;  ///< with `epmd_mode::none`: where every peer listens, and we do unless told otherwise
  std::vector<route> routes;    ///< where certain nodes listen; the first entry that matches decides
  node_resolver resolve;        ///< asked about nodes that have no route

  /// Addresses or host names; empty: those that the host part of the name resolves to; `*`: all of this computer.
  std::vector<std::string> listen;
  std::uint16_t listen_port_min = 0;  ///< 0: the system chooses
  std::uint16_t listen_port_max = 0;  ///< 0: the same as `listen_port_min`
  /// The port that the port mapper tells others, where a router or container maps it to ours; 0: the one we listen at.
  /// The host that others are told is the host part of `name`, wherever we listen.
  std::uint16_t advertised_port = 0;

  std::chrono::milliseconds net_ticktime{60'000};  ///< a peer silent for so long is down, within a quarter of it
  int tick_intensity = 4;                          ///< checks per tick time, at least 4
  /// Atoms that a peer has seen are sent to it as numbers, and the reverse. Peers that cannot do that are sent texts.
  bool atom_cache = true;
  /// Bytes of a message's payload from which it is sent in fragments, and of each of these; at least 1,500. Between two
  /// fragments others have their turn, so that nobody waits behind another's large message. 0: never cut.
  std::size_t fragment = 64U << 10;
  std::uint32_t creation = 0;  ///< 0: what the port mapper gives, else a random one
  node_limits limits{};

  node_boot boot;  ///< what peers find from their first message on, such as `ergo::kernel`'s services

  /// Lends a context of the program to core 0, so that a program of one thread gets a node without another one for it
  /// (`runtime_options::cores` = 1): slices, sockets and timers of the core run inside `run()`.
  ///
  /// Not owned; must outlive the node. It is run by one thread at a time; that thread also starts, stops and destroys
  /// the node, which run the context meanwhile (what its handlers throw then leaves the next `run()`). While the node
  /// is up `run()` does not return for want of work; after `node::stop` it does. Where `run()` does not run, core 0
  /// stands still: `async_connect`, `async_call` and `spawn` take the place of calls that block. A slice that takes
  /// long holds the context, as any handler does; it is reported. Besides, there are the watchdog's thread, those of
  /// `process::blocking`, and one for the time of a start or stop.
  boost::asio::io_context* executor = nullptr;

  trace_category trace = trace_category::none;  ///< ERGO_TRACE (`node,dist`) adds to it
  trace_sink on_trace;                          ///< empty: standard error
  event_handler on_event;  ///< node up and down, refused handshakes, port mapper; empty: the runtime's
};

}  // namespace ergo::inline v0
