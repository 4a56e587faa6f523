// Queues, timers and sleep of one core.
#include "core.hpp"

#include "runtime_state.hpp"
#include "worker.hpp"

#include <algorithm>

namespace ergo::inline v0::detail {

void run_list::push(schedulable* added) noexcept {
  added->next_runnable = nullptr;
  (last_ == nullptr ? first_ : last_->next_runnable) = added;
  last_ = added;
  ++size_;
}

schedulable* run_list::pop() noexcept {
  auto* const taken = first_;
  if (taken == nullptr) return nullptr;
  first_ = taken->next_runnable;
  if (first_ == nullptr) last_ = nullptr;
  --size_;
  return taken;
}

schedulable* run_list::take(std::size_t index) noexcept {
  schedulable* before = nullptr;
  auto* taken = first_;
  for (; index > 0; --index) {
    before = taken;
    taken = taken->next_runnable;
  }
  (before == nullptr ? first_ : before->next_runnable) = taken->next_runnable;
  if (last_ == taken) last_ = before;
  --size_;
  return taken;
}

core::core(runtime_state& owner, unsigned position, std::unique_ptr<ergo::parker> how)
    : runtime{owner},
      index{position},
      sleeper{std::move(how)},
      meter{owner.options.measure_slices || owner.options.measure_run_time
                ? std::make_unique<slice_meter>(owner.options.measure_slices)
                : nullptr} {}

void core::enqueue(schedulable* ready) noexcept {
  if (runtime.options.manual || ready->place == placement::pinned) {
    pinned_.push(ready);
  } else if (ready->place == placement::lazy) {
    lazy_.push(ready);
  } else if (run_next_ == nullptr) {
    run_next_ = ready;
  } else {
    enqueue_last(ready);
  }
}

void core::enqueue_first(schedulable* ready) noexcept {
  if (run_next_ == nullptr || ready->place != placement::anywhere || runtime.options.manual) return enqueue(ready);
  fresh_.push(ready);
}

void core::enqueue_last(schedulable* ready) noexcept {
  if (ready->place != placement::anywhere || runtime.options.manual) {
    (ready->place == placement::lazy && !runtime.options.manual ? lazy_ : pinned_).push(ready);
    return;
  }
  push_ring(ready);
  offer_help();
}

void core::push_ring(schedulable* ready) noexcept {
  if (!overflow_.empty() || !ring_.push(ready)) overflow_.push(ready);
}

// A second runnable object wakes at most one parked core; that one wakes the next. But what a packet or a timer has
// brought is mostly done before another core is up, and then costs more on two cores than on one: only a core that has
// been busy for a while asks for help. One whose slices are long does not come here; the watchdog sees to those.
void core::offer_help() noexcept {
  constexpr auto burst = std::chrono::microseconds{200};
  if (ring_.size() >= 2 && runtime.parked_cores.load(std::memory_order_relaxed) != 0 &&
      std::chrono::steady_clock::now() - up_since_ >= burst)
    runtime.wake_parked_core(this, appetite::some);
}

// What slices before have just woken, for so long that it does not starve the queue, and while the queue has enough for
// those who come to help.
schedulable* core::next_of_chain() noexcept {
  constexpr unsigned longest_chain = 128;
  if (chain_ >= longest_chain) return nullptr;
  ++chain_;
  if (run_next_ != nullptr) return std::exchange(run_next_, nullptr);
  if (ring_.size() < 2 && runtime.parked_cores.load(std::memory_order_relaxed) != 0) return nullptr;
  return fresh_.pop();
}

schedulable* core::next() noexcept {
  if (auto* const fresh = next_of_chain()) return fresh;
  chain_ = 0;
  if (run_next_ != nullptr) push_ring(std::exchange(run_next_, nullptr));
  if (!fresh_.empty()) {
    while (auto* const moved = fresh_.pop()) push_ring(moved);
    offer_help();
  }
  if ((slices & 7) == 0) {
    if (!landing_.looks_empty()) take_incoming();
    if (auto* const fixed = pinned_.pop()) return fixed;
  }
  while (!overflow_.empty() && ring_.size() < steal_ring::capacity / 2) (void)ring_.push(overflow_.pop());
  while (ring_.size() != 0) {
    if (auto* const taken = ring_.pop()) return taken;
  }
  return pinned_.pop();
}

void core::take_incoming() noexcept {
  auto* newest = landing_.take_all();
  schedulable* oldest = nullptr;
  while (newest != nullptr) {
    auto* const following = newest->next_runnable;
    newest->next_runnable = oldest;
    oldest = newest;
    newest = following;
  }
  while (oldest != nullptr) {
    auto* const following = oldest->next_runnable;
    enqueue_last(oldest);
    oldest = following;
  }
}

void core::push_incoming(schedulable* ready) noexcept {
  if (landing_.push(ready)) unpark();
}

void core::wake() noexcept {
  if (landing_.rouse()) unpark();
}

void core::unpark() noexcept {
  runtime.parked_cores.fetch_sub(1, std::memory_order_seq_cst);
  sleeper->unpark();
}

void core::post(std::move_only_function<void()> work) {
  {
    const std::scoped_lock lock{posted_mutex_};
    posted_.push_back(std::move(work));
  }
  has_posted_.store(true, std::memory_order_seq_cst);
  wake();
}

void core::run_posted() {
  if (!has_posted_.load(std::memory_order_relaxed) || !has_posted_.exchange(false, std::memory_order_acq_rel)) return;
  std::vector<std::move_only_function<void()>> work;
  {
    const std::scoped_lock lock{posted_mutex_};
    work.swap(posted_);
  }
  for (auto& one : work) one();
}

schedulable* core::steal(std::uint32_t spare) noexcept { return ring_.size() > spare ? ring_.pop() : nullptr; }

namespace {
constexpr auto later = [](const timer_entry& left, const timer_entry& right) { return left.when > right.when; };
}  // namespace

void core::add_timer(const timer_entry& entry) {
  timers_.push_back(entry);
  std::ranges::push_heap(timers_, later);
}

time_point core::next_timer() const noexcept { return timers_.empty() ? time_point::max() : timers_.front().when; }

void core::fire_timers(time_point now) {
  while (!timers_.empty() && timers_.front().when <= now) {
    const auto due = timers_.front();
    std::ranges::pop_heap(timers_, later);
    timers_.pop_back();
    due.process->wake_up(due.serial);
  }
}

bool core::nothing_to_do() const noexcept {
  return landing_.is_empty() && !has_posted_.load(std::memory_order_seq_cst) && run_next_ == nullptr &&
         fresh_.empty() && ring_.size() == 0 && overflow_.empty() && pinned_.empty() && lazy_.empty();
}

bool core::lie_down() noexcept {
  landing_.lie_down();
  runtime.parked_cores.fetch_add(1, std::memory_order_relaxed);
  return nothing_to_do() && !runtime.halted.load(std::memory_order_seq_cst);
}

void core::park(time_point limit) {
  if (lie_down()) sleeper->park(has_late() ? std::min(limit, runtime.now() + std::chrono::milliseconds{1}) : limit);
  get_up();
}

void core::get_up() noexcept {
  up_since_ = std::chrono::steady_clock::now();
  if (landing_.get_up()) runtime.parked_cores.fetch_sub(1, std::memory_order_seq_cst);
  if (runtime.watchdog_asleep.load(std::memory_order_seq_cst)) runtime.wake_watchdog();
}

void core::collect_late() {
  std::erase_if(late_, [this](worker* slow) {
    const bool ended = slow->finished.load(std::memory_order_acquire);
    slow->drain_wakes(*this);
    if (ended) runtime.worker_is_spare(slow);
    return ended;
  });
}

void core::housekeeping(time_point now) {
  constexpr auto poll_interval = std::chrono::microseconds{100};
  take_incoming();
  run_posted();
  if (!late_.empty()) collect_late();
  if (!timers_.empty()) fire_timers(now);
  if (now - last_poll_ >= poll_interval && sleeper->worth_polling()) {
    last_poll_ = now;
    sleeper->poll();
  }
}

}  // namespace ergo::inline v0::detail
