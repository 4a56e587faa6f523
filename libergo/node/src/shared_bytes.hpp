// What the connections of a node hold together, known to each of them without a look at the others.
#pragma once

#include <atomic>
#include <cstddef>

namespace ergo::inline v0::detail {

/// A sum of bytes to which many contribute. Any thread.
class shared_bytes {
 public:
  [[nodiscard]] std::size_t all() const noexcept { return all_.load(std::memory_order_relaxed); }

 private:
  friend class share_of_bytes;
  alignas(64) std::atomic<std::size_t> all_{0};
};

/// One contribution. It is told in whole steps, so that whoever holds little never writes to what all read.
class share_of_bytes {
 public:
  static constexpr std::size_t step = 64U << 10;

  /// By one thread at a time.
  void tell(shared_bytes& sum, std::size_t now) noexcept {
    const auto told = told_.load(std::memory_order_relaxed);
    const auto rounded = now / step * step;
    if (rounded == told) return;
    if (rounded > told) {
      sum.all_.fetch_add(rounded - told, std::memory_order_relaxed);
    } else {
      sum.all_.fetch_sub(told - rounded, std::memory_order_relaxed);
    }
    told_.store(rounded, std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t told() const noexcept { return told_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> told_{0};
};

}  // namespace ergo::inline v0::detail
