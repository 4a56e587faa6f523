// What others can bring about as often as they like must not flood the program's log (attack S32): how many events may
// pass, and how texts look that strangers have chosen.
#pragma once

#include <ergo/detail/token_bucket.hpp>
#include <ergo/etf/seeded_hash.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace ergo::inline v0::detail {

/// Lets events pass at a rate for each node that they are about, and at another for all of them. Not thread-safe.
class news_limit {
 public:
  static constexpr std::size_t most_nodes = 1'024;  ///< with rates of their own; all others share one

  news_limit(token_rate each, token_rate all) : each_{each}, all_{all} {}

  /// Whether an event about `whom` may pass; if so, how many about it had to stay away since the last one that passed.
  [[nodiscard]] std::optional<std::uint64_t> pass(std::string_view whom, time_point now);
  /// Nodes that are remembered.
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }

 private:
  struct account {
    explicit account(token_rate rate) noexcept : tokens{rate} {}
    token_bucket tokens;
    std::uint64_t left_out = 0;
  };
  [[nodiscard]] account& account_of(std::string_view whom, time_point now);

  token_rate each_;
  token_bucket all_;
  std::unordered_map<std::string, account, etf::seeded_hash, std::equal_to<>> nodes_;
};

/// `text` as a log may show it, whoever chose it: what is not printable ASCII as `\xHH`, a backslash twice, no more
/// than 255 bytes of it.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace ergo::inline v0::detail
