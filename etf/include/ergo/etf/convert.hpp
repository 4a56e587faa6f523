// C++ values to terms and back: `to_term`, `from_term`, `matches`.
//
// C++                                         Erlang
// bool                                        `true`, `false`
// integers, big_integer                       integer, range checked
// double, float                               float; whole numbers up to 2^53 (2^24) are read too
// std::string                                 binary; lists of characters are read too, as UTF-8
// std::string_view, literals                  binary; written only
// std::vector<std::byte> and such             binary
// vector, list, deque, set, unordered_set …   list
// std::array                                  list of that size
// map, unordered_map, unordered_flat_map …    map
// std::pair, std::tuple                       tuple
// std::optional, std::monostate               `undefined`; `nil` is read too
// std::variant                                the first alternative that fits
// std::expected<T, E>                         `{ok, T}` or `{error, E}`
// chrono durations, times of the system clock integer in the unit of the type
// atom, pid, reference, port, term            themselves
// described structs                           see `shape_of`
// described enums                             atom
// everything else                             by a specialisation of `converter`
#pragma once

#include <ergo/etf/convert/choice.hpp>
#include <ergo/etf/convert/container.hpp>
#include <ergo/etf/convert/described.hpp>
#include <ergo/etf/convert/error.hpp>
#include <ergo/etf/convert/mapping.hpp>
#include <ergo/etf/convert/scalar.hpp>
#include <ergo/etf/convert/shape.hpp>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <concepts>
#include <expected>

namespace ergo::inline v0::etf {

/// Whether `to_term` takes a `T`. Members of described structs are not looked at: they are checked when used.
template <typename T>
concept convertible_to_term = detail::writable<T>;
/// Whether `from_term` gives a `T`.
template <typename T>
concept convertible_from_term = detail::readable<T> && (std::default_initializable<T> || detail::user_readable<T>);
/// Whether `T` travels both ways.
template <typename T>
concept convertible = convertible_to_term<T> && convertible_from_term<T>;

/// Returns `value` as a term, in the form of the table above. Throws `std::domain_error` for NaN, infinities and enums
/// without a name.
template <typename T>
[[nodiscard]] term to_term(const T& value) {
  static_assert(
      convertible_to_term<T>,
      "ergo::etf: this type is no term: describe it with BOOST_DESCRIBE_STRUCT or BOOST_DESCRIBE_ENUM, or specialise "
      "ergo::etf::converter for it");
  return detail::mapping<T>::write(value);
}

/// Reads `value` as a `T`, or says what is wrong and where.
///
/// The result shares nothing with `value` unless it holds terms. The error allocates nothing. `T` needs a default
/// constructor, unless a `converter` makes it. Any thread.
template <typename T>
[[nodiscard]] std::expected<T, conversion_error> from_term(const term& value,
                                                           [[maybe_unused]] const conversion_limits& limits = {}) {
  static_assert(
      detail::readable<T>,
      "ergo::etf: this type is no term, or a view that is written only: describe it with BOOST_DESCRIBE_STRUCT or "
      "BOOST_DESCRIBE_ENUM, or specialise ergo::etf::converter for it");
  static_assert(
      std::default_initializable<T> || detail::user_readable<T>,
      "ergo::etf: from_term fills an object that was made by its default constructor, and this type has none");
  if constexpr (detail::user_readable<T>) {
    return converter<T>::from_term(value);
  } else {
    std::expected<T, conversion_error> made;
    detail::reading state{.limits = limits};
    if (!detail::mapping<T>::read(value, *made, state)) made = std::unexpected{state.failure};
    return made;
  }
}

/// Whether `value` looks like a `T`: tag and arity first, then the types of the fields; the elements of lists and maps
/// are not looked at. For dispatchers: what does not match cannot be read, what matches may still fail. Any thread.
template <typename T>
[[nodiscard]] bool matches(const term& value) noexcept {
  static_assert(requires { detail::mapping<T>::matches(value); }, "ergo::etf: this type is no term");
  return detail::mapping<T>::matches(value);
}

}  // namespace ergo::inline v0::etf
