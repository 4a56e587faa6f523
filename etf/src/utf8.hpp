// UTF-8 as atoms and texts need it: strict (no overlong forms, no surrogates, nothing above U+10FFFF).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ergo::inline v0::etf {

/// One character and the bytes it took; 0 bytes where the text is no UTF-8.
struct code_point {
  std::uint32_t value = 0;
  std::size_t bytes = 0;
};

/// Whether a code point may stand in UTF-8.
[[nodiscard]] constexpr bool is_character(std::uint64_t value) noexcept {
  return value < 0xD800 || (value > 0xDFFF && value <= 0x10FFFF);
}

/// Reads the first character of `text`, which is not empty.
[[nodiscard]] inline code_point next_character(std::string_view text) noexcept {
  const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const auto first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t count = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < count) return {};
  std::uint32_t value = first & (0xFFU >> (count + 1));
  for (std::size_t at = 1; at < count; ++at) {
    if ((byte(at) & 0xC0) != 0x80) return {};
    value = (value << 6) | (byte(at) & 0x3FU);
  }
  constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < smallest[count] || !is_character(value)) return {};
  return {value, count};
}

/// Appends a character, for which `is_character` holds.
inline void append_character(std::string& to, std::uint32_t value) {
  const auto push = [&to](std::uint32_t byte) { to.push_back(static_cast<char>(byte)); };
  if (value < 0x80) return push(value);
  if (value < 0x800) {
    push(0xC0 | (value >> 6));
  } else if (value < 0x10000) {
    push(0xE0 | (value >> 12));
    push(0x80 | ((value >> 6) & 0x3F));
  } else {
    push(0xF0 | (value >> 18));
    push(0x80 | ((value >> 12) & 0x3F));
    push(0x80 | ((value >> 6) & 0x3F));
  }
  push(0x80 | (value & 0x3F));
}

/// Whether `text` may be an atom: UTF-8 of at most 255 characters.
[[nodiscard]] inline bool is_atom_text(std::string_view text) noexcept {
  if (text.size() > 1020) return false;
  std::size_t characters = 0;
  while (!text.empty()) {
    const auto next = next_character(text);
    if (next.bytes == 0 || ++characters > 255) return false;
    text.remove_prefix(next.bytes);
  }
  return true;
}

}  // namespace ergo::inline v0::etf
