// Rates of events, and bytes in hexadecimal.
#include "news.hpp"

#include <iterator>
#include <utility>

namespace ergo::inline v0::detail {

// A bucket that is full again is as good as none.
news_limit::account& news_limit::account_of(std::string_view whom, time_point now) {
  if (const auto found = nodes_.find(whom); found != nodes_.end()) return found->second;
  if (nodes_.size() >= most_nodes)
    for (auto one = nodes_.begin(); one != nodes_.end();)
      one = one->second.tokens.is_full(now) ? nodes_.erase(one) : std::next(one);
  const auto name = nodes_.size() >= most_nodes ? std::string_view{} : whom;
  return nodes_.try_emplace(std::string{name}, each_).first->second;
}

std::optional<std::uint64_t> news_limit::pass(std::string_view whom, time_point now) {
  auto& own = account_of(whom, now);
  if (!own.tokens.has_one(now) || !all_.has_one(now)) {
    ++own.left_out;
    return std::nullopt;
  }
  own.tokens.take();
  all_.take();
  return std::exchange(own.left_out, 0);
}

std::string printable(std::string_view text) {
  constexpr std::size_t most = 255;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string shown;
  for (const char character : text.substr(0, most)) {
    const auto code = static_cast<unsigned char>(character);
    if (code >= 0x20 && code < 0x7F) {
      shown.append(character == '\\' ? 2 : 1, character);
    } else {
      shown += "\\x";
      shown += digits[code >> 4];
      shown += digits[code & 0xFU];
    }
  }
  return text.size() > most ? shown + "..." : shown;
}

}  // namespace ergo::inline v0::detail
