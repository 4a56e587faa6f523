// How a core sleeps and how it is woken: a reactor, a condition variable, or a simulator.
#pragma once

#include <ergo/clock.hpp>

#include <functional>
#include <memory>

namespace ergo::inline v0 {

/// The place where a core without work waits. One per core; the runtime stays free of Asio through it.
class parker {
 public:
  virtual ~parker() = default;

  /// Waits until `until`, until `unpark`, or until something of its own (a socket) has been handled. May return early.
  /// Lease holder only.
  virtual void park(time_point until) = 0;
  /// Handles what is ready, without waiting. Lease holder only; called every 64 slices or 1 ms while the core is busy.
  virtual void poll() = 0;
  /// Ends the present or the next `park`. Any thread.
  virtual void unpark() noexcept = 0;
  /// Whether `poll` is worth a call: false while it has nothing registered.
  [[nodiscard]] virtual bool worth_polling() const noexcept = 0;
};

/// Makes the parker of core `index`.
using parker_factory = std::function<std::unique_ptr<parker>(unsigned index)>;

/// A parker that has nothing of its own: a condition variable.
[[nodiscard]] std::unique_ptr<parker> make_condition_parker();

}  // namespace ergo::inline v0
