// Numbers of faults, written and read.
#include <ergo/testing/plan.hpp>

#include <algorithm>
#include <charconv>

namespace ergo::inline v0::testing {

fault_choice::fault_choice(std::vector<unsigned> only) : only_{std::move(only)} {
  std::ranges::sort(*only_);
  only_->erase(std::ranges::unique(*only_).begin(), only_->end());
}

std::optional<fault_choice> fault_choice::parse(std::string_view written) {
  if (written == "all") return fault_choice{};
  if (written == "none") return fault_choice{std::vector<unsigned>{}};
  std::vector<unsigned> numbers;
  const char* at = written.data();
  const char* const end = at + written.size();
  for (;;) {
    const auto [stopped, failed] = std::from_chars(at, end, numbers.emplace_back());
    if (failed != std::errc{}) return std::nullopt;
    if (stopped == end) return fault_choice{std::move(numbers)};
    if (*stopped != ',') return std::nullopt;
    at = stopped + 1;
  }
}

bool fault_choice::contains(unsigned number) const { return !only_ || std::ranges::binary_search(*only_, number); }

std::string fault_choice::text() const {
  if (!only_) return "all";
  if (only_->empty()) return "none";
  std::string written;
  for (const auto number : *only_) written += (written.empty() ? "" : ",") + std::to_string(number);
  return written;
}

}  // namespace ergo::inline v0::testing
