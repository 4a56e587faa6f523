// Giving names and taking them back.
#include <ergo/dist/name_pool.hpp>

#include <ergo/dist/node_name.hpp>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace ergo::inline v0::dist {
namespace {

constexpr std::uint32_t lowest_creation = 4;
constexpr auto highest_creation = std::numeric_limits<std::uint32_t>::max();

std::uint32_t next_creation(std::uint32_t last) noexcept {
  return last == highest_creation ? lowest_creation : std::max(last + 1, lowest_creation);
}

std::string in_base_36(std::uint64_t number) {
  constexpr std::string_view digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  constexpr int digits_of_64_bits = 13;
  std::string text;
  for (int place = 0; place < digits_of_64_bits; ++place, number /= digits.size())
    text += digits[number % digits.size()];
  return text;
}

}  // namespace

given_name name_pool::give(std::string_view host) {
  const auto found =
      std::find_if(free_.rbegin(), free_.rend(), [&](const given_name& one) { return host_of(one.text) == host; });
  if (found != free_.rend()) {
    auto again = std::move(*found);
    free_.erase(std::next(found).base());
    return again;
  }
  const auto number = std::uint64_t{random_()} << 32 | random_();
  given_name made{.text = in_base_36(number) + "@" + std::string{host}, .creation = random_()};
  while (made.creation < lowest_creation) made.creation = random_();
  return made;
}

void name_pool::take_back(given_name freed) {
  if (most_ == 0 || !freed.proven) return;
  freed.creation = next_creation(freed.creation);
  if (free_.size() == most_) free_.pop_front();
  free_.push_back(std::move(freed));
}

}  // namespace ergo::inline v0::dist
