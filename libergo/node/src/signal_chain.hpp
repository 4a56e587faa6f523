// Signals that wait, oldest first.
#pragma once

#include <ergo/detail/signal.hpp>

#include <utility>

namespace ergo::inline v0::detail {

/// A list of envelopes through their own links. It does not own them: whoever drops it empties it first.
class signal_chain {
 public:
  signal_chain() = default;
  signal_chain(signal_chain&& other) noexcept
      : first_{std::exchange(other.first_, nullptr)}, last_{std::exchange(other.last_, nullptr)} {}
  signal_chain& operator=(signal_chain&& other) noexcept {
    std::swap(first_, other.first_);
    std::swap(last_, other.last_);
    return *this;
  }

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] const signal* first() const noexcept { return first_; }

  void push_back(signal* added) noexcept {
    added->next = nullptr;
    (first_ == nullptr ? first_ : last_->next) = added;
    last_ = added;
  }
  [[nodiscard]] signal* pop_front() noexcept {
    auto* const taken = first_;
    first_ = std::exchange(taken->next, nullptr);
    return taken;
  }
  /// Puts `older` in front of these.
  void put_in_front(signal_chain older) noexcept {
    if (older.empty()) return;
    if (empty()) {
      last_ = older.last_;
    } else {
      older.last_->next = first_;
    }
    first_ = std::exchange(older.first_, nullptr);
  }

 private:
  signal* first_ = nullptr;
  signal* last_ = nullptr;  // of a chain that is not empty
};

}  // namespace ergo::inline v0::detail
