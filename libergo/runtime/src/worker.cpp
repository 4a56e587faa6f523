// The loop of a thread: slices, sleep, and what happens when a slice was so long that the core went to somebody else.
#include "worker.hpp"

#include "pool.hpp"
#include "runtime_state.hpp"

#include <ergo/detail/core_api.hpp>
#include <ergo/etf/detail/thread_cache.hpp>

namespace ergo::inline v0::detail {
namespace {

constinit thread_local worker* this_worker = nullptr;
constexpr std::uint64_t slices_between_polls = 64;
constexpr auto longest_turn = std::chrono::milliseconds{1};
constexpr auto between_shrinks = std::chrono::seconds{1};

}  // namespace

worker* current_worker() noexcept { return this_worker; }
void set_current_worker(worker* who) noexcept { this_worker = who; }

int current_core() noexcept {
  return this_worker != nullptr && this_worker->lease() != nullptr ? static_cast<int>(this_worker->lease()->index) : -1;
}

bool is_on_core(const core* which) noexcept { return this_worker != nullptr && this_worker->lease() == which; }

core* core_at(runtime& of, unsigned index) noexcept {
  auto& cores = of.state().cores;
  return cores[index % cores.size()].get();
}

std::uint64_t current_slice() noexcept { return this_worker != nullptr ? this_worker->slice() : 0; }

void make_runnable(schedulable& ready) noexcept {
  if (ready.home.load(std::memory_order_relaxed)->meter != nullptr)
    ready.runnable_since = std::chrono::steady_clock::now();
  if (this_worker != nullptr && this_worker->lease() != nullptr) {
    this_worker->wake(ready);
  } else {
    ready.home.load(std::memory_order_acquire)->push_incoming(&ready);
  }
}

void worker::wake(schedulable& ready) noexcept {
  auto* const home = ready.home.load(std::memory_order_relaxed);
  if (&home->runtime != &runtime_ || (ready.place != placement::anywhere && home != core_)) {
    home->push_incoming(&ready);
  } else if (!in_slice()) {
    core_->enqueue(&ready);
  } else if (lost.load(std::memory_order_relaxed) || !wakes_.push(&ready)) {
    home->push_incoming(&ready);
  }
}

void worker::drain_wakes(core& into) noexcept {
  const bool others_wait = into.waiting() != 0;
  wakes_.drain([&](schedulable* ready) { others_wait ? into.enqueue_first(ready) : into.enqueue(ready); });
}

bool worker::run_slice(core& on, schedulable& ready) {
  ready.home.store(&on, std::memory_order_relaxed);
  const auto mark = lease_of_slice.begin();
  const auto ended = on.meter == nullptr ? ready.run_slice(*this) : on.meter->run(ready, *this);
  running.store(nullptr, std::memory_order_relaxed);
  if (!lease_of_slice.end(mark)) {
    finish_late(on, ready, ended);
    return false;
  }
  ++on.slices;
  drain_wakes(on);
  if (ended == slice_end::gone) return true;
  ready.before_wait(on);  // also of one that goes on: its timers must not wait until it rests
  if (ended == slice_end::again || !ready.signals.try_block()) {
    if (on.meter != nullptr) ready.runnable_since = std::chrono::steady_clock::now();
    on.enqueue_last(&ready);
  }
  return true;
}

void worker::finish_late(core& lost_core, schedulable& ready, slice_end ended) {
  const auto who = ended == slice_end::gone ? pid{} : ready.who();
  const auto name = ended == slice_end::gone ? atom{} : ready.called();
  if (ended != slice_end::gone) lost_core.push_incoming(&ready);
  core_ = nullptr;  // before the report, whose subscriber may wake somebody
  const auto took = std::chrono::steady_clock::now() - lost_at + runtime_.options.takeover;
  if (took >= runtime_.options.slow_slice) {
    runtime_.report({.what = event::kind::slow_slice,
                     .level = log_level::warning,
                     .process = who,
                     .name = name,
                     .text = "a slice took too long",
                     .reason = {},
                     .took = took});
  }
  finished.store(true, std::memory_order_release);
  lost_core.wake();
}

void worker::serve(core& lease) {
  while (!runtime_.halted.load(std::memory_order_relaxed)) {
    if (lease.attention.load(std::memory_order_relaxed) && !look_around(lease)) return;
    auto* const ready = lease.next();
    if (ready == nullptr) {
      idle(lease);
      if (core_ == nullptr) return;
      continue;
    }
    if (!run_slice(lease, *ready)) return;
    if (lease.slices % slices_between_polls == 0 && !look_around(lease)) return;
  }
}

// What a busy core owes to others, after many slices or when the watchdog asks for it; false if the core was lost.
bool worker::look_around(core& lease) {
  lease.attention.store(false, std::memory_order_relaxed);
  const auto now = runtime_.now();
  lease.housekeeping(now);
  if (now >= shrinks_at_) {
    // Terms are made on one thread and end on another, where sizes that are rare would pile up for ever.
    etf::detail::shrink_thread_cache();
    shrinks_at_ = now + between_shrinks;
  }
  auto* const writer = lease.next_lazy();
  return writer == nullptr || run_slice(lease, *writer);
}

// Nothing runnable: let the connections write, look at the other cores once, sleep.
void worker::idle(core& lease) {
  if (find_work(lease)) return;
  lease.park(lease.next_timer());
  lease.take_incoming();
}

// True when there may be something runnable now, or the core was lost.
bool worker::find_work(core& lease) {
  lease.take_incoming();
  lease.run_posted();
  if (lease.has_late()) lease.collect_late();
  // Each connection once: one that goes on reading must let those run that it has read for.
  const auto writers = lease.lazy_count();
  for (std::size_t turn = 0; turn < writers; ++turn) {
    auto* const writer = lease.next_lazy();
    if (writer == nullptr) break;
    if (!run_slice(lease, *writer)) return true;
  }
  if (writers != 0) {
    if (lease.lazy_count() != 0) lease.housekeeping(runtime_.now());
    return true;
  }
  if (const auto due = lease.next_timer(); due != time_point::max() && due <= runtime_.now()) {
    lease.fire_timers(runtime_.now());
    return true;
  }
  auto* const taken = steal_for(lease);
  if (taken == nullptr) {
    share_thread_caches();
  } else {
    lease.enqueue(taken);
  }
  return taken != nullptr;
}

// ----- turns of a core that an event loop carries -------------------------------------------------------------------

// A loop that is run inside of a turn, or after the end, finds the turns closed.
time_point worker::take_turn(core& lease) noexcept {
  auto expected = turns::none_now;
  if (!turns_.compare_exchange_strong(expected, turns::running, std::memory_order_acq_rel)) return time_point::max();
  auto* const before = std::exchange(this_worker, this);
  core_ = &lease;
  const auto due = run_turn(lease);
  core_ = nullptr;
  this_worker = before;
  turns_.store(turns::none_now, std::memory_order_release);
  return due;
}

time_point worker::run_turn(core& lease) {
  lease.get_up();
  lease.take_incoming();
  const auto end = std::chrono::steady_clock::now() + longest_turn;
  for (std::uint64_t count = 1; !runtime_.halted.load(std::memory_order_relaxed); ++count) {
    if (lease.attention.load(std::memory_order_relaxed)) (void)look_around(lease);
    if (auto* const ready = lease.next()) {
      (void)run_slice(lease, *ready);
    } else if (!find_work(lease) && lease.lie_down()) {
      // Old timers of processes that have gone must not keep the loop running.
      return runtime_.slots.live() == 0 ? time_point::max() : lease.next_timer();
    } else {
      lease.get_up();
      lease.take_incoming();
    }
    if (count % slices_between_polls == 0 || std::chrono::steady_clock::now() >= end) {
      (void)look_around(lease);
      return time_point::min();
    }
  }
  return time_point::max();
}

bool worker::end_turns() noexcept {
  auto expected = turns::none_now;
  return turns_.compare_exchange_strong(expected, turns::ended, std::memory_order_acq_rel) || expected == turns::ended;
}

// One that waits alone is left where it is, for its sender runs there, unless the watchdog saw it wait for long.
schedulable* worker::steal_for(core& lease) noexcept {
  const std::uint32_t spare = lease.hungry.exchange(false, std::memory_order_relaxed) ? 0 : 1;
  for (auto& other : lease.runtime.cores) {
    if (other.get() == &lease) continue;
    if (auto* const taken = other->steal(spare)) return taken;
  }
  return nullptr;
}

void worker::run_leases() {
  this_worker = this;
  for (;;) {
    {
      std::unique_lock lock{mutex_};
      changed_.wait(lock, [this] { return assigned_ != nullptr || dismissed_; });
      if (assigned_ == nullptr) break;
      core_ = std::exchange(assigned_, nullptr);
    }
    core_->worked.begin();
    if (core_->has_late()) core_->collect_late();
    serve(*core_);
    if (core_ != nullptr) core_ = nullptr;
    // It may wait for its next core for ever, and what it keeps helps nobody else.
    etf::detail::drain_thread_cache();
    drain_thread_caches();
  }
  this_worker = nullptr;
  runtime_.thread_has_ended(*this);
}

void worker::assign(core* lease) {
  {
    const std::scoped_lock lock{mutex_};
    lost.store(false, std::memory_order_relaxed);
    reported_slow = false;
    finished.store(false, std::memory_order_relaxed);
    lease->holder.store(this, std::memory_order_release);
    assigned_ = lease;
  }
  changed_.notify_one();
}

void worker::dismiss() {
  {
    const std::scoped_lock lock{mutex_};
    dismissed_ = true;
  }
  changed_.notify_one();
}

}  // namespace ergo::inline v0::detail
