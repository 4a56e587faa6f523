// A memory barrier of which one thread bears all the cost.
#pragma once

#include <atomic>

namespace ergo::inline v0::detail {

/// For two threads that each write something and then look at what the other has written, of which one does so all the
/// time and the other hardly ever: neither's look may come before his own write.
struct process_barrier {
  /// Whether the system can do it; the same answer as long as the program runs.
  [[nodiscard]] static bool available() noexcept;
  /// Between the write and the look of the one that does it all the time: no instruction.
  static void here() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }
  /// Between those of the other: each thread of the program executes a full barrier meanwhile. Microseconds. Only where
  /// it is available. False when the system has come to refuse it (a sandbox that the program entered), and nothing
  /// was ordered.
  [[nodiscard]] static bool everywhere() noexcept;
};

}  // namespace ergo::inline v0::detail
