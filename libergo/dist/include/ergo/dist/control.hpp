// Control messages (protocol §4) as C++ values. One struct per signal, not per wire form: what Erlang sends as SEND,
// SEND_SENDER or either with a trace token is one `send`, and the encoder picks the form that was negotiated.
#pragma once

#include <ergo/dist/flags.hpp>
#include <ergo/etf/ids.hpp>
#include <ergo/etf/term.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

namespace ergo::inline v0::dist {

/// The operations by their number on the wire. `_tt` = with a trace token, which is read and ignored.
enum class operation : std::uint8_t {
  link = 1,
  send = 2,
  exit = 3,
  unlink = 4,
  node_link = 5,  ///< Never sent; whoever sends it is cut off.
  reg_send = 6,
  group_leader = 7,
  exit2 = 8,
  send_tt = 12,
  exit_tt = 13,
  reg_send_tt = 16,
  exit2_tt = 18,
  monitor_p = 19,
  demonitor_p = 20,
  monitor_p_exit = 21,
  send_sender = 22,
  send_sender_tt = 23,
  payload_exit = 24,
  payload_exit_tt = 25,
  payload_exit2 = 26,
  payload_exit2_tt = 27,
  payload_monitor_p_exit = 28,
  spawn_request = 29,
  spawn_request_tt = 30,
  spawn_reply = 31,
  spawn_reply_tt = 32,
  alias_send = 33,
  alias_send_tt = 34,
  unlink_id = 35,
  unlink_id_ack = 36,
  altact_sig_send = 37,
};

/// The name of an operation as the protocol spells it, `SEND_SENDER`; empty for a number that is none.
[[nodiscard]] std::string_view to_string(operation op);

namespace control {

/// A process, or the name under which one is registered at the node that the signal goes to (or comes from).
using process_name = std::variant<etf::pid, etf::atom>;
/// The same, or an alias.
using destination = std::variant<etf::pid, etf::atom, etf::reference>;

/// Whether a signal may overtake ordinary messages in the mailbox (OTP 28).
enum class urgency : std::uint8_t { ordinary, priority };

/// A message to a process; the message is the payload.
struct send {
  std::optional<etf::pid> from;  ///< Absent where SEND_SENDER was not negotiated.
  etf::pid to;
  urgency how{urgency::ordinary};

  friend bool operator==(const send&, const send&) = default;
};
/// A message to a registered name; the message is the payload.
struct reg_send {
  etf::pid from;  ///< May be of a third node.
  etf::atom name;
  urgency how{urgency::ordinary};

  friend bool operator==(const reg_send&, const reg_send&) = default;
};
/// A message to an alias; the message is the payload.
struct alias_send {
  etf::pid from;
  etf::reference alias;
  urgency how{urgency::ordinary};

  friend bool operator==(const alias_send&, const alias_send&) = default;
};
struct link {
  etf::pid from;
  etf::pid to;

  friend bool operator==(const link&, const link&) = default;
};
/// `id` 1 … 2^64-1 wants an `unlink_ack`; 0 = the old protocol, without one.
struct unlink {
  std::uint64_t id;
  etf::pid from;
  etf::pid to;

  friend bool operator==(const unlink&, const unlink&) = default;
};
struct unlink_ack {
  std::uint64_t id;
  etf::pid from;
  etf::pid to;

  friend bool operator==(const unlink_ack&, const unlink_ack&) = default;
};
/// The end of a linked process.
struct exit {
  etf::pid from;
  etf::pid to;

  friend bool operator==(const exit&, const exit&) = default;
};
/// `exit(To, Reason)`.
struct exit2 {
  etf::pid from;
  destination to;
  urgency how{urgency::ordinary};

  friend bool operator==(const exit2&, const exit2&) = default;
};
struct monitor {
  etf::pid from;
  process_name target;
  etf::reference ref;

  friend bool operator==(const monitor&, const monitor&) = default;
};
struct demonitor {
  etf::pid from;
  process_name target;
  etf::reference ref;

  friend bool operator==(const demonitor&, const demonitor&) = default;
};
/// The end of a monitored process. `target` is what MONITOR_P named: a name stays a name.
struct down {
  process_name target;
  etf::pid to;
  etf::reference ref;

  friend bool operator==(const down&, const down&) = default;
};
struct group_leader {
  etf::pid leader;  ///< May be of a third node.
  etf::pid to;

  friend bool operator==(const group_leader&, const group_leader&) = default;
};
/// A wish to start a process; the argument list is the payload.
struct spawn_request {
  etf::reference id;
  etf::pid from;
  etf::pid leader;  ///< May be of a third node.
  etf::atom module;
  etf::atom function;
  std::uint32_t arity;
  etf::term options;  ///< A proper list.

  friend bool operator==(const spawn_request&, const spawn_request&) = default;
};
/// The answer, also to a request that failed: then an atom takes the pid's place.
struct spawn_reply {
  etf::reference id;
  etf::pid to;
  bool linked;
  bool monitored;
  process_name result;

  friend bool operator==(const spawn_reply&, const spawn_reply&) = default;
};

using message = std::variant<send, reg_send, alias_send, link, unlink, unlink_ack, exit, exit2, monitor, demonitor,
                             down, group_leader, spawn_request, spawn_reply>;

}  // namespace control
}  // namespace ergo::inline v0::dist
