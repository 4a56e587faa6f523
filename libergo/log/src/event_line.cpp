#include <ergo/etf/text.hpp>
#include <ergo/event_log.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace ergo::inline v0 {
namespace {

std::string_view name_of(event::kind what) noexcept {
  switch (what) {
    case event::kind::crash: return "crash";
    case event::kind::slow_slice: return "slow_slice";
    case event::kind::log: return "log";
    case event::kind::limit: return "limit";
    case event::kind::cluster: return "cluster";
    case event::kind::overload: return "overload";
  }
  return "event";
}

/// The length of the UTF-8 sequence that `text` begins with; 0 when it is none.
std::size_t sequence(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 && first < 0xf5   ? 4
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xc2 && first < 0xe0 ? 2
                                                             : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool outside = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return overlong || outside ? 0 : length;
}

/// Control characters, C1 among them, separators of lines, and marks of the direction of writing.
bool is_hidden(std::string_view character) noexcept {
  if (character.size() == 1) return character.front() >= 0 && (character.front() < 0x20 || character.front() == 0x7f);
  if (character.size() == 2) return character[0] == '\xc2' && static_cast<unsigned char>(character[1]) < 0xa0;
  if (character.size() != 3 || character[0] != '\xe2') return false;
  const auto second = static_cast<unsigned char>(character[1]);
  const auto third = static_cast<unsigned char>(character[2]);
  return (second == 0x80 && ((third >= 0x8e && third <= 0x8f) || (third >= 0xa8 && third <= 0xae))) ||
         (second == 0x81 && third >= 0xa6 && third <= 0xa9);
}

void append_escaped(std::string& to, std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (const char each : bytes) {
    const auto byte = static_cast<unsigned char>(each);
    to += {'\\', 'x', digits[byte >> 4U], digits[byte & 15U]};
  }
}

/// Appends `text`, which anybody may have chosen, until the line is `longest` bytes long; false when it is full.
bool append(std::string& line, std::string_view text, std::size_t longest) {
  while (!text.empty()) {
    const auto length = sequence(text);
    const auto character = text.substr(0, length == 0 ? 1 : length);
    text.remove_prefix(character.size());
    const bool plain = length != 0 && !is_hidden(character);
    if (line.size() + (plain ? character.size() : 4 * character.size()) > longest) {
      line += "...";
      return false;
    }
    if (plain) {
      line += character;
    } else {
      append_escaped(line, character);
    }
  }
  return true;
}

std::string milliseconds(duration took) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()) + " ms";
}

}  // namespace

std::string to_line(const event& happened, std::size_t longest) {
  const etf::text_options bounded{.limit = longest};
  std::string line{name_of(happened.what)};
  const auto put = [&](std::string_view before, const std::string& text) {
    return append(line, before, longest) && append(line, text, longest);
  };
  if (happened.process != pid{} && !put(" ", etf::to_text(term{happened.process}, bounded))) return line;
  if (happened.name != atom{} && !(put(" (", etf::to_text(happened.name)) && append(line, ")", longest))) return line;
  if (!put(": ", happened.text)) return line;
  if (!happened.reason.is_nil() && !put(": ", etf::to_text(happened.reason, bounded))) return line;
  if (happened.took != duration{} && !put(" took ", milliseconds(happened.took))) return line;
  for (const auto& [key, value] : happened.fields)
    if (!put(" ", key) || !put("=", etf::to_text(value, bounded))) return line;
  return line;
}

}  // namespace ergo::inline v0
