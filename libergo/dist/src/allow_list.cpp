// Node name patterns.
#include <ergo/dist/allow_list.hpp>

#include <algorithm>
#include <utility>

namespace ergo::inline v0::dist {

bool matches_glob(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // the latest `*`; going back further never helps
  std::size_t taken = 0;                      // where the text that this `*` swallows ends
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

allow_list::allow_list(std::vector<std::string> patterns) : patterns_{std::move(patterns)} {
  for (std::string& pattern : patterns_)
    if (pattern.find('@') == std::string::npos) pattern.insert(0, "*@");
}

bool allow_list::permits(std::string_view name) const {
  if (patterns_.empty()) return true;
  return std::ranges::any_of(patterns_, [&](const std::string& pattern) { return matches_glob(pattern, name); });
}

}  // namespace ergo::inline v0::dist
