// What Erlang's printer and scanner know about characters: which are printable, which may stand in an atom without
// quotes. Facts of OTP's io_lib and erl_scan.
#pragma once

#include "utf8.hpp"

#include <cstdint>
#include <string_view>

namespace ergo::inline v0::etf::detail {

/// Whether a string with this character is shown as a string: `io_lib:printable_list` and its Latin-1 sister.
[[nodiscard]] constexpr bool is_printable(std::uint64_t code, char32_t highest) noexcept {
  if (code < 0x20) return (code >= 8 && code <= 13) || code == 27;
  if (code <= 0x7E) return true;
  return code >= 0xA0 && code <= highest && is_character(code) && code != 0xFFFE && code != 0xFFFF;
}

/// Whether `code` may begin an atom without quotes.
[[nodiscard]] constexpr bool starts_atom(char32_t code) noexcept {
  return (code >= 'a' && code <= 'z') || (code >= 0xDF && code <= 0xFF && code != 0xF7);
}

/// Whether `code` begins a variable, which is no term.
[[nodiscard]] constexpr bool starts_variable(char32_t code) noexcept {
  return (code >= 'A' && code <= 'Z') || code == '_' || (code >= 0xC0 && code <= 0xDE && code != 0xD7);
}

/// Whether `code` may follow inside an atom without quotes.
[[nodiscard]] constexpr bool continues_atom(char32_t code) noexcept {
  return starts_atom(code) || starts_variable(code) || (code >= '0' && code <= '9') || code == '@';
}

/// Whether `word` is reserved in every release that we speak with (OTP 23 and later).
[[nodiscard]] bool is_reserved_word(std::string_view word) noexcept;

/// Whether `word` is reserved in some release: `maybe` and `else` became so in OTP 27.
[[nodiscard]] bool is_reserved_somewhere(std::string_view word) noexcept;

}  // namespace ergo::inline v0::etf::detail
