// What others can bring about as often as they like must not flood the program's log (attack S32): how many events may
// pass, and how texts look that strangers have chosen.
#pragma once

#include <ergo/etf/seeded_hash.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace ergo::inline v0::detail {

/// So many at once, and then so many in a second.
struct news_rate {
  double burst;
  double per_second;
};

/// Lets events pass at a rate for each node that they are about, and at another for all of them. Not thread-safe.
class news_limit {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::size_t most_nodes = 1'024;  ///< with rates of their own; all others share one

  explicit news_limit(news_rate each = {100, 10}, news_rate all = {1'000, 100})
      : each_{each}, of_all_{all}, all_{all} {}

  /// Whether an event about `whom` may pass; if so, how many about it had to stay away since the last one that passed.
  [[nodiscard]] std::optional<std::uint64_t> pass(std::string_view whom, time_point now);
  /// Nodes that are remembered.
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }

 private:
  struct bucket {
    explicit bucket(news_rate rate) : tokens{rate.burst} {}
    void fill(news_rate rate, time_point now);
    double tokens;
    time_point filled{};
    std::uint64_t left_out = 0;
  };
  [[nodiscard]] bucket& bucket_of(std::string_view whom, time_point now);

  news_rate each_;
  news_rate of_all_;
  bucket all_;
  std::unordered_map<std::string, bucket, etf::seeded_hash, std::equal_to<>> nodes_;
};

/// `text` as a log may show it, whoever chose it: what is not printable ASCII as `\xHH`, a backslash twice, no more
/// than 255 bytes of it.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace ergo::inline v0::detail
