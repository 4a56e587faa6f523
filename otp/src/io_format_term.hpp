// What `~w` and `~p` print: a term as a tree of texts with lengths, and that tree on one line or broken into several.
#pragma once

#include "io_format_text.hpp"

#include <ergo/etf/term.hpp>

#include <cstdint>
#include <vector>

namespace ergo::inline v0::otp::detail {

/// How a term becomes text.
struct term_style {
  bool unicode = false;          ///< the modifier `t`
  bool strings = true;           ///< printable lists and binaries as strings
  bool unicode_range = false;    ///< characters above 255 are printable
  bool maps_as_written = false;  ///< `~W`: a map at depth 1 is `#{}`, and one that depth just covers ends in dots
  std::int64_t depth = -1;       ///< negative: all of it
  unsigned nesting = 100;        ///< deeper levels become one text
  std::size_t limit = SIZE_MAX;  ///< characters
};

/// A part of a printed term. `io_lib_pretty` calls it the intermediate format.
struct printed {
  enum class form : std::uint8_t { text, bytes, list, tuple, tagged_tuple, map, pair };
  enum class ending : std::uint8_t { proper, dots, tail };

  form shape = form::text;
  ending end = ending::proper;
  chars text;                  ///< of `text`, and of `bytes` with its brackets
  std::vector<printed> parts;  ///< the elements, and an improper tail behind them
  std::int64_t length = 0;     ///< in characters, on one line

  [[nodiscard]] bool is_text() const noexcept { return shape == form::text; }
  [[nodiscard]] std::size_t count() const noexcept { return parts.size() - (end == ending::tail ? 1 : 0); }
};

/// A term without strings on one line, at any depth.
[[nodiscard]] chars plain_text(const etf::term& value, const term_style& style);
/// Builds the tree; depth is not 0.
[[nodiscard]] printed print_term(const etf::term& value, const term_style& style);
/// Appends the tree on one line.
void write_line(chars& out, const printed& part);
/// Appends the tree in lines of `width` columns, beginning at `column` (1 is the first).
void write_lines(chars& out, const printed& part, std::int64_t column, std::int64_t width, std::size_t limit);

}  // namespace ergo::inline v0::otp::detail
