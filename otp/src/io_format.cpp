// Format strings: directives and their arguments, after OTP's io_lib_format.erl.
#include "io_format_number.hpp"
#include "io_format_term.hpp"
#include "io_format_text.hpp"

#include <ergo/etf/big_integer.hpp>
#include <ergo/etf/digits.hpp>
#include <ergo/otp/io_format.hpp>

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace ergo::inline v0::otp {

namespace {

using namespace detail;
using etf::kind;
using etf::term;

constexpr std::int64_t largest_number = std::int64_t{1} << 60;  // more than any limit, and sums of it do not overflow
constexpr std::int64_t largest_digits = largest_number / 16;    // one more digit still fits
constexpr std::int64_t line_width = 80;
constexpr std::int64_t tab = 8;
constexpr std::int64_t default_digits = 6;

std::int64_t bounded(const term& integer) {
  if (const auto value = integer.as_integer()) return std::clamp(*value, -largest_number, largest_number);
  return integer.as_big_integer()->sign() < 0 ? -largest_number : largest_number;
}

/// One `~…` of a format.
struct directive {
  char32_t control = 0;
  io_field field;
  bool unicode = false;
  bool strings = true;
};

chars characters_of_format(const term& format) {
  if (const auto name = format.as_atom()) return *from_utf8(name->text());
  if (format.is_binary()) return from_latin1(format.bytes());
  if (!format.is_list() || !format.list_tail().is_nil()) refuse_arguments();
  chars text;
  for (const auto& item : format.items()) text += character_of(item);
  return text;
}

/// Whether a deep list holds anything but characters.
bool has_others(const term& list) {
  std::vector<term> open{list};
  while (!open.empty()) {
    const auto top = std::move(open.back());
    open.pop_back();
    if (!top.list_tail().is_nil()) return true;
    for (const auto& item : top.items()) {
      if (item.is_list()) {
        open.push_back(item);
      } else if (item.kind() != kind::integer) {
        return true;
      }
    }
  }
  return false;
}

/// The characters of an atom, or of a deep list of characters without binaries.
chars prefix_of(const term& prefix, std::size_t limit) {
  if (const auto name = prefix.as_atom()) return *from_utf8(name->text());
  if (!prefix.is_list() || has_others(prefix)) refuse_arguments();
  return flat_characters(prefix, true, limit);
}

class formatter {
 public:
  formatter(chars format, std::span<const term> arguments, const io_format_options& options)
      : format_{std::move(format)}, arguments_{arguments}, options_{options} {}

  [[nodiscard]] std::string run() {
    while (at_ < format_.size()) {
      const auto code = format_[at_++];
      if (code == U'~') {
        print(scan());
      } else {
        append(chars(1, code));
      }
    }
    if (next_ != arguments_.size()) refuse_arguments();
    return to_utf8(out_);
  }

 private:
  [[nodiscard]] bool take(char32_t code) {
    const bool there = at_ < format_.size() && format_[at_] == code;
    if (there) ++at_;
    return there;
  }

  [[nodiscard]] const term& argument() {
    if (next_ == arguments_.size()) refuse_arguments();
    return arguments_[next_++];
  }

  [[nodiscard]] const term& integer_argument() {
    const auto& value = argument();
    if (value.kind() != kind::integer) refuse_arguments();
    return value;
  }

  [[nodiscard]] double float_argument() {
    const auto value = argument().as_double();
    if (!value) refuse_arguments();
    return *value;
  }

  /// Digits, or `*` for the next argument.
  [[nodiscard]] std::optional<std::int64_t> number() {
    if (take(U'*')) return bounded(integer_argument());
    const auto is_digit = [this] { return at_ < format_.size() && format_[at_] >= U'0' && format_[at_] <= U'9'; };
    if (!is_digit()) return std::nullopt;
    std::int64_t value = 0;
    for (; is_digit(); ++at_)
      value = std::min(value * 10 + static_cast<std::int64_t>(format_[at_] - U'0'), largest_digits);
    return value;
  }

  [[nodiscard]] directive scan() {
    directive found;
    found.field.limit = options_.characters;
    const bool minus = take(U'-');
    found.field.width = number();
    if (minus && !found.field.width) refuse_arguments();
    if (minus) found.field.width = -*found.field.width;
    if (found.field.width && *found.field.width < 0) {
      found.field.width = -*found.field.width;
      found.field.left = true;
    }
    if (take(U'.')) found.field.precision = number();
    if (take(U'.')) found.field.padding = padding();
    modifiers(found);
    found.control = one_more();
    return found;
  }

  [[nodiscard]] char32_t one_more() {
    if (at_ == format_.size()) refuse_arguments();
    return format_[at_++];
  }

  [[nodiscard]] std::optional<char32_t> padding() {
    if (!take(U'*')) return one_more();
    const auto& value = argument();
    if (value.kind() != kind::integer) return std::nullopt;
    return character_of(value);
  }

  void modifiers(directive& found) {
    for (;;) {
      if (take(U't')) {
        found.unicode = true;
      } else if (take(U'l')) {
        found.strings = false;
      } else if (!take(U'k')) {
        return;
      }
    }
  }

  void print(const directive& what) {
    switch (what.control) {
      case U'~': return append(character_in_field(U'~', what.field));
      case U'n': return new_line(what.field);
      case U'i': static_cast<void>(argument()); return;
      case U'c': return character(what);
      case U's': return string(what);
      case U'e': return append(float_text(float_argument(), what.field, U'e'));
      case U'f': return append(float_text(float_argument(), what.field, U'f'));
      case U'g': return append(float_g(float_argument(), what.field));
      case U'b':
      case U'B':
      case U'x':
      case U'X':
      case U'+':
      case U'#': return integer(what);
      case U'w':
      case U'W': return append(in_field(written(what), what.field));
      case U'p':
      case U'P': return pretty(what);
      default: refuse_arguments();
    }
  }

  void new_line(const io_field& field) {
    if (field.left) refuse_arguments();
    append(repeated(U'\n', field.width.value_or(1), field.limit));
  }

  void character(const directive& what) {
    const auto& value = integer_argument();
    append(character_in_field(what.unicode ? character_of(value) : low_byte(value), what.field));
  }

  [[nodiscard]] static char32_t low_byte(const term& value) {
    if (const auto small = value.as_integer()) return static_cast<char32_t>(*small & 0xFF);
    const etf::big_integer rest = *value.as_big_integer() % 256;  // has the sign of the value
    return static_cast<char32_t>(static_cast<int>(rest) & 0xFF);
  }

  void string(const directive& what) {
    const auto& value = argument();
    if (const auto name = value.as_atom()) {
      auto text = *from_utf8(name->text());
      if (!what.unicode && std::ranges::any_of(text, [](char32_t code) { return code > 0xFF; })) refuse_arguments();
      return append(string_in_field(text, what.field));
    }
    append(string_in_field(flat_characters(value, what.unicode, options_.characters), what.field));
  }

  [[nodiscard]] chars float_text(double value, const io_field& field, char32_t style) const {
    const auto digits = field.precision.value_or(default_digits);
    if (digits < (style == U'e' ? 2 : 1)) refuse_arguments();
    if (static_cast<std::uint64_t>(digits) > options_.characters) refuse_size();
    auto whole = field;
    whole.precision.reset();
    return in_field(from_latin1(style == U'e' ? float_e(value, digits) : float_f(value, digits)), whole);
  }

  /// As `~f` from 0.1 up to 10,000 where the digits reach, else as `~e`.
  [[nodiscard]] chars float_g(double value, io_field field) const {
    const auto digits = field.precision.value_or(default_digits);
    if (digits < 1) refuse_arguments();
    const auto size = std::fabs(value);
    const auto exponent = size < 0.1 ? -2 : size < 1 ? -1 : size < 10 ? 0 : size < 100 ? 1 : size < 1000 ? 2 : 3;
    const bool plain = size < 10000 && exponent >= -1 && digits - 1 > exponent;
    field.precision = plain ? digits - 1 - exponent : std::max<std::int64_t>(digits, 2);
    return float_text(value, field, plain ? U'f' : U'e');
  }

  void integer(const directive& what) {
    constexpr std::int64_t highest_base = 36;
    const auto control = what.control;
    const auto& value = integer_argument();
    const auto base = what.field.precision.value_or(10);
    chars prefix;
    if (control == U'x' || control == U'X') prefix = prefix_of(argument(), options_.characters);
    if (base < 2 || base > highest_base) refuse_arguments();
    if (control == U'+' || control == U'#') prefix = from_latin1(std::to_string(base) + "#");
    const auto number = *value.as_big_integer();
    if (etf::digit_count(number, static_cast<unsigned>(base)) > options_.characters + 1) refuse_size();
    auto digits = etf::digits_of(number, static_cast<unsigned>(base));
    if (control == U'b' || control == U'x' || control == U'+') {
      std::ranges::transform(digits, digits.begin(),
                             [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    }
    auto field = what.field;
    field.precision.reset();
    append(in_field((number.sign() < 0 ? U"-" : U"") + prefix + from_latin1(digits), field));
  }

  [[nodiscard]] term_style style_of(const directive& what) const {
    term_style style;
    style.unicode = what.unicode;
    style.strings = what.strings;
    style.unicode_range = options_.unicode;
    style.nesting = options_.nesting;
    style.limit = options_.characters;
    return style;
  }

  [[nodiscard]] chars written(const directive& what) {
    auto style = style_of(what);
    style.strings = false;
    const auto& value = argument();
    if (what.control == U'w') return plain_text(value, style);
    style.depth = bounded(integer_argument());
    if (style.depth == 0) return U"...";
    if (style.depth < 0) return plain_text(value, style);
    style.maps_as_written = true;
    chars line;
    write_line(line, print_term(value, style));
    return line;
  }

  void pretty(const directive& what) {
    auto style = style_of(what);
    const auto& value = argument();
    if (what.control == U'P') style.depth = bounded(integer_argument());
    if (what.field.left) refuse_arguments();
    chars text;
    if (style.depth == 0) {
      text = U"...";
    } else {
      write_lines(text, print_term(value, style), what.field.precision.value_or(column_ + 1),
                  what.field.width.value_or(line_width), options_.characters);
    }
    append(text);
  }

  void append(const chars& text) {
    if (out_.size() + text.size() > options_.characters) refuse_size();
    out_ += text;
    for (const auto code : text) column_ = code == U'\n' ? 0 : code == U'\t' ? (column_ / tab + 1) * tab : column_ + 1;
  }

  const chars format_;
  const std::span<const term> arguments_;
  const io_format_options options_;
  std::size_t at_ = 0;    // in the format
  std::size_t next_ = 0;  // argument
  std::int64_t column_ = 0;
  chars out_;
};

}  // namespace

std::expected<std::string, io_format_error> io_format(const etf::term& format, const etf::term& arguments,
                                                      const io_format_options& options) {
  try {
    if (!arguments.is_list() || !arguments.list_tail().is_nil()) refuse_arguments();
    return formatter{characters_of_format(format), arguments.items(), options}.run();
  } catch (const io_refusal& refusal) {
    return std::unexpected{refusal.why()};
  }
}

}  // namespace ergo::inline v0::otp
