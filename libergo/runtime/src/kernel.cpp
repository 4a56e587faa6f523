// The slice of a process: signals first, then its code, until it waits, has had its share, or ends.
#include "kernel.hpp"

#include "core.hpp"
#include "mailbox_room.hpp"
#include "runtime_state.hpp"

#include <ergo/detail/core_api.hpp>

#include <algorithm>

namespace ergo::inline v0 {

detail::slice_end process::run_slice(detail::worker& on) {
  worker_ = &on;
  on.running.store(this, std::memory_order_release);
  return detail::process_kernel::slice(*this);
}

void process::before_wait(detail::core& on) {
  const auto earliest = detail::process_kernel::earliest(*this);
  if (earliest >= armed_) return;
  armed_ = earliest;
  on.add_timer({earliest, this, id_.serial});
}

void process::adopt_root(std::coroutine_handle<> root, detail::promise_base& promise) noexcept {
  root_ = root;
  root_started_ = false;
  promise.self = root;
  promise.innermost = &innermost_;
  innermost_ = &promise;
}

namespace detail {
namespace {

constexpr std::uint32_t messages_per_slice = 256;

}  // namespace

process_state::process_state() noexcept {
  wake_signal_.kind = signal_kind::wake;
  wake_signal_.flags = signal::embedded;
}

process_state::~process_state() = default;

void process_state::wake_up(std::uint32_t serial) noexcept {
  if (static_cast<std::uint32_t>(tenant.load(std::memory_order_acquire)) != serial) return;
  if (wake_pending_.exchange(true, std::memory_order_acq_rel)) return;
  wake_signal_.to_serial = serial;
  if (!push_signal(*this, static_cast<signal*>(&wake_signal_))) wake_pending_.store(false, std::memory_order_release);
}

exit_reason reason_of_current_exception() noexcept {
  try {
    try {
      throw;
    } catch (process_exit& wanted) {
      return std::move(wanted.reason);
    } catch (const std::exception& thrown) {
      return etf::tuple("exception"_atom, etf::binary(thrown.what()));
    } catch (...) {
      return etf::tuple("nocatch"_atom, "unknown_exception"_atom);
    }
  } catch (...) {  // no memory to say it with
    return exit_reason{"system_limit"_atom};
  }
}

slice_end process_kernel::slice(process& self) {
  self.now_known_ = false;
  self.work_done_ = self.sent_ = 0;
  take_signals(self);
  if (self.life_ == process_state::life::zombie) return slice_of_zombie(self);
  try {
    while (self.life_ != process_state::life::dying) {
      if (self.yields_) {
        self.yields_ = false;
        if (self.work_done_ != 0) return slice_end::again;
      }
      if (!advance(self)) return slice_end::waiting;
      if (++self.work_done_ >= messages_per_slice || self.worker_->lost.load(std::memory_order_relaxed)) {
        if (self.life_ != process_state::life::dying) return slice_end::again;
      }
    }
  } catch (...) {
    self.dying_of_ = reason_of_current_exception();
  }
  if (self.worker_->abandoned.load(std::memory_order_acquire))
    return slice_end::waiting;  // the runtime has gone: no more of the user's code
  die(self);
  return self.operations_ == nullptr ? retire(self) : slice_end::waiting;
}

// One step of the process's code; false when it has nothing to do.
bool process_kernel::advance(process& self) {
  if (self.life_ == process_state::life::starting) {
    self.life_ = process_state::life::running;
    self.body_->start(self);
  } else if (self.waiting_ != nullptr) {
    if (self.time_is_up_ && !take_arrived(self)) return true;
    if (!self.waiting_->over(self)) return false;
    const auto suspended = std::exchange(self.waiting_, nullptr)->handle;
    self.deadline_ = time_point::max();
    self.time_is_up_ = false;
    resume(self, suspended);
  } else if (self.root_) {
    if (self.root_started_) return false;
  } else if (self.held_up_ && (self.first_ != nullptr || self.time_is_up_) && !drained(self)) {
    return false;
  } else if (self.first_ != nullptr) {
    self.deadline_ = time_point::max();
    self.time_is_up_ = false;
    self.body_->receive(self, message{unlink_message(self, &self.first_)});
  } else if (self.time_is_up_) {
    if (!take_arrived(self) || self.first_ != nullptr) return true;
    self.deadline_ = time_point::max();
    self.time_is_up_ = false;
    self.body_->idle_timeout(self);
  } else {
    return false;
  }
  if (self.root_ && !self.root_started_) {
    self.root_started_ = true;
    resume(self, self.root_);
  }
  return true;
}

// What has arrived since the slice began comes before a time-out; false if it ended the process.
bool process_kernel::take_arrived(process& self) {
  if (!self.signals.looks_empty()) take_signals(self);
  return self.life_ != process_state::life::dying;
}

// Whoever cannot wait where it writes, as a plain callback, waits before its next message instead.
void process_kernel::note_busy(process& self, atom node) {
  self.held_up_ = true;
  auto& nodes = extras_of(self).busy_nodes;
  if (std::ranges::find(nodes, node) == nodes.end()) nodes.push_back(node);
}

bool process_kernel::drained(process& self) {
  if (!self.held_up_) return true;
  auto* const way = self.node_->way_out();
  auto& nodes = extras_of(self).busy_nodes;
  std::erase_if(nodes, [&](atom node) { return way == nullptr || !way->busy(node, self.id_); });
  if (!nodes.empty()) {
    way->wake_when_drained(nodes.front(), self.id_);
    return false;
  }
  self.held_up_ = false;
  return true;
}

void process_kernel::resume(process& self, std::coroutine_handle<> suspended) {
  suspended.resume();
  if (!self.root_ || !self.root_.done()) return;
  self.root_ = nullptr;
  self.innermost_ = nullptr;
  self.body_->task_ended(self);
}

void process_kernel::take_signals(process& self) {
  auto* received = self.signals.fetch();
  while (received != nullptr) {
    auto* const next = received->next;
    if (received->to_serial != self.id_.serial && (received->flags & signal::embedded) == 0) {
      forget_place(self, *received);
      bounce(*self.node_, destination{pid{self.id_.node, self.slot, received->to_serial}}, received, "noproc"_atom);
    } else if (self.life_ == process_state::life::dying || self.life_ == process_state::life::zombie) {
      if (received->kind == signal_kind::operation_done || received->kind == signal_kind::wake) {
        act(self, received);
      } else {
        forget_place(self, *received);
        bounce(*self.node_, destination{self.id_}, received, "noproc"_atom);
      }
    } else {
      act(self, received);
    }
    received = next;
  }
}

void process_kernel::append(process& self, signal* unread) {
  if ((unread->flags & signal::urgent) != 0) return insert_urgent(self, unread);
  unread->next = nullptr;
  *self.last_link_ = unread;
  self.last_link_ = &unread->next;
  ++self.unread_;
}

// Behind what came with priority before, in front of everything else.
void process_kernel::insert_urgent(process& self, signal* unread) {
  auto*& behind = extras_of(self).urgent_end;
  auto** const at = behind == nullptr ? &self.first_ : behind;
  unread->next = *at;
  *at = unread;
  behind = &unread->next;
  if (self.last_link_ == at) self.last_link_ = behind;
  ++self.unread_;
  if (self.waiting_ != nullptr) self.waiting_->overtaken(at);
}

// Takes the message that `link` points to out of the mailbox.
inline signal* process_kernel::cut(process& self, signal** link) noexcept {
  auto* const taken = *link;
  *link = taken->next;
  if (taken->next == nullptr) self.last_link_ = link;
  if ((taken->flags & (signal::urgent | signal::metered)) != 0) [[unlikely]] {
    if ((taken->flags & signal::urgent) != 0 && self.extras_->urgent_end == &taken->next)
      self.extras_->urgent_end = link;
    forget_place(self, *taken);
  }
  if (self.extras_ && self.extras_->unread_since == &taken->next) self.extras_->unread_since = link;
  --self.unread_;
  return taken;
}

// The same for the process's code; a local call is noted until it is answered.
signal* process_kernel::unlink_message(process& self, signal** link) noexcept {
  auto* const taken = cut(self, link);
  if (taken->kind == signal_kind::call && self.node_->owner().find_node(taken->from.node) != nullptr) {
    self.open_calls_.push_back({value_of(taken->tag), taken->from});
  }
  return taken;
}

// The oldest one that a bound concerns; false when there is none.
bool process_kernel::drop_oldest(process& self) noexcept {
  auto** link = &self.first_;
  while (*link != nullptr && !is_metered(**link)) link = &(*link)->next;
  if (*link == nullptr) return false;
  auto* const oldest = cut(self, link);
  if (self.waiting_ != nullptr) self.waiting_->removed(&oldest->next, link);
  self.room_->count_dropped_late();
  self.node_->owner().state().losses.dropped.fetch_add(1, std::memory_order_relaxed);
  release(oldest);
  return true;
}

void process_kernel::look_at_clock(process& self) {
  self.armed_ = time_point::max();
  if (self.deadline_ != time_point::max() && self.now() >= self.deadline_) self.time_is_up_ = true;
  if (self.extras_ && !self.extras_->timer_heap.empty()) fire_own_timers(self);
}

}  // namespace detail
}  // namespace ergo::inline v0
