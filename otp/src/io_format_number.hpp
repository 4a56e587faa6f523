// Floats as `~e ~f ~g` print them.
#pragma once

#include <cstdint>
#include <string>

namespace ergo::inline v0::otp::detail {

/// `~e` with `precision` significant digits, at least 2.
[[nodiscard]] std::string float_e(double value, std::int64_t precision);
/// `~f` with `precision` digits behind the point, at least 1.
[[nodiscard]] std::string float_f(double value, std::int64_t precision);

}  // namespace ergo::inline v0::otp::detail
