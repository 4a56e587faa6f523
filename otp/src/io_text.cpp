#include "io_text.hpp"

#include "io_format_text.hpp"

#include <ergo/otp/io_format.hpp>

#include <algorithm>
#include <utility>

namespace ergo::inline v0::otp::io::detail {
namespace {

using otp::detail::chars;
using otp::detail::from_latin1;
using otp::detail::from_utf8;
using otp::detail::to_utf8;

constexpr char32_t last_latin1 = 0xFF;

atom name_of(encoding as) { return as == encoding::latin1 ? "latin1"_atom : "unicode"_atom; }

}  // namespace

std::string printed(std::string utf8, encoding as) {
  if (as == encoding::unicode) return utf8;
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string bytes;
  for (const auto code : from_utf8(utf8).value_or(chars{})) {
    if (code <= last_latin1) {
      bytes += static_cast<char>(code);
      continue;
    }
    std::string number;
    for (auto rest = code; rest != 0; rest /= 16) number.insert(number.begin(), digits[rest % 16]);
    bytes += "\\x{" + number + "}";
  }
  return bytes;
}

std::string prompt_text(const term& prompt, encoding as) {
  const bool unicode = as == encoding::unicode;
  const auto parts = prompt.elements();
  const bool formatted = etf::is_tagged(prompt, "format"_atom, 3);
  const bool text = prompt.is_atom() || prompt.is_list() || prompt.is_binary();
  const auto format = formatted ? parts[1] : etf::binary(text ? (unicode ? "~ts" : "~s") : (unicode ? "~tp" : "~p"));
  return io_format(format, formatted ? parts[2] : etf::list(prompt)).value_or("???");
}

std::expected<term, term> read_as(std::string_view bytes, encoding given, const input_form& form) {
  const auto refused = [&] {
    const auto why = etf::tuple("no_translation"_atom, name_of(given), name_of(form.wanted));
    return std::unexpected{etf::tuple("error"_atom, why)};
  };
  const auto text = given == encoding::unicode ? from_utf8(bytes) : from_latin1(bytes);
  if (!text) return refused();
  const bool narrow = form.wanted == encoding::latin1;
  if (narrow && std::ranges::any_of(*text, [](char32_t code) { return code > last_latin1; })) return refused();
  if (!form.binary) return etf::text_list(to_utf8(*text));
  if (!narrow) return etf::adopt_binary(to_utf8(*text));
  std::string narrowed;
  for (const auto code : *text) narrowed += static_cast<char>(code);
  return etf::adopt_binary(std::move(narrowed));
}

input_progress pass_characters(std::string_view input, input_progress from, encoding as) {
  while (from.missing > 0 && from.bytes < input.size()) {
    const auto first = static_cast<unsigned char>(input[from.bytes]);
    const bool alone = as == encoding::latin1 || first < 0xC0;
    const std::size_t size = alone ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (size > input.size() - from.bytes) break;
    from.bytes += size;
    --from.missing;
  }
  return from;
}

}  // namespace ergo::inline v0::otp::io::detail
