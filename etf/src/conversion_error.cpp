// The path of a failed conversion as text; only a program that wants to show it pays for it.
#include <ergo/etf/convert/error.hpp>

#include <algorithm>

namespace ergo::inline v0::etf {

std::string conversion_error::path() const {
  std::string text;
  const auto kept = std::min<std::size_t>(count_, max_steps);
  for (std::size_t at = 0; at < kept; ++at) {
    const auto& next = steps_[(count_ - 1 - at) % max_steps];
    if (next.field == nullptr) {
      text += '[' + std::to_string(next.index) + ']';
    } else {
      if (!text.empty()) text += '.';
      text += next.field;
    }
  }
  if (count_ > max_steps) text += "...";
  return text;
}

std::string conversion_error::message() const {
  auto text = path();
  if (!text.empty()) text += ": ";
  text += describe(code);
  return text;
}

}  // namespace ergo::inline v0::etf
