// Big integers: limbs behind a node, conversion from and to Boost.Multiprecision, exact order among numbers of all
// kinds.
#include "memory.hpp"
#include "parts.hpp"

#include <ergo/etf/big_integer.hpp>
#include <ergo/etf/convert/scalar.hpp>

#include <bit>
#include <cmath>
#include <iterator>
#include <stdexcept>

namespace ergo::inline v0::etf {

namespace {

/// OTP takes integers below 2^4194304 (release 27).
constexpr std::size_t most_bits = 4'194'304;

std::weak_ordering reverse(std::weak_ordering order) noexcept { return 0 <=> order; }

std::weak_ordering compare_magnitudes(std::span<const std::uint64_t> left,
                                      std::span<const std::uint64_t> right) noexcept {
  if (left.size() != right.size()) return left.size() <=> right.size();
  for (auto limb = left.size(); limb > 0; --limb) {
    if (left[limb - 1] != right[limb - 1]) return left[limb - 1] <=> right[limb - 1];
  }
  return std::weak_ordering::equivalent;
}

/// Compares a magnitude of at least 2^63 with a float of at least 2^63, which is a whole number.
std::weak_ordering compare_magnitude(std::span<const std::uint64_t> left, double right) noexcept {
  int right_bits = 0;
  const auto fraction = std::frexp(right, &right_bits);
  const auto top = left.back();
  const auto left_bits = left.size() * 64 - static_cast<std::size_t>(std::countl_zero(top));
  if (left_bits != static_cast<std::size_t>(right_bits)) return left_bits <=> static_cast<std::size_t>(right_bits);
  const auto shift = std::countl_zero(top);
  auto head = top << shift;
  auto rest = std::uint64_t{0};
  if (left.size() > 1 && shift != 0) {
    head |= left[left.size() - 2] >> (64 - shift);
    rest = left[left.size() - 2] << shift;
  } else if (left.size() > 1) {
    rest = left[left.size() - 2];
  }
  const auto right_head = static_cast<std::uint64_t>(std::ldexp(fraction, 64));
  if (head != right_head) return head <=> right_head;
  for (std::size_t limb = 0; rest == 0 && limb + 2 < left.size(); ++limb) rest = left[limb];
  return rest == 0 ? std::weak_ordering::equivalent : std::weak_ordering::greater;
}

}  // namespace

namespace detail {

std::size_t byte_count(std::span<const std::uint64_t> limbs) noexcept {
  return limbs.empty() ? 0 : limbs.size() * 8 - static_cast<std::size_t>(std::countl_zero(limbs.back())) / 8;
}

std::weak_ordering compare_integer_float(std::int64_t left, double right) noexcept {
  constexpr double limit = 9'223'372'036'854'775'808.0;  // 2^63
  if (right >= limit) return std::weak_ordering::less;
  if (right < -limit) return std::weak_ordering::greater;
  const auto whole = static_cast<std::int64_t>(right);
  if (left != whole) return left <=> whole;
  const auto fraction = right - static_cast<double>(whole);
  return fraction > 0   ? std::weak_ordering::less
         : fraction < 0 ? std::weak_ordering::greater
                        : std::weak_ordering::equivalent;
}

std::weak_ordering compare_big_float(const big_view& left, double right) noexcept {
  constexpr double limit = 9'223'372'036'854'775'808.0;
  if (left.negative) {
    if (right > -limit) return std::weak_ordering::less;
    return reverse(compare_magnitude(left.limbs, -right));
  }
  if (right < limit) return std::weak_ordering::greater;
  return compare_magnitude(left.limbs, right);
}

std::weak_ordering compare_bigs(const big_view& left, const big_view& right) noexcept {
  if (left.negative != right.negative) return left.negative ? std::weak_ordering::less : std::weak_ordering::greater;
  const auto order = compare_magnitudes(left.limbs, right.limbs);
  return left.negative ? reverse(order) : order;
}

bool builtin<big_integer>::read(const term& from, big_integer& into, reading& state) {
  if (!matches(from)) return state.fail(errc::wrong_type);
  into = *from.as_big_integer();
  return true;
}

}  // namespace detail

using detail::term_access;

term::term(const big_integer& value) {
  const auto negative = value < 0;
  const big_integer magnitude = negative ? -value : value;
  const auto bits = magnitude == 0 ? 0 : boost::multiprecision::msb(magnitude) + 1;
  if (bits > most_bits) throw std::length_error{"term: integer of more than 4,194,304 bits"};
  if (bits <= 64) {
    const auto low = static_cast<std::uint64_t>(magnitude);
    if (detail::fits_64_bits(negative, low)) {
      *this = small(detail::to_signed(negative, low));
      return;
    }
  }
  const auto limbs = (bits + 63) / 64;
  auto* made = detail::make_node<detail::node>(limbs * 8);
  made->flags = detail::leaf;
  made->size = static_cast<std::uint32_t>(limbs);
  auto* to = reinterpret_cast<std::uint64_t*>(made + 1);
  boost::multiprecision::export_bits(magnitude, to, 64, false);
  term_access::set(*this, {detail::tag::big, detail::owning, static_cast<std::uint16_t>(negative), 0}, made);
}

term term::beyond_small(std::uint64_t value) { return term{big_integer{value}}; }

std::optional<std::uint64_t> term::as_unsigned() const noexcept {
  if (const auto small = as_integer()) {
    return *small >= 0 ? std::optional{static_cast<std::uint64_t>(*small)} : std::nullopt;
  }
  if (head_.tag() != detail::tag::big) return std::nullopt;
  const auto big = detail::big_of(*this);
  return !big.negative && big.limbs.size() == 1 ? std::optional{big.limbs.front()} : std::nullopt;
}

std::optional<big_integer> term::as_big_integer() const {
  if (const auto small = as_integer()) return big_integer{*small};
  if (head_.tag() != detail::tag::big) return std::nullopt;
  const auto big = detail::big_of(*this);
  big_integer value;
  boost::multiprecision::import_bits(value, big.limbs.begin(), big.limbs.end(), 64, false);
  if (big.negative) value = -value;
  return value;
}

}  // namespace ergo::inline v0::etf
