// Conversions of single values: booleans, numbers, texts, atoms, identifiers, terms, durations and points in time.
#pragma once

#include <ergo/etf/convert/mapping.hpp>

#include <limits>
#include <string>
#include <string_view>

namespace ergo::inline v0::etf::detail {

template <>
struct builtin<bool> {
  [[nodiscard]] static term write(bool value) noexcept { return term{value}; }
  [[nodiscard]] static bool read(const term& from, bool& into, reading& state) noexcept {
    if (!matches(from)) return state.fail(errc::wrong_type);
    into = from.is(literal_atom<"true">());
    return true;
  }
  [[nodiscard]] static bool matches(const term& from) noexcept {
    return from.is(literal_atom<"true">()) || from.is(literal_atom<"false">());
  }
};

template <typename T>
concept whole_number = std::integral<T> && !std::same_as<T, bool> && sizeof(T) <= sizeof(std::int64_t);

template <whole_number T>
struct builtin<T> {
  [[nodiscard]] static term write(T value) { return term{value}; }
  [[nodiscard]] static bool read(const term& from, T& into, reading& state) {
    if (const auto small = from.as_integer(); small && fits(*small)) {
      into = static_cast<T>(*small);
      return true;
    }
    if (from.kind() != kind::integer) return state.fail(errc::wrong_type);
    if (!fits_unsigned(from)) return state.fail(errc::out_of_range);
    into = static_cast<T>(*from.as_unsigned());
    return true;
  }
  [[nodiscard]] static bool matches(const term& from) noexcept {
    if (const auto small = from.as_integer()) return fits(*small);
    return from.kind() == kind::integer && fits_unsigned(from);
  }

 private:
  [[nodiscard]] static constexpr bool fits(std::int64_t value) noexcept {
    // NOLINTNEXTLINE(bugprone-signed-char-misuse): a signed char is a number here.
    constexpr auto least = static_cast<std::int64_t>(std::numeric_limits<T>::min());
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    return value >= least && (value < 0 || static_cast<std::uint64_t>(value) <= most);
  }
  /// Whether an integer beyond 63 bits fits.
  [[nodiscard]] static bool fits_unsigned(const term& from) noexcept {
    return std::unsigned_integral<T> && sizeof(T) == sizeof(std::uint64_t) && from.as_unsigned();
  }
};

template <typename T>
concept real_number = std::same_as<T, double> || std::same_as<T, float>;

/// Whole numbers up to 2^53 are accepted for floats: Erlang programs send 5 where they mean 5.0.
template <real_number T>
struct builtin<T> {
  [[nodiscard]] static term write(T value) { return term{static_cast<double>(value)}; }
  [[nodiscard]] static bool read(const term& from, T& into, reading& state) noexcept {
    if (!is_number(from)) return state.fail(errc::wrong_type);
    if (!matches(from)) return state.fail(errc::out_of_range);
    const auto whole = from.as_integer();
    into = whole ? static_cast<T>(*whole) : static_cast<T>(*from.as_double());
    return true;
  }
  [[nodiscard]] static bool matches(const term& from) noexcept {
    constexpr auto exact = std::int64_t{1} << std::numeric_limits<T>::digits;
    if (const auto value = from.as_double())
      return *value >= std::numeric_limits<T>::lowest() && *value <= std::numeric_limits<T>::max();
    const auto whole = from.as_integer();
    return whole && *whole >= -exact && *whole <= exact;
  }

 private:
  [[nodiscard]] static bool is_number(const term& from) noexcept {
    return from.kind() == kind::floating || from.kind() == kind::integer;
  }
};

template <>
struct builtin<big_integer> {
  [[nodiscard]] static term write(const big_integer& value) { return term{value}; }
  [[nodiscard]] static bool read(const term& from, big_integer& into, reading& state);
  [[nodiscard]] static bool matches(const term& from) noexcept { return from.kind() == kind::integer; }
};

template <>
struct builtin<std::string> {
  [[nodiscard]] static term write(const std::string& value) { return binary(value); }
  [[nodiscard]] static bool read(const term& from, std::string& into, reading& state) {
    if (from.is_binary()) {
      into = from.bytes();
      return true;
    }
    auto text = from.is_list() ? from.as_text() : std::nullopt;
    if (!text) return state.fail(errc::wrong_type);
    into = std::move(*text);
    return true;
  }
  [[nodiscard]] static bool matches(const term& from) noexcept { return from.is_binary() || from.is_list(); }
};

// Views and literals are written only: there would be nobody to own what was read.
template <>
struct builtin<std::string_view> {
  [[nodiscard]] static term write(std::string_view value) { return binary(value); }
};
template <>
struct builtin<const char*> : builtin<std::string_view> {};
template <std::size_t Size>
struct builtin<char[Size]> : builtin<std::string_view> {};

template <>
struct builtin<term> {
  [[nodiscard]] static term write(const term& value) noexcept { return value; }
  [[nodiscard]] static bool read(const term& from, term& into, reading&) noexcept {
    into = from;
    return true;
  }
  [[nodiscard]] static bool matches(const term&) noexcept { return true; }
};

/// A value that a term holds as it is.
template <typename T, auto Get>
struct held {
  [[nodiscard]] static term write(const T& value) { return term{value}; }
  [[nodiscard]] static bool read(const term& from, T& into, reading& state) noexcept {
    const auto value = (from.*Get)();
    if (!value) return state.fail(errc::wrong_type);
    into = *value;
    return true;
  }
  [[nodiscard]] static bool matches(const term& from) noexcept { return (from.*Get)().has_value(); }
};

template <>
struct builtin<atom> : held<atom, &term::as_atom> {};
template <>
struct builtin<pid> : held<pid, &term::as_pid> {};
template <>
struct builtin<reference> : held<reference, &term::as_reference> {};
template <>
struct builtin<port> : held<port, &term::as_port> {};

/// Durations are numbers in their own unit: `std::chrono::milliseconds` reads and writes milliseconds.
template <typename T>
concept duration = requires(const T& value) {
  typename T::rep;
  typename T::period;
  { value.count() } -> std::same_as<typename T::rep>;
};

template <duration T>
struct builtin<T> {
  using count = mapping<typename T::rep>;

  [[nodiscard]] static term write(T value) { return count::write(value.count()); }
  [[nodiscard]] static bool read(const term& from, T& into, reading& state) {
    typename T::rep ticks{};
    if (!count::read(from, ticks, state)) return false;
    into = T{ticks};
    return true;
  }
  [[nodiscard]] static bool matches(const term& from) noexcept { return count::matches(from); }
};

/// Points in time of the system clock count from 1970 in the unit of their duration. Other clocks mean nothing to a
/// peer.
template <typename T>
concept wall_time = duration<typename T::duration> && requires(const T& value) {
  T::clock::to_time_t(typename T::clock::time_point{});
  value.time_since_epoch();
};

template <wall_time T>
struct builtin<T> {
  using since = mapping<typename T::duration>;

  [[nodiscard]] static term write(T value) { return since::write(value.time_since_epoch()); }
  [[nodiscard]] static bool read(const term& from, T& into, reading& state) {
    typename T::duration passed{};
    if (!since::read(from, passed, state)) return false;
    into = T{passed};
    return true;
  }
  [[nodiscard]] static bool matches(const term& from) noexcept { return since::matches(from); }
};

}  // namespace ergo::inline v0::etf::detail
