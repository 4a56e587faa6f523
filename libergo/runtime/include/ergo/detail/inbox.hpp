// The one inbox of a process or connection: many writers, one reader, and the reader's state in the same word.
#pragma once

#include <ergo/detail/signal.hpp>

#include <atomic>

namespace ergo::inline v0::detail {

/// What a push found.
enum class pushed : std::uint8_t {
  queued,  ///< the reader is awake or will be
  woke,    ///< the reader was blocked: the pusher must make it runnable
  closed,  ///< there is no reader; the pusher keeps the signal
};

/// An intrusive queue of signals with the states empty, blocked and closed.
///
/// Any thread pushes. Only the reader fetches, blocks, closes and opens. Signals of one pusher keep their order.
class inbox {
 public:
  [[nodiscard]] pushed push(signal* added) noexcept {
    auto* head = head_.load(std::memory_order_relaxed);
    for (;;) {
      if (head == closed_mark()) return pushed::closed;
      added->next = head == blocked_mark() ? nullptr : head;
      if (head_.compare_exchange_weak(head, added, std::memory_order_acq_rel, std::memory_order_relaxed)) {
        return head == blocked_mark() ? pushed::woke : pushed::queued;
      }
    }
  }

  /// Whether a fetch would bring nothing, for the reader while it is awake; a moment's truth.
  [[nodiscard]] bool looks_empty() const noexcept { return head_.load(std::memory_order_relaxed) == nullptr; }

  /// Whether nothing but perhaps `only` waits; a moment's truth, but for what the caller has pushed itself. `only` must
  /// not be fetched meanwhile.
  [[nodiscard]] bool holds_at_most(const signal& only) const noexcept {
    const auto* const head = head_.load(std::memory_order_acquire);
    return head == nullptr || head == blocked_mark() || (head == &only && only.next == nullptr);
  }

  /// Takes everything, oldest first. The reader must be awake.
  [[nodiscard]] signal* fetch() noexcept {
    if (head_.load(std::memory_order_relaxed) == nullptr) return nullptr;
    return reversed(head_.exchange(nullptr, std::memory_order_acquire));
  }

  /// Goes to sleep if nothing has arrived; afterwards the pusher of the next signal makes the reader runnable.
  [[nodiscard]] bool try_block() noexcept {
    signal* expected = nullptr;
    return head_.compare_exchange_strong(expected, blocked_mark(), std::memory_order_acq_rel,
                                         std::memory_order_relaxed);
  }

  /// Ends the queue and returns what is left, oldest first.
  [[nodiscard]] signal* close() noexcept {
    auto* head = head_.exchange(closed_mark(), std::memory_order_acq_rel);
    return head == closed_mark() || head == blocked_mark() ? nullptr : reversed(head);
  }

  /// Starts a closed queue again, for a new reader that is awake.
  void open() noexcept { head_.store(nullptr, std::memory_order_release); }

 private:
  [[nodiscard]] static signal* blocked_mark() noexcept { return reinterpret_cast<signal*>(std::uintptr_t{1}); }
  [[nodiscard]] static signal* closed_mark() noexcept { return reinterpret_cast<signal*>(std::uintptr_t{2}); }
  [[nodiscard]] static signal* reversed(signal* newest) noexcept {
    signal* oldest = nullptr;
    while (newest != nullptr) {
      auto* const next = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = next;
    }
    return oldest;
  }

  std::atomic<signal*> head_{closed_mark()};
};

}  // namespace ergo::inline v0::detail
