#include "io_format_text.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace ergo::inline v0::otp::detail {

namespace {

constexpr bool is_character(char32_t code) noexcept { return code < 0xD800 || (code > 0xDFFF && code <= 0x10FFFF); }

/// Takes one character from the front of `rest`; `no_character` where there is none. No overlong forms.
char32_t take_character(std::string_view& rest) noexcept {
  const auto byte = [rest](std::size_t at) { return static_cast<unsigned char>(rest[at]); };
  const auto first = byte(0);
  const std::size_t count = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if ((first >= 0x80 && first < 0xC2) || first > 0xF4 || rest.size() < count) return no_character;
  char32_t code = count == 1 ? first : first & (0xFFU >> (count + 1));
  for (std::size_t at = 1; at < count; ++at) {
    if ((byte(at) & 0xC0U) != 0x80) return no_character;
    code = (code << 6U) | (byte(at) & 0x3FU);
  }
  constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < smallest[count] || !is_character(code)) return no_character;
  rest.remove_prefix(count);
  return code;
}

chars padded(const chars& text, const chars& padding, bool left) { return left ? text + padding : padding + text; }

std::int64_t length_of(const chars& text) noexcept { return static_cast<std::int64_t>(text.size()); }

chars padded(const chars& text, std::int64_t count, const io_field& field) {
  return padded(text, repeated(field.padding, count, field.limit), field.left);
}

chars cut(const chars& text, std::int64_t length) {
  if (length < 0) refuse_arguments();
  return text.substr(0, static_cast<std::size_t>(length));
}

/// A string in a field of exactly `width`.
chars string_of_width(const chars& text, std::int64_t width, const io_field& field) {
  return length_of(text) > width ? cut(text, width) : padded(text, width - length_of(text), field);
}

void append_bytes(chars& to, std::string_view bytes, bool unicode) {
  auto text = unicode ? from_utf8(bytes) : std::nullopt;
  to += text ? *text : from_latin1(bytes);
}

}  // namespace

std::optional<chars> from_utf8(std::string_view utf8) {
  chars text;
  text.reserve(utf8.size());
  while (!utf8.empty()) {
    const auto code = take_character(utf8);
    if (code == no_character) return std::nullopt;
    text += code;
  }
  return text;
}

chars from_latin1(std::string_view bytes) {
  chars text(bytes.size(), U'\0');
  std::ranges::transform(bytes, text.begin(), [](char byte) { return static_cast<unsigned char>(byte); });
  return text;
}

std::string to_utf8(std::u32string_view text) {
  std::string utf8;
  utf8.reserve(text.size());
  for (const auto code : text) {
    if (!is_character(code)) refuse_arguments();
    const auto push = [&utf8](char32_t byte) { utf8 += static_cast<char>(byte); };
    if (code < 0x80) {
      push(code);
      continue;
    }
    const unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    push(((0xF00U >> (more + 1)) & 0xFFU) | (code >> (6 * more)));
    for (auto left = more; left-- > 0;) push(0x80U | ((code >> (6 * left)) & 0x3FU));
  }
  return utf8;
}

chars repeated(std::optional<char32_t> one, std::int64_t count, std::size_t limit) {
  if (count < 0 || (count > 0 && !one)) refuse_arguments();
  if (static_cast<std::uint64_t>(count) > limit) refuse_size();
  return count == 0 ? chars{} : chars(static_cast<std::size_t>(count), *one);
}

chars in_field(chars text, const io_field& field) {
  if (!field.width && !field.precision) return text;
  const auto width = field.width ? *field.width : *field.precision;
  const auto length = length_of(text);
  const auto shown = std::min({length, width, field.precision.value_or(width)});
  if (length <= shown) return padded(text, width - length, field);
  return padded(repeated(U'*', shown, field.limit), width - shown, field);
}

chars string_in_field(const chars& text, const io_field& field) {
  if (!field.width && !field.precision) return text;
  if (!field.width) {
    auto left = field;
    left.left = true;
    return string_of_width(text, *field.precision, left);
  }
  if (!field.precision || *field.precision == *field.width) return string_of_width(text, *field.width, field);
  if (*field.width < *field.precision) refuse_arguments();
  auto inner = field;
  inner.left = true;
  return padded(string_of_width(text, *field.precision, inner), *field.width - *field.precision, field);
}

chars character_in_field(char32_t one, const io_field& field) {
  if (!field.width && !field.precision) return chars(1, one);
  if (!field.precision) return repeated(one, *field.width, field.limit);
  const auto many = repeated(one, *field.precision, field.limit);
  return field.width ? padded(many, *field.width - *field.precision, field) : many;
}

char32_t character_of(const etf::term& value) {
  if (value.kind() != etf::kind::integer) refuse_arguments();
  const auto code = value.as_integer();
  return code && *code >= 0 && *code < no_character ? static_cast<char32_t>(*code) : no_character;
}

chars flat_characters(const etf::term& text, bool unicode, std::size_t limit) {
  struct place {
    etf::term list;
    std::size_t next;
  };
  chars flat;
  std::vector<place> open;
  const auto enter = [&](const etf::term& part) {
    if (part.is_list()) return open.push_back({part, 0});
    if (!part.is_binary()) refuse_arguments();
    append_bytes(flat, part.bytes(), unicode);
  };
  enter(text);
  while (!open.empty()) {
    if (flat.size() > limit) refuse_size();
    auto& top = open.back();
    const auto items = top.list.items();
    if (top.next == items.size()) {
      const auto tail = top.list.list_tail();
      open.pop_back();
      if (!tail.is_nil()) enter(tail);
    } else if (const auto& item = items[top.next++]; item.kind() == etf::kind::integer) {
      flat += character_of(item);
      if (item.as_integer().value_or(0) < 0 || (!unicode && flat.back() > 0xFF)) refuse_arguments();
    } else {
      enter(item);
    }
  }
  return flat;
}

}  // namespace ergo::inline v0::otp::detail
