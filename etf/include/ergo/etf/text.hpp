// Terms as Erlang text: printing as `~p` and `~w` do, and parsing.
#pragma once

#include <ergo/etf/term.hpp>

#include <expected>
#include <string>
#include <string_view>

namespace ergo::inline v0::etf {

/// How a term is printed.
struct text_options {
  bool strings = true;            ///< printable lists as "…" and printable binaries as <<"…">>, as ~p does; else as ~w
  bool unicode = true;            ///< characters above 255 count as printable, as ~tp does
  std::size_t limit = SIZE_MAX;   ///< stop after about so many bytes and append `...`
};

/// Prints `value` in Erlang syntax, on one line, in UTF-8. Iterative; any depth.
[[nodiscard]] std::string to_text(const term& value, const text_options& options = {});
/// Prints an atom with quotes where Erlang needs them.
[[nodiscard]] std::string to_text(atom value);

/// Parses one Erlang term in UTF-8 (white space and `%` comments allowed, a final full stop optional); `syntax` with the offset otherwise.
/// Pids `<Node.Id.Serial>` cannot be parsed back, as in Erlang.
[[nodiscard]] std::expected<term, error> parse(std::string_view text);

}  // namespace ergo::inline v0::etf
