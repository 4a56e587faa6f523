// A core without a thread of its own: an event loop of the program carries it, turn by turn.
#pragma once

#include <ergo/parker.hpp>

#include <functional>

namespace ergo::inline v0 {

/// The parker of a core that an event loop carries, as `make_parker` may make it: the runtime starts no thread for it.
///
/// The loop is run by one thread at a time. A slice that runs long holds the loop, as any handler does: the watchdog
/// reports it, and does not take the core away.
class carried_parker : public parker {
 public:
  /// Runs slices for about a millisecond, on the loop's thread. Returns when the next turn is due: `time_point::min()`
  /// at once, after the loop's other work; `time_point::max()` when `unpark` says so.
  using turn = std::function<time_point()>;

  /// Gives it the core's work; before anything else. An empty one ends it: the loop is left alone afterwards.
  virtual void carry(turn work) = 0;
  /// Asks the loop for a turn, soon and never inside this call. Any thread.
  void unpark() noexcept override = 0;
  /// Runs the loop until `until` or until it has handled something: for a thread that waits for the core's processes
  /// where the loop is not run otherwise.
  void park(time_point until) override = 0;
};

}  // namespace ergo::inline v0
