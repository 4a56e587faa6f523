// A process's own timers: a heap in the process, so that starting and stopping one touches nothing shared.
#include "kernel.hpp"

#include <ergo/detail/core_api.hpp>
#include <ergo/runtime.hpp>

#include <algorithm>

namespace ergo::inline v0 {
namespace {

constexpr auto later = [](const detail::timer_slot& left, const detail::timer_slot& right) {
  return left.when > right.when;
};

}  // namespace

namespace detail {

void process_kernel::fire_own_timers(process& self) {
  auto& extras = *self.extras_;
  while (!extras.timer_heap.empty()) {
    const auto due = extras.timer_heap.front();
    const auto timer = extras.timers.find(due.ref);
    const bool stale = timer == extras.timers.end();
    if (!stale && due.when > self.now()) return;
    std::ranges::pop_heap(extras.timer_heap, later);
    extras.timer_heap.pop_back();
    if (stale) continue;
    const auto fired = std::move(timer->second);
    extras.timers.erase(timer);
    auto* const sent = make_signal(signal_kind::timer_message, self.id_, fired.content);
    if (fired.to == destination{self.id_}) {
      act(self, sent);
    } else {
      sent->kind = signal_kind::message;
      self.node_->route(fired.to, sent);
    }
  }
}

time_point process_kernel::earliest(const process& self) noexcept {
  if (!self.extras_ || self.extras_->timer_heap.empty()) return self.deadline_;
  return std::min(self.deadline_, self.extras_->timer_heap.front().when);
}

}  // namespace detail

timer_ref process::send_after(duration delay, const destination& to, term content) {
  const auto ref = next_reference(0);
  auto& extras = detail::extras_of(*this);
  const auto when = after(read_clock(), std::max(delay, duration::zero()));
  extras.timers.emplace(ref, detail::pending_timer{when, to, std::move(content)});
  extras.timer_heap.push_back({when, ref});
  std::ranges::push_heap(extras.timer_heap, later);
  return timer_ref{detail::reference_of(id_.node, ref)};
}

timer_ref process::start_timer(duration delay, const destination& to, term content) {
  const auto made = send_after(delay, to, term{});
  auto& timer = extras_->timers.find(detail::value_of(made.ref))->second;
  timer.content = etf::tuple("timeout"_atom, made.ref, std::move(content));
  return made;
}

std::optional<duration> process::cancel_timer(const timer_ref& timer) {
  if (!extras_) return std::nullopt;
  const auto entry = extras_->timers.find(detail::value_of(timer.ref));
  if (entry == extras_->timers.end()) return std::nullopt;
  const auto left = std::max(duration::zero(), entry->second.when - now());
  extras_->timers.erase(entry);
  auto& heap = extras_->timer_heap;
  if (heap.size() > 64 && heap.size() > extras_->timers.size() * 2) {  // mostly cancelled ones: forget them
    std::erase_if(heap, [&](const auto& entry_of) { return !extras_->timers.contains(entry_of.ref); });
    std::ranges::make_heap(heap, later);
  }
  return left;
}

}  // namespace ergo::inline v0
