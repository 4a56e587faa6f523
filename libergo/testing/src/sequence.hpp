// Sequences of random numbers that one seed gives.
#pragma once

#include <cstdint>
#include <random>

namespace ergo::inline v0::testing {

/// The `number`-th sequence of a seed; none of them tells anything about another.
[[nodiscard]] inline std::mt19937_64 sequence(std::uint64_t seed, std::size_t number) {
  std::seed_seq mixed{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32),
                      static_cast<std::uint32_t>(number)};
  return std::mt19937_64{mixed};
}

/// The simulation itself has the sequences before; each fault has one from here on.
inline constexpr std::size_t first_of_faults = 3;

}  // namespace ergo::inline v0::testing
