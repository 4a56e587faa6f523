// Threads of a runtime: one per core, spare ones for late slices; how they end, also when one of them does not.
#include "runtime_state.hpp"

#include <algorithm>

namespace ergo::inline v0::detail {
namespace {

unsigned core_count(const runtime_options& options) {
  if (options.manual) return 1;
  return options.cores != 0 ? options.cores : std::max(1U, std::thread::hardware_concurrency());
}

// What was left behind stays reachable, so that leak checkers do not mistake it for a leak.
void keep_for_ever(runtime_state* left) {
  static std::mutex mutex;
  static auto& all = *new std::vector<runtime_state*>;
  const std::scoped_lock lock{mutex};
  all.push_back(left);
}

}  // namespace

runtime_state::runtime_state(runtime_options given)
    : self{*this},
      options{std::move(given)},
      clock{options.clock != nullptr ? options.clock : &steady},
      slots{options.processes, options.compatibility == compatibility::otp23 ? 15U : 28U},
      jobs{std::max(1U, options.blocking_threads)},
      accounts{options.measure_run_time ? std::make_unique<behaviour_accounts>() : nullptr},
      settles_specially{accounts != nullptr || options.mailbox.bound != no_limit ||
                        options.mailbox.high_water != no_limit} {
  slots.add(manual_worker.slots);
  for (unsigned index = 0; index < core_count(options); ++index) {
    cores.push_back(std::make_unique<core>(*this, index,
                                           options.make_parker ? options.make_parker(index) : make_condition_parker()));
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

// A subscriber that throws is the program's mistake, and nobody else's problem.
void runtime_state::report(const event& happened) const noexcept {
  if (!options.on_event) return;
  // Sequentially consistent, as in `let_go`: either this sees that the subscriber has gone, or `let_go` sees this.
  in_subscriber.fetch_add(1);
  if (!subscriber_gone) {
    try {
      options.on_event(happened);
    } catch (...) {
    }
  }
  in_subscriber.fetch_sub(1);
}

worker* runtime_state::make_worker() {
  workers.push_back(std::make_unique<worker>(*this));
  auto& made = *workers.back();
  try {
    made.thread = std::thread{[&made] { made.run_leases(); }};
  } catch (...) {
    workers.pop_back();
    throw;
  }
  slots.add(made.slots);
  return &made;
}

void runtime_state::start_threads() {
  const std::scoped_lock lock{workers_mutex};
  for (auto& core : cores) {
    if (auto* const loop = dynamic_cast<carried_parker*>(core->sleeper.get())) {
      carry(*core, *loop);
    } else {
      make_worker()->assign(core.get());
    }
  }
  watchdog = std::jthread{[this] { watch(); }};
}

void runtime_state::carry(core& without_thread, carried_parker& loop) {
  auto* const carrier = carriers.emplace_back(std::make_unique<worker>(*this)).get();
  slots.add(carrier->slots);
  without_thread.carried = true;
  without_thread.holder.store(carrier, std::memory_order_release);
  loop.carry([carrier, &without_thread] { return carrier->take_turn(without_thread); });
  loop.unpark();
}

bool runtime_state::wait_for_all(duration limit) {
  constexpr auto moment = std::chrono::milliseconds{1};
  const auto carried = std::ranges::find_if(cores, [](const auto& one) { return one->carried; });
  if (carried == cores.end()) return slots.wait_until_empty(limit);
  const auto until = after(std::chrono::steady_clock::now(), limit);
  while (!slots.wait_until_empty(duration::zero())) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= until) return false;
    (*carried)->sleeper->park(std::min(until, now + moment));
  }
  return true;
}

bool runtime_state::wait_for_end(const pid& process, duration limit) {
  constexpr auto moment = std::chrono::milliseconds{1};
  const auto carried = std::ranges::find_if(cores, [](const auto& one) { return one->carried; });
  if (carried == cores.end()) return self.wait(process, limit).has_value();
  const auto until = after(std::chrono::steady_clock::now(), limit);
  while (self.alive(process)) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= until) return false;
    (*carried)->sleeper->park(std::min(until, now + moment));
  }
  return true;
}

// A turn that runs now is one of another thread, or of this one, which then is inside a slice.
void runtime_state::end_carried(std::chrono::steady_clock::time_point until, std::vector<worker*>& stuck) {
  for (auto& one : carriers) {
    while (!one->end_turns() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::microseconds{200});
    }
    if (!one->end_turns()) stuck.push_back(one.get());
  }
  for (auto& core : cores) {
    if (core->carried) dynamic_cast<carried_parker&>(*core->sleeper).carry({});
  }
}

worker* runtime_state::spare_worker() {
  const std::scoped_lock lock{workers_mutex};
  if (!spare_workers.empty()) {
    auto* const taken = spare_workers.back();
    spare_workers.pop_back();
    return taken;
  }
  const auto most = cores.size() + options.spare_threads;
  if (workers.size() >= most || halted.load(std::memory_order_acquire)) return nullptr;
  try {
    auto* const made = make_worker();
    if (workers.size() == most) {
      report({.what = event::kind::limit,
              .level = log_level::warning,
              .name = {},
              .text = "all spare threads are in use (runtime_options::spare_threads)",
              .reason = {}});
    }
    return made;
  } catch (const std::exception&) {
    return nullptr;  // no thread to be had: the late slice keeps its core, and the watchdog tries again
  }
}

void runtime_state::worker_is_spare(worker* free) {
  const std::scoped_lock lock{workers_mutex};
  spare_workers.push_back(free);
}

void runtime_state::thread_has_ended(worker& which) noexcept {
  const std::scoped_lock lock{workers_mutex};
  which.at_home.store(true, std::memory_order_release);
  worker_ended.notify_all();
}

// The process whose slice a thread runs, with its name; for reports, from another thread.
std::pair<pid, atom> runtime_state::runs_in(const worker& thread) {
  const auto* const who = thread.running.load(std::memory_order_acquire);
  if (who == nullptr) return {};
  const auto tenant =
      process_state::identity_in(who->tenant.load(std::memory_order_acquire)) & ~process_state::gone_mark;
  const pid id{etf::node_id::from_index(static_cast<std::uint32_t>(tenant >> 32)), who->slot,
               static_cast<std::uint32_t>(tenant)};
  return {id, name_of(id)};
}

atom runtime_state::name_of(const pid& process) {
  auto* const node = find_node(process.node);
  if (node == nullptr) return {};
  for (const auto& [name, owner] : node->registered()) {
    if (owner == process) return name;
  }
  return {};
}

void runtime_state::stop_threads(duration limit) {
  halted.store(true, std::memory_order_seq_cst);
  wake_watchdog();
  if (watchdog.joinable()) watchdog.join();
  for (auto& core : cores) {
    core->wake();
    core->sleeper->unpark();
  }
  std::unique_lock lock{workers_mutex};
  for (auto& one : workers) one->dismiss();
  const auto all_ended = [this] {
    return std::ranges::all_of(workers, [](const auto& one) { return one->at_home.load(std::memory_order_acquire); });
  };
  (void)worker_ended.wait_for(lock, limit, all_ended);
  std::vector<worker*> stuck;
  for (auto& one : workers) {
    if (one->at_home.load(std::memory_order_acquire)) {
      one->thread.join();
    } else {
      one->abandoned.store(true, std::memory_order_release);
      one->lost.store(true, std::memory_order_release);
      one->thread.detach();
      stuck.push_back(one.get());
    }
  }
  lock.unlock();
  end_carried(std::chrono::steady_clock::now() + limit, stuck);
  left_behind = left_behind || !stuck.empty();
  for (const auto* one : stuck) {
    const auto [who, name] = runs_in(*one);
    report({.what = event::kind::limit,
            .level = log_level::critical,
            .process = who,
            .name = name,
            .text = "a callback has not returned: the runtime stops without it and leaves its thread behind",
            .reason = {}});
  }
}

void runtime_state::stop_jobs(duration limit) {
  for (const auto& who : jobs.stop(limit)) {
    left_behind = true;
    report({.what = event::kind::limit,
            .level = log_level::critical,
            .process = who,
            .name = {},
            .text = "a blocking job has not returned: the runtime stops without it and leaves its thread behind",
            .reason = {}});
  }
}

void runtime_state::leave_operations() {
  if (left_behind || slots.live() == 0) return;
  for (std::uint32_t slot = 1; slot < slots.end(); ++slot) {
    const auto& left = *slots.at(slot);
    if (left.life_ != process_state::life::zombie || left.operations_ == nullptr) continue;
    left_behind = true;
    report({.what = event::kind::limit,
            .level = log_level::critical,
            .process = left.id_,
            .name = {},
            .text = "an Asio operation has not ended: the runtime stops without it and leaves its memory behind",
            .reason = {}});
  }
}

void runtime_state::let_go() noexcept {
  if (left_behind) {
    clock.store(&steady, std::memory_order_relaxed);
    for (auto& node : nodes) node->connect(nullptr);
    keep_for_ever(this);
  }
  subscriber_gone = true;
  // A subscriber that blocks has been told not to; waiting for it for ever would make the stop unbounded.
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{1};
  while (in_subscriber != 0 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::microseconds{200});
  }
}

}  // namespace ergo::inline v0::detail
