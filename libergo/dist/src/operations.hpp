// The table of control operations (protocol §4.1): one row per number that may be sent.
#pragma once

#include <ergo/dist/control.hpp>

#include <array>
#include <cstdint>
#include <string_view>

namespace ergo::inline v0::dist::detail {

enum class payload : std::uint8_t { none, follows };

struct operation_row {
  operation op;
  std::string_view name;
  std::size_t size;  ///< Elements of the tuple, the operation included.
  payload with;
  std::size_t reason;  ///< The element that holds the exit reason, counted from 1; 0 = none does.
};

inline constexpr std::array operation_rows{
    operation_row{operation::link, "LINK", 3, payload::none, 0},
    operation_row{operation::send, "SEND", 3, payload::follows, 0},
    operation_row{operation::exit, "EXIT", 4, payload::none, 4},
    operation_row{operation::unlink, "UNLINK", 3, payload::none, 0},
    operation_row{operation::reg_send, "REG_SEND", 4, payload::follows, 0},
    operation_row{operation::group_leader, "GROUP_LEADER", 3, payload::none, 0},
    operation_row{operation::exit2, "EXIT2", 4, payload::none, 4},
    operation_row{operation::send_tt, "SEND_TT", 4, payload::follows, 0},
    operation_row{operation::exit_tt, "EXIT_TT", 5, payload::none, 5},
    operation_row{operation::reg_send_tt, "REG_SEND_TT", 5, payload::follows, 0},
    operation_row{operation::exit2_tt, "EXIT2_TT", 5, payload::none, 5},
    operation_row{operation::monitor_p, "MONITOR_P", 4, payload::none, 0},
    operation_row{operation::demonitor_p, "DEMONITOR_P", 4, payload::none, 0},
    operation_row{operation::monitor_p_exit, "MONITOR_P_EXIT", 5, payload::none, 5},
    operation_row{operation::send_sender, "SEND_SENDER", 3, payload::follows, 0},
    operation_row{operation::send_sender_tt, "SEND_SENDER_TT", 4, payload::follows, 0},
    operation_row{operation::payload_exit, "PAYLOAD_EXIT", 3, payload::follows, 0},
    operation_row{operation::payload_exit_tt, "PAYLOAD_EXIT_TT", 4, payload::follows, 0},
    operation_row{operation::payload_exit2, "PAYLOAD_EXIT2", 3, payload::follows, 0},
    operation_row{operation::payload_exit2_tt, "PAYLOAD_EXIT2_TT", 4, payload::follows, 0},
    operation_row{operation::payload_monitor_p_exit, "PAYLOAD_MONITOR_P_EXIT", 4, payload::follows, 0},
    operation_row{operation::spawn_request, "SPAWN_REQUEST", 6, payload::follows, 0},
    operation_row{operation::spawn_request_tt, "SPAWN_REQUEST_TT", 7, payload::follows, 0},
    operation_row{operation::spawn_reply, "SPAWN_REPLY", 5, payload::none, 0},
    operation_row{operation::spawn_reply_tt, "SPAWN_REPLY_TT", 6, payload::none, 0},
    operation_row{operation::alias_send, "ALIAS_SEND", 3, payload::follows, 0},
    operation_row{operation::alias_send_tt, "ALIAS_SEND_TT", 4, payload::follows, 0},
    operation_row{operation::unlink_id, "UNLINK_ID", 4, payload::none, 0},
    operation_row{operation::unlink_id_ack, "UNLINK_ID_ACK", 4, payload::none, 0},
    // With a trace token it has one element more, and later releases may add others.
    operation_row{operation::altact_sig_send, "ALTACT_SIG_SEND", 4, payload::follows, 0},
};

/// The place of each number's row; that of the numbers without one is behind the last.
inline constexpr auto row_places = [] {
  std::array<std::uint8_t, static_cast<std::size_t>(operation::altact_sig_send) + 1> places{};
  places.fill(operation_rows.size());
  for (std::size_t place = 0; place < operation_rows.size(); ++place)
    places[static_cast<std::size_t>(operation_rows[place].op)] = static_cast<std::uint8_t>(place);
  return places;
}();

/// The row of an operation; null for a number that nobody may send.
[[nodiscard]] constexpr const operation_row* find_operation(std::uint64_t number) {
  if (number >= row_places.size() || row_places[number] == operation_rows.size()) return nullptr;
  return &operation_rows[row_places[number]];
}

/// Flags of ALTACT_SIG_SEND.
namespace altact {
inline constexpr std::uint64_t priority = 1;
inline constexpr std::uint64_t token = 2;
inline constexpr std::uint64_t alias = 4;
inline constexpr std::uint64_t name = 8;
inline constexpr std::uint64_t exit = 16;
}  // namespace altact

}  // namespace ergo::inline v0::dist::detail
