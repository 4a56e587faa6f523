// The envelope of everything that one process tells another: messages and control signals share one inbox and one
// order. Sixty-four bytes, from a pool whose memory stays with the thread that frees it.
#pragma once

#include <ergo/error.hpp>

#include <cstdint>
#include <new>
#include <utility>

namespace ergo::inline v0::detail {

/// What a signal means. Up to `timer_message` they are messages that a process may receive; the rest act when the inbox
/// is fetched.
enum class signal_kind : std::uint8_t {
  message,         ///< payload = any term
  cast,            ///< payload = what `gen_server:cast` sent
  call,            ///< from, tag = caller; payload = request
  exit_message,    ///< from, payload = reason: an exit signal that was trapped
  down,            ///< tag = reference, from = the process or its node, name, payload = reason
  node_down,       ///< payload = node name
  node_news,       ///< payload = `{nodeup | nodedown, Node, Info}`, for who asked with `monitor_nodes`
  timer_message,   ///< payload = the message of a timer that went off
  reply,           ///< tag = the call's reference, payload = answer
  reply_failed,    ///< tag = the call's reference, payload = why there is no answer: an exit reason
  call_done,       ///< from, tag: the caller no longer waits
  link,            ///< from
  unlink,          ///< from, payload = id (0: the old protocol)
  unlink_ack,      ///< from, payload = id
  link_exit,       ///< from, payload = reason: a link broke
  exit,            ///< from, payload = reason: `exit/2`
  monitor,         ///< from, tag = reference, name
  demonitor,       ///< from, tag = reference
  group_leader,    ///< payload = the new leader's pid
  spawn_request,   ///< from, tag = reference, payload = {group leader, module, function, arguments, options}
  spawn_reply,     ///< tag = the request's reference, payload = the new process's pid or why there is none; flags
  inspect,         ///< from, tag = reference, payload = `messages`, or `''` for process info
  wake,            ///< look at timers, operations and deadlines
  operation_done,  ///< payload = pointer to the external_operation that has ended
};

struct signal;

/// What an inbox and the first look at an envelope need.
struct signal_head {
  signal* next = nullptr;
  std::uint32_t to_serial = 0;  ///< serial of the pid it was sent to: a slot may have a new tenant meanwhile
  signal_kind kind = signal_kind::message;
  std::uint8_t flags = 0;
  std::uint16_t weight = 0;  ///< for the node: KiB of payload, rounded up, saturating
};

/// One envelope, one cache line. Fields not named for a kind are unused.
struct signal : signal_head {
  pid from{};
  /// down, monitor: the registered name the monitor was made by, `''` where it was by pid. Messages from other nodes:
  /// the node whose connection they came over, whatever they claim themselves.
  atom name;
  term tag;
  term payload;

  static constexpr std::uint8_t embedded = 1;    ///< not from the pool: `release` leaves it alone
  static constexpr std::uint8_t linked = 2;      ///< spawn_reply: the new process has a link to the receiver
  static constexpr std::uint8_t watched = 4;     ///< spawn_reply: the new process is monitored by the receiver
  static constexpr std::uint8_t over_alias = 2;  ///< message, exit: for whoever has the alias in `tag`, if anybody has
  static constexpr std::uint8_t urgent = 4;      ///< message, exit over an alias: asks to be read before others
  static constexpr std::uint8_t metered = 8;     ///< message, cast, call: counted in its receiver's `mailbox_room`
  // 8 and above belong to the node, in inboxes of connections.

  [[nodiscard]] bool goes_over_alias() const noexcept {
    return (flags & over_alias) != 0 && (kind == signal_kind::message || kind == signal_kind::exit);
  }
};

static_assert(sizeof(signal) == 64);

/// Memory for an envelope, from the calling thread's pool. Throws `std::bad_alloc`.
[[nodiscard]] void* allocate_signal();
/// Ends an envelope: its terms are released and it returns to the calling thread's pool. Embedded ones are left alone.
void release(signal* envelope) noexcept;

/// Takes an envelope from the calling thread's pool. Throws `std::bad_alloc`.
[[nodiscard]] inline signal* make_signal(signal_kind kind) {
  return new (allocate_signal()) signal{{.kind = kind}, pid{}, atom{}, term{}, term{}};
}
/// Builds an envelope of `kind` that carries a sender and one term.
[[nodiscard]] inline signal* make_signal(signal_kind kind, const pid& from, term payload) {
  return new (allocate_signal()) signal{{.kind = kind}, from, atom{}, term{}, std::move(payload)};
}
/// Builds an envelope of `kind` that carries a sender, a reference (or call tag) and one term.
[[nodiscard]] inline signal* make_signal(signal_kind kind, const pid& from, term tag, term payload) {
  return new (allocate_signal()) signal{{.kind = kind}, from, atom{}, std::move(tag), std::move(payload)};
}

/// A pointer inside a term, for the kinds that carry one; it never leaves the program.
[[nodiscard]] inline term pointer_term(const void* pointer) {
  return term{static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(pointer))};
}
template <typename T>
[[nodiscard]] T* pointer_in(const term& value) noexcept {
  return reinterpret_cast<T*>(static_cast<std::intptr_t>(value.as_integer().value_or(0)));
}

}  // namespace ergo::inline v0::detail
