// So many at once, and then so many in a second: for what others can bring about as often as they like.
#pragma once

#include <ergo/clock.hpp>

#include <algorithm>
#include <chrono>

namespace ergo::inline v0::detail {

struct token_rate {
  double burst;
  double per_second;
};

/// Full in the beginning. Not thread-safe; its owner says what time it is.
class token_bucket {
 public:
  explicit token_bucket(token_rate rate) noexcept : rate_{rate}, tokens_{rate.burst} {}

  [[nodiscard]] bool has_one(time_point now) noexcept {
    fill(now);
    return tokens_ >= 1;
  }
  [[nodiscard]] bool is_full(time_point now) noexcept {
    fill(now);
    return tokens_ >= rate_.burst;
  }
  /// After `has_one`.
  void take() noexcept { tokens_ -= 1; }

 private:
  void fill(time_point now) noexcept {
    const auto passed = std::chrono::duration<double>(now - filled_).count();
    if (passed <= 0) return;
    filled_ = now;
    tokens_ = std::min(rate_.burst, tokens_ + passed * rate_.per_second);
  }

  token_rate rate_;
  double tokens_;
  time_point filled_{};
};

}  // namespace ergo::inline v0::detail
