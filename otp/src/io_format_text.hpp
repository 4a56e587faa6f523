// Characters on their way from arguments to a line: UTF-8 to code points and back, fields and padding.
#pragma once

#include <ergo/etf/term.hpp>
#include <ergo/otp/io_format.hpp>

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace ergo::inline v0::otp::detail {

/// Text as code points; it may hold values that are no characters until it is written as UTF-8.
using chars = std::u32string;

inline constexpr char32_t no_character = 0x110000;

/// Ends a format; thrown and caught inside this room only.
class io_refusal : public std::exception {
 public:
  explicit io_refusal(io_format_error why) noexcept : why_{why} {}
  [[nodiscard]] io_format_error why() const noexcept { return why_; }

 private:
  io_format_error why_;
};

[[noreturn]] inline void refuse_arguments() { throw io_refusal{io_format_error::badarg}; }
[[noreturn]] inline void refuse_size() { throw io_refusal{io_format_error::too_big}; }

/// Width, precision and padding of one directive.
struct io_field {
  std::optional<std::int64_t> width;  ///< never negative
  bool left = false;
  std::optional<std::int64_t> precision;
  std::optional<char32_t> padding = U' ';
  std::size_t limit = SIZE_MAX;  ///< the longest padding
};

/// The characters of `utf8`; empty where it is no UTF-8.
[[nodiscard]] std::optional<chars> from_utf8(std::string_view utf8);
[[nodiscard]] chars from_latin1(std::string_view bytes);
/// Refuses what is no Unicode.
[[nodiscard]] std::string to_utf8(std::u32string_view text);

/// `count` times `one`; refuses a negative count and one above `limit`.
[[nodiscard]] chars repeated(std::optional<char32_t> one, std::int64_t count, std::size_t limit);
/// A term or number in its field; stars where it is too long.
[[nodiscard]] chars in_field(chars text, const io_field& field);
/// A string in its field, cut where it is too long.
[[nodiscard]] chars string_in_field(const chars& text, const io_field& field);
/// `~c`.
[[nodiscard]] chars character_in_field(char32_t one, const io_field& field);

/// The characters of a deep list of characters and binaries, as `~s` (bytes only) or `~ts` takes it.
[[nodiscard]] chars flat_characters(const etf::term& text, bool unicode, std::size_t limit);
/// A character of `value`, or `no_character` where the integer is none; refuses what is no integer.
[[nodiscard]] char32_t character_of(const etf::term& value);

}  // namespace ergo::inline v0::otp::detail
