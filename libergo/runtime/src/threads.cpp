// Threads of a runtime: one per core, spare ones for late slices, and the watchdog that hands cores over.
#include "runtime_state.hpp"

#include <algorithm>

namespace ergo::inline v0::detail {
namespace {

unsigned core_count(const runtime_options& options) {
  if (options.manual) return 1;
  return options.cores != 0 ? options.cores : std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

runtime_state::runtime_state(ergo::runtime& owner, runtime_options given)
    : self{owner},
      options{std::move(given)},
      clock{options.clock != nullptr ? *options.clock : static_cast<const clock_source&>(steady)},
      slots{options.processes, options.compatibility == compatibility::otp23 ? 15U : 28U},
      jobs{std::max(1U, options.blocking_threads)} {
  for (unsigned index = 0; index < core_count(options); ++index) {
    cores.push_back(std::make_unique<core>(*this, index, options.make_parker ? options.make_parker(index) : make_condition_parker()));
  }
}

runtime_state::~runtime_state() = default;

local_node* runtime_state::find_node(etf::node_id identity) noexcept {
  const auto count = node_count.load(std::memory_order_acquire);
  for (unsigned index = 0; index < count; ++index) {
    auto* const node = node_table[index].node.load(std::memory_order_acquire);
    if (node->identity() == identity) return node;
  }
  return nullptr;
}

void runtime_state::report(const event& happened) const {
  if (options.on_event) options.on_event(happened);
}

void runtime_state::start_threads() {
  const std::scoped_lock lock{workers_mutex};
  for (auto& core : cores) {
    workers.push_back(std::make_unique<worker>(*this));
    auto& made = *workers.back();
    made.assign(core.get());
    made.thread = std::thread{[&made] { made.run_leases(); }};
  }
  watchdog = std::jthread{[this] { watch(); }};
}

// Looks at every core a few times per takeover interval; sleeps for good while all cores do.
void runtime_state::watch() {
  struct sight {
    std::uint64_t slice = 0;
    time_point since{};
  };
  std::vector<sight> seen(cores.size());
  const auto interval = std::max<duration>(options.takeover / 5, std::chrono::microseconds{200});
  unsigned quiet = 0;
  std::unique_lock lock{watchdog_mutex};
  while (!halted.load(std::memory_order_acquire)) {
    if (parked_cores.load(std::memory_order_seq_cst) == cores.size() && ++quiet > 50) {
      watchdog_asleep.store(true, std::memory_order_seq_cst);
      if (parked_cores.load(std::memory_order_seq_cst) == cores.size()) {
        watchdog_wake.wait(lock, [this] { return !watchdog_asleep.load() || halted.load(); });
      }
      watchdog_asleep.store(false, std::memory_order_seq_cst);
      quiet = 0;
      continue;
    }
    watchdog_wake.wait_for(lock, interval, [this] { return halted.load(); });
    const auto now = steady_source{}.now();
    for (std::size_t index = 0; index < cores.size(); ++index) {
      auto& core = *cores[index];
      const auto slice = core.slice.load(std::memory_order_acquire);
      if (slice != seen[index].slice || slice % 2 == 0) {
        seen[index] = {slice, now};
        continue;
      }
      quiet = 0;
      if (core.waiting() != 0) wake_parked_core(&core);
      if (now - seen[index].since >= options.takeover) take_over(core, slice, now);
    }
  }
}

void runtime_state::wake_watchdog() noexcept {
  {
    const std::scoped_lock lock{watchdog_mutex};
    watchdog_asleep.store(false, std::memory_order_seq_cst);
  }
  watchdog_wake.notify_one();
}

void runtime_state::wake_parked_core(const core* but) noexcept {
  for (auto& other : cores) {
    if (other.get() == but || !other->parked()) continue;
    other->wake();
    return;
  }
}

// Between the exchange and the assignment nobody holds the lease but this thread.
void runtime_state::take_over(core& from, std::uint64_t slice, time_point now) {
  auto* const spare = spare_worker();
  if (spare == nullptr) return;
  auto* const slow = from.holder.load(std::memory_order_acquire);
  slow->lost_at = now;
  if (!from.slice.compare_exchange_strong(slice, slice + 1, std::memory_order_acq_rel)) return worker_is_spare(spare);
  slow->lost.store(true, std::memory_order_release);
  from.add_late(slow);
  spare->assign(&from);
}

worker* runtime_state::spare_worker() {
  const std::scoped_lock lock{workers_mutex};
  if (!spare_workers.empty()) {
    auto* const taken = spare_workers.back();
    spare_workers.pop_back();
    return taken;
  }
  if (workers.size() >= cores.size() + options.spare_threads || halted.load(std::memory_order_acquire)) return nullptr;
  workers.push_back(std::make_unique<worker>(*this));
  auto& made = *workers.back();
  made.thread = std::thread{[&made] { made.run_leases(); }};
  if (workers.size() == cores.size() + options.spare_threads) {
    report({.what = event::kind::limit, .level = log_level::warning, .name = {}, .text = "all spare threads are in use (runtime_options::spare_threads)",
            .reason = {}});
  }
  return &made;
}

void runtime_state::worker_is_spare(worker* free) {
  const std::scoped_lock lock{workers_mutex};
  spare_workers.push_back(free);
}

void runtime_state::stop_threads(duration /*grace*/) {
  halted.store(true, std::memory_order_seq_cst);
  wake_watchdog();
  if (watchdog.joinable()) watchdog.join();
  for (auto& core : cores) {
    core->wake();
    core->sleeper->unpark();
  }
  const std::scoped_lock lock{workers_mutex};
  for (auto& one : workers) one->dismiss();
  for (auto& one : workers) {
    if (one->thread.joinable()) one->thread.join();
  }
}

}  // namespace ergo::inline v0::detail
