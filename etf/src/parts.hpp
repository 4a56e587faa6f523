// How compound terms lie in memory: what stands at which position of a fun's or record's node, and big integers' limbs.
#pragma once

#include <ergo/etf/term.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ergo::inline v0::etf::detail {

/// Positions in the node of a local fun. What Erlang compares comes first, in its order: module, index and old uniq,
/// and then the environment. It takes these to name the code, and ignores the rest.
namespace fun_part {
enum : std::size_t {
  module,
  index,
  old_uniq,
  compared,
  old_index = compared,
  uniq_high,
  uniq_low,
  arity,
  creator,
  environment
};
}  // namespace fun_part

/// Positions in the node of an external fun.
namespace external_part {
enum : std::size_t { module, function, arity, count };
}  // namespace external_part

/// Positions in the node of a record; behind `names` as many values.
namespace record_part {
enum : std::size_t { module, name, names };
}  // namespace record_part

/// The magnitude of a big integer, least significant limb first, the last one not 0.
struct big_view {
  bool negative = false;
  std::span<const std::uint64_t> limbs;
};

[[nodiscard]] inline big_view big_of(const term& value) noexcept {
  const auto* at = term_access::node_of(value);
  return {term_access::spare(value) != 0, {reinterpret_cast<const std::uint64_t*>(at + 1), at->size}};
}

/// Significant bytes of a magnitude.
[[nodiscard]] std::size_t byte_count(std::span<const std::uint64_t> limbs) noexcept;

/// Whether sign and magnitude are a number of 64 bits, and which.
[[nodiscard]] constexpr bool fits_64_bits(bool negative, std::uint64_t magnitude) noexcept {
  return magnitude <= static_cast<std::uint64_t>(INT64_MAX) + (negative ? 1U : 0U);
}
[[nodiscard]] constexpr std::int64_t to_signed(bool negative, std::uint64_t magnitude) noexcept {
  if (!negative || magnitude == 0) return static_cast<std::int64_t>(magnitude);
  return -1 - static_cast<std::int64_t>(magnitude - 1);
}

/// Exact order of an integer and a float.
[[nodiscard]] std::weak_ordering compare_integer_float(std::int64_t left, double right) noexcept;
[[nodiscard]] std::weak_ordering compare_big_float(const big_view& left, double right) noexcept;
[[nodiscard]] std::weak_ordering compare_bigs(const big_view& left, const big_view& right) noexcept;

/// The map in `entries`: sorted by key, of equal keys the last one kept. Returns the number of terms left; gives
/// nothing up, so the dropped pairs stand behind that number.
[[nodiscard]] std::size_t sort_entries(std::span<term> entries);

/// Sorts the pairs of a map by key; false when a key comes twice.
[[nodiscard]] bool sort_unique_entries(std::span<term> entries);

/// Whether the keys of a map are atoms in their order, told apart by their first eight bytes: as most maps arrive.
[[nodiscard]] bool are_ascending_atoms(std::span<const term> entries) noexcept;

/// Whether some name of a record is no atom, or stands there twice.
[[nodiscard]] bool repeats_or_is_no_atom(std::span<const term> names);

}  // namespace ergo::inline v0::etf::detail
