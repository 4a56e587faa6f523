// Character data: the nested lists of characters and binaries in which Erlang passes texts about.
#pragma once

#include <ergo/etf/term.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace ergo::inline v0::etf {

/// How characters are bytes.
enum class text_encoding : std::uint8_t {
  unicode,  ///< UTF-8
  latin1,   ///< one byte each
};

/// The text of `data`, a binary or a list of characters, binaries and such lists, as UTF-8; nothing where it is none:
/// binaries that are no UTF-8 together, characters above 255 in Latin-1, an improper tail that is no binary.
///
/// `as` is how the binaries are encoded and which characters there are. At any depth; takes memory for the text and for
/// the way into it. Any thread. Source: OTP stdlib `unicode:characters_to_binary/2`.
[[nodiscard]] std::optional<std::string> characters_of(const term& data, text_encoding as);

}  // namespace ergo::inline v0::etf
