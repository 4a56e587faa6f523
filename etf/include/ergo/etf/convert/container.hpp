// Conversions of containers: sequences and sets are lists, maps are maps, bytes are binaries.
// Containers are known by what they can do, so that none of their headers is needed here.
#pragma once

#include <ergo/etf/convert/mapping.hpp>

#include <array>
#include <cstddef>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ergo::inline v0::etf::detail {

template <typename T>
inline constexpr bool is_array = false;
template <typename Element, std::size_t Size>
inline constexpr bool is_array<std::array<Element, Size>> = true;

template <typename C>
concept container = !is_a<std::basic_string, C> && requires(C& values, const C& constant) {
  typename C::value_type;
  constant.begin() != constant.end();
  values.clear();
};

template <typename C>
concept map_container = container<C> && requires(C& values, typename C::key_type key, typename C::mapped_type value) {
  values.insert_or_assign(std::move(key), std::move(value));
};

template <typename C>
concept appendable = requires(C& values, typename C::value_type value) { values.push_back(std::move(value)); };

template <typename C>
concept insertable = requires(C& values, typename C::key_type key) { values.insert(std::move(key)); };

template <typename C>
concept byte_container =
    container<C> && std::same_as<typename C::value_type, std::byte> && requires(const C& values) { values.data(); };

template <typename C>
concept sequence_container =
    container<C> && !byte_container<C> && (appendable<C> || insertable<C>) && !requires { typename C::mapped_type; };

[[nodiscard]] inline bool is_proper_list(const term& value) noexcept {
  return value.is_list() && value.list_tail().is_nil();
}

template <typename C>
void reserve_if_possible(C& values, std::size_t count) {
  if constexpr (requires { values.reserve(count); }) values.reserve(count);
}

template <sequence_container C>
struct builtin<C> {
  using element = typename C::value_type;

  [[nodiscard]] static term write(const C& values)
    requires writable<element>
  {
    std::vector<term> items;
    reserve_if_possible(items, static_cast<std::size_t>(std::distance(values.begin(), values.end())));
    for (const auto& value : values) items.push_back(mapping<element>::write(value));
    return move_to_list(items);
  }
  [[nodiscard]] static bool read(const term& from, C& into, reading& state)
    requires readable<element>
  {
    if (!is_proper_list(from)) return state.fail(errc::wrong_type);
    const auto items = from.items();
    into.clear();
    reserve_if_possible(into, items.size());
    for (std::size_t index = 0; index < items.size(); ++index) {
      element value{};
      if (!read_inside(items[index], value, state)) return state.fail_in(index);
      add(into, std::move(value));
    }
    return true;
  }
  [[nodiscard]] static bool matches(const term& from) noexcept { return from.is_list(); }

 private:
  static void add(C& into, element value) {
    if constexpr (appendable<C>) {
      into.push_back(std::move(value));
    } else {
      into.insert(std::move(value));
    }
  }
};

/// A fault in a map has the position of its entry in Erlang's order as path: `[2]`, or `[2].key`.
template <map_container C>
struct builtin<C> {
  using key_type = typename C::key_type;
  using value_type = typename C::mapped_type;

  [[nodiscard]] static term write(const C& values)
    requires writable<key_type> && writable<value_type>
  {
    std::vector<term> entries;
    entries.reserve(values.size() * 2);
    for (const auto& [key, value] : values) {
      entries.push_back(mapping<key_type>::write(key));
      entries.push_back(mapping<value_type>::write(value));
    }
    return make_map(entries);
  }
  [[nodiscard]] static bool read(const term& from, C& into, reading& state)
    requires readable<key_type> && readable<value_type>
  {
    if (from.kind() != kind::map) return state.fail(errc::wrong_type);
    const auto entries = from.entries();
    into.clear();
    reserve_if_possible(into, entries.size() / 2);
    for (std::size_t index = 0; index < entries.size() / 2; ++index) {
      key_type key{};
      value_type value{};
      if (!read_inside(entries[index * 2], key, state)) {
        state.fail_in("key");
        return state.fail_in(index);
      }
      if (!read_inside(entries[index * 2 + 1], value, state)) return state.fail_in(index);
      into.insert_or_assign(std::move(key), std::move(value));
    }
    return true;
  }
  [[nodiscard]] static bool matches(const term& from) noexcept { return from.kind() == kind::map; }
};

/// Arrays are lists of exactly their size.
template <typename Element, std::size_t Size>
struct builtin<std::array<Element, Size>> {
  [[nodiscard]] static term write(const std::array<Element, Size>& values)
    requires writable<Element>
  {
    std::array<term, Size> items;
    for (std::size_t index = 0; index < Size; ++index) items[index] = mapping<Element>::write(values[index]);
    return move_to_list(items);
  }
  [[nodiscard]] static bool read(const term& from, std::array<Element, Size>& into, reading& state)
    requires readable<Element>
  {
    if (!is_proper_list(from)) return state.fail(errc::wrong_type);
    const auto items = from.items();
    if (items.size() != Size) return state.fail(errc::wrong_size);
    for (std::size_t index = 0; index < Size; ++index) {
      if (!read_inside(items[index], into[index], state)) return state.fail_in(index);
    }
    return true;
  }
  [[nodiscard]] static bool matches(const term& from) noexcept { return from.is_list() && from.items().size() == Size; }
};

[[nodiscard]] inline std::string_view as_chars(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
[[nodiscard]] inline std::span<const std::byte> as_bytes(std::string_view chars) noexcept {
  return {reinterpret_cast<const std::byte*>(chars.data()), chars.size()};
}

template <byte_container C>
struct builtin<C> {
  [[nodiscard]] static term write(const C& values) { return binary(as_chars({values.data(), values.size()})); }
  [[nodiscard]] static bool read(const term& from, C& into, reading& state) {
    if (!matches(from)) return state.fail(errc::wrong_type);
    const auto bytes = as_bytes(from.bytes());
    into.assign(bytes.begin(), bytes.end());
    return true;
  }
  [[nodiscard]] static bool matches(const term& from) noexcept { return from.is_binary(); }
};

template <std::size_t Size>
struct builtin<std::array<std::byte, Size>> {
  [[nodiscard]] static term write(const std::array<std::byte, Size>& values) { return binary(as_chars(values)); }
  [[nodiscard]] static bool read(const term& from, std::array<std::byte, Size>& into, reading& state) noexcept {
    if (!from.is_binary()) return state.fail(errc::wrong_type);
    const auto bytes = as_bytes(from.bytes());
    if (bytes.size() != Size) return state.fail(errc::wrong_size);
    std::copy(bytes.begin(), bytes.end(), into.begin());
    return true;
  }
  [[nodiscard]] static bool matches(const term& from) noexcept {
    return from.is_binary() && from.bytes().size() == Size;
  }
};

template <>
struct builtin<std::span<const std::byte>> {
  [[nodiscard]] static term write(std::span<const std::byte> value) { return binary(as_chars(value)); }
};

}  // namespace ergo::inline v0::etf::detail
