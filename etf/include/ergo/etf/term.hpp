// Terms: immutable Erlang values of 16 bytes.
// Small values live inside the term, everything else on a counted node that may be shared between threads.
#pragma once

#include <ergo/etf/atom.hpp>
#include <ergo/etf/ids.hpp>

#include <boost/multiprecision/fwd.hpp>

#include <array>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ergo::inline v0::etf {

/// An integer of any size; what does not fit into 64 bits. Declared here, and complete with <ergo/etf/big_integer.hpp>.
using big_integer = boost::multiprecision::cpp_int;

/// What a term is, in the names of Erlang's type tests.
enum class kind : std::uint8_t {
  integer,
  floating,
  atom,
  reference,
  fun,
  port,
  pid,
  tuple,
  record,
  map,
  nil,
  list,
  bitstring
};

namespace detail {
struct term_access;  // the room's own view of a term's fields

// How a term is stored. Up to `port` everything is inside the term; `short_reference` has three words, the first below
// 2^28.
enum class tag : std::uint8_t {
  nil,
  integer,
  floating,
  atom,
  pid,
  short_reference,
  port,
  tuple,
  list,
  map,
  binary,
  bits,
  big,
  reference,
  fun,
  external_fun,
  record
};

// The first word of a term. It is one number and no four members, for these would be copied one by one, and reading
// them together right after that waits for the cache.
// spare: the low 16 of 28 bits of a short reference's first word, bits in the last byte of a bit string, sign of a
// big integer. number: index of an atom or node (with 12 more bits of a short reference), arity, entries of a map,
// first item of a list in its array.
class term_head {
 public:
  constexpr term_head() noexcept = default;
  constexpr term_head(detail::tag tag, std::uint8_t counted = 0, std::uint16_t spare = 0,
                      std::uint32_t number = 0) noexcept  // NOLINT: written as four fields in braces
      : word_{static_cast<std::uint64_t>(tag) | (std::uint64_t{counted} << 8) | (std::uint64_t{spare} << 16) |
              (std::uint64_t{number} << 32)} {}

  [[nodiscard]] constexpr detail::tag tag() const noexcept { return static_cast<detail::tag>(word_ & 0xFF); }
  /// 1 when the term's value points to a detail::node.
  [[nodiscard]] constexpr std::uint8_t counted() const noexcept { return (word_ >> 8) & 0xFF; }
  [[nodiscard]] constexpr std::uint16_t spare() const noexcept { return (word_ >> 16) & 0xFFFF; }
  [[nodiscard]] constexpr std::uint32_t number() const noexcept { return static_cast<std::uint32_t>(word_ >> 32); }
  /// The same but for `counted`.
  [[nodiscard]] constexpr term_head with_counted(std::uint8_t counted) const noexcept {
    return {tag(), counted, spare(), number()};
  }
  friend constexpr bool operator==(term_head, term_head) noexcept = default;

 private:
  std::uint64_t word_ = 0;
};
}  // namespace detail

struct fun_view;
struct record_view;

/// An immutable Erlang value.
///
/// Copies are cheap (at most one counter); a term may be read and copied by any thread. Default-constructed it is `[]`.
/// Nothing here is recursive: terms of any depth are copied, compared, printed and destroyed on a constant stack.
class term {
 public:
  term() noexcept = default;         ///< `[]`
  term(atom value) noexcept;         // NOLINT: values are terms; an implicit conversion is the point
  term(const pid& value) noexcept;   // NOLINT
  term(const reference& value);      // NOLINT: throws std::invalid_argument for an empty reference
  term(const port& value) noexcept;  // NOLINT
  term(double value);                // NOLINT: throws std::domain_error for NaN and infinities
  term(const big_integer& value);    // NOLINT: throws std::length_error from 2^4194304 on, which no OTP takes
  template <std::same_as<bool> Bool>
  term(Bool value) noexcept : term{atom::from_index(value ? 1U : 2U)} {}  // NOLINT: `true` and `false`
  template <std::integral Integer>
    requires(!std::same_as<Integer, bool> && sizeof(Integer) <= 8)
  term(Integer value) : term{make_integer(value)} {}  // NOLINT

  term(const term& other) noexcept;
  term(term&& other) noexcept;
  term& operator=(const term& other) noexcept;
  term& operator=(term&& other) noexcept;
  ~term();

  [[nodiscard]] etf::kind kind() const noexcept;

  [[nodiscard]] bool is_atom() const noexcept;
  [[nodiscard]] bool is(atom value) const noexcept;  ///< whether this is exactly that atom
  [[nodiscard]] bool is_nil() const noexcept;        ///< `[]`
  [[nodiscard]] bool is_tuple() const noexcept;
  [[nodiscard]] bool is_tuple(std::size_t arity) const noexcept;
  [[nodiscard]] bool is_list() const noexcept;  ///< a list of at least one element, or `[]`
  [[nodiscard]] bool is_map() const noexcept;
  [[nodiscard]] bool is_binary() const noexcept;  ///< a bit string of whole bytes

  [[nodiscard]] std::optional<std::int64_t> as_integer() const noexcept;  ///< empty for other kinds and beyond 64 bits
  [[nodiscard]] std::optional<std::uint64_t> as_unsigned() const noexcept;  ///< integers from 0 to 2^64 - 1
  [[nodiscard]] std::optional<big_integer> as_big_integer() const;  ///< any integer; needs <ergo/etf/big_integer.hpp>
  [[nodiscard]] std::optional<double> as_double() const noexcept;   ///< floats only; integers are not converted
  [[nodiscard]] std::optional<atom> as_atom() const noexcept;
  [[nodiscard]] std::optional<pid> as_pid() const noexcept;
  [[nodiscard]] std::optional<reference> as_reference() const noexcept;
  [[nodiscard]] std::optional<port> as_port() const noexcept;
  [[nodiscard]] std::optional<fun_view> as_fun() const noexcept;  ///< valid while this term, or a copy of it, lives
  [[nodiscard]] std::optional<record_view> as_record()
      const noexcept;  ///< valid while this term, or a copy of it, lives

  /// The elements of a tuple, or an empty span. Valid while this term, or a copy of it, lives.
  [[nodiscard]] std::span<const term> elements() const noexcept;
  /// The elements of a list (without its tail), or an empty span. Valid while this term, or a copy of it, lives.
  [[nodiscard]] std::span<const term> items() const noexcept;
  /// The tail behind `items()`: `[]` for proper lists, anything but a list for improper ones; a nil term for other
  /// kinds.
  [[nodiscard]] term list_tail() const noexcept;
  /// The list without its first `count` items, sharing storage; the tail where `count` is the length. `count` <=
  /// `items().size()`.
  [[nodiscard]] term drop(std::size_t count) const noexcept;
  /// Keys and values of a map, alternating, sorted by key in Erlang's order; or an empty span.
  [[nodiscard]] std::span<const term> entries() const noexcept;
  /// The value under `key` in a map; null for other kinds and absent keys. Valid while this term lives.
  [[nodiscard]] const term* find(const term& key) const noexcept;
  /// The bytes of a binary (of a bit string: all bytes, the last one partly used), or an empty view.
  [[nodiscard]] std::string_view bytes() const noexcept;
  /// Bits used in the last byte of a bit string: 1 … 8, 8 for binaries; 0 for other kinds and for `<<>>`.
  [[nodiscard]] unsigned last_byte_bits() const noexcept;
  /// The characters of a list of code points, as UTF-8; empty when it is no such list. `""` for `[]`.
  [[nodiscard]] std::optional<std::string> as_text() const;

  /// A copy that keeps neither a receive buffer nor the rest of a decoded message alive; for small parts that outlive a
  /// large message.
  [[nodiscard]] term detach() const;

  /// Exact equality, Erlang's `=:=`: 1 and 1.0 differ, and so do 0.0 and -0.0, as in OTP 27 and later.
  friend bool operator==(const term& left, const term& right) noexcept;

  /// Exchanges two terms without touching a counter.
  friend void swap(term& left, term& right) noexcept {
    std::swap(left.head_, right.head_);
    std::swap(left.value_, right.value_);
  }

 private:
  friend struct detail::term_access;

  template <std::integral Integer>
  [[nodiscard]] static term make_integer(Integer value) {
    if constexpr (std::unsigned_integral<Integer> && sizeof(Integer) == 8) {
      if (value > static_cast<std::uint64_t>(INT64_MAX)) return beyond_small(value);
    }
    return small(static_cast<std::int64_t>(value));
  }
  [[nodiscard]] static term beyond_small(std::uint64_t value);
  [[nodiscard]] static term long_reference(const reference& value);
  [[nodiscard]] static term small(std::int64_t value) noexcept {
    term made;
    made.head_ = detail::tag::integer;
    made.value_ = static_cast<std::uint64_t>(value);
    return made;
  }

  detail::term_head head_;
  std::uint64_t value_ = 0;
};

static_assert(sizeof(term) == 16);

/// What a fun consists of. We call no funs, but they travel through us unchanged.
struct fun_view {
  bool external = false;  ///< `fun Module:Function/Arity`; of a local fun `function` is `''`
  atom module;
  atom function;
  unsigned arity = 0;                   ///< 0 … 255
  std::uint32_t index = 0;              ///< of a local fun: its number in the module
  std::array<std::uint8_t, 16> uniq{};  ///< of a local fun: MD5 of its module
  std::int64_t old_index = 0;
  std::int64_t old_uniq = 0;
  pid creator;
  std::span<const term> environment;  ///< of a local fun: the values it closes over, at most 255
};

/// What a native record (OTP 29) consists of.
struct record_view {
  atom module;
  atom name;
  bool exported = false;
  std::span<const term> names;   ///< atoms, each once
  std::span<const term> values;  ///< as many as `names`
};

/// Erlang's term order (`<`, `==`): numbers by value, so that 1 and 1.0 are equivalent. OTP "Term Comparisons".
[[nodiscard]] std::weak_ordering compare(const term& left, const term& right) noexcept;
/// The order of map keys: as `compare`, but integers sort before floats and are never equal to them.
[[nodiscard]] std::weak_ordering compare_exact(const term& left, const term& right) noexcept;
/// A hash that agrees with `==`; seeded once per process start against flooding.
[[nodiscard]] std::size_t hash_value(const term& value) noexcept;

namespace detail {
[[nodiscard]] term move_to_tuple(std::span<term> elements);
[[nodiscard]] term move_to_list(std::span<term> items);
}  // namespace detail

/// Builds a tuple of copies of `elements`. At most 16,777,215 elements, else throws `std::length_error`.
[[nodiscard]] term make_tuple(std::span<const term> elements);
/// Builds a tuple of its arguments: `tuple("ok"_atom, 5)`.
template <typename... Element>
[[nodiscard]] term tuple(const Element&... element) {
  const std::array<term, sizeof...(Element)> elements{term(element)...};
  return etf::make_tuple(std::span<const term>{elements});
}
/// Builds `[Items… | Tail]`; a tail that is a list is merged. An empty `items` gives the tail.
[[nodiscard]] term make_list(std::span<const term> items, const term& tail = term{});
/// Builds a proper list of its arguments.
template <typename... Element>
[[nodiscard]] term list(const Element&... element) {
  const std::array<term, sizeof...(Element)> items{term(element)...};
  return etf::make_list(std::span<const term>{items});
}
/// Builds a map from alternating keys and values; of equal keys the last one wins. `pairs.size()` is even.
[[nodiscard]] term make_map(std::span<const term> pairs);
/// Builds a binary with a copy of `bytes`.
[[nodiscard]] term binary(std::string_view bytes);
/// Builds a binary that takes over `bytes` without a copy.
[[nodiscard]] term adopt_binary(std::string bytes);
/// Builds a bit string of `bytes` whose last byte uses its upper `last_byte_bits` (1 … 8) bits; lower bits are cleared.
[[nodiscard]] term bit_string(std::string_view bytes, unsigned last_byte_bits);
/// Builds the list of the code points of `utf8`; bytes that are no UTF-8 are taken as Latin-1.
[[nodiscard]] term text_list(std::string_view utf8);
/// Builds `fun Module:Function/Arity`; arity at most 255, else throws `std::length_error` (27.3 dies of larger ones).
[[nodiscard]] term external_fun(atom module, atom function, unsigned arity);
/// Builds the fun that `parts` describes, with copies of its environment; throws `std::length_error` beyond 255 of
/// arity or environment.
[[nodiscard]] term make_fun(const fun_view& parts);
/// Builds a native record with copies of names and values; throws `std::invalid_argument` where a name is no atom or
/// comes twice, or sizes differ.
[[nodiscard]] term make_record(const record_view& parts);

/// Whether `value` is a tuple of `arity` elements whose first is the atom `tag`.
[[nodiscard]] bool is_tagged(const term& value, atom tag, std::size_t arity) noexcept;

/// The reference that a reply goes to: `tag` itself, the one in OTP 24's `[alias | Ref]`, or `A` in 27's `[[alias | A]
/// | Monitor]`.
[[nodiscard]] std::optional<reference> reference_in_tag(const term& tag) noexcept;

}  // namespace ergo::inline v0::etf

template <>
struct std::hash<ergo::etf::term> {
  std::size_t operator()(const ergo::etf::term& value) const noexcept { return hash_value(value); }
};

#include <ergo/etf/detail/access.hpp>
