// What a core runs: processes, and the connections of the node.
#pragma once

#include <ergo/clock.hpp>
#include <ergo/detail/inbox.hpp>

#include <atomic>

namespace ergo::inline v0::detail {

class core;
class worker;
struct run_account;

/// What a slice ended with.
enum class slice_end : std::uint8_t {
  again,    ///< more to do: run again after others
  waiting,  ///< nothing to do until a signal arrives
  gone,     ///< the object must not be touched any more
};

/// Where a runnable object is queued.
enum class placement : std::uint8_t {
  anywhere,  ///< any core may steal it
  pinned,    ///< its home core only
  lazy,      ///< its home core only, and only when nothing else is runnable or after many slices: connections, so that
             ///< writes gather
};

/// Something with an inbox that a core runs in slices. Runnable exactly while its inbox is not blocked.
struct alignas(64) schedulable {
  inbox signals;
  schedulable* next_runnable = nullptr;
  std::atomic<core*> home{nullptr};
  std::chrono::steady_clock::time_point runnable_since{};  ///< where slices are measured
  placement place = placement::anywhere;

  /// Runs one slice on the calling worker's core.
  virtual slice_end run_slice(worker& on) = 0;
  /// Called after every slice but the last, still on the core: the place to ask for a wake-up at a time.
  virtual void before_wait(core& on) = 0;
  /// What it is called in reports; asked by the thread that ran its slice.
  [[nodiscard]] virtual pid who() const noexcept { return {}; }
  [[nodiscard]] virtual atom called() const noexcept { return {}; }
  /// Where the time of its slices is counted; null for nowhere. Asked before a slice, where run times are measured.
  [[nodiscard]] virtual run_account* time_account() noexcept { return nullptr; }

 protected:
  ~schedulable() = default;
};

}  // namespace ergo::inline v0::detail
