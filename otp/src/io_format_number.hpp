// Floats and integers as `~e ~f ~g` and `~b ~x ~#` print them.
#pragma once

#include <ergo/etf/term.hpp>

#include <cstdint>
#include <string>

namespace ergo::inline v0::otp::detail {

/// `~e` with `precision` significant digits, at least 2.
[[nodiscard]] std::string float_e(double value, std::int64_t precision);
/// `~f` with `precision` digits behind the point, at least 1.
[[nodiscard]] std::string float_f(double value, std::int64_t precision);
/// The digits of an integer without its sign in base 2 … 36, upper case.
[[nodiscard]] std::string digits_in_base(const etf::term& value, unsigned base);

}  // namespace ergo::inline v0::otp::detail
