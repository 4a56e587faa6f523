// The end of a process, in two steps: relations at once, code when nothing outside writes into its frames any more.
#include "kernel.hpp"

#include "runtime_state.hpp"

#include <ergo/detail/core_api.hpp>
#include <ergo/runtime.hpp>

#include <algorithm>
#include <vector>

namespace ergo::inline v0::detail {
namespace {

bool comes_before(const pid& left, const pid& right) { return etf::compare(left, right) < 0; }
bool comes_before(const reference& left, const reference& right) { return etf::compare(left, right) < 0; }
bool comes_before(std::uint64_t left, std::uint64_t right) { return left < right; }
bool comes_before(atom left, atom right) { return etf::compare_text(left, right) < 0; }

template <typename Table, typename Each>
void visit(const Table& table, const Each& each) {
  for (const auto& entry : table) each(entry);
}
template <typename Key, typename Value, typename Each>
void visit(const first_inside<Key, Value>& table, const Each& each) {
  table.visit(each);
}

// Tables by hash are walked in an order that depends on what the program did before. Nobody may rely on one, but a
// simulated run must be the same each time; there, and only there, the order is made one.
template <typename Table, typename Tell>
void for_each(const Table& table, bool in_order, const Tell& tell) {
  if (!in_order || table.size() < 2) return visit(table, [&](const auto& entry) { tell(entry.first, entry.second); });
  std::vector<const typename Table::value_type*> entries;
  visit(table, [&](const auto& entry) { entries.push_back(&entry); });
  std::ranges::sort(entries, [](auto* left, auto* right) { return comes_before(left->first, right->first); });
  for (const auto* entry : entries) tell(entry->first, entry->second);
}

// What proc_lib of OTP tells of a crash, under its names. There is no stack to show, and messages are nobody's
// business.
event crash_report(process& self, const exit_reason& reason) {
  std::vector<term> links;
  if (self.extras_) {
    for (const auto& [other, link] : self.extras_->links) {
      if (link.active) links.emplace_back(other);
    }
  }
  const auto name = self.name() == atom{} ? term{} : term{self.name()};
  return {.what = event::kind::crash,
          .level = log_level::error,
          .process = self.id(),
          .name = self.name(),
          .text = "process ended abnormally",
          .reason = reason.value(),
          .fields = {{"label", etf::tuple("proc_lib"_atom, "crash"_atom)},
                     {"initial_call", self.initial_call()},
                     {"pid", self.id()},
                     {"registered_name", name},
                     {"error_info", etf::tuple("exit"_atom, reason.value(), term{})},
                     {"ancestors", self.ancestors()},
                     {"message_queue_len", self.unread()},
                     {"links", etf::make_list(links)},
                     {"trap_exit", self.exits_ == exits::trapped}}};
}

void clear(term& kept) noexcept {
  if (!kept.is_nil()) kept = term{};
}

}  // namespace

// After this every later signal gets `noproc`, the name is free, and whoever cared knows.
void process_kernel::die(process& self) noexcept {
  self.life_ = process_state::life::dying;
  const auto& reason = self.dying_of_;
  auto& runtime = self.node_->owner();
  std::unique_ptr<event> report;  // by pointer: most processes have nothing to report
  if (!reason.is_ordinary() && !self.quiet_) report = std::make_unique<event>(crash_report(self, reason));
  self.unregister_name();
  self.leave_tenant();
  self.extras_ ? tell_relations(self, reason) : tell_first_watcher(self, reason);
  if (self.first_ != nullptr || !self.open_calls_.empty()) fail_callers(self, reason);
  if (self.calls_ != nullptr) abandon_own(self);
  if (report) runtime.report(*report);
  if (self.operations_ == nullptr) return;
  self.life_ = process_state::life::zombie;
  for (auto* running = self.operations_; running != nullptr; running = running->next) running->cancel();
}

// The envelope that asked for the monitor carries the news back.
void process_kernel::tell_watcher(process& self, signal* asked, const exit_reason& reason) {
  const auto who = asked->from;
  asked->kind = signal_kind::down;
  asked->flags = 0;
  asked->weight = 0;
  asked->from = self.id_;
  asked->payload = reason.value();
  who.node == self.id_.node ? self.node_->route_local(who, asked) : self.node_->route(who, asked);
}

void process_kernel::tell_first_watcher(process& self, const exit_reason& reason) {
  if (self.watcher_ != nullptr) tell_watcher(self, std::exchange(self.watcher_, nullptr), reason);
}

void process_kernel::tell_relations(process& self, const exit_reason& reason) {
  auto& extras = *self.extras_;
  const bool in_order = self.node_->owner().state().options.manual;
  for_each(extras.links, in_order, [&](const pid& other, const link_state& link) {
    if (link.active) self.node_->route(other, make_signal(signal_kind::link_exit, self.id_, reason.value()));
  });
  tell_first_watcher(self, reason);
  for_each(extras.watchers, in_order,
           [&](const reference& /*ref*/, signal* asked) { tell_watcher(self, asked, reason); });
  for_each(extras.watching, in_order, [&](std::uint64_t ref, const destination& target) {
    self.node_->route(target,
                      make_signal(signal_kind::demonitor, self.id_, term{reference_of(self.id_.node, ref)}, term{}));
  });
  if (auto* const way = self.node_->way_out()) {
    for_each(extras.watched_nodes, in_order, [&](atom node, unsigned count) {
      for (unsigned one = 0; one < count; ++one) way->demonitor_node(self.id_, node);
    });
  }
  if (extras.watches_all_nodes) self.node_->connected().unsubscribe(self.id_);
  self.extras_.reset();
}

// Calls that were taken and not answered, and calls that were never read.
void process_kernel::fail_callers(process& self, const exit_reason& reason) {
  for (const auto& open : self.open_calls_) {
    self.node_->route(open.from, make_signal(signal_kind::reply_failed, self.id_,
                                             term{reference_of(open.from.node, open.ref)}, reason.value()));
  }
  self.open_calls_.clear();
  while (self.first_ != nullptr) {
    auto* const unread = self.first_;
    self.first_ = unread->next;
    forget_place(self, *unread);
    if (unread->kind == signal_kind::call) {
      bounce(*self.node_, destination{self.id_}, unread, reason.value());
    } else {
      release(unread);
    }
  }
  self.last_link_ = &self.first_;
  if (self.extras_) self.extras_->urgent_end = nullptr;
  self.unread_ = 0;
}

void process_kernel::abandon_own(process& self) {
  for (auto* record = self.calls_; record != nullptr; record = record->next) {
    if (record->status != call_record::state::waiting) continue;
    if (record->asks != call_record::question::call) {
      abandon_spawn(self, *record);
      record->status = call_record::state::failed;
      continue;
    }
    const auto kind = record->remote ? signal_kind::demonitor : signal_kind::call_done;
    const auto to = record->remote ? record->sent_to : destination{record->target};
    self.node_->route(to, make_signal(kind, self.id_, term{reference_of(self.id_.node, record->ref)}, term{}));
    record->status = call_record::state::failed;
  }
}

slice_end process_kernel::slice_of_zombie(process& self) noexcept {
  return self.operations_ == nullptr ? retire(self) : slice_end::waiting;
}

// Frames innermost first, then the behaviour. Destructors may still send.
void process_kernel::drop_code(process& self) noexcept {
  destroy_chain(std::exchange(self.innermost_, nullptr));
  self.root_ = nullptr;
  self.waiting_ = nullptr;
  self.body_.reset();
}

slice_end process_kernel::retire(process& self) noexcept {
  drop_code(self);
  self.calls_ = nullptr;
  auto* left = self.signals.close();
  while (left != nullptr) {
    auto* const next = left->next;
    if ((left->flags & signal::embedded) != 0) {
      if (left->kind == signal_kind::wake) self.wake_pending_.store(false, std::memory_order_release);
    } else {
      forget_place(self, *left);
      bounce(*self.node_, destination{self.id_}, left, "noproc"_atom);
    }
    left = next;
  }
  while (self.first_ != nullptr) {  // messages that a destructor sent to its own process
    auto* const unread = self.first_;
    self.first_ = unread->next;
    forget_place(self, *unread);
    release(unread);
  }
  self.last_link_ = &self.first_;
  self.extras_.reset();
  self.held_up_ = false;
  for (auto* kept : {&self.parent_, &self.ancestors_, &self.initial_call_}) clear(*kept);
  if (!self.dying_of_.is_normal()) self.dying_of_ = exit_reason::normal();
  self.life_ = process_state::life::unused;
  self.node_->owner().state().slots.give_back(&self, self.worker_->slots);
  return slice_end::gone;
}

}  // namespace ergo::inline v0::detail
