// A number is divided by the power of the base that halves its digits, and so on with both halves. Long divisions are
// multiplications by a reciprocal, which Boost makes faster than long division (Barrett; Brent and Zimmermann, Modern
// Computer Arithmetic, 1.7 and 3.4).
#include <ergo/etf/big_integer.hpp>
#include <ergo/etf/digits.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace ergo::inline v0::etf {
namespace {

constexpr std::string_view all_digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr unsigned long_division = 4096;  // bits of a divisor from which a reciprocal pays

unsigned bits_of(const big_integer& value) { return static_cast<unsigned>(msb(value)) + 1; }

/// 2^(2 * bits_of(divisor)) / divisor, rounded down: Newton's iteration from the reciprocal of the upper half.
big_integer reciprocal(const big_integer& divisor) {
  const auto bits = bits_of(divisor);
  const big_integer one = big_integer{1} << (2 * bits);
  if (bits < long_division) return one / divisor;
  const auto half = bits / 2 + 2;
  const big_integer rough = reciprocal(divisor >> (bits - half)) << (bits - half);
  const big_integer square = rough * rough;
  big_integer guess = 2 * rough - ((divisor * square) >> (2 * bits));
  big_integer rest = one - divisor * guess;
  for (; rest < 0; --guess) rest += divisor;
  for (; rest >= divisor; ++guess) rest -= divisor;
  return guess;
}

struct division {
  big_integer quotient;
  big_integer rest;
};

/// A number by which others are divided that are below its square.
class divisor {
 public:
  explicit divisor(big_integer value) : value_{std::move(value)}, bits_{bits_of(value_)} {
    if (bits_ >= long_division) reciprocal_ = reciprocal(value_);
  }
  [[nodiscard]] const big_integer& value() const noexcept { return value_; }
  [[nodiscard]] division divide(const big_integer& dividend) const {
    division made;
    if (bits_ < long_division) {
      divide_qr(dividend, value_, made.quotient, made.rest);
      return made;
    }
    made.quotient = ((dividend >> (bits_ - 1)) * reciprocal_) >> (bits_ + 1);  // or up to two less than it should be
    made.rest = dividend - made.quotient * value_;
    for (; made.rest >= value_; ++made.quotient) made.rest -= value_;
    return made;
  }

 private:
  big_integer value_;
  unsigned bits_;
  big_integer reciprocal_;
};

class digit_writer {
 public:
  digit_writer(const big_integer& magnitude, unsigned base) : base_{base} {
    std::uint64_t least = base;
    for (; least < (std::uint64_t{1} << 58) / base; ++width_) least *= base;
    powers_.emplace_back(big_integer{least});
    while (2 * (bits_of(powers_.back().value()) - 1) < bits_of(magnitude)) {
      big_integer square = powers_.back().value() * powers_.back().value();
      powers_.emplace_back(std::move(square));
    }
  }

  std::string write(const big_integer& magnitude) {
    half(magnitude, powers_.size());
    out_.erase(0, std::min(out_.find_first_not_of('0'), out_.size() - 1));
    return std::move(out_);
  }

 private:
  /// Writes `value`, which is below the square of the power before `level`, with zeros in front.
  void half(const big_integer& value, std::size_t level) {  // at most 18 deep: a term has no more bits
    if (level == 0) return few(static_cast<std::uint64_t>(value));
    const auto parts = powers_[level - 1].divide(value);
    half(parts.quotient, level - 1);
    half(parts.rest, level - 1);
  }
  void few(std::uint64_t value) {
    const auto start = out_.size();
    out_.append(width_, '0');
    for (auto end = out_.size(); end > start; --end, value /= base_) out_[end - 1] = all_digits[value % base_];
  }

  unsigned base_;
  std::size_t width_ = 1;        // digits below the first power
  std::vector<divisor> powers_;  // each the square of the one before
  std::string out_;
};

}  // namespace

std::string digits_of(const big_integer& value, unsigned base) {
  if (value.is_zero()) return "0";
  const big_integer magnitude = abs(value);
  return digit_writer{magnitude, base}.write(magnitude);
}

std::size_t digit_count(const big_integer& value, unsigned base) {
  if (value.is_zero()) return 1;
  const big_integer magnitude = abs(value);
  return static_cast<std::size_t>(bits_of(magnitude) / std::log2(static_cast<double>(base))) + 1;
}

}  // namespace ergo::inline v0::etf
