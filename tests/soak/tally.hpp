// What our node of the soak counts while it runs.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace ergo_soak {

/// What there are numbers of; `names_of_counted` has the words for them.
enum class counted : std::uint8_t {
  sent,         ///< numbered messages to the peers
  received,     ///< of them
  lost,         ///< numbers that were left out, after a nodedown
  ended,        ///< streams from the peers that have come to their end
  calls,        ///< gen_server calls
  spawns,       ///< processes that were started on the peers
  links,        ///< links, those that were taken back too
  monitors,     ///< monitors, those that were taken back too
  names,        ///< names that were registered and became free
  locals,       ///< short-lived processes of our own
  downs,        ///< nodedowns
  unreachable,  ///< what ended because the peer, or a server there, was not there
  churning,     ///< processes that do all that
};
inline constexpr auto names_of_counted =
    std::to_array<std::string_view>({"sent", "received", "lost", "ended", "calls", "spawns", "links", "monitors",
                                     "names", "locals", "downs", "unreachable", "churning"});

/// Any thread.
class tally {
 public:
  void add(counted what, std::int64_t by = 1) noexcept { numbers_[static_cast<std::size_t>(what)] += by; }
  [[nodiscard]] std::int64_t of(counted what) const noexcept { return numbers_[static_cast<std::size_t>(what)]; }

  /// Something that must never be. The first hundred are kept until they are told, all are counted.
  void violated(std::string what) {
    const std::lock_guard lock{mutex_};
    ++violations_;
    if (untold_.size() < most_kept) untold_.push_back(std::move(what));
  }
  [[nodiscard]] std::int64_t violations() const {
    const std::lock_guard lock{mutex_};
    return violations_;
  }
  /// One of those that nobody was told of yet, in the order in which they were; empty when there is none.
  [[nodiscard]] std::string next_untold() {
    const std::lock_guard lock{mutex_};
    if (untold_.empty()) return {};
    auto first = std::move(untold_.front());
    untold_.erase(untold_.begin());
    return first;
  }

  /// From now on senders end their streams, and who churns stops.
  void be_quiet() noexcept { quiet_ = true; }
  [[nodiscard]] bool quiet() const noexcept { return quiet_; }

 private:
  static constexpr std::size_t most_kept = 100;

  std::array<std::atomic<std::int64_t>, names_of_counted.size()> numbers_{};
  std::atomic<bool> quiet_{false};
  mutable std::mutex mutex_;
  std::int64_t violations_ = 0;
  std::vector<std::string> untold_;
};

/// That of this program.
[[nodiscard]] inline tally& seen() {
  static tally one;
  return one;
}

}  // namespace ergo_soak
