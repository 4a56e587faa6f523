// The room's hash functions: fast on short byte strings, seeded once per program so that a peer cannot aim at
// collisions.
#pragma once

#include <ergo/etf/seeded_hash.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace ergo::inline v0::etf {

/// Reads four or eight bytes as a number, the first byte lowest.
[[nodiscard]] inline std::uint64_t load_word(const char* from, std::size_t count) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, from, count);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

/// A seeded hash of `bytes`.
[[nodiscard]] inline std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed) noexcept {
  constexpr std::uint64_t odd = 0x9E3779B97F4A7C15ULL;
  auto state = seed ^ (bytes.size() * odd);
  const auto* from = bytes.data();
  auto left = bytes.size();
  for (; left > 16; left -= 16, from += 16) state = mix(load_word(from, 8) ^ odd, load_word(from + 8, 8) ^ state);
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (left >= 8) {
    low = load_word(from, 8);
    high = load_word(from + left - 8, 8);
  } else if (left >= 4) {
    low = load_word(from, 4);
    high = load_word(from + left - 4, 4);
  } else if (left > 0) {
    low = static_cast<unsigned char>(from[0]) |
          (static_cast<std::uint64_t>(static_cast<unsigned char>(from[left / 2])) << 8) |
          (static_cast<std::uint64_t>(static_cast<unsigned char>(from[left - 1])) << 16);
  }
  return mix(low ^ 0xA0761D6478BD642FULL, high ^ state);
}

}  // namespace ergo::inline v0::etf
