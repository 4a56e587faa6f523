// What other rooms may ask of the scheduler: make something runnable, know the core that runs here.
#pragma once

#include <ergo/detail/schedulable.hpp>

#include <cstdint>

namespace ergo::inline v0 {

class runtime;

namespace detail {

/// Queues `ready` on a core, after a push into its inbox returned `pushed::woke`, or for its first slice. Any thread.
void make_runnable(schedulable& ready) noexcept;

/// Sends `envelope` to something schedulable and makes it runnable if it slept; false (and the envelope stays the
/// caller's) if it is closed.
[[nodiscard]] inline bool push_signal(schedulable& to, signal* envelope) noexcept {
  switch (to.signals.push(envelope)) {
    case pushed::queued: return true;
    case pushed::woke: make_runnable(to); return true;
    case pushed::closed: break;
  }
  return false;
}

/// Index of the core whose lease the calling thread holds, or -1.
[[nodiscard]] int current_core() noexcept;

/// Whether the calling thread runs slices of that core; a moment's truth, since a late thread loses its lease.
[[nodiscard]] bool is_on_core(const core* which) noexcept;

/// Core `index` of a runtime, as a `schedulable::home`.
[[nodiscard]] core* core_at(runtime& of, unsigned index) noexcept;

/// A number that differs from slice to slice on the calling thread; 0 outside of slices.
[[nodiscard]] std::uint64_t current_slice() noexcept;

}  // namespace detail
}  // namespace ergo::inline v0
