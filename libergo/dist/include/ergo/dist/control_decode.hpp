// From the bytes of a message to a control message. Everything that the protocol forbids is refused here,
// before anybody acts on any part of it (attack S14).
#pragma once

#include <ergo/dist/control.hpp>
#include <ergo/dist/packet_reader.hpp>
#include <ergo/etf/codec.hpp>

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

namespace ergo::inline v0::dist {

/// What is wrong with a packet. Each of them ends the connection, as OTP does.
enum class control_errc : std::uint8_t {
  not_pass_through,   ///< Does not begin with 112 131, although nothing else was negotiated.
  bad_term,           ///< The control message is no term (`etf`).
  not_an_operation,   ///< Not a tuple that begins with a small integer.
  unknown_operation,  ///< No operation has this number, or nobody may send it.
  wrong_size,         ///< The tuple has too few or too many elements.
  wrong_type,         ///< An element is not what the operation has there (`element`).
  foreign_sender,     ///< A process of a third node speaks through this connection.
  not_negotiated,     ///< A form that the flags of this connection exclude.
  no_payload,         ///< The operation has a payload, and the packet has none.
};

struct control_error {
  control_errc code;
  std::uint64_t operation{};  ///< The number that was sent, if it was read.
  std::size_t element{};      ///< With `wrong_type`: which one, counted from 1 = the operation.
  etf::error etf{};           ///< With `bad_term`.

  friend bool operator==(const control_error&, const control_error&) = default;
};

[[nodiscard]] std::string_view to_string(control_errc code);
/// One sentence for a human.
[[nodiscard]] std::string to_string(const control_error& error);

/// What a connection knows and a decoder must.
struct control_context {
  etf::atom peer;  ///< The name of the node at the other end.
  flags negotiated;
  etf::decode_limits limits{};  ///< For the control message.
};

/// A control message with what belongs to it.
struct received_control {
  // NOLINTNEXTLINE(modernize-use-equals-default): that would clear all of it first, which takes longer than to scan
  received_control() noexcept {}
  received_control(control::message of, operation in) : message{std::move(of)}, op{in} {}

  control::message message;
  operation op{};  ///< The form in which it was sent, for traces.
  /// The reason of an `exit`, `exit2` or `down` in the old forms; otherwise it is the payload.
  std::optional<etf::term> reason{};
  /// The payload without its 131, for `etf::decode_bare`; empty for operations without one. Part of the packet's body.
  bytes_view payload{};
};

/// Decodes what a `packet_reader` gave out; `context.limits.cache` does not matter. The operations that carry messages
/// are read without building a term. Bytes behind the control message of an operation without payload are ignored, as
/// OTP does.
[[nodiscard]] std::expected<received_control, control_error> decode_control(const framed_message& message,
                                                                            const control_context& context);
/// The same for the body of a pass-through packet (without its length).
[[nodiscard]] std::expected<received_control, control_error> decode_control(bytes_view body,
                                                                            const control_context& context);

/// Decodes a control message that is a term already; the payload stays empty and is not asked for.
[[nodiscard]] std::expected<received_control, control_error> read_control(const etf::term& tuple,
                                                                          const control_context& context);

/// True when a payload term follows the control message in the same packet.
[[nodiscard]] bool has_payload(operation op);

}  // namespace ergo::inline v0::dist
