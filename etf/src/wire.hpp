// Tags of the external term format and big-endian reading and writing. Source: OTP `erl_ext_dist`.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace ergo::inline v0::etf::wire {

enum tag : std::uint8_t {
  record = 67,
  new_float = 70,
  bit_binary = 77,
  compressed = 80,
  atom_cache_ref = 82,
  new_pid = 88,
  new_port = 89,
  newer_reference = 90,
  small_integer = 97,
  integer = 98,
  old_float = 99,
  latin1_atom = 100,
  old_reference = 101,
  old_port = 102,
  old_pid = 103,
  small_tuple = 104,
  large_tuple = 105,
  nil = 106,
  string = 107,
  list = 108,
  binary = 109,
  small_big = 110,
  large_big = 111,
  new_fun = 112,
  export_fun = 113,
  new_reference = 114,
  small_latin1_atom = 115,
  map = 116,
  utf8_atom = 118,
  small_utf8_atom = 119,
  v4_port = 120,
  version = 131,
};

/// How far a number is from zero.
[[nodiscard]] constexpr std::uint64_t magnitude_of(std::int64_t value) noexcept {
  return value < 0 ? static_cast<std::uint64_t>(-(value + 1)) + 1 : static_cast<std::uint64_t>(value);
}

template <typename Unsigned>
[[nodiscard]] inline Unsigned swap_if_little(Unsigned value) noexcept {
  if constexpr (sizeof(Unsigned) == 1 || std::endian::native == std::endian::big) {
    return value;
  } else if constexpr (sizeof(Unsigned) == 2) {
    return static_cast<Unsigned>(__builtin_bswap16(value));
  } else if constexpr (sizeof(Unsigned) == 4) {
    return static_cast<Unsigned>(__builtin_bswap32(value));
  } else {
    return static_cast<Unsigned>(__builtin_bswap64(value));
  }
}

/// Reads a big-endian number; the caller has checked that it is there.
template <typename Unsigned>
[[nodiscard]] inline Unsigned load(const std::byte* from) noexcept {
  Unsigned value;
  std::memcpy(&value, from, sizeof value);
  return swap_if_little(value);
}

template <typename Unsigned>
inline std::byte* store(std::byte* to, Unsigned value) noexcept {
  value = swap_if_little(value);
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}

/// Copies a text without a call; up to 64 bytes it pays. Returns the position behind it.
inline std::byte* copy_short(std::byte* to, std::string_view from) noexcept {
  const auto* at = from.data();
  const auto size = from.size();
  if (size >= 16) {
    for (std::size_t done = 0; done + 16 < size; done += 16) std::memcpy(to + done, at + done, 16);
    std::memcpy(to + size - 16, at + size - 16, 16);  // may overlap what was copied
  } else if (size >= 8) {
    std::memcpy(to, at, 8);
    std::memcpy(to + size - 8, at + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(to, at, 4);
    std::memcpy(to + size - 4, at + size - 4, 4);
  } else if (size != 0) {
    to[0] = static_cast<std::byte>(at[0]);
    to[size / 2] = static_cast<std::byte>(at[size / 2]);
    to[size - 1] = static_cast<std::byte>(at[size - 1]);
  }
  return to + size;
}

}  // namespace ergo::inline v0::etf::wire
