// Atoms: interned UTF-8 names that are compared by index.
// One table for the whole program; reads take no lock, entries are never freed, the capacity is a hard limit that is
// reported as an error.
#pragma once

#include <ergo/etf/error.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string_view>

namespace ergo::inline v0::etf {

/// A name that is compared in one instruction: the index of its text in the program-wide atom table.
///
/// At most 255 characters (1,020 bytes) of valid UTF-8. Trivially copyable; any thread may use it at any time, also
/// before `main`. Equality is by index; term order is by text, see `compare_text`. Source: OTP `erl_ext_dist`,
/// ATOM_UTF8_EXT.
class atom {
 public:
  /// The empty atom `''`.
  constexpr atom() noexcept = default;

  /// Interns `utf8` and returns its atom; fails with `bad_atom` (too long, bad UTF-8) or `atom_table_full`.
  [[nodiscard]] static std::expected<atom, error> make(std::string_view utf8);

  /// Interns `utf8`, a text that the program itself chose; throws `std::length_error` where `make` would fail.
  [[nodiscard]] static atom of(std::string_view utf8);

  /// Returns the atom of `utf8` when some part of the program has made it before; never adds to the table.
  [[nodiscard]] static std::optional<atom> find(std::string_view utf8) noexcept;

  /// The text in UTF-8; valid for the life of the program.
  [[nodiscard]] std::string_view text() const noexcept;

  /// The position in the atom table: small, dense, the same for the life of the program, different from run to run.
  [[nodiscard]] constexpr std::uint32_t index() const noexcept { return index_; }

  /// The atom at `index`, which must come from `index()`.
  [[nodiscard]] static constexpr atom from_index(std::uint32_t index) noexcept { return atom{index}; }

  friend constexpr bool operator==(atom, atom) noexcept = default;

 private:
  constexpr explicit atom(std::uint32_t index) noexcept : index_{index} {}

  std::uint32_t index_ = 0;
};

/// Orders two atoms as Erlang does: by the code points of their texts.
[[nodiscard]] std::strong_ordering compare_text(atom left, atom right) noexcept;

/// How full the atom table is, for limits and reports.
struct atom_usage {
  std::size_t count;     ///< atoms in the table
  std::size_t capacity;  ///< atoms at which `make` starts to fail; 1,048,576 unless changed
};

/// Returns the present size and capacity of the atom table. Any thread.
[[nodiscard]] atom_usage atom_table_usage() noexcept;

/// Sets the capacity of the atom table (1,024 … 4,194,304; clamped). Atoms that exist already stay. Any thread.
void set_atom_table_capacity(std::size_t atoms) noexcept;

namespace detail {

/// Texts whose atoms have the same index in every run, so that they are compile-time constants. Index 0 is `''`.
inline constexpr auto well_known_texts = std::to_array<std::string_view>({"",
                                                                          "true",
                                                                          "false",
                                                                          "undefined",
                                                                          "nil",
                                                                          "ok",
                                                                          "error",
                                                                          "normal",
                                                                          "kill",
                                                                          "killed",
                                                                          "shutdown",
                                                                          "noproc",
                                                                          "noconnection",
                                                                          "nodedown",
                                                                          "nodeup",
                                                                          "timeout",
                                                                          "infinity",
                                                                          "EXIT",
                                                                          "DOWN",
                                                                          "$gen_call",
                                                                          "$gen_cast",
                                                                          "alias",
                                                                          "process",
                                                                          "port",
                                                                          "badarg",
                                                                          "function_clause",
                                                                          "undef",
                                                                          "system_limit",
                                                                          "no_message",
                                                                          "nocatch",
                                                                          "reply",
                                                                          "noreply",
                                                                          "stop",
                                                                          "ignore",
                                                                          "yes",
                                                                          "no",
                                                                          "is_auth",
                                                                          "net_kernel",
                                                                          "rex",
                                                                          "global_name_server",
                                                                          "erpc",
                                                                          "erlang",
                                                                          "node",
                                                                          "badrpc",
                                                                          "call",
                                                                          "cast",
                                                                          "system",
                                                                          "user",
                                                                          "link",
                                                                          "monitor",
                                                                          "badopt",
                                                                          "notsup",
                                                                          "execute_call",
                                                                          "execute_cast",
                                                                          "return",
                                                                          "throw",
                                                                          "exit",
                                                                          "calling_self",
                                                                          "terminated",
                                                                          "nonode@nohost",
                                                                          "already_started",
                                                                          "already_present",
                                                                          "not_found",
                                                                          "restarting",
                                                                          "worker",
                                                                          "supervisor",
                                                                          "permanent",
                                                                          "transient",
                                                                          "temporary",
                                                                          "brutal_kill",
                                                                          "$ancestors",
                                                                          "$initial_call",
                                                                          "init_connect",
                                                                          "features_request",
                                                                          "features_reply",
                                                                          "name",
                                                                          "time_offset",
                                                                          "__struct__"});

/// The position of `text` among the well-known texts, or their number when it is none of them.
[[nodiscard]] constexpr std::uint32_t well_known_index(std::string_view text) noexcept {
  std::uint32_t index = 0;
  while (index < well_known_texts.size() && well_known_texts[index] != text) ++index;
  return index;
}

/// A string literal as a template argument.
template <std::size_t Size>
struct literal {
  char text[Size]{};
  consteval literal(const char (&source)[Size]) {
    std::copy_n(source, Size, text);
  }  // NOLINT: implicit, so that `match<"x">` works
  [[nodiscard]] constexpr std::string_view view() const noexcept { return {text, Size - 1}; }
};

/// Index + 1 of a literal's atom once it was interned; 0 before.
template <literal Text>
inline constinit std::atomic<std::uint32_t> literal_cache{0};

template <literal Text>
[[nodiscard]] inline atom literal_atom() {
  constexpr auto known = well_known_index(Text.view());
  if constexpr (known < well_known_texts.size()) {
    return atom::from_index(known);
  } else {
    if (const auto cached = literal_cache<Text>.load(std::memory_order_acquire); cached != 0)
      return atom::from_index(cached - 1);
    const auto made = atom::of(Text.view());
    literal_cache<Text>.store(made.index() + 1, std::memory_order_release);
    return made;
  }
}

}  // namespace detail

inline namespace literals {

/// `"balance"_atom`: the atom of a literal, interned once per literal, without a lookup afterwards; usable before
/// `main`.
template <detail::literal Text>
[[nodiscard]] inline atom operator""_atom() {
  return detail::literal_atom<Text>();
}

}  // namespace literals

}  // namespace ergo::inline v0::etf

template <>
struct std::hash<ergo::etf::atom> {
  std::size_t operator()(ergo::etf::atom value) const noexcept { return value.index() * 0x9E3779B97F4A7C15ULL; }
};
