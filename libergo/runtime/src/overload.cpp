// Mailboxes with a bound or high-water mark, from both sides: who sends, and the process itself.
#include "overload.hpp"

#include "kernel.hpp"
#include "runtime_state.hpp"

#include <ergo/detail/core_api.hpp>

namespace ergo::inline v0 {
namespace detail {
namespace {

constexpr auto look_for_stop = std::chrono::milliseconds{100};  // of a thread that waits

/// What a bound concerns of what others send.
bool is_bounded(const signal& sent) noexcept {
  if (sent.kind == signal_kind::cast || sent.kind == signal_kind::call) return true;
  if (sent.kind != signal_kind::message || sent.goes_over_alias()) return false;
  return !etf::is_tagged(sent.payload, "system"_atom, 3);
}

term mailbox_is_full() { return etf::tuple("system_limit"_atom, "mailbox"_atom); }

offered drop(local_node& from, mailbox_room& room, signal* envelope) noexcept {
  room.count_dropped();
  from.owner().state().losses.dropped.fetch_add(1, std::memory_order_relaxed);
  release(envelope);
  return offered::lost;
}

offered reject(local_node& from, mailbox_room& room, const pid& to, signal* envelope) noexcept {
  room.count_rejected();
  from.owner().state().losses.rejected.fetch_add(1, std::memory_order_relaxed);
  envelope->kind == signal_kind::call ? bounce(from, destination{to}, envelope, mailbox_is_full()) : release(envelope);
  return offered::lost;
}

// Two that redirect to each other would hand a message to and fro for ever.
offered redirect(local_node& from, mailbox_room& room, const pid& to, signal* envelope) noexcept {
  static constinit thread_local bool redirecting = false;
  const auto* const home = from.owner().find_node(to.node);
  const auto next = redirecting || home == nullptr ? std::nullopt : home->find_here(room.redirect_to());
  if (!next || *next == to) {
    return envelope->kind == signal_kind::call ? reject(from, room, to, envelope) : drop(from, room, envelope);
  }
  if (envelope->kind == signal_kind::timer_message) envelope->kind = signal_kind::message;
  room.count_redirected();
  from.owner().state().losses.redirected.fetch_add(1, std::memory_order_relaxed);
  redirecting = true;
  from.route_local(*next, envelope);
  redirecting = false;
  return offered::taken;
}

// For a process that is not there; whoever asked is told.
offered nobody(local_node& from, const pid& to, signal* envelope) noexcept {
  bounce(from, destination{to}, envelope, "noproc"_atom);
  return offered::nobody;
}

result<void> as_result(offered outcome) noexcept {
  if (outcome == offered::taken) return {};
  return outcome == offered::nobody ? fail(errc::noproc) : fail(errc::system_limit, "mailbox"_atom);
}

}  // namespace

offered offer(local_node& from, process_state& target, const pid& to, signal* envelope, sender who) noexcept {
  auto& room = *target.room_;
  envelope->to_serial = to.serial;
  if (!is_bounded(*envelope)) return push_signal(target, envelope) ? offered::taken : nobody(from, to, envelope);
  if (!room.enter()) return turn_away(from, room, to, envelope, who);
  envelope->flags |= signal::metered;
  if (!push_signal(target, envelope)) {
    envelope->flags &= static_cast<std::uint8_t>(~signal::metered);
    room.leave();
    return nobody(from, to, envelope);
  }
  tell_level(from, to, room);
  return offered::taken;
}

offered turn_away(local_node& from, mailbox_room& room, const pid& to, signal* envelope, sender who) noexcept {
  switch (room.policy()) {
    case overflow::drop_newest:
    case overflow::drop_oldest: break;
    case overflow::block_thread:
      if (who == sender::waits) return offered::no_room;
      [[fallthrough]];
    case overflow::fail_sender:
      if (who == sender::goes_on && envelope->kind != signal_kind::call) break;
      return reject(from, room, to, envelope);
    case overflow::redirect: return redirect(from, room, to, envelope);
  }
  return drop(from, room, envelope);
}

result<void> offer_patiently(local_node& from, const pid& to, signal* envelope,
                             std::chrono::steady_clock::time_point limit) {
  auto& state = from.owner().state();
  const auto metered = process_state::tenant_of(to) | process_state::metered_mark;
  for (;;) {
    auto* const target = state.slots.at(to.id);
    if (target == nullptr || target->tenant.load(std::memory_order_acquire) != metered)
      return from.try_route(destination{to}, envelope);
    const auto outcome = offer(from, *target, to, envelope, sender::waits);
    if (outcome != offered::no_room) return as_result(outcome);
    const bool stops = state.stopping.load(std::memory_order_acquire);
    const auto now = std::chrono::steady_clock::now();
    if (stops || now >= limit) {
      (void)reject(from, *target->room_, to, envelope);
      return fail(stops ? errc::stopped : errc::timeout);
    }
    target->room_->wait_for_place(std::min(limit, now + look_for_stop));
  }
}

void tell_level(local_node& of, const pid& whose, mailbox_room& room) noexcept {
  room.look_at_level([&](bool high, std::uint64_t waiting, std::uint64_t mark) noexcept {
    auto& state = of.owner().state();
    if (!state.options.on_event) return;
    try {
      state.report({.what = event::kind::overload,
                    .level = high ? log_level::warning : log_level::notice,
                    .process = whose,
                    .name = state.name_of(whose),
                    .text = high ? "a mailbox has reached its high-water mark"
                                 : "no more than half of a mailbox's high-water mark waits again",
                    .reason = {},
                    .fields = {{"state", term{high ? "high"_atom : "normal"_atom}},
                               {"waiting", term{waiting}},
                               {"high_water", term{mark}}}});
    } catch (const std::exception&) {  // no memory to say it with
    }
  });
}

// ----- the process --------------------------------------------------------------------------------------------------

// What is due to a process before it is found by others; false where it has no bound and no mark.
bool process_kernel::meter(process_state& self, const spawn_options& options, const mailbox_limits& otherwise) {
  auto limits = otherwise;
  if (options.mailbox_bound != limit_of_runtime) {
    limits.bound = options.mailbox_bound;
    limits.policy = options.policy;
    limits.redirect_to = options.redirect_to;
  }
  if (options.high_water != limit_of_runtime) limits.high_water = options.high_water;
  if (limits.bound == no_limit && limits.high_water == no_limit) return false;
  if (self.room_ == nullptr) self.room_ = std::make_unique<mailbox_room>();
  self.room_->settle(limits);
  return true;
}

// Its own timers come to the mailbox here, and not through a sender.
void process_kernel::take_metered(process& self, signal* received) {
  auto& room = *self.room_;
  if (received->kind == signal_kind::timer_message) {
    if (!room.enter()) return (void)turn_away(*self.node_, room, self.id_, received, sender::goes_on);
    received->flags |= signal::metered;
  }
  if ((received->flags & signal::metered) != 0) room.count_accepted();
  append(self, received);
  while (room.policy() == overflow::drop_oldest && room.waiting() > room.bound() && drop_oldest(self)) {
  }
  tell_level(*self.node_, self.id_, room);
}

void process_kernel::give_place_back(process_state& self, signal& taken) noexcept {
  taken.flags &= static_cast<std::uint8_t>(~signal::metered);
  self.room_->leave();
  tell_level(*self.node_, self.id_, *self.room_);
}

}  // namespace detail

mailbox_counts process::mailbox() const noexcept { return metered_ ? room_->counts() : mailbox_counts{}; }

mailbox_counts runtime::mailbox(const pid& process) const noexcept {
  using detail::process_state;
  const auto* const slot = state_->slots.at(process.id);
  const auto metered = process_state::tenant_of(process) | process_state::metered_mark;
  if (slot == nullptr || slot->tenant.load(std::memory_order_acquire) != metered) return {};
  return slot->room_->counts();
}

mailbox_counts runtime::mailbox_losses() const noexcept {
  const auto read = [](const auto& count) { return count.load(std::memory_order_relaxed); };
  const auto& losses = state_->losses;
  return {.dropped = read(losses.dropped), .rejected = read(losses.rejected), .redirected = read(losses.redirected)};
}

result<void> runtime::send(const destination& to, term content, duration limit) {
  auto& node = anonymous();
  auto* const envelope = detail::make_signal(detail::signal_kind::message, pid{}, std::move(content));
  const auto here = node.find_here(to);
  if (!here || state_->options.manual || detail::current_worker() != nullptr) return node.try_route(to, envelope);
  return detail::offer_patiently(node, *here, envelope, after(std::chrono::steady_clock::now(), limit));
}

std::optional<pid> local_node::find_here(const destination& to) const noexcept {
  if (!to.by_name()) {
    const bool here = to.process().node == identity() || runtime_.find_node(to.process().node) != nullptr;
    return here && to.process() != pid{} ? std::optional{to.process()} : std::nullopt;
  }
  const auto* named = this;
  if (to.node() != atom{} && to.node() != name()) named = runtime_.find_node_by_name(to.node());
  return named == nullptr ? std::nullopt : named->whereis(to.name());
}

result<void> local_node::try_route(const destination& to, detail::signal* envelope) noexcept {
  using detail::process_state;
  const auto here = find_here(to);
  if (!here) {
    const auto node = to.by_name() ? to.node() : to.process().node.name();
    const bool leaves = node != atom{} && runtime_.find_node_by_name(node) == nullptr;
    route(to, envelope);
    return leaves ? result<void>{} : fail(errc::noproc);
  }
  auto* const target = runtime_.state().slots.at(here->id);
  if (target == nullptr) return detail::as_result(detail::nobody(*this, *here, envelope));
  const auto tenant = target->tenant.load(std::memory_order_acquire);
  if (tenant == (process_state::tenant_of(*here) | process_state::metered_mark))
    return detail::as_result(detail::offer(*this, *target, *here, envelope, detail::sender::asks));
  envelope->to_serial = here->serial;
  const bool found = tenant == process_state::tenant_of(*here) && detail::push_signal(*target, envelope);
  return found ? result<void>{} : detail::as_result(detail::nobody(*this, *here, envelope));
}

}  // namespace ergo::inline v0
