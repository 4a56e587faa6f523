// From control messages to whole packets in pass-through form, in the form that the negotiated flags call for. Each
// function appends one packet, length included, to a buffer from which it can be written. After an error, and after
// `std::bad_alloc`, the buffer is as before.
#pragma once

#include <ergo/dist/control.hpp>
#include <ergo/dist/packet.hpp>
#include <ergo/etf/codec.hpp>

#include <cstdint>
#include <expected>

namespace ergo::inline v0::dist {

/// Why a packet was not encoded.
enum class encode_errc : std::uint8_t {
  not_negotiated,  ///< The peer cannot receive this signal.
  too_long,        ///< More than 2^31 - 1 bytes.
};

/// Priority is dropped where ALTACT_SIG was not negotiated, as OTP does; what else cannot be expressed is an error.
using encode_result = std::expected<void, encode_errc>;

/// Messages; `payload` is the message.
[[nodiscard]] encode_result encode(etf::buffer& out, const control::send& signal, const etf::term& payload,
                                   flags negotiated, const etf::encode_options& options = {});
[[nodiscard]] encode_result encode(etf::buffer& out, const control::reg_send& signal, const etf::term& payload,
                                   flags negotiated, const etf::encode_options& options = {});
/// Needs ALIAS or ALTACT_SIG; towards OTP 23 send to the pid instead.
[[nodiscard]] encode_result encode(etf::buffer& out, const control::alias_send& signal, const etf::term& payload,
                                   flags negotiated, const etf::encode_options& options = {});

/// Ends; `reason` is an operand or the payload, as negotiated.
[[nodiscard]] encode_result encode(etf::buffer& out, const control::exit& signal, const etf::term& reason,
                                   flags negotiated);
/// To an alias or a name only where ALTACT_SIG was negotiated.
[[nodiscard]] encode_result encode(etf::buffer& out, const control::exit2& signal, const etf::term& reason,
                                   flags negotiated);
[[nodiscard]] encode_result encode(etf::buffer& out, const control::down& signal, const etf::term& reason,
                                   flags negotiated);

/// Links and monitors. An `unlink` is sent with its id where UNLINK_ID was negotiated, else in the old form; an
/// `unlink_ack` without UNLINK_ID is `not_negotiated`, because such a peer waits for none.
[[nodiscard]] encode_result encode(etf::buffer& out, const control::link& signal, flags negotiated);
[[nodiscard]] encode_result encode(etf::buffer& out, const control::unlink& signal, flags negotiated);
[[nodiscard]] encode_result encode(etf::buffer& out, const control::unlink_ack& signal, flags negotiated);
[[nodiscard]] encode_result encode(etf::buffer& out, const control::monitor& signal, flags negotiated);
[[nodiscard]] encode_result encode(etf::buffer& out, const control::demonitor& signal, flags negotiated);

[[nodiscard]] encode_result encode(etf::buffer& out, const control::group_leader& signal, flags negotiated);
/// Needs SPAWN. `arguments` is the proper list of the function's arguments.
[[nodiscard]] encode_result encode(etf::buffer& out, const control::spawn_request& signal, const etf::term& arguments,
                                   flags negotiated);
[[nodiscard]] encode_result encode(etf::buffer& out, const control::spawn_reply& signal, flags negotiated);

}  // namespace ergo::inline v0::dist
