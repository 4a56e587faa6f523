// Erlang's `io_lib:format/2`: what a remote `io:format` asks of a group leader.
#pragma once

#include <ergo/etf/term.hpp>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>

namespace ergo::inline v0::otp {

/// Why nothing was printed.
enum class io_format_error : std::uint8_t {
  badarg,   ///< format and arguments do not fit each other, or the text is no Unicode; Erlang raises `badarg`
  too_big,  ///< the text has more characters than `io_format_options::characters`; Erlang knows no such limit
};

/// How `io_format` prints, and how much.
struct io_format_options {
  bool unicode = false;                           ///< characters above 255 count as printable, as with `+pc unicode`
  std::size_t characters = std::size_t{4} << 20;  ///< the longest text; a part of `~p` costs up to 100 bytes
  unsigned nesting = 100;                         ///< levels that `~p` breaks into lines; deeper ones stay on one line
};

/// Prints `arguments`, a proper list, as `format` says, and returns UTF-8: `io_lib:format/2` as OTP 25 prints it.
///
/// `format` is an atom, a binary (Latin-1, as in Erlang) or a list of characters. All directives are known
/// (`~c ~f ~e ~g ~s ~w ~p ~W ~P ~b ~B ~x ~X ~+ ~# ~i ~n ~~`) with field width, precision, padding, `*` and the
/// modifiers `t`, `l` and `k` (OTP 26); `~Kp` would call a fun and fails with `badarg`.
///
/// Different from Erlang: identifiers show their node by name (see `etf::to_text`); maps are always printed in the
/// order of their keys, as `~kp` does; `maybe` and `else` have quotes (as in OTP 27); a character counts as one column
/// also where it joins the one before it (Erlang counts grapheme clusters once a character above 255 is present);
/// a padding character must be one, and a format holds no nested lists.
/// Work and memory are bounded by the limits and the size of the arguments, the stack by `nesting`. Any thread.
/// Source: OTP stdlib `io_lib_format.erl`, `io_lib_pretty.erl`.
[[nodiscard]] std::expected<std::string, io_format_error> io_format(const etf::term& format, const etf::term& arguments,
                                                                    const io_format_options& options = {});

}  // namespace ergo::inline v0::otp
