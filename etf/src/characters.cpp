#include <ergo/etf/characters.hpp>

#include "utf8.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace ergo::inline v0::etf {
namespace {

constexpr std::int64_t last_latin1 = 0xFF;

bool belongs_to(std::int64_t code, text_encoding as) noexcept {
  return code >= 0 &&
         (as == text_encoding::latin1 ? code <= last_latin1 : is_character(static_cast<std::uint64_t>(code)));
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto next = next_character(text);
    if (next.bytes == 0) return false;
    text.remove_prefix(next.bytes);
  }
  return true;
}

// One item that is no list; false where it is no text.
bool append_item(std::string& to, const term& item, text_encoding as) {
  if (const auto code = item.as_integer()) {
    if (!belongs_to(*code, as)) return false;
    append_character(to, static_cast<std::uint32_t>(*code));
    return true;
  }
  if (!item.is_binary()) return false;
  if (as == text_encoding::unicode) {
    to += item.bytes();
  } else {
    for (const char one : item.bytes()) append_character(to, static_cast<unsigned char>(one));
  }
  return true;
}

}  // namespace

// A character may begin in one binary and end in the next, so what binaries hold is looked at when all is there.
std::optional<std::string> characters_of(const term& data, text_encoding as) {
  if (!data.is_list() && !data.is_binary()) return std::nullopt;
  std::string text;
  std::vector<term> left{data};
  while (!left.empty()) {
    const auto next = std::move(left.back());
    left.pop_back();
    if (next.is_nil()) continue;
    if (!next.is_list()) {
      if (!append_item(text, next, as)) return std::nullopt;
      continue;
    }
    const auto tail = next.list_tail();
    if (!tail.is_nil() && !tail.is_binary()) return std::nullopt;
    const auto items = next.items();
    const auto first_list = std::ranges::find_if(items, [](const term& item) { return item.is_list(); });
    for (auto item = items.begin(); item != first_list; ++item) {
      if (!append_item(text, *item, as)) return std::nullopt;
    }
    const auto taken = static_cast<std::size_t>(first_list - items.begin());
    if (taken < items.size()) {
      left.push_back(next.drop(taken + 1));
      left.push_back(items[taken]);
    } else {
      left.push_back(tail);
    }
  }
  if (as == text_encoding::unicode && !is_utf8(text)) return std::nullopt;
  return text;
}

}  // namespace ergo::inline v0::etf
