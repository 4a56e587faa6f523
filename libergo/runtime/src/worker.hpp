// A thread that runs cores on lease.
#pragma once

#include "core.hpp"
#include "slice_lease.hpp"
#include "slots.hpp"

#include <atomic>
#include <condition_variable>
#include <thread>

namespace ergo::inline v0::detail {

/// One thread of the runtime, or the thread that steps a manual runtime.
///
/// While it runs a slice it touches nothing of its core, because the watchdog may give the core to somebody else at any
/// moment: what the slice makes runnable is noted in a ring of the worker, which the lease holder empties.
class worker {
 public:
  explicit worker(runtime_state& runtime) noexcept : runtime_{runtime} {}

  /// Thread body: takes leases until the runtime stops.
  void run_leases();
  /// Runs one slice of `ready`; false if the core was lost meanwhile.
  [[nodiscard]] bool run_slice(core& on, schedulable& ready);
  /// Queues something runnable, in a slice or between slices, from this worker's thread.
  void wake(schedulable& ready) noexcept;
  /// Moves what a slice made runnable into the core's queues. Lease holder of `into`.
  void drain_wakes(core& into) noexcept;
  /// A turn of a core that an event loop carries; see `carried_parker::turn`.
  [[nodiscard]] time_point take_turn(core& lease) noexcept;
  /// No turn comes any more; false while one runs.
  [[nodiscard]] bool end_turns() noexcept;
  void assign(core* lease);  ///< by the watchdog or at start: hands the lease over
  void dismiss();            ///< ends the thread when it has no lease

  [[nodiscard]] core* lease() const noexcept { return core_; }
  /// Number of the slice that runs, also when its core was taken away meanwhile; 0 between slices.
  [[nodiscard]] std::uint64_t slice() const noexcept { return in_slice() ? lease_of_slice.own() : 0; }
  void adopt(core* lease) noexcept { core_ = lease; }  ///< for the manual runtime, whose thread comes and goes

  basic_slice_lease<> lease_of_slice;  ///< the watchdog may take the core from a slice
  std::atomic<bool> lost{false};       ///< the core was taken away during the present slice
  std::atomic<bool> finished{false};   ///< the late slice has ended; nothing more will be put into the ring
  std::atomic<bool> abandoned{false};  ///< the runtime has gone: no more user code is to be run
  std::atomic<bool> at_home{false};    ///< the thread does nothing more
  std::atomic<const process_state*> running{nullptr};  ///< whose slice it is; null for connections and between slices
  std::thread thread;
  slot_cache slots;                                 ///< its thread's
  std::chrono::steady_clock::time_point lost_at{};  ///< by the watchdog
  bool reported_slow = false;                       ///< by the watchdog, of the present late slice

 private:
  enum class turns : std::uint8_t { none_now, running, ended };

  [[nodiscard]] bool in_slice() const noexcept { return lease_of_slice.running(lease_of_slice.own()); }
  void serve(core& lease);
  void idle(core& lease);
  [[nodiscard]] bool find_work(core& lease);
  [[nodiscard]] time_point run_turn(core& lease);
  [[nodiscard]] bool look_around(core& lease);
  [[nodiscard]] static schedulable* steal_for(core& lease) noexcept;
  void finish_late(core& lost_core, schedulable& ready, slice_end ended);

  runtime_state& runtime_;
  core* core_ = nullptr;
  std::atomic<turns> turns_{turns::none_now};

  basic_wake_ring<schedulable> wakes_;
  time_point shrinks_at_{};  ///< when its thread gives memory of terms back

  std::mutex mutex_;
  std::condition_variable changed_;
  core* assigned_ = nullptr;
  bool dismissed_ = false;
};

/// The worker whose thread this is, or null.
[[nodiscard]] worker* current_worker() noexcept;
/// Makes `who` the calling thread's worker; for the manual runtime.
void set_current_worker(worker* who) noexcept;

}  // namespace ergo::inline v0::detail
