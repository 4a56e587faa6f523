// The digits of integers of any size.
#pragma once

#include <ergo/etf/term.hpp>

#include <cstddef>
#include <string>

namespace ergo::inline v0::etf {

/// The digits of the magnitude of `value` in base 2 … 36, upper case, without a sign; `0` for zero.
///
/// Halves the number again and again, so that one of 64 KiB takes milliseconds: digit by digit it would take a second,
/// and a peer may send many. Any thread.
[[nodiscard]] std::string digits_of(const big_integer& value, unsigned base);

/// How many digits `value` has in `base`, or one more or less; found without working them out.
[[nodiscard]] std::size_t digit_count(const big_integer& value, unsigned base);

}  // namespace ergo::inline v0::etf
