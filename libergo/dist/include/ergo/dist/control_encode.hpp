// From control messages to whole packets, in the form that the negotiated flags call for. Each function appends one
// packet, length included, to a buffer from which it can be written; or, where fragments were negotiated and the
// payload is long, it leaves the message with the connection's writer (`packet_writer::take_large`). After an error,
// and after `std::bad_alloc`, the buffer is as before.
#pragma once

#include <ergo/dist/control.hpp>
#include <ergo/dist/packet_writer.hpp>
#include <ergo/etf/codec.hpp>

#include <cstdint>
#include <expected>

namespace ergo::inline v0::dist {

/// Why a packet was not encoded.
enum class encode_errc : std::uint8_t {
  not_negotiated,  ///< The peer cannot receive this signal.
  too_long,        ///< More than 2^31 - 1 bytes, and not in fragments.
};

/// Priority is dropped where ALTACT_SIG was not negotiated, as OTP does; what else cannot be expressed is an error.
using encode_result = std::expected<void, encode_errc>;

/// Messages; `payload` is the message.
[[nodiscard]] encode_result encode(etf::buffer& out, const control::send& signal, const etf::term& payload,
                                   const encode_context& peer, const etf::encode_options& options = {});
[[nodiscard]] encode_result encode(etf::buffer& out, const control::reg_send& signal, const etf::term& payload,
                                   const encode_context& peer, const etf::encode_options& options = {});
/// Needs ALIAS or ALTACT_SIG; towards OTP 23 send to the pid instead.
[[nodiscard]] encode_result encode(etf::buffer& out, const control::alias_send& signal, const etf::term& payload,
                                   const encode_context& peer, const etf::encode_options& options = {});

/// Ends; `reason` is an operand or the payload, as negotiated.
[[nodiscard]] encode_result encode(etf::buffer& out, const control::exit& signal, const etf::term& reason,
                                   const encode_context& peer);
/// To an alias or a name only where ALTACT_SIG was negotiated.
[[nodiscard]] encode_result encode(etf::buffer& out, const control::exit2& signal, const etf::term& reason,
                                   const encode_context& peer);
[[nodiscard]] encode_result encode(etf::buffer& out, const control::down& signal, const etf::term& reason,
                                   const encode_context& peer);

/// Links and monitors. An `unlink` is sent with its id where UNLINK_ID was negotiated, else in the old form; an
/// `unlink_ack` without UNLINK_ID is `not_negotiated`, because such a peer waits for none.
[[nodiscard]] encode_result encode(etf::buffer& out, const control::link& signal, const encode_context& peer);
[[nodiscard]] encode_result encode(etf::buffer& out, const control::unlink& signal, const encode_context& peer);
[[nodiscard]] encode_result encode(etf::buffer& out, const control::unlink_ack& signal, const encode_context& peer);
[[nodiscard]] encode_result encode(etf::buffer& out, const control::monitor& signal, const encode_context& peer);
[[nodiscard]] encode_result encode(etf::buffer& out, const control::demonitor& signal, const encode_context& peer);

[[nodiscard]] encode_result encode(etf::buffer& out, const control::group_leader& signal, const encode_context& peer);
/// Needs SPAWN. `arguments` is the proper list of the function's arguments.
[[nodiscard]] encode_result encode(etf::buffer& out, const control::spawn_request& signal, const etf::term& arguments,
                                   const encode_context& peer);
[[nodiscard]] encode_result encode(etf::buffer& out, const control::spawn_reply& signal, const encode_context& peer);

}  // namespace ergo::inline v0::dist
