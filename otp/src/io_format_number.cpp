// Erlang rounds the 21 digits of float_to_list/1 half up, not the value itself; the text shows the difference.
#include "io_format_number.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>

namespace ergo::inline v0::otp::detail {

namespace {

/// `0.DIGITS * 10^point`.
struct decimal {
  std::string digits;
  std::int64_t point = 0;
};

decimal decimal_of(double value) {
  constexpr int digits_behind_point = 20;
  std::array<char, 64> written{};
  const auto end = std::to_chars(written.data(), written.data() + written.size(), std::fabs(value),
                                 std::chars_format::scientific, digits_behind_point);
  const std::string_view text{written.data(), end.ptr};
  const auto exponent = text.find('e');
  decimal made;
  std::ranges::copy_if(text.substr(0, exponent), std::back_inserter(made.digits), [](char c) { return c != '.'; });
  const auto from = exponent + (text[exponent + 1] == '+' ? 2 : 1);
  std::from_chars(written.data() + from, end.ptr, made.point);
  ++made.point;
  return made;
}

/// Adds one to the last of `digits`; whether it carried out of the first.
bool round_up(std::string& digits) noexcept {
  for (auto at = digits.size(); at-- > 0;) {
    if (digits[at] != '9') {
      ++digits[at];
      return false;
    }
    digits[at] = '0';
  }
  return true;
}

struct mantissa {
  std::string text;
  bool carried;  ///< out of the first digit, which is 0 now
};

mantissa mantissa_of(std::string digits, std::size_t before, std::size_t behind) {
  const auto wanted = before + behind;
  const bool up = digits.size() > wanted && digits[wanted] >= '5';
  digits.resize(wanted, '0');
  const bool carried = up && round_up(digits);
  digits.insert(before, 1, '.');
  return {std::move(digits), carried};
}

std::string sign_of(double value) { return std::signbit(value) ? "-" : ""; }

}  // namespace

std::string float_e(double value, std::int64_t precision) {
  auto number = decimal_of(value);
  auto [text, carried] = mantissa_of(std::move(number.digits), 1, static_cast<std::size_t>(precision - 1));
  if (carried) text.front() = '1';
  const auto exponent = carried ? number.point : number.point - 1;
  return sign_of(value) + text + (exponent >= 0 ? "e+" : "e") + std::to_string(exponent);
}

std::string float_f(double value, std::int64_t precision) {
  auto number = decimal_of(value);
  if (number.point <= 0) {
    number.digits.insert(0, static_cast<std::size_t>(1 - number.point), '0');
    number.point = 1;
  }
  const auto [text, carried] = mantissa_of(std::move(number.digits), static_cast<std::size_t>(number.point),
                                           static_cast<std::size_t>(precision));
  return sign_of(value) + (carried ? "1" : "") + text;
}

}  // namespace ergo::inline v0::otp::detail
