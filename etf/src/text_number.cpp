// The digits come from std::to_chars, which is shortest and correctly rounded; only the notation is Erlang's.
#include "text_number.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

namespace ergo::inline v0::etf::detail {

namespace {

constexpr double integers_end = 9007199254740992.0;  // 2^53: above it not every integer is a float

/// A positive float as `0.DIGITS * 10^point`.
struct shortest_digits {
  std::array<char, 20> text{};
  int count = 0;
  int point = 0;

  [[nodiscard]] std::string_view view() const noexcept { return {text.data(), static_cast<std::size_t>(count)}; }
};

shortest_digits digits_of(double value) {
  std::array<char, 32> written{};
  const auto end = std::to_chars(written.data(), written.data() + written.size(), value, std::chars_format::scientific);
  shortest_digits digits;
  const char* at = written.data();
  for (; *at != 'e'; ++at) {
    if (*at != '.') digits.text[static_cast<std::size_t>(digits.count++)] = *at;
  }
  ++at;
  if (*at == '+') ++at;
  std::from_chars(at, end.ptr, digits.point);
  ++digits.point;
  return digits;
}

int decimal_length(const shortest_digits& digits) {
  if (digits.point <= 0) return 2 - digits.point + digits.count;
  return digits.count <= digits.point ? digits.point + 2 : digits.count + 1;
}

int scientific_length(const shortest_digits& digits) {
  const int exponent = digits.point - 1;
  const int magnitude = std::abs(exponent);
  const int exponent_length = (exponent < 0 ? 1 : 0) + (magnitude < 10 ? 1 : magnitude < 100 ? 2 : 3);
  return (digits.count == 1 ? 3 : digits.count + 1) + 1 + exponent_length;
}

void append_scientific(std::string& out, const shortest_digits& digits) {
  out += digits.text[0];
  out += '.';
  out += digits.count == 1 ? std::string_view{"0"} : digits.view().substr(1);
  out += 'e';
  append_integer(out, digits.point - 1);
}

void append_decimal(std::string& out, const shortest_digits& digits) {
  if (digits.point <= 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-digits.point), '0');
    out += digits.view();
  } else if (digits.count <= digits.point) {
    out += digits.view();
    out.append(static_cast<std::size_t>(digits.point - digits.count), '0');
    out += ".0";
  } else {
    out += digits.view().substr(0, static_cast<std::size_t>(digits.point));
    out += '.';
    out += digits.view().substr(static_cast<std::size_t>(digits.point));
  }
}

template <typename Integer>
void append_any(std::string& out, Integer value) {
  std::array<char, 24> written{};
  const auto end = std::to_chars(written.data(), written.data() + written.size(), value);
  out.append(written.data(), end.ptr);
}

}  // namespace

void append_integer(std::string& out, std::int64_t value) { append_any(out, value); }
void append_unsigned(std::string& out, std::uint64_t value) { append_any(out, value); }

void append_double(std::string& out, double value) {
  if (std::signbit(value)) out += '-';
  value = std::fabs(value);
  if (value == 0) {
    out += "0.0";
    return;
  }
  const auto digits = digits_of(value);
  if (value < integers_end && decimal_length(digits) <= scientific_length(digits)) {
    append_decimal(out, digits);
  } else {
    append_scientific(out, digits);
  }
}

}  // namespace ergo::inline v0::etf::detail
