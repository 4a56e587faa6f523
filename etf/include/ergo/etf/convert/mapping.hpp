// The frame of all conversions: where a type's own conversion is found, and what a running `from_term` carries along.
#pragma once

#include <ergo/etf/convert/error.hpp>
#include <ergo/etf/term.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <type_traits>
#include <utility>

namespace ergo::inline v0::etf {

/// The place for the conversion of a type of your own that Boost.Describe does not fit: specialise it with
/// `static term to_term(const T&)`, `static std::expected<T, conversion_error> from_term(const term&)`, or one of them,
/// and optionally `static bool matches(const term&) noexcept`, a cheap look that lets dispatchers and variants pass on
/// early.
///
/// A specialisation goes before everything that is built in, also in containers and described structs. `from_term` does
/// not throw.
template <typename T>
struct converter;

namespace detail {

/// What a running `from_term` carries along.
struct reading {
  conversion_limits limits;
  std::uint32_t depth = 0;
  std::uint32_t attempts = 0;
  conversion_error failure = {};

  /// Notes a fault; always false.
  bool fail(errc code) noexcept {
    failure = code;
    return false;
  }
  /// Adds a step to the path of the fault; always false.
  bool fail_in(const char* field) noexcept {
    failure.add_field(field);
    return false;
  }
  bool fail_in(std::size_t index) noexcept {
    failure.add_index(index);
    return false;
  }
};

template <typename T>
concept user_writable = requires(const T& value) {
  { converter<T>::to_term(value) } -> std::same_as<term>;
};
template <typename T>
concept user_readable = requires(const term& value) {
  { converter<T>::from_term(value) } -> std::same_as<std::expected<T, conversion_error>>;
};
template <typename T>
concept user_converted = user_writable<T> || user_readable<T>;

/// The built-in conversion of `T`, specialised in the headers beside this one; empty where there is none. Its functions
/// are `write(const T&) -> term`, `read(const term&, T&, reading&) -> bool` and `matches(const term&) noexcept ->
/// bool`.
template <typename T>
struct builtin {};

/// The conversion of `T`: the built-in one, or the program's own.
template <typename T>
struct mapping : builtin<T> {};

template <user_converted T>
struct mapping<T> {
  [[nodiscard]] static term write(const T& value)
    requires user_writable<T>
  {
    return converter<T>::to_term(value);
  }
  [[nodiscard]] static bool read(const term& from, T& into, reading& state)
    requires user_readable<T>
  {
    auto made = converter<T>::from_term(from);
    if (made) {
      into = std::move(*made);
      return true;
    }
    state.failure = made.error();
    return false;
  }
  [[nodiscard]] static bool matches(const term& from) noexcept {
    if constexpr (requires { converter<T>::matches(from); }) {
      return converter<T>::matches(from);
    } else if constexpr (user_readable<T>) {
      return converter<T>::from_term(from).has_value();
    } else {
      return false;
    }
  }
};

template <typename T>
concept writable = requires(const T& value) {
  { mapping<T>::write(value) } -> std::same_as<term>;
};
template <typename T>
concept readable = requires(const term& from, T& into, reading& state) {
  { mapping<T>::read(from, into, state) } -> std::same_as<bool>;
};

/// Reads a value that lies inside another one.
template <typename T>
[[nodiscard]] bool read_inside(const term& from, T& into, reading& state) {
  if (state.depth >= state.limits.depth) return state.fail(errc::too_deep);
  ++state.depth;
  const bool well = mapping<T>::read(from, into, state);
  --state.depth;
  return well;
}

/// Whether `value` is one of the two atoms that mean "nothing": `undefined` and Elixir's `nil`.
[[nodiscard]] inline bool is_nothing(const term& value) noexcept {
  return value.is(literal_atom<"undefined">()) || value.is(literal_atom<"nil">());
}

template <template <typename...> typename Template, typename T>
inline constexpr bool is_a = false;
template <template <typename...> typename Template, typename... Argument>
inline constexpr bool is_a<Template, Template<Argument...>> = true;

}  // namespace detail

}  // namespace ergo::inline v0::etf
