// Terms to trees of texts, after print_length in OTP's io_lib_pretty.erl.
#include "io_format_term.hpp"

#include <ergo/etf/text.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>
#include <utility>

namespace ergo::inline v0::otp::detail {

namespace {

using etf::kind;
using etf::term;
using form = printed::form;
using ending = printed::ending;

constexpr std::int64_t characters_per_level = 4;  // of a binary that is shown as a string

constexpr bool is_printable(char32_t code, bool unicode) noexcept {
  if (code < 0x20) return (code >= 8 && code <= 13) || code == 27;
  if (code <= 0x7E) return true;
  if (code <= 0xFF) return code >= 0xA0;
  return unicode && (code < 0xD800 || (code > 0xDFFF && code < 0xFFFE) || (code > 0xFFFF && code <= 0x10FFFF));
}

/// Appends a character of a string, escaped as io_lib:write_string/2 does.
void append_escaped(chars& to, char32_t code) {
  constexpr std::u32string_view controls = U"\b\t\n\v\f\r\x1b\x7f";
  constexpr std::u32string_view letters = U"btnvfred";
  if (code == U'"' || code == U'\\') {
    to += {U'\\', code};
  } else if (const auto at = controls.find(code); at != controls.npos) {
    to += {U'\\', letters[at]};
  } else if (code < 0x20 || (code >= 0x7F && code < 0xA0)) {
    to += {U'\\', U'0' + (code >> 6U), U'0' + ((code >> 3U) & 7U), U'0' + (code & 7U)};
  } else {
    to += code;
  }
}

chars in_quotes(std::u32string_view text) {
  chars out = U"\"";
  for (const auto code : text) append_escaped(out, code);
  out += U'"';
  return out;
}

/// Characters that only names of atoms can hold here, as io_lib:write_atom_as_latin1/1 shows them.
chars without_wide_characters(const chars& text) {
  if (std::ranges::none_of(text, [](char32_t code) { return code > 0xFF; })) return text;
  chars out;
  for (const auto code : text) {
    if (code <= 0xFF) {
      out += code;
      continue;
    }
    std::array<char, 16> digits{};
    std::snprintf(digits.data(), digits.size(), "\\x{%X}", static_cast<unsigned>(code));
    out += from_latin1(digits.data());
  }
  return out;
}

/// The printer of whole terms, which needs no stack.
chars whole_text(const term& value, bool strings, const term_style& style) {
  etf::text_options options;
  options.strings = strings;
  options.unicode = style.unicode && style.unicode_range;
  // A limit would show as dots, so that what is too big must be seen by its size.
  options.limit = style.limit < SIZE_MAX / 8 ? style.limit * 4 + 16 : SIZE_MAX;
  const auto text = from_utf8(etf::to_text(value, options)).value_or(chars{});
  if (text.size() > style.limit) refuse_size();
  return style.unicode ? text : without_wide_characters(text);
}

/// A binary that is shown as a string, or the front of one.
struct binary_string {
  chars text;
  bool whole;
  bool utf8;
};

class builder {
 public:
  explicit builder(const term_style& style) noexcept : style_{style} {}

  printed build(const term& value, std::int64_t depth, unsigned level) {
    switch (value.kind()) {
      case kind::list: return level >= style_.nesting ? unbroken(value) : list(value, depth, level);
      case kind::tuple: return level >= style_.nesting ? unbroken(value) : tuple(value, depth, level);
      case kind::map: return level >= style_.nesting ? unbroken(value) : map(value, depth, level);
      case kind::bitstring: return bits(value, depth);
      default: return unbroken(value);
    }
  }

 private:
  [[nodiscard]] printed text(chars characters) {
    printed made;
    made.length = static_cast<std::int64_t>(characters.size());
    made.text = std::move(characters);
    count(made.text.size());
    return made;
  }

  printed unbroken(const term& value) { return text(whole_text(value, style_.strings, style_)); }

  void count(std::size_t characters) {
    written_ += characters;
    if (written_ > style_.limit) refuse_size();
  }

  [[nodiscard]] bool unicode_strings() const noexcept { return style_.unicode && style_.unicode_range; }

  [[nodiscard]] std::optional<chars> as_string(const term& list, std::int64_t depth) const {
    if (!style_.strings || depth == 1 || !list.list_tail().is_nil()) return std::nullopt;
    chars characters;
    for (const auto& item : list.items()) {
      const auto code = item.as_integer();
      if (!code || *code < 0 || *code > 0x10FFFF) return std::nullopt;
      if (!is_printable(static_cast<char32_t>(*code), unicode_strings())) return std::nullopt;
      characters += static_cast<char32_t>(*code);
    }
    return characters;
  }

  /// The elements as far as `depth` reaches; each of them is printed one level deeper than the one before it.
  void elements(printed& into, std::span<const term> items, std::int64_t& depth, unsigned level) {
    for (const auto& item : items) {
      if (depth == 1) {
        into.end = ending::dots;
        return;
      }
      count(1);
      into.parts.push_back(build(item, --depth, level + 1));
    }
  }

  printed list(const term& value, std::int64_t depth, unsigned level) {
    if (const auto string = as_string(value, depth)) return text(in_quotes(*string));
    printed made;
    made.shape = form::list;
    elements(made, value.items(), depth, level);
    if (const auto tail = value.list_tail(); made.end == ending::proper && !tail.is_nil()) {
      if (depth == 1) {
        made.end = ending::dots;
      } else {
        made.end = ending::tail;
        made.parts.push_back(build(tail, depth - 1, level + 1));
      }
    }
    return measured(std::move(made), 2);
  }

  printed tuple(const term& value, std::int64_t depth, unsigned level) {
    const auto items = value.elements();
    if (items.empty()) return text(U"{}");
    if (depth == 1) return text(U"{...}");
    printed made;
    made.shape = items.size() > 1 && items[0].is_atom() ? form::tagged_tuple : form::tuple;
    elements(made, items, depth, level);
    return measured(std::move(made), 2);
  }

  printed map(const term& value, std::int64_t depth, unsigned level) {
    const auto entries = value.entries();
    if (entries.empty()) return text(U"#{}");
    if (depth == 1) return text(style_.maps_as_written ? U"#{}" : U"#{...}");
    printed made;
    made.shape = form::map;
    const auto inner = depth - 1;
    for (std::size_t at = 0; at < entries.size(); at += 2, --depth) {
      if (depth == 1) {
        made.end = ending::dots;
        break;
      }
      made.parts.push_back(pair(entries[at], entries[at + 1], inner, level));
    }
    if (style_.maps_as_written && depth == 1) made.end = ending::dots;
    return measured(std::move(made), 3);
  }

  printed pair(const term& key, const term& value, std::int64_t depth, unsigned level) {
    constexpr std::int64_t arrow = 4;
    printed made;
    made.shape = form::pair;
    count(arrow + 1);
    made.parts.push_back(build(key, depth, level + 1));
    made.parts.push_back(build(value, depth, level + 1));
    made.length = made.parts[0].length + arrow + made.parts[1].length;
    return made;
  }

  static printed measured(printed made, std::int64_t brackets) {
    auto separators = static_cast<std::int64_t>(made.parts.size()) - 1;
    made.length = brackets;
    for (const auto& part : made.parts) made.length += part.length;
    if (made.end == ending::dots) {
      constexpr std::int64_t dots = 3;
      made.length += dots;
      ++separators;
    }
    made.length += separators;
    return made;
  }

  printed bits(const term& value, std::int64_t depth) {
    const auto bytes = value.bytes();
    if (bytes.empty()) return text(U"<<>>");
    if (depth == 1) return text(U"<<...>>");
    if (style_.strings && value.is_binary()) {
      if (const auto string = binary_as_string(bytes, depth - 1)) return text(string_text(*string));
    }
    auto made = text(byte_text(value, depth));
    made.shape = form::bytes;
    return made;
  }

  static chars string_text(const binary_string& string) {
    return U"<<" + in_quotes(string.text) + (string.utf8 ? U"/utf8" : U"") + (string.whole ? U">>" : U"...>>");
  }

  [[nodiscard]] std::optional<binary_string> binary_as_string(std::string_view bytes, std::int64_t depth) const {
    const auto size = static_cast<std::int64_t>(bytes.size());
    const auto looked_at = depth < 0 ? size : depth > size ? size : std::min(size, characters_per_level * depth);
    if (looked_at == 0) return std::nullopt;
    if (!style_.unicode) return latin1_string(bytes, looked_at, depth);
    // As many characters as that, which may be more bytes.
    chars front;
    auto rest = bytes;
    while (!rest.empty() && static_cast<std::int64_t>(front.size()) < looked_at) {
      const auto code = take_front(rest);
      if (!code) return latin1_string(bytes, looked_at, depth);
      front += *code;
    }
    return utf8_string(front, bytes.size() - rest.size() == bytes.size(), depth);
  }

  static std::optional<char32_t> take_front(std::string_view& rest) {
    for (std::size_t size = 1; size <= 4 && size <= rest.size(); ++size) {
      if (const auto one = from_utf8(rest.substr(0, size))) {
        rest.remove_prefix(size);
        return one->front();
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<binary_string> utf8_string(const chars& front, bool all, std::int64_t depth) const {
    const auto bad = std::ranges::find_if(front, [this](char32_t c) { return !is_printable(c, style_.unicode_range); });
    const auto good = bad - front.begin();
    const chars shown = front.substr(0, static_cast<std::size_t>(good));
    const bool utf8 = std::ranges::any_of(shown, [](char32_t code) { return code > 0x7F; });
    if (all && bad == front.end()) return binary_string{shown, true, utf8};
    if (depth > 0 && good >= depth) return binary_string{shown, false, utf8};
    return std::nullopt;
  }

  static std::optional<binary_string> latin1_string(std::string_view bytes, std::int64_t looked_at,
                                                    std::int64_t depth) {
    const auto front = from_latin1(bytes.substr(0, static_cast<std::size_t>(looked_at)));
    const auto bad = std::ranges::find_if(front, [](char32_t code) { return !is_printable(code, false); });
    const auto good = bad - front.begin();
    if (bad == front.end()) return binary_string{front, front.size() == bytes.size(), false};
    if (depth > 0 && good >= depth) return binary_string{front.substr(0, static_cast<std::size_t>(good)), false, false};
    return std::nullopt;
  }

  [[nodiscard]] chars byte_text(const term& value, std::int64_t depth) const {
    const auto bytes = value.bytes();
    const auto room = depth < 0 ? bytes.size() : static_cast<std::size_t>(depth - 1);
    if (room >= bytes.size()) return whole_text(value, false, style_);
    auto text = whole_text(etf::binary(bytes.substr(0, room)), false, style_);
    text.resize(text.size() - 2);
    return text + U",...>>";
  }

  const term_style style_;
  std::size_t written_ = 0;
};

}  // namespace

chars plain_text(const term& value, const term_style& style) { return whole_text(value, false, style); }

printed print_term(const term& value, const term_style& style) { return builder{style}.build(value, style.depth, 0); }

}  // namespace ergo::inline v0::otp::detail
