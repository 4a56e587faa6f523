// What can be wrong with a term, its text or its bytes.
// A failed operation of this room returns one of these codes and a position; it throws nothing and keeps nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace ergo::inline v0::etf {

/// Why bytes are no term, a text is no term, or a term is not the wanted C++ value.
enum class errc : std::uint8_t {
  ok = 0,
  truncated,            ///< the bytes end inside a term: wait for more, or the sender lied about a length
  trailing_bytes,       ///< a complete term is followed by further bytes
  bad_version,          ///< the first byte is not 131
  unknown_tag,          ///< a tag that no OTP release sends, or that was removed (FUN_EXT, LOCAL_EXT)
  bad_atom,             ///< invalid UTF-8, more than 255 characters, or more than 1,020 bytes
  atom_table_full,      ///< the program-wide atom capacity is reached
  atom_budget_spent,    ///< this peer has used up its share of new atoms
  unknown_atom,         ///< only known atoms are accepted here, and this one is not known
  bad_cache_reference,  ///< an atom-cache reference without, or outside of, the header's atoms
  bad_float,            ///< NaN, infinity, or an unreadable FLOAT_EXT text
  bad_bit_count,        ///< a bit string with 0 or more than 8 bits in its last byte
  bad_identifier,       ///< a pid, port or reference outside the limits of the protocol
  bad_fun,              ///< a fun whose fields have wrong types
  bad_record,           ///< a native record with unknown flags or a field name twice
  duplicate_key,        ///< a map with the same key twice
  too_deep,             ///< nested deeper than the limit
  too_big,              ///< more bytes, elements or digits than the limit
  compressed_refused,   ///< a compressed term where none is allowed
  bad_compression,      ///< zlib data that does not inflate to exactly the announced size
  node_table_full,      ///< too many different node names and creations are in use
  syntax,               ///< the text is not an Erlang term
  wrong_type,           ///< the term is of another type than the C++ value
  out_of_range,         ///< the number does not fit into the C++ type
  missing_field,        ///< a map or property list lacks a field that is not optional
  wrong_tag,            ///< the record's tag is not the expected atom
  wrong_size,           ///< a tuple or list has another number of elements
};

/// The category of `errc` for use as `std::error_code`; one object for the program.
[[nodiscard]] const std::error_category& category() noexcept;

/// Makes a `std::error_code` of `code`.
[[nodiscard]] inline std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), category()};
}

/// The code's meaning as one English clause, without a full stop.
[[nodiscard]] std::string_view describe(errc code) noexcept;

/// A failed decode or parse: what was wrong, and where.
struct error {
  errc code = errc::ok;
  std::size_t offset = 0;  ///< bytes from the start of the input at which the fault was seen

  friend bool operator==(const error&, const error&) = default;
};

}  // namespace ergo::inline v0::etf

template <>
struct std::is_error_code_enum<ergo::etf::errc> : std::true_type {};
