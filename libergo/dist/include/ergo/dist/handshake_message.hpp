// The six messages of the distribution handshake as structs, with their wire form (protocol §2.2).
// Pure encoding: which message is due when is the business of handshake.hpp.
#pragma once

#include <ergo/dist/flags.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ergo::inline v0::dist {

using bytes_view = std::span<const std::byte>;
using byte_buffer = std::vector<std::byte>;

/// An MD5 digest.
using digest = std::array<std::byte, 16>;

/// How many bytes announce the length of a handshake message: two on plain TCP, four inside TLS.
enum class length_prefix : std::uint8_t { two_bytes = 2, four_bytes = 4 };

/// The old (`n`, OTP 22 and `-erl_epmd_port`) or new (`N`, OTP 23+) layout of names and challenges.
enum class name_form : std::uint8_t { old_form, new_form };

/// "I am …": the first message, sent by the connecting side.
struct name_message {
  name_form form{name_form::new_form};
  flags offered;           ///< The old form carries the low 32 bits only.
  std::uint32_t creation;  ///< 0 in the old form: it follows in the complement.
  std::string name;        ///< UTF-8; Latin-1 on the wire.
};

/// What the accepting side thinks of the name, or the connecting side's answer to `alive`.
enum class status_code : std::uint8_t {
  ok,
  ok_simultaneous,  ///< Accepted; the accepting side gives up its own attempt.
  nok,              ///< Refused: the accepting side's own attempt goes on.
  not_allowed,      ///< Refused: not on the allow list, or flags are missing.
  alive,            ///< There is a connection already: does the sender know better?
  named,            ///< Accepted, under the name given here.
  is_true,          ///< Answer to `alive`: take over, my side of the old connection is gone.
  is_false,         ///< Answer to `alive`: the old connection stands.
};

struct status_message {
  status_code code;
  std::string name;          ///< With `named` only, UTF-8.
  std::uint32_t creation{};  ///< With `named` only.
};

/// "I am … and here is a number": the accepting side's demand for proof.
struct challenge_message {
  name_form form{name_form::new_form};
  flags offered;
  std::uint32_t challenge;
  std::uint32_t creation;  ///< 0 in the old form: it is never told.
  std::string name;        ///< UTF-8; Latin-1 on the wire.
};

/// The upper half of the flags and the creation, after an old-form name.
struct complement_message {
  std::uint32_t flags_high;
  std::uint32_t creation;
};

/// The connecting side's proof and its own demand.
struct reply_message {
  std::uint32_t challenge;
  digest proof;
};

/// The accepting side's proof.
struct ack_message {
  digest proof;
};

/// The parsers take one message body without its length and return nothing when the bytes are not
/// that message. Bytes after the name of a new-form message are ignored (space for extensions);
/// everywhere else the length must fit. Names are not judged here: see node_name.hpp.
[[nodiscard]] std::optional<name_message> parse_name(bytes_view body);
[[nodiscard]] std::optional<status_message> parse_status(bytes_view body);
[[nodiscard]] std::optional<challenge_message> parse_challenge(bytes_view body);
[[nodiscard]] std::optional<complement_message> parse_complement(bytes_view body);
[[nodiscard]] std::optional<reply_message> parse_reply(bytes_view body);
[[nodiscard]] std::optional<ack_message> parse_ack(bytes_view body);

/// Appends the message with its length in front. Names must fit Latin-1 and 255 characters
/// (`valid_node_name`), which the handshake has checked before.
void append(byte_buffer& out, length_prefix prefix, const name_message& message);
void append(byte_buffer& out, length_prefix prefix, const status_message& message);
void append(byte_buffer& out, length_prefix prefix, const challenge_message& message);
void append(byte_buffer& out, length_prefix prefix, const complement_message& message);
void append(byte_buffer& out, length_prefix prefix, const reply_message& message);
void append(byte_buffer& out, length_prefix prefix, const ack_message& message);

/// The text of a status on the wire: `ok_simultaneous`.
[[nodiscard]] std::string_view to_string(status_code code);

}  // namespace ergo::inline v0::dist
