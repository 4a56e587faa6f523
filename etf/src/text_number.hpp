// Numbers as Erlang writes them.
#pragma once

#include <cstdint>
#include <string>

namespace ergo::inline v0::etf::detail {

/// Appends an integer in decimal.
void append_integer(std::string& out, std::int64_t value);
void append_unsigned(std::string& out, std::uint64_t value);

/// Appends the shortest text that reads back as `value`, as `float_to_list(F, [short])`: decimal notation below 2^53
/// where it is not longer than the scientific one, always with a point and a digit behind it.
void append_double(std::string& out, double value);

}  // namespace ergo::inline v0::etf::detail
