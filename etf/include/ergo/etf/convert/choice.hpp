// Conversions of pairs, tuples, optional values, variants and results.
#pragma once

#include <ergo/etf/convert/mapping.hpp>

#include <array>
#include <expected>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>

namespace ergo::inline v0::etf::detail {

template <typename T>
concept product = is_a<std::pair, T> || is_a<std::tuple, T>;

/// Pairs and tuples are tuples without a tag.
template <product T>
struct builtin<T> {
  static constexpr std::size_t size = std::tuple_size_v<T>;
  using indices = std::make_index_sequence<size>;
  template <std::size_t Index>
  using element = std::tuple_element_t<Index, T>;

  template <template <typename> typename Has>
  static constexpr bool all = []<std::size_t... Index>(std::index_sequence<Index...>) {
    return (Has<element<Index>>::value && ...);
  }(indices{});
  template <typename E>
  struct can_write : std::bool_constant<writable<E>> {};
  template <typename E>
  struct can_read : std::bool_constant<readable<E>> {};

  [[nodiscard]] static term write(const T& values)
    requires(all<can_write>)
  {
    return [&]<std::size_t... Index>(std::index_sequence<Index...>) {
      std::array<term, size> elements{mapping<element<Index>>::write(std::get<Index>(values))...};
      return move_to_tuple(elements);
    }(indices{});
  }
  [[nodiscard]] static bool read(const term& from, T& into, reading& state)
    requires(all<can_read>)
  {
    if (!from.is_tuple()) return state.fail(errc::wrong_type);
    const auto elements = from.elements();
    if (elements.size() != size) return state.fail(errc::wrong_size);
    return [&]<std::size_t... Index>(std::index_sequence<Index...>) {
      return ((read_inside(elements[Index], std::get<Index>(into), state) || state.fail_in(Index)) && ...);
    }(indices{});
  }
  [[nodiscard]] static bool matches(const term& from) noexcept {
    if (!from.is_tuple(size)) return false;
    const auto elements = from.elements();
    return [&]<std::size_t... Index>(std::index_sequence<Index...>) {
      return (mapping<element<Index>>::matches(elements[Index]) && ...);
    }(indices{});
  }
};

/// Nothing is written as `undefined`, and read from `undefined` or `nil`.
template <>
struct builtin<std::monostate> {
  [[nodiscard]] static term write(std::monostate) noexcept { return term{literal_atom<"undefined">()}; }
  [[nodiscard]] static bool read(const term& from, std::monostate&, reading& state) noexcept {
    return is_nothing(from) || state.fail(errc::wrong_type);
  }
  [[nodiscard]] static bool matches(const term& from) noexcept { return is_nothing(from); }
};

template <typename T>
struct builtin<std::optional<T>> {
  [[nodiscard]] static term write(const std::optional<T>& value)
    requires writable<T>
  {
    return value ? mapping<T>::write(*value) : term{literal_atom<"undefined">()};
  }
  [[nodiscard]] static bool read(const term& from, std::optional<T>& into, reading& state)
    requires readable<T>
  {
    if (is_nothing(from)) {
      into.reset();
      return true;
    }
    return read_inside(from, into.emplace(), state);
  }
  [[nodiscard]] static bool matches(const term& from) noexcept { return is_nothing(from) || mapping<T>::matches(from); }
};

/// The first alternative that looks right and reads is taken. If none does, the fault is that of the first one that
/// looked right.
template <typename... T>
struct builtin<std::variant<T...>> {
  using variant = std::variant<T...>;

  [[nodiscard]] static term write(const variant& value)
    requires(writable<T> && ...)
  {
    return std::visit([]<typename Held>(const Held& held) { return mapping<Held>::write(held); }, value);
  }
  [[nodiscard]] static bool read(const term& from, variant& into, reading& state)
    requires(readable<T> && ...)
  {
    conversion_error first{errc::wrong_type};
    bool none = true;
    const auto attempt = [&]<std::size_t Index>(std::integral_constant<std::size_t, Index>) {
      using alternative = std::variant_alternative_t<Index, variant>;
      if (!mapping<alternative>::matches(from) || state.attempts > state.limits.attempts) return false;
      if (read_inside(from, into.template emplace<Index>(), state)) return true;
      if (std::exchange(none, false)) first = state.failure;
      ++state.attempts;
      return false;
    };
    const bool found = [&]<std::size_t... Index>(std::index_sequence<Index...>) {
      return (attempt(std::integral_constant<std::size_t, Index>{}) || ...);
    }(std::index_sequence_for<T...>{});
    if (found) return true;
    state.failure = state.attempts > state.limits.attempts ? conversion_error{errc::too_big} : first;
    return false;
  }
  [[nodiscard]] static bool matches(const term& from) noexcept { return (mapping<T>::matches(from) || ...); }
};

/// Results are `{ok, Value}` or `{error, Reason}`; without a value, `ok` alone.
template <typename T, typename E>
struct builtin<std::expected<T, E>> {
  using result = std::expected<T, E>;
  static constexpr bool has_value = !std::is_void_v<T>;

  [[nodiscard]] static term write(const result& value)
    requires(std::is_void_v<T> || writable<T>) && writable<E>
  {
    if (!value) return tuple(literal_atom<"error">(), mapping<E>::write(value.error()));
    if constexpr (has_value) {
      return tuple(literal_atom<"ok">(), mapping<T>::write(*value));
    } else {
      return term{literal_atom<"ok">()};
    }
  }
  [[nodiscard]] static bool read(const term& from, result& into, reading& state)
    requires(std::is_void_v<T> || readable<T>) && readable<E>
  {
    if (is_tagged(from, literal_atom<"error">(), 2)) {
      E reason{};
      if (!read_inside(from.elements()[1], reason, state)) return false;
      into = std::unexpected{std::move(reason)};
      return true;
    }
    if (!is_ok(from)) return state.fail(fault_of(from));
    if constexpr (has_value) {
      T value{};
      if (!read_inside(from.elements()[1], value, state)) return false;
      into = std::move(value);
    } else {
      into = result{};
    }
    return true;
  }
  [[nodiscard]] static bool matches(const term& from) noexcept {
    if (is_tagged(from, literal_atom<"error">(), 2)) return mapping<E>::matches(from.elements()[1]);
    if constexpr (has_value) {
      return is_ok(from) && mapping<T>::matches(from.elements()[1]);
    } else {
      return is_ok(from);
    }
  }

 private:
  [[nodiscard]] static bool is_ok(const term& from) noexcept {
    return has_value ? is_tagged(from, literal_atom<"ok">(), 2) : from.is(literal_atom<"ok">());
  }
  [[nodiscard]] static errc fault_of(const term& from) noexcept {
    if (!from.is_tuple()) return errc::wrong_type;
    return from.is_tuple(2) ? errc::wrong_tag : errc::wrong_size;
  }
};

}  // namespace ergo::inline v0::etf::detail
