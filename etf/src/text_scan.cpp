// The scanner follows OTP's erl_scan: the same white space, escapes, digit separators and reserved words.
#include "text_scan.hpp"

#include "text_chars.hpp"

#include <ergo/etf/big_integer.hpp>

#include <bit>
#include <charconv>
#include <cmath>

namespace ergo::inline v0::etf::detail {

namespace {

/// Integers of about 64 KiB are read; longer ones would take seconds.
constexpr std::size_t max_integer_bits = std::size_t{64 * 8} << 10;

/// Whether a float's text, which is beyond the range of `double`, is too small rather than too large.
bool is_tiny(std::string_view text) noexcept {
  const auto mantissa = text.substr(0, text.find('e'));
  const auto point = static_cast<std::int64_t>(mantissa.find('.'));
  const auto first = static_cast<std::int64_t>(mantissa.find_first_of("123456789"));
  std::int64_t exponent = 0;
  if (mantissa.size() < text.size()) {
    auto digits = text.substr(mantissa.size() + 1);
    if (digits.front() == '+') digits.remove_prefix(1);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (read.ec != std::errc{}) return digits.front() == '-';
  }
  return point - first + exponent < 0;
}

/// A non-negative integer from digits of `base`, in pieces that fit into 64 bits.
big_integer read_digits(std::string_view digits, unsigned base) {
  std::size_t piece = 1;
  while (std::pow(base, static_cast<double>(piece + 1)) < 0x1p63) ++piece;
  big_integer value = 0;
  while (!digits.empty()) {
    const auto part = digits.substr(0, piece);
    std::uint64_t scale = 1;
    std::uint64_t sum = 0;
    for (const char c : part) {
      scale *= base;
      sum = sum * base + digit_value(c);
    }
    value *= scale;
    value += sum;
    digits.remove_prefix(part.size());
  }
  return value;
}

constexpr bool is_blank(char c) noexcept { return static_cast<unsigned char>(c) <= ' '; }

/// What an escaped letter stands for.
constexpr std::uint32_t unescape(std::uint32_t letter) noexcept {
  switch (letter) {
    case 'b': return '\b';
    case 'd': return 127;
    case 'e': return 27;
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 's': return ' ';
    case 't': return '\t';
    case 'v': return '\v';
    default: return letter;
  }
}

}  // namespace

void scanner::skip_blank() noexcept {
  while (!at_end()) {
    if (is_blank(text_[at_])) {
      ++at_;
    } else if (text_[at_] == '\xC2' && static_cast<unsigned char>(peek_at(1)) >= 0x80 &&
               static_cast<unsigned char>(peek_at(1)) <= 0xA0) {
      at_ += 2;  // U+0080 … U+00A0
    } else if (text_[at_] == '%') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else {
      return;
    }
  }
}

bool scanner::take(std::string_view mark) noexcept {
  if (!text_.substr(at_).starts_with(mark)) return false;
  at_ += mark.size();
  return true;
}

bool scanner::expect(std::string_view mark) noexcept {
  skip_blank();
  return take(mark) || fail_here();
}

bool scanner::take_full_stop() noexcept {
  if (peek() != '.') return false;
  const auto rest = text_.substr(at_ + 1);
  if (!rest.empty() && !is_blank(rest.front()) && rest.front() != '%') return false;
  ++at_;
  return true;
}

/// Appends digits of `base` to `to`, without the separators between them; at least one digit must be there.
bool scanner::digits(std::string& to, unsigned base) {
  if (digit_value(peek()) >= base) return fail_here();
  while (digit_value(peek()) < base) {
    to += text_[at_++];
    if (peek() == '_' && digit_value(peek_at(1)) < base) ++at_;
  }
  return true;
}

std::optional<term> scanner::number(std::string_view sign) {
  const auto from = at_;
  std::string text{sign == "-" ? sign : std::string_view{}};
  if (!digits(text, 10)) return std::nullopt;
  if (peek() == '#') return based_integer(text, from);
  if (peek() == '.' && is_digit(peek_at(1))) return floating(text, from);
  return integer(text, 10, from);
}

std::optional<term> scanner::based_integer(std::string& sign_and_base, std::size_t from) {
  const bool negative = sign_and_base.front() == '-';
  unsigned base = 0;
  const auto* const first = sign_and_base.data() + (negative ? 1 : 0);
  const auto read = std::from_chars(first, sign_and_base.data() + sign_and_base.size(), base);
  if (read.ec != std::errc{} || base < 2 || base > 36) {
    fail(errc::syntax, from);
    return std::nullopt;
  }
  ++at_;
  std::string text{negative ? "-" : ""};
  if (!digits(text, base)) return std::nullopt;
  return integer(text, base, from);
}

std::optional<term> scanner::integer(std::string_view digits, unsigned base, std::size_t from) {
  std::int64_t small = 0;
  const auto* const begin = digits.data();
  if (std::from_chars(begin, begin + digits.size(), small, static_cast<int>(base)).ec == std::errc{})
    return term{small};
  const bool negative = digits.front() == '-';
  if (negative) digits.remove_prefix(1);
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.size() > max_integer_bits / (std::bit_width(base) - 1U)) {
    fail(errc::too_big, from);
    return std::nullopt;
  }
  auto value = read_digits(digits, base);
  if (negative) value = -value;
  return term{value};
}

std::optional<term> scanner::floating(std::string& text, std::size_t from) {
  text += text_[at_++];
  if (!digits(text, 10)) return std::nullopt;
  if (peek() == 'e' || peek() == 'E') {
    ++at_;
    text += 'e';
    if (peek() == '+' || peek() == '-') text += text_[at_++];
    if (!digits(text, 10)) return std::nullopt;
  }
  double value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc{}) return term{value};
  const bool negative = text.front() == '-';
  if (is_tiny(std::string_view{text}.substr(negative ? 1 : 0))) return term{negative ? -0.0 : 0.0};
  fail(errc::out_of_range, from);
  return std::nullopt;
}

std::optional<std::uint32_t> scanner::character() {
  if (at_end()) {
    fail_here();
    return std::nullopt;
  }
  return take("\\") ? escape() : raw_character();
}

std::optional<std::uint32_t> scanner::raw_character() {
  const auto read = next_character(text_.substr(at_));
  if (read.bytes == 0) {
    fail_here();
    return std::nullopt;
  }
  at_ += read.bytes;
  return read.value;
}

/// The character that is meant by what follows a backslash.
std::optional<std::uint32_t> scanner::escape() {
  const auto from = at_;
  if (at_end()) {
    fail_here();
    return std::nullopt;
  }
  if (digit_value(peek()) < 8) return octal();
  if (take("x")) return hexadecimal(from);
  const bool control = take("^");
  if (at_end()) {
    fail_here();
    return std::nullopt;
  }
  const auto letter = raw_character();
  if (!letter) return std::nullopt;
  return control ? (*letter & 31U) : unescape(*letter);
}

std::uint32_t scanner::octal() noexcept {
  std::uint32_t code = 0;
  for (int count = 0; count < 3 && digit_value(peek()) < 8; ++count) code = code * 8 + digit_value(text_[at_++]);
  return code;
}

std::optional<std::uint32_t> scanner::hexadecimal(std::size_t from) {
  const bool braces = take("{");
  const std::size_t most = braces ? SIZE_MAX : 2;
  std::uint64_t code = 0;
  std::size_t count = 0;
  for (; count < most && digit_value(peek()) < 16; ++count) {
    code = std::min<std::uint64_t>(code * 16 + digit_value(text_[at_++]), UINT32_MAX);
  }
  const bool complete = braces ? count > 0 && take("}") : count == 2;
  if (!complete || !is_character(code)) {
    fail(errc::syntax, from);
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(code);
}

std::optional<std::string> scanner::quoted(char quote) {
  std::string text;
  while (!at_end()) {
    if (text_[at_] == quote) {
      ++at_;
      return text;
    }
    const auto code = character();
    if (!code) return std::nullopt;
    append_character(text, *code);
  }
  fail_here();
  return std::nullopt;
}

std::optional<std::string> scanner::strings() {
  std::string joined;
  while (take("\"")) {
    const auto text = quoted('"');
    if (!text) return std::nullopt;
    joined += *text;
    skip_blank();
  }
  return joined;
}

std::string_view scanner::word() noexcept {
  const auto from = at_;
  while (!at_end()) {
    const auto read = next_character(text_.substr(at_));
    if (read.bytes == 0 || !(at_ == from ? starts_atom(read.value) : continues_atom(read.value))) break;
    at_ += read.bytes;
  }
  return text_.substr(from, at_ - from);
}

std::optional<atom> scanner::name() {
  skip_blank();
  const auto from = at_;
  if (take("'")) {
    const auto text = quoted('\'');
    return text ? intern(*text, from) : std::nullopt;
  }
  const auto text = word();
  if (text.empty() || is_reserved_word(text)) {
    fail(errc::syntax, from);
    return std::nullopt;
  }
  return intern(text, from);
}

std::optional<atom> scanner::intern(std::string_view text, std::size_t from) {
  const auto made = atom::make(text);
  if (made) return *made;
  fail(made.error().code, from);
  return std::nullopt;
}

}  // namespace ergo::inline v0::etf::detail
