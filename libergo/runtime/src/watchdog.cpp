// The watchdog: takes cores from slices that run too long, and reminds busy cores of their sockets and timers.
#include "runtime_state.hpp"

#include <algorithm>

namespace ergo::inline v0::detail {

using steady = std::chrono::steady_clock;

/// What the watchdog saw of a core last time.
struct runtime_state::sight {
  std::uint64_t slice = 0;
  steady::time_point since{};
  bool waited = false;  // something waited in its queue
  bool told = false;    // that the slice is slow
};

// Looks at every core ten times per takeover interval; sleeps for good while all cores do.
void runtime_state::watch() {
  constexpr unsigned quiet_looks = 50;
  std::vector<sight> seen(cores.size());
  const auto interval = std::max<duration>(options.takeover / 10, std::chrono::microseconds{200});
  unsigned quiet = 0;
  std::unique_lock lock{watchdog_mutex};
  while (!halted.load(std::memory_order_acquire)) {
    if (parked_cores.load(std::memory_order_seq_cst) != cores.size()) {
      quiet = 0;
    } else if (++quiet > quiet_looks) {
      watchdog_asleep.store(true, std::memory_order_seq_cst);
      if (parked_cores.load(std::memory_order_seq_cst) == cores.size()) {
        watchdog_wake.wait(lock, [this] { return !watchdog_asleep.load() || halted.load(); });
      }
      watchdog_asleep.store(false, std::memory_order_seq_cst);
      quiet = 0;
      continue;
    }
    watchdog_wake.wait_for(lock, interval, [this] { return halted.load(); });
    const auto now = steady::now();
    for (std::size_t index = 0; index < cores.size(); ++index) look_at(*cores[index], seen[index], now);
    look_at_late(now);
  }
}

void runtime_state::look_at(core& core, sight& last, steady::time_point now) {
  if (!core.parked()) core.attention.store(true, std::memory_order_relaxed);
  const auto slice = core.holder.load(std::memory_order_acquire)->lease_of_slice.seen();
  // Something that waits during two looks is worth another core, unless its turn comes soon anyway: two processes that
  // keep each other busy with short slices stay together, in the cache of one core.
  constexpr std::uint64_t few_slices = 16;
  const bool waits = core.waiting() != 0 && slice - last.slice < 2 * few_slices;
  if (waits && last.waited) wake_parked_core(&core, appetite::hungry);
  last.waited = waits;
  if (slice != last.slice || !basic_slice_lease<>::running(slice)) {
    last.slice = slice;
    last.since = now;
    last.told = false;
  } else if (core.carried) {
    const auto took = now - last.since;
    if (took < options.slow_slice || std::exchange(last.told, true)) return;
    report_slow(*core.holder.load(std::memory_order_acquire), took);
  } else if (now - last.since >= options.takeover) {
    take_over(core, last, now);
  }
}

// Slices that are still running are reported once when they become slow, and again when they end.
void runtime_state::look_at_late(steady::time_point now) {
  std::vector<worker*> slow;
  {
    const std::scoped_lock lock{workers_mutex};
    for (auto& one : workers) {
      const bool late = one->lost.load(std::memory_order_acquire) && !one->finished.load(std::memory_order_acquire);
      if (late && !one->reported_slow && now - one->lost_at + options.takeover >= options.slow_slice)
        slow.push_back(one.get());
    }
  }
  for (auto* const one : slow) {
    one->reported_slow = true;
    report_slow(*one, now - one->lost_at + options.takeover);
  }
}

void runtime_state::report_slow(const worker& late, duration took) {
  const auto [who, name] = runs_in(late);
  if (who == pid{}) return;  // it has just ended, or is no process
  report({.what = event::kind::slow_slice,
          .level = log_level::warning,
          .process = who,
          .name = name,
          .text = "a slice takes too long and is still running",
          .reason = {},
          .took = took});
}

void runtime_state::wake_watchdog() noexcept {
  {
    const std::scoped_lock lock{watchdog_mutex};
    watchdog_asleep.store(false, std::memory_order_seq_cst);
  }
  watchdog_wake.notify_one();
}

void runtime_state::wake_parked_core(const core* but, appetite how) noexcept {
  for (auto& other : cores) {
    if (other.get() == but || !other->parked()) continue;
    if (how == appetite::hungry) other->hungry.store(true, std::memory_order_relaxed);
    other->wake();
    return;
  }
}

// Between the exchange and the assignment nobody holds the lease but this thread.
void runtime_state::take_over(core& from, sight& last, steady::time_point now) {
  auto* const spare = spare_worker();
  if (spare == nullptr) return;
  auto* const slow = from.holder.load(std::memory_order_acquire);
  slow->lost_at = now;
  if (!slow->lease_of_slice.take(last.slice)) return worker_is_spare(spare);
  slow->lost.store(true, std::memory_order_release);
  from.add_late(slow);
  from.attention.store(true, std::memory_order_relaxed);
  last.slice = spare->lease_of_slice.seen();  // no slice yet
  spare->assign(&from);
}

}  // namespace ergo::inline v0::detail
