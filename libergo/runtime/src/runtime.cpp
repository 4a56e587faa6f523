// The runtime's outside: start, spawn, wait, stop.
#include <ergo/runtime.hpp>

#include "kernel.hpp"
#include "runtime_state.hpp"

#include <ergo/detail/core_api.hpp>
#include <ergo/stop_first.hpp>

#include <algorithm>
#include <future>

namespace ergo::inline v0 {

using detail::make_signal;
using detail::process_state;
using detail::signal_kind;

namespace {
constexpr duration longest_end = std::chrono::seconds{1};  // of each step of a stop after the grace
}  // namespace

runtime::runtime(runtime_options options) : owned_{std::make_unique<detail::runtime_state>(std::move(options))} {
  state_ = owned_.get();
  add_node(etf::node_id{});
  if (state_->options.manual) return;
  try {
    state_->start_threads();
  } catch (...) {  // no thread to be had
    state_->stop_threads(longest_end);
    throw;
  }
}

runtime::runtime(detail::runtime_state& of) noexcept : state_{&of} {}

runtime::~runtime() {
  if (owned_ == nullptr) return;
  stop(std::chrono::milliseconds{100});
  if (state_->left_behind) (void)owned_.release();
}

const runtime_options& runtime::options() const noexcept { return state_->options; }
local_node& runtime::anonymous() noexcept { return *state_->node_table[0].node.load(std::memory_order_acquire); }

local_node& runtime::add_node(etf::node_id identity) {
  const std::scoped_lock lock{state_->nodes_mutex};
  const auto index = state_->node_count.load(std::memory_order_relaxed);
  if (index == state_->node_table.size()) throw std::length_error{"a runtime holds at most 63 named nodes"};
  state_->nodes.push_back(std::make_unique<local_node>(state_->self, identity));
  state_->node_table[index].node.store(state_->nodes.back().get(), std::memory_order_release);
  state_->node_count.store(index + 1, std::memory_order_release);
  return *state_->nodes.back();
}

local_node* runtime::find_node(etf::node_id identity) noexcept { return state_->find_node(identity); }

local_node* runtime::find_node_by_name(atom name) noexcept {
  const auto count = state_->node_count.load(std::memory_order_acquire);
  for (unsigned index = 0; index < count; ++index) {
    auto* const node = state_->node_table[index].node.load(std::memory_order_acquire);
    if (node->name() == name) return node;
  }
  return nullptr;
}

result<pid> runtime::spawn(local_node& on, const spawn_options& options, std::unique_ptr<behaviour> body) {
  return start_process(on, options, std::move(body), {});
}

result<pid> runtime::start_process(local_node& on, const spawn_options& options, std::unique_ptr<behaviour> body,
                                   const parentage& from) {
  if (state_->stopping.load(std::memory_order_acquire)) return fail(errc::stopped);
  auto* const thread = detail::current_worker();
  auto* const core = thread == nullptr ? nullptr : thread->lease();
  const bool inside = core != nullptr && &core->runtime == state_;
  auto* const fresh = inside ? state_->slots.take(thread->slots) : state_->slots.take();
  if (fresh == nullptr) return fail(errc::system_limit, "process_limit"_atom);
  if (!detail::process_kernel::settle(*fresh, on, options, std::move(body))) {
    state_->slots.give_back(fresh);
    return fail(errc::name_taken, on.whereis(options.name).value_or(pid{}));
  }
  fresh->group_leader_ =
      from.process != nullptr && options.group_leader == pid{} ? from.process->group_leader_ : options.group_leader;
  if (auto* const parent = from.process) {
    if (from.start_call != 0) fresh->open_calls_.push_back({from.start_call, parent->id()});
    if (from.watch != 0) {
      const term ref{detail::reference_of(parent->id().node, from.watch)};
      fresh->watcher_ = make_signal(signal_kind::monitor, parent->id(), ref, term{});
    }
    fresh->parent_ = parent->name() != atom{} ? term{parent->name()} : term{parent->id()};
    fresh->ancestors_ = parent->ancestors();
    if (options.to_parent == tie::link) detail::extras_of(*fresh).links.try_emplace(parent->id());
  }
  auto& home = inside ? *core : *state_->cores[fresh->slot % state_->cores.size()];
  fresh->home.store(&home, std::memory_order_release);
  const result<pid> started{fresh->id()};  // not right after it was written: that would wait for the cache
  detail::make_runnable(*fresh);
  return started;
}

void runtime::exit(const pid& target,
                   exit_reason reason) {  // NOLINT(performance-unnecessary-value-param): as in process
  anonymous().route(target, make_signal(signal_kind::exit, pid{}, reason.value()));
}

namespace {

// Waits for one process on behalf of a thread outside.
task<> report_end(process& self, pid watched, std::shared_ptr<std::promise<exit_reason>> told) {
  const destination target{watched};
  (void)self.monitor(target);
  auto ended = co_await self.receive<down>();
  told->set_value(ended->reason);
}

}  // namespace

result<exit_reason> runtime::wait(const pid& process, duration timeout) {
  auto told = std::make_shared<std::promise<exit_reason>>();
  auto end = told->get_future();
  const auto watcher = spawn(anonymous(), report_end, process, told);
  if (!watcher) return std::unexpected{watcher.error()};
  told.reset();
  if (timeout != forever && end.wait_for(timeout) != std::future_status::ready) {
    exit(*watcher, "shutdown"_atom);
    return fail(errc::timeout);
  }
  try {
    return end.get();
  } catch (const std::future_error&) {  // the watcher died without a word
    return fail(errc::stopped);
  }
}

bool runtime::alive(const pid& process) const noexcept {
  const auto* const slot = state_->slots.at(process.id);
  return slot != nullptr &&
         process_state::identity_in(slot->tenant.load(std::memory_order_acquire)) == process_state::tenant_of(process);
}

ergo::slice_times runtime::slice_times() const {
  std::vector<const detail::slice_meter*> meters;
  for (const auto& core : state_->cores) {
    if (core->meter != nullptr) meters.push_back(core->meter.get());
  }
  return detail::slice_meter::sum(meters);
}

std::size_t runtime::process_count() const noexcept { return state_->slots.live(); }

std::vector<pid> runtime::processes(const local_node& of) const {
  std::vector<pid> found;
  const auto end = state_->slots.end();
  for (std::uint32_t slot = 1; slot < end; ++slot) {
    const auto tenant = process_state::identity_in(state_->slots.at(slot)->tenant.load(std::memory_order_acquire));
    if (tenant >> 32 != of.identity().index()) continue;
    const auto serial = static_cast<std::uint32_t>(tenant);
    const pid id{of.identity(), slot, serial};
    if (serial != 0 || alive(id)) found.push_back(id);
  }
  return found;
}

namespace {

void exit_everybody(runtime& self, detail::runtime_state& state, atom reason) {
  for (auto& node : state.nodes) {
    for (const auto& process : self.processes(*node)) self.exit(process, reason);
  }
}

// False where there is nobody.
bool tell_first(runtime& self, detail::runtime_state& state) {
  bool told = false;
  for (const auto& node : state.nodes) {
    for (const auto& process : stopped_first(*node)) {
      self.exit(process, "shutdown"_atom);
      told = true;
    }
  }
  return told;
}

// The time that is left for the others.
duration end_first(runtime& self, detail::runtime_state& state, duration grace) {
  const auto begin = std::chrono::steady_clock::now();
  const auto left = [&] {
    if (grace == forever) return forever;
    return std::max(duration::zero(), grace - (std::chrono::steady_clock::now() - begin));
  };
  for (const auto& node : state.nodes) {
    for (const auto& process : stopped_first(*node)) {
      self.exit(process, "shutdown"_atom);
      if (!state.wait_for_end(process, left())) return left();
    }
  }
  return left();
}

}  // namespace

void stop_first(local_node& on, const pid& process) {
  auto& state = on.owner().state();
  const std::scoped_lock lock{state.first_mutex};
  std::erase_if(state.stop_first, [&](const pid& known) { return !on.owner().alive(known); });
  state.stop_first.push_back(process);
}

std::vector<pid> stopped_first(const local_node& on) {
  auto& state = on.owner().state();
  const std::scoped_lock lock{state.first_mutex};
  std::vector<pid> found;
  for (auto at = state.stop_first.rbegin(); at != state.stop_first.rend(); ++at) {
    if (at->node == on.identity() && on.owner().alive(*at)) found.push_back(*at);
  }
  return found;
}

void runtime::stop(duration grace) {
  auto& state = *state_;
  if (const auto* const own = detail::current_worker();
      own != nullptr && own->lease() != nullptr && &own->lease()->runtime == state_) {
    if (tell_first(*this, state)) return;
    state.stopping.store(true, std::memory_order_release);
    return exit_everybody(*this, state, "shutdown"_atom);
  }
  const std::scoped_lock lock{state.stop_mutex};
  if (std::exchange(state.stopped, true)) return;
  if (!state.options.manual) grace = end_first(*this, state, grace);
  state.stopping.store(true, std::memory_order_release);
  if (state.options.manual) {
    exit_everybody(*this, state, "kill"_atom);
    while (step([](std::size_t /*runnable*/) { return std::size_t{0}; })) {
    }
  } else {
    exit_everybody(*this, state, "shutdown"_atom);
    bool all = state.wait_for_all(grace);
    if (!all) {
      exit_everybody(*this, state, "kill"_atom);
      all = state.wait_for_all(longest_end);
    }
    state.stop_jobs(longest_end);
    if (!all) (void)state.wait_for_all(std::chrono::milliseconds{10});  // those whose blocking jobs have just ended
  }
  state.stop_threads(longest_end);
  if (!state.options.manual) state.leave_operations();
  state.let_go();
}

unsigned runtime::cores() const noexcept { return static_cast<unsigned>(state_->cores.size()); }
void runtime::post(unsigned index, std::move_only_function<void()> work) {
  state_->cores[index]->post(std::move(work));
}
parker& runtime::parker_of(unsigned index) noexcept { return *state_->cores[index]->sleeper; }
void runtime::report(const event& happened) const { state_->report(happened); }

bool runtime::step(const std::function<std::size_t(std::size_t)>& choose) {
  auto& core = *state_->cores[0];
  auto& worker = state_->manual_worker;
  auto* const before = detail::current_worker();
  detail::set_current_worker(&worker);
  worker.adopt(&core);
  core.run_posted();
  core.take_incoming();
  auto& runnable = core.pinned();
  const bool found = !runnable.empty();
  if (found) (void)worker.run_slice(core, *runnable.take(choose(runnable.size())));
  worker.adopt(nullptr);
  detail::set_current_worker(before);
  return found;
}

time_point runtime::fire_timers() {
  auto& core = *state_->cores[0];
  core.fire_timers(state_->now());
  return core.next_timer();
}

}  // namespace ergo::inline v0
