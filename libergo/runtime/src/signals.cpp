// What each signal does when a process fetches it.
#include "kernel.hpp"

#include <ergo/detail/core_api.hpp>
#include <ergo/runtime.hpp>

namespace ergo::inline v0::detail {

// Whether the alias over which `received` came is active; then the signal is like any other from here on.
bool process_kernel::has_alias(process& self, signal& received) {
  if (!self.extras_) return false;
  const auto found = self.extras_->aliases.find(value_of(received.tag));
  if (found == self.extras_->aliases.end()) return false;
  const auto alias = found->second;
  if (received.kind == signal_kind::message && alias.use == alias_use::one_message) self.extras_->aliases.erase(found);
  received.tag = term{};
  received.flags &= static_cast<std::uint8_t>(~signal::over_alias);
  if (alias.heeded == urgency::ordinary) received.flags &= static_cast<std::uint8_t>(~signal::urgent);
  return true;
}

void process_kernel::act(process& self, signal* received) {
  if (received->goes_over_alias() && !has_alias(self, *received)) return release(received);
  switch (received->kind) {
    case signal_kind::message:
    case signal_kind::cast:
    case signal_kind::call:
    case signal_kind::timer_message: return self.metered_ ? take_metered(self, received) : append(self, received);
    case signal_kind::exit_message: return append(self, received);
    case signal_kind::node_down:
      if (!self.extras_) return release(received);
      if (const auto watched = self.extras_->watched_nodes.find(received->payload.as_atom().value_or(atom{}));
          watched == self.extras_->watched_nodes.end()) {
        return release(received);
      } else if (--watched->second == 0) {
        self.extras_->watched_nodes.erase(watched);
      }
      return append(self, received);
    case signal_kind::node_news:  // may have been under way when it was taken back
      if (!self.extras_ || !self.extras_->watches_all_nodes) return release(received);
      return append(self, received);
    case signal_kind::down: return take_down(self, received);
    case signal_kind::reply:
    case signal_kind::reply_failed: return take_reply(self, received);
    case signal_kind::call_done:
      std::erase_if(self.open_calls_, [&](const auto& open) { return open.ref == value_of(received->tag); });
      return release(received);
    case signal_kind::link: extras_of(self).links.try_emplace(received->from); return release(received);
    case signal_kind::unlink: return take_unlink(self, received);
    case signal_kind::unlink_ack:
      if (auto& links = extras_of(self).links; links.contains(received->from)) {
        const auto& entry = links.find(received->from)->second;
        const auto id = static_cast<std::uint64_t>(received->payload.as_integer().value_or(0));
        if (!entry.active && entry.unlink_id == id) links.erase(received->from);
      }
      return release(received);
    case signal_kind::link_exit: return take_link_exit(self, received);
    case signal_kind::exit: return take_exit(self, received);
    case signal_kind::monitor: return take_monitor(self, received);
    case signal_kind::demonitor: return take_demonitor(self, received);
    case signal_kind::group_leader:
      if (const auto leader = received->payload.as_pid()) self.group_leader_ = *leader;
      return release(received);
    case signal_kind::spawn_request: return release(received);  // for nodes, not for processes
    case signal_kind::spawn_reply: return take_spawn_reply(self, received);
    case signal_kind::inspect: return answer_inspection(self, received);
    case signal_kind::wake:
      if ((received->flags & signal::embedded) != 0) self.wake_pending_.store(false, std::memory_order_release);
      look_at_clock(self);
      return release(received);
    case signal_kind::operation_done:
      auto* const ended = pointer_in<external_operation>(received->payload);
      for (auto** link = &self.operations_; *link != nullptr; link = &(*link)->next) {
        if (*link != ended) continue;
        *link = ended->next;
        ended->done = true;
        break;
      }
      return release(received);
  }
}

// `exit/2`: `kill` cannot be trapped; `normal` from another process is ignored unless it is trapped.
void process_kernel::take_exit(process& self, signal* received) {
  if (received->payload.is("kill"_atom)) {
    self.life_ = process_state::life::dying;
    self.dying_of_ = exit_reason{"killed"_atom};
  } else if (self.exits_ == exits::trapped) {
    received->kind = signal_kind::exit_message;
    return append(self, received);
  } else if (!received->payload.is("normal"_atom) || received->from == self.id_) {
    self.life_ = process_state::life::dying;
    self.dying_of_ = exit_reason{received->payload};
  }
  release(received);
}

// The end of a linked process: counts only while the link is active; `kill` stays `kill`.
void process_kernel::take_link_exit(process& self, signal* received) {
  const auto link = self.extras_ ? self.extras_->links.find(received->from) : decltype(self.extras_->links.end()){};
  const bool active = self.extras_ && link != self.extras_->links.end() && link->second.active;
  if (active) {
    self.extras_->links.erase(link);
    if (self.exits_ == exits::trapped) {
      received->kind = signal_kind::exit_message;
      return append(self, received);
    }
    if (!received->payload.is("normal"_atom)) {
      self.life_ = process_state::life::dying;
      self.dying_of_ = exit_reason{received->payload};
    }
  }
  release(received);
}

// The acknowledgement leaves before any later signal to that process, whatever state the link is in.
void process_kernel::take_unlink(process& self, signal* received) {
  if (self.extras_) {
    const auto link = self.extras_->links.find(received->from);
    if (link != self.extras_->links.end() && link->second.active) self.extras_->links.erase(link);
  }
  const auto other = received->from;
  if (received->payload.as_integer().value_or(1) == 0) return release(received);
  received->kind = signal_kind::unlink_ack;
  received->from = self.id_;
  self.node_->route(other, received);
}

void process_kernel::take_down(process& self, signal* received) {
  const auto ref = value_of(received->tag);
  if ((ref & call_mark) != 0) {
    received->kind = signal_kind::reply_failed;
    return take_reply(self, received);
  }
  if (self.extras_ && self.extras_->watching.erase(ref)) return append(self, received);
  release(received);
}

// The envelope stays here, to become the news of the end. One that comes again takes the place of the former.
void process_kernel::take_monitor(process& self, signal* received) {
  const auto ref = received->tag.as_reference();
  if (!ref) return release(received);
  if (self.watcher_ == nullptr && (!self.extras_ || self.extras_->watchers.empty())) {
    self.watcher_ = received;
  } else if (self.watcher_ != nullptr && self.watcher_->tag == received->tag) {
    release(std::exchange(self.watcher_, received));
  } else if (const auto [entry, fresh] = extras_of(self).watchers.try_emplace(*ref, received); !fresh) {
    release(std::exchange(entry->second, received));
  }
}

void process_kernel::take_demonitor(process& self, signal* received) {
  const auto ref = received->tag.as_reference();
  if (self.watcher_ != nullptr && self.watcher_->tag == received->tag) {
    release(std::exchange(self.watcher_, nullptr));
  } else if (ref && self.extras_) {
    auto& watchers = self.extras_->watchers;
    if (const auto entry = watchers.find(*ref); entry != watchers.end()) {
      release(entry->second);
      watchers.erase(entry);
    }
  }
  release(received);
}

// An answer nobody waits for any more is dropped here: it never reaches the mailbox.
void process_kernel::take_reply(process& self, signal* received) {
  const auto ref = value_of(received->tag);
  for (auto* record = self.calls_; record != nullptr; record = record->next) {
    if (record->ref != ref || record->status != call_record::state::waiting) continue;
    const bool answered = received->kind == signal_kind::reply;
    record->status = answered ? call_record::state::answered : call_record::state::failed;
    if (answered && !record->remote && received->from != record->target) {
      self.node_->route(record->target, make_signal(signal_kind::call_done, self.id_, received->tag, term{}));
    }
    record->answer = std::move(received->payload);
    break;
  }
  release(received);
}

namespace {

// Nobody waits for the new process any more: whatever ties it to `asker` is taken back.
void undo_spawn(local_node& on, const pid& asker, signal* reply) {
  if (const auto started = reply->payload.as_pid()) {
    if ((reply->flags & signal::watched) != 0)
      on.route(*started, make_signal(signal_kind::demonitor, asker, reply->tag, term{}));
    if ((reply->flags & signal::linked) != 0)
      on.route(*started, make_signal(signal_kind::link_exit, asker, term{"abandoned"_atom}));
  }
  release(reply);
}

}  // namespace

// What ties the new process to this one holds from here on: its own signals come later.
void process_kernel::take_spawn_reply(process& self, signal* received) {
  const auto ref = value_of(received->tag);
  auto* record = self.calls_;
  while (record != nullptr && (record->ref != ref || record->status != call_record::state::waiting))
    record = record->next;
  if (record == nullptr) return undo_spawn(*self.node_, self.id_, received);
  const auto started = received->payload.as_pid();
  if (started && record->asks == call_record::question::outcome) {
    record->sent_to = destination{*started};
    return release(received);
  }
  if (started && (received->flags & signal::linked) != 0) extras_of(self).links.try_emplace(*started);
  if (started && (received->flags & signal::watched) != 0) extras_of(self).watching.add(ref, destination{*started});
  record->status = call_record::state::answered;
  record->answer = std::move(received->payload);
  release(received);
}

// A process that is not known yet is given up when its reply comes.
void process_kernel::abandon_spawn(process& self, const call_record& record) {
  if (record.sent_to.by_name()) return;
  const term ref{reference_of(self.id_.node, record.ref)};
  self.node_->route(record.sent_to, make_signal(signal_kind::demonitor, self.id_, ref, term{}));
}

void process_kernel::answer_inspection(process& self, signal* received) {
  const auto asker = received->from;
  received->payload = received->payload.is("messages"_atom) ? unread_messages(self) : describe(self);
  received->kind = signal_kind::reply;
  received->from = self.id_;
  self.node_->route(asker, received);
}

void bounce(local_node& from, const destination& to, signal* envelope, const term& reason) noexcept {
  const auto asker = envelope->from;
  const auto target = to.by_name() ? pid{from.identity(), 0, 0} : to.process();
  envelope->from = target;
  switch (envelope->kind) {
    case signal_kind::call:
    case signal_kind::inspect:
      if (from.owner().find_node(asker.node) == nullptr)
        return release(envelope);  // its own monitor tells a remote caller
      envelope->kind = signal_kind::reply_failed;
      break;
    case signal_kind::monitor: envelope->kind = signal_kind::down; break;
    case signal_kind::spawn_request: envelope->kind = signal_kind::spawn_reply; break;
    case signal_kind::spawn_reply: return undo_spawn(from, to.process(), envelope);
    case signal_kind::link: envelope->kind = signal_kind::link_exit; break;
    case signal_kind::unlink:
      if (envelope->payload.as_integer().value_or(1) == 0) return release(envelope);
      envelope->kind = signal_kind::unlink_ack;
      return from.route(asker, envelope);
    default: return release(envelope);
  }
  envelope->payload = reason;
  from.route(asker, envelope);
}

void external_operation::finished() noexcept {
  auto* const owner = owner_;
  ended_.kind = signal_kind::operation_done;
  ended_.flags = signal::embedded;
  ended_.payload = pointer_term(this);
  ended_.to_serial = static_cast<std::uint32_t>(owner->tenant.load(std::memory_order_relaxed));
  (void)push_signal(*owner, &ended_);
}

}  // namespace ergo::inline v0::detail
