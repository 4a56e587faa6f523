// How a described struct looks as a term: its shape, its tag and the names of its fields.
// All names are known when the program is compiled and become atoms before `main`, so that a full table cannot fail a
// conversion.
#pragma once

#include <ergo/etf/atom.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ergo::inline v0::etf {

/// The forms in which a described struct travels.
enum class layout : std::uint8_t {
  record,         ///< `{Tag, Field1, Field2}`: an Erlang record
  tuple,          ///< `{Field1, Field2}`
  map,            ///< `#{field1 => Field1}`; unknown keys are ignored
  binary_map,     ///< `#{<<"field1">> => Field1}`: what JSON decoders produce; unknown keys are ignored
  elixir_struct,  ///< `#{'__struct__' => Module, field1 => Field1}`; an empty optional is written as `nil`
  property_list,  ///< `[{field1, Field1}]`; the atom `field1` alone means `{field1, true}`; empty optionals are left
                  ///< out
};

/// A layout with its tag. Use the constants below.
template <layout Layout, detail::literal Tag = "">
struct shape {
  static constexpr layout form = Layout;
  static constexpr auto tag = Tag;
};

/// The shape of a record; without a tag it is the type's name in snake case: `GetBalance` and `get_balance` are
/// `get_balance`.
template <detail::literal Tag = "">
inline constexpr shape<layout::record, Tag> as_record{};
inline constexpr shape<layout::tuple> as_tuple{};                  ///< a tuple without a tag
inline constexpr shape<layout::map> as_map{};                      ///< a map with atoms as keys
inline constexpr shape<layout::binary_map> as_binary_map{};        ///< a map with binaries as keys
inline constexpr shape<layout::property_list> as_property_list{};  ///< a list of pairs
/// The shape of the Elixir struct `Module`, such as `as_elixir_struct<"Shop.Order">`, without `Elixir.` in front.
template <detail::literal Module>
inline constexpr shape<layout::elixir_struct, Module> as_elixir_struct{};

namespace detail {

template <typename T>
[[nodiscard]] consteval auto default_shape() {
  if constexpr (requires { T::etf_shape; }) {
    return T::etf_shape;
  } else {
    return as_record<>;
  }
}

}  // namespace detail

/// The shape of `T`: its member `static constexpr auto etf_shape`, else a record. Specialise it for a type that cannot
/// have the member: `template <> inline constexpr auto ergo::etf::shape_of<lib::point> = ergo::etf::as_tuple;`, before
/// the first conversion.
template <typename T>
inline constexpr auto shape_of = detail::default_shape<T>();

namespace detail {

/// A text that is computed at compile time. Longer ones than an atom may be do not compile.
struct fixed_text {
  std::array<char, 256> text{};
  std::size_t size = 0;

  constexpr void push(char c) {
    text.at(size) = c;
    ++size;
  }
  constexpr void push(std::string_view more) {
    for (const char c : more) push(c);
  }
  [[nodiscard]] constexpr std::string_view view() const noexcept { return {text.data(), size}; }
};

/// The name of `T` as the compiler writes it, with scopes and template arguments.
template <typename T>
[[nodiscard]] consteval std::string_view full_type_name() {
  std::string_view name{__PRETTY_FUNCTION__};
  name.remove_prefix(name.find("T = ") + 4);
  std::size_t end = 0;
  for (int depth = 0; depth > 0 || (name[end] != ';' && name[end] != ']'); ++end) {
    if (name[end] == '[') ++depth;
    if (name[end] == ']') --depth;
  }
  return name.substr(0, end);
}

/// The last part of a type's name, without template arguments.
[[nodiscard]] consteval std::string_view last_name(std::string_view name) {
  std::size_t begin = 0;
  std::size_t end = name.size();
  int depth = 0;
  for (std::size_t at = 0; at < name.size(); ++at) {
    const char c = name[at];
    if (depth == 0 && c == '<') end = at;
    if (depth == 0 && c == ':') {
      begin = at + 1;
      end = name.size();
    }
    if (c == '<' || c == '(' || c == '{') ++depth;
    if (c == '>' || c == ')' || c == '}') --depth;
  }
  return name.substr(begin, end - begin);
}

constexpr bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
constexpr char to_lower(char c) noexcept { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

/// `HttpReply` and `HTTPReply` become `http_reply`.
[[nodiscard]] consteval fixed_text snake_case(std::string_view name) {
  fixed_text snake;
  for (std::size_t at = 0; at < name.size(); ++at) {
    const bool after_word = at > 0 && name[at - 1] != '_' && !is_upper(name[at - 1]);
    const bool before_word =
        at > 0 && is_upper(name[at - 1]) && at + 1 < name.size() && name[at + 1] >= 'a' && name[at + 1] <= 'z';
    if (is_upper(name[at]) && (after_word || before_word)) snake.push('_');
    snake.push(to_lower(name[at]));
  }
  return snake;
}

/// A name in C++ may need `_` at its end (private members, `default_`); in Erlang it has none.
[[nodiscard]] consteval std::string_view field_name(std::string_view name) {
  return name.size() > 1 && name.ends_with('_') ? name.substr(0, name.size() - 1) : name;
}

template <typename T>
[[nodiscard]] consteval fixed_text tag_of() {
  using form = decltype(shape_of<T>);
  fixed_text tag;
  if constexpr (form::form == layout::elixir_struct) {
    tag.push("Elixir.");
    tag.push(form::tag.view());
  } else if constexpr (form::tag.view().empty()) {
    tag = snake_case(last_name(full_type_name<T>()));
  } else {
    tag.push(form::tag.view());
  }
  return tag;
}

/// Where the text of the tag of `T` is kept.
template <typename T>
struct tag_source {
  static constexpr fixed_text fixed = tag_of<T>();
  static constexpr std::string_view text = fixed.view();
};

/// Where the text of a described member or enumerator is kept; with a final 0, for paths.
template <typename Descriptor>
struct name_source {
  static constexpr fixed_text fixed = [] {
    fixed_text name;
    name.push(field_name(Descriptor::name));
    return name;
  }();
  static constexpr std::string_view text = fixed.view();
};

template <typename Source>
inline constinit std::atomic<std::uint32_t> source_cache{0};

template <typename Source>
[[nodiscard]] atom source_atom();

/// Its initialisation interns the name when the program starts, before any peer can have filled the table.
template <typename Source>
inline const atom source_at_start = source_atom<Source>();

/// The atom of a name that is known at compile time, interned once; usable before `main`.
template <typename Source>
[[nodiscard]] inline atom source_atom() {
  constexpr auto known = well_known_index(Source::text);
  if constexpr (known < well_known_texts.size()) {
    return atom::from_index(known);
  } else {
    if (const auto cached = source_cache<Source>.load(std::memory_order_acquire); cached != 0)
      return atom::from_index(cached - 1);
    static_cast<void>(&source_at_start<Source>);
    const auto made = atom::of(Source::text);
    source_cache<Source>.store(made.index() + 1, std::memory_order_release);
    return made;
  }
}

}  // namespace detail

}  // namespace ergo::inline v0::etf
