// What happens to a message for a process whose mailbox is metered: it enters, or its policy decides.
#pragma once

#include "mailbox_room.hpp"

#include <ergo/local_node.hpp>

namespace ergo::inline v0::detail {

struct process_state;

/// What a sender wants to know.
enum class sender : std::uint8_t {
  goes_on,  ///< nothing
  asks,     ///< what became of it
  waits,    ///< the same, and it waits for room where the policy says so
};

/// What became of an envelope. But for `no_room` it is not the sender's any more.
enum class offered : std::uint8_t {
  taken,    ///< by the receiver, or by the one it was redirected to
  lost,     ///< dropped or refused, and counted
  nobody,   ///< the receiver has ended
  no_room,  ///< only for one who waits; neither taken nor counted
};

/// Sends `envelope` to `target`, which was `to` a moment ago and is metered.
[[nodiscard]] offered offer(local_node& from, process_state& target, const pid& to, signal* envelope,
                            sender who) noexcept;
/// The same from a thread that waits for room, at most until `limit`.
[[nodiscard]] result<void> offer_patiently(local_node& from, const pid& to, signal* envelope,
                                           std::chrono::steady_clock::time_point limit);
/// Does with `envelope` what the policy of a mailbox that is full says.
offered turn_away(local_node& from, mailbox_room& room, const pid& to, signal* envelope, sender who) noexcept;
/// Reports when the high-water mark was reached, or half of it again.
void tell_level(local_node& of, const pid& whose, mailbox_room& room) noexcept;

}  // namespace ergo::inline v0::detail
