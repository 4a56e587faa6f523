// Who has how much on its way to a peer, of what makes nobody else wait.
#pragma once

#include <ergo/etf/term.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>

namespace ergo::inline v0::detail {

/// Bytes by sender: of messages that leave in fragments, and of what waits behind these. A sender that has none costs
/// one look. Any thread.
class send_accounts {
 public:
  [[nodiscard]] std::size_t owed(const pid& sender) const noexcept {
    if (senders_.load(std::memory_order_relaxed) == 0) return 0;
    const std::scoped_lock lock{mutex_};
    const auto found = bytes_.find(sender);
    return found == bytes_.end() ? 0 : found->second;
  }
  /// Of all senders.
  [[nodiscard]] std::size_t all() const noexcept { return all_.load(std::memory_order_relaxed); }
  /// False when there is no memory to note it.
  [[nodiscard]] bool charge(const pid& sender, std::size_t bytes) noexcept try {
    const std::scoped_lock lock{mutex_};
    bytes_[sender] += bytes;
    all_.fetch_add(bytes, std::memory_order_relaxed);
    senders_.store(bytes_.size(), std::memory_order_relaxed);
    return true;
  } catch (...) {
    return false;
  }
  void settle(const pid& sender, std::size_t bytes) noexcept {
    const std::scoped_lock lock{mutex_};
    const auto found = bytes_.find(sender);
    if (found == bytes_.end()) return;
    const auto settled = std::min(bytes, found->second);
    found->second -= settled;
    all_.fetch_sub(settled, std::memory_order_relaxed);
    if (found->second == 0) bytes_.erase(found);
    senders_.store(bytes_.size(), std::memory_order_seq_cst);
  }

 private:
  mutable std::mutex mutex_;
  boost::unordered_flat_map<pid, std::size_t, std::hash<pid>> bytes_;
  std::atomic<std::size_t> senders_{0};
  std::atomic<std::size_t> all_{0};
};

}  // namespace ergo::inline v0::detail
