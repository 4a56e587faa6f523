// Terms as Erlang text: printing as `~p` and `~w` do, and parsing.
#pragma once

#include <ergo/etf/term.hpp>

#include <expected>
#include <string>
#include <string_view>

namespace ergo::inline v0::etf {

/// How a term is printed.
struct text_options {
  bool strings = true;           ///< printable lists as "…" and printable binaries as <<"…">>, as ~p does; else as ~w
  bool unicode = true;           ///< characters above 255 count as printable, as with `erl +pc unicode`
  std::size_t limit = SIZE_MAX;  ///< stop after so many bytes and append `...`; bounds the work too
};

/// Prints `value` in Erlang syntax, on one line, in UTF-8, as `io_lib:format("~0tp", [Value])` does.
///
/// Maps are printed in Erlang's term order. Identifiers show their node by name, because channel numbers mean nothing
/// outside of one Erlang node: `<bank@host.12.0>`, `#Ref<bank@host.3.2.1>`, `#Port<bank@host.5>`; 0 stands for a node
/// without a name. Names that hold more than ASCII letters, digits and `_ @ . -` are printed as atoms are. A native
/// record is `#module:name{field = value}`. With a limit only what it may leave of a list or binary decides whether
/// that is shown as a string. Iterative, at any depth. Any thread.
[[nodiscard]] std::string to_text(const term& value, const text_options& options = {});
/// Prints an atom, with quotes where some release of Erlang needs them (`maybe` and `else` are reserved since OTP 27).
[[nodiscard]] std::string to_text(atom value);

/// Parses one Erlang term in UTF-8, with white space and `%` comments anywhere and an optional full stop at the end.
///
/// Everything that `to_text` prints is read but identifiers, local funs and native records, which have no syntax in
/// Erlang either. Segments of binaries have integers, characters and strings with `:Size` (0 … 64 bits) or `/utf8`.
/// Errors, with the offset in bytes: `syntax`; `bad_atom` and `atom_table_full`; `bad_fun` (arity above 255); `too_big`
/// (an integer of more than about 64 KiB, a segment of more than 64 bits, a tuple of more than 16,777,215 elements);
/// `out_of_range` (a float). Iterative, at any depth. Any thread.
[[nodiscard]] std::expected<term, error> parse(std::string_view text);

}  // namespace ergo::inline v0::etf
