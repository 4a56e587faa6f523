// Conversions of structs and enums that Boost.Describe knows.
// A struct's bases come first, then its members, private ones too when BOOST_DESCRIBE_CLASS names them.
#pragma once

#include <ergo/etf/convert/mapping.hpp>
#include <ergo/etf/convert/shape.hpp>

#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/describe/modifiers.hpp>

#include <array>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <vector>

namespace ergo::inline v0::etf::detail {

inline constexpr auto every_member = boost::describe::mod_any_access | boost::describe::mod_inherited;

template <typename T>
concept described_struct = std::is_class_v<T> && boost::describe::has_describe_members<T>::value;
template <typename T>
concept described_enum = std::is_enum_v<T> && boost::describe::has_describe_enumerators<T>::value;

/// A described member: its name, its type and where it is.
template <typename T, typename Descriptor>
struct field {
  using source = name_source<Descriptor>;
  using type = std::remove_cvref_t<decltype(std::declval<T&>().*Descriptor::pointer)>;
  static_assert(readable<type> || writable<type>,
                "ergo::etf: a member of this described struct has a type that is no term: describe that type with "
                "BOOST_DESCRIBE_STRUCT or BOOST_DESCRIBE_ENUM, or specialise ergo::etf::converter for it");

  static constexpr bool optional = is_a<std::optional, type>;

  [[nodiscard]] static const type& of(const T& value) noexcept { return value.*Descriptor::pointer; }
  [[nodiscard]] static term write(const T& value) { return mapping<type>::write(of(value)); }
  [[nodiscard]] static bool read(const term& from, T& into, reading& state) {
    return read_inside(from, into.*Descriptor::pointer, state) || state.fail_in(source::text.data());
  }
  /// Reads what was found under the field's name, if anything was.
  [[nodiscard]] static bool read_found(const term* from, T& into, reading& state) {
    if (from != nullptr) return read(*from, into, state);
    if constexpr (optional) {
      (into.*Descriptor::pointer).reset();
      return true;
    } else {
      state.fail(errc::missing_field);
      return state.fail_in(source::text.data());
    }
  }
  [[nodiscard]] static bool matches_found(const term* from) noexcept {
    return from != nullptr ? mapping<type>::matches(*from) : optional;
  }
  [[nodiscard]] static bool is_empty([[maybe_unused]] const T& value) noexcept {
    if constexpr (optional) return !of(value).has_value();
    return false;
  }
};

template <typename T, typename List>
struct fields_of_list;
template <typename T, template <typename...> typename List, typename... Descriptor>
struct fields_of_list<T, List<Descriptor...>> {
  using type = std::tuple<field<T, Descriptor>...>;
};
/// The fields of a described struct as the types of a tuple, which is never made.
template <typename T>
using fields_of = typename fields_of_list<T, boost::describe::describe_members<T, every_member>>::type;

/// The key of a field in a map with binaries as keys; made once.
template <typename Source>
[[nodiscard]] const term& binary_key() {
  static const term key = binary(Source::text);
  return key;
}

template <typename T, layout Layout, typename Fields>
struct struct_form;

/// Tuples: `First` is 1 behind a tag.
template <typename T, std::size_t First, typename... Field>
struct tuple_form {
  static constexpr std::size_t arity = First + sizeof...(Field);

  [[nodiscard]] static term write(const T& value) {
    std::array<term, arity> elements;
    std::size_t next = First;
    if constexpr (First == 1) elements[0] = source_atom<tag_source<T>>();
    ((elements[next++] = Field::write(value)), ...);
    return move_to_tuple(elements);
  }
  [[nodiscard]] static bool read(const term& from, T& into, reading& state) {
    if (!from.is_tuple()) return state.fail(errc::wrong_type);
    const auto elements = from.elements();
    if (elements.size() != arity) return state.fail(errc::wrong_size);
    if (First == 1 && !has_tag(from)) return state.fail(errc::wrong_tag);
    [[maybe_unused]] const auto* next = elements.data() + First;
    return (Field::read(*next++, into, state) && ...);
  }
  [[nodiscard]] static bool matches(const term& from) noexcept {
    if (!from.is_tuple(arity) || (First == 1 && !has_tag(from))) return false;
    [[maybe_unused]] const auto* next = from.elements().data() + First;
    return (Field::matches_found(next++) && ...);
  }

 private:
  [[nodiscard]] static bool has_tag(const term& from) noexcept {
    return from.elements().front().is(source_atom<tag_source<T>>());
  }
};

template <typename T, typename... Field>
struct struct_form<T, layout::record, std::tuple<Field...>> : tuple_form<T, 1, Field...> {};
template <typename T, typename... Field>
struct struct_form<T, layout::tuple, std::tuple<Field...>> : tuple_form<T, 0, Field...> {};

template <typename T, typename... Field>
struct struct_form<T, layout::map, std::tuple<Field...>> {
  [[nodiscard]] static term write(const T& value) {
    const std::array<term, sizeof...(Field) * 2> entries = fill(value, literal_atom<"undefined">());
    return make_map(entries);
  }
  [[nodiscard]] static bool read(const term& from, T& into, reading& state) {
    if (from.kind() != kind::map) return state.fail(errc::wrong_type);
    return (Field::read_found(find<Field>(from), into, state) && ...);
  }
  [[nodiscard]] static bool matches(const term& from) noexcept {
    return from.kind() == kind::map && (Field::matches_found(find<Field>(from)) && ...);
  }

 protected:
  template <typename One>
  [[nodiscard]] static const term* find(const term& from) noexcept {
    return from.find(term{source_atom<typename One::source>()});
  }
  /// Keys and values; `nothing` stands for empty optionals.
  [[nodiscard]] static auto fill(const T& value, [[maybe_unused]] atom nothing) {
    std::array<term, sizeof...(Field) * 2> entries;
    [[maybe_unused]] std::size_t next = 0;
    ((entries[next] = source_atom<typename Field::source>(),
      entries[next + 1] = Field::is_empty(value) ? term{nothing} : Field::write(value), next += 2),
     ...);
    return entries;
  }
};

template <typename T, typename... Field>
struct struct_form<T, layout::elixir_struct, std::tuple<Field...>> : struct_form<T, layout::map, std::tuple<Field...>> {
  using map = struct_form<T, layout::map, std::tuple<Field...>>;

  [[nodiscard]] static term write(const T& value) {
    std::array<term, sizeof...(Field) * 2 + 2> entries;
    auto fields = map::fill(value, literal_atom<"nil">());
    std::move(fields.begin(), fields.end(), entries.begin());
    entries[fields.size()] = literal_atom<"__struct__">();
    entries[fields.size() + 1] = source_atom<tag_source<T>>();
    return make_map(entries);
  }
  [[nodiscard]] static bool read(const term& from, T& into, reading& state) {
    if (from.kind() != kind::map) return state.fail(errc::wrong_type);
    const auto* tag = from.find(term{literal_atom<"__struct__">()});
    if (tag == nullptr || !tag->is(source_atom<tag_source<T>>())) {
      state.fail(tag == nullptr ? errc::missing_field : errc::wrong_tag);
      return state.fail_in("__struct__");
    }
    return map::read(from, into, state);
  }
  [[nodiscard]] static bool matches(const term& from) noexcept {
    if (from.kind() != kind::map) return false;
    const auto* tag = from.find(term{literal_atom<"__struct__">()});
    return tag != nullptr && tag->is(source_atom<tag_source<T>>()) && map::matches(from);
  }
};

template <typename T, typename... Field>
struct struct_form<T, layout::binary_map, std::tuple<Field...>> {
  [[nodiscard]] static term write(const T& value) {
    std::array<term, sizeof...(Field) * 2> entries;
    [[maybe_unused]] std::size_t next = 0;
    ((entries[next] = binary_key<typename Field::source>(), entries[next + 1] = Field::write(value), next += 2), ...);
    return make_map(entries);
  }
  [[nodiscard]] static bool read(const term& from, T& into, reading& state) {
    if (from.kind() != kind::map) return state.fail(errc::wrong_type);
    return (Field::read_found(from.find(binary_key<typename Field::source>()), into, state) && ...);
  }
  [[nodiscard]] static bool matches(const term& from) noexcept {
    return from.kind() == kind::map && (Field::matches_found(from.find(binary_key<typename Field::source>())) && ...);
  }
};

template <typename T, typename... Field>
struct struct_form<T, layout::property_list, std::tuple<Field...>> {
  [[nodiscard]] static term write(const T& value) {
    std::vector<term> properties;
    properties.reserve(sizeof...(Field));
    (write_property<Field>(value, properties), ...);
    return move_to_list(properties);
  }
  [[nodiscard]] static bool read(const term& from, T& into, reading& state) {
    if (!from.is_list() || !from.list_tail().is_nil()) return state.fail(errc::wrong_type);
    return (Field::read_found(find<Field>(from), into, state) && ...);
  }
  [[nodiscard]] static bool matches(const term& from) noexcept {
    return from.is_list() && (Field::matches_found(find<Field>(from)) && ...);
  }

 private:
  template <typename One>
  static void write_property(const T& value, std::vector<term>& into) {
    if (!One::is_empty(value)) into.push_back(tuple(source_atom<typename One::source>(), One::write(value)));
  }
  /// The first property of the name, as `proplists:get_value/2` finds it.
  template <typename One>
  [[nodiscard]] static const term* find(const term& from) noexcept {
    static const term set{true};
    const auto name = source_atom<typename One::source>();
    for (const auto& item : from.items()) {
      if (item.is(name)) return &set;
      if (is_tagged(item, name, 2)) return &item.elements()[1];
    }
    return nullptr;
  }
};

template <described_struct T>
struct builtin<T> : struct_form<T, decltype(shape_of<T>)::form, fields_of<T>> {};

/// Enums are atoms with the names of their enumerators.
template <described_enum E>
struct builtin<E> {
  /// Throws `std::domain_error` for a value that has no name.
  [[nodiscard]] static term write(E value) { return write_one(value, boost::describe::describe_enumerators<E>{}); }
  [[nodiscard]] static bool read(const term& from, E& into, reading& state) noexcept {
    if (!from.is_atom()) return state.fail(errc::wrong_type);
    return read_one(from, into, boost::describe::describe_enumerators<E>{}) || state.fail(errc::unknown_atom);
  }
  [[nodiscard]] static bool matches(const term& from) noexcept {
    E ignored{};
    return from.is_atom() && read_one(from, ignored, boost::describe::describe_enumerators<E>{});
  }

 private:
  /// An assignment for a fold over `&&`.
  template <typename To, typename From>
  [[nodiscard]] static bool assign(To& to, const From& value) {
    to = value;
    return true;
  }
  template <template <typename...> typename List, typename... Descriptor>
  [[nodiscard]] static term write_one(E value, List<Descriptor...>) {
    term name;
    const auto found = ((value == Descriptor::value && assign(name, source_atom<name_source<Descriptor>>())) || ...);
    if (!found) {
      throw std::domain_error{"ergo::etf: the value of an enum has no enumerator and cannot be written as an atom"};
    }
    return name;
  }
  template <template <typename...> typename List, typename... Descriptor>
  [[nodiscard]] static bool read_one(const term& from, E& into, List<Descriptor...>) noexcept {
    return ((from.is(source_atom<name_source<Descriptor>>()) && assign(into, Descriptor::value)) || ...);
  }
};

}  // namespace ergo::inline v0::etf::detail
