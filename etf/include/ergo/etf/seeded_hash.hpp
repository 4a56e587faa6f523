// Hashes for tables whose keys others choose (attack S23). `std::hash` of a pid, port or reference is a fixed function
// of bits that its sender makes up: who may choose the keys of such a table can have all of them begin at one place.
#pragma once

#include <ergo/etf/ids.hpp>

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ergo::inline v0::etf {

namespace detail {
extern constinit std::atomic<std::uint64_t> chosen_seed;  // 0: not chosen yet
[[nodiscard]] std::uint64_t choose_seed() noexcept;
}  // namespace detail

/// Random bits that are the same for the life of the program. Any thread, also before `main`.
[[nodiscard]] inline std::uint64_t process_seed() noexcept {
  const auto seed = detail::chosen_seed.load(std::memory_order_relaxed);
  return seed != 0 ? seed : detail::choose_seed();
}

/// Multiplies to 128 bits and folds: every input bit changes half of the output.
[[nodiscard]] inline std::uint64_t mix(std::uint64_t left, std::uint64_t right) noexcept {
  __extension__ using wide = unsigned __int128;
  const auto product = static_cast<wide>(left) * right;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// A hash that nobody outside of the program can foresee; another one in each run. Equal keys have equal hashes, whose
/// bits need no further mixing. For containers: `boost::unordered_flat_map<pid, int, etf::seeded_hash>`.
struct seeded_hash {
  using is_avalanching = void;
  using is_transparent = void;

  [[nodiscard]] std::size_t operator()(const pid& key) const noexcept {
    return of(std::uint64_t{key.serial} << 32 | key.id, key.node.index());
  }
  [[nodiscard]] std::size_t operator()(const port& key) const noexcept { return of(key.id, key.node.index()); }
  /// Words that are missing count as 0, as for `==`.
  [[nodiscard]] std::size_t operator()(const reference& key) const noexcept {
    const auto& words = key.words;
    const auto front = of(std::uint64_t{words[1]} << 32 | words[0], std::uint64_t{words[3]} << 32 | words[2]);
    return of(front ^ words[4], key.node.index());
  }
  [[nodiscard]] std::size_t operator()(std::string_view key) const noexcept;

  /// The hash of two words, of which both may be chosen by others.
  [[nodiscard]] static std::uint64_t of(std::uint64_t first, std::uint64_t second) noexcept {
    constexpr std::uint64_t first_factor = 0x9E3779B97F4A7C15ULL;
    constexpr std::uint64_t second_factor = 0xD1342543DE82EF95ULL;
    const auto seed = process_seed();
    // Once is not enough: keys that follow each other would still do so, by a step that some seeds make a short one.
    return mix(mix(first ^ seed, second ^ std::rotl(seed, 29) ^ first_factor), second_factor);
  }
};

}  // namespace ergo::inline v0::etf
