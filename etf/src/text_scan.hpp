// The words of Erlang's term syntax: numbers, characters, quoted texts, atoms, white space. What a word means inside a
// term is the parser's business.
#pragma once

#include <ergo/etf/atom.hpp>
#include <ergo/etf/error.hpp>
#include <ergo/etf/term.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ergo::inline v0::etf::detail {

/// Reads words from the front of a text. A read that fails returns nothing and leaves its reason in `failure`.
class scanner {
 public:
  explicit scanner(std::string_view text) noexcept : text_{text} {}

  [[nodiscard]] const error& failure() const noexcept { return failure_; }
  [[nodiscard]] std::size_t offset() const noexcept { return at_; }
  [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }
  /// The next byte, or 0 at the end.
  [[nodiscard]] char peek() const noexcept { return at_end() ? '\0' : text_[at_]; }

  /// Moves past white space and comments.
  void skip_blank() noexcept;
  /// Moves past `mark` when it comes next.
  [[nodiscard]] bool take(std::string_view mark) noexcept;
  /// As `take` behind white space, and its absence is a failure.
  [[nodiscard]] bool expect(std::string_view mark) noexcept;
  /// Whether the full stop at the front is one: white space, a comment or nothing follows it.
  [[nodiscard]] bool take_full_stop() noexcept;

  /// A number, which begins with a digit here: an integer in any base, or a float.
  [[nodiscard]] std::optional<term> number(std::string_view sign);
  /// A character behind its `$`.
  [[nodiscard]] std::optional<std::uint32_t> character();
  /// A text behind its opening quote, in UTF-8.
  [[nodiscard]] std::optional<std::string> quoted(char quote);
  /// The texts of adjacent strings, joined. A quote comes next.
  [[nodiscard]] std::optional<std::string> strings();
  /// The characters of an atom without quotes; an empty view where there is none.
  [[nodiscard]] std::string_view word() noexcept;
  /// An atom, in quotes or not; reserved words are none.
  [[nodiscard]] std::optional<atom> name();
  /// Interns `text`, which stood at `from`.
  [[nodiscard]] std::optional<atom> intern(std::string_view text, std::size_t from);

  /// Notes a failure at `offset`; always false.
  bool fail(errc code, std::size_t offset) noexcept {
    failure_ = {code, offset};
    return false;
  }
  /// Notes that what comes next does not belong there; always false.
  bool fail_here() noexcept { return fail(errc::syntax, at_); }

 private:
  [[nodiscard]] bool digits(std::string& to, unsigned base);
  [[nodiscard]] std::optional<term> based_integer(std::string& sign_and_base, std::size_t from);
  [[nodiscard]] std::optional<term> floating(std::string& text, std::size_t from);
  [[nodiscard]] std::optional<term> integer(std::string_view digits, unsigned base, std::size_t from);
  [[nodiscard]] std::optional<std::uint32_t> escape();
  [[nodiscard]] std::optional<std::uint32_t> hexadecimal(std::size_t from);
  [[nodiscard]] std::uint32_t octal() noexcept;
  [[nodiscard]] std::optional<std::uint32_t> raw_character();
  [[nodiscard]] char peek_at(std::size_t ahead) const noexcept {
    return text_.size() - at_ > ahead ? text_[at_ + ahead] : '\0';
  }

  std::string_view text_;
  std::size_t at_ = 0;
  error failure_;
};

/// The value of a digit in bases up to 36, or 36 when `c` is none.
[[nodiscard]] constexpr unsigned digit_value(char c) noexcept {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'z') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'Z') return static_cast<unsigned>(c - 'A') + 10;
  return 36;
}
[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

}  // namespace ergo::inline v0::etf::detail
