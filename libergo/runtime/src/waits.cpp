// What the awaiters of a process share, and calls.
#include "kernel.hpp"
#include "runtime_state.hpp"

#include <ergo/calls.hpp>
#include <ergo/detail/core_api.hpp>

namespace ergo::inline v0 {
namespace detail {

void waiting::suspend(std::coroutine_handle<> suspended) noexcept {
  handle = suspended;
  self_->waiting_ = this;
  self_->time_is_up_ = timeout_ <= duration::zero();
  self_->deadline_ = timeout_ == forever || self_->time_is_up_ ? time_point::max()
                                                               : after(process_kernel::read_clock(*self_), timeout_);
}

void waiting::yield(std::coroutine_handle<> suspended) noexcept {
  suspend(suspended);
  self_->yields_ = true;
}

bool waiting::time_is_up() const noexcept { return self_->time_is_up_; }

const signal* waiting::look() noexcept {
  if (cursor_ == nullptr) cursor_ = &self_->first_;
  if (left_ != nullptr && cursor_ == self_->extras_->urgent_end) cursor_ = std::exchange(left_, nullptr);
  if (*cursor_ == nullptr) return nullptr;
  seen_ = cursor_;
  cursor_ = &(*cursor_)->next;
  return *seen_;
}

signal* waiting::take_seen() noexcept {
  cursor_ = seen_;
  return process_kernel::unlink_message(*self_, seen_);
}

// The walk looks at the new message next, unless it is still among those with priority, and comes to it anyway.
void waiting::overtaken(signal** at) noexcept {
  if (cursor_ == nullptr || left_ != nullptr) return;
  if (*cursor_ != nullptr && ((*cursor_)->flags & signal::urgent) != 0) return;
  left_ = std::exchange(cursor_, at);
}

void waiting::removed(signal** gone, signal** link) noexcept {
  if (cursor_ == gone) cursor_ = link;
  if (left_ == gone) left_ = link;
}

down_awaiter::down_awaiter(process& self, const monitor_ref& watch, duration timeout) noexcept
    : waiting{self, timeout}, ref_{value_of(watch.ref)} {
  if (self.extras_ && self.extras_->newest_monitor == ref_) begin_at(self.extras_->unread_since);
}

bool down_awaiter::search() {
  while (const signal* candidate = look()) {
    if (candidate->kind != signal_kind::down || value_of(candidate->tag) != ref_) continue;
    const message taken{take_seen()};
    found_.set(*taken.as<down>());
    return true;
  }
  return false;
}

bool send_awaiter::over(process& self) { return busy_node_ == atom{} || process_kernel::drained(self); }

void side_job::start(process& self) {
  auto& state = self.runtime().state();
  self.begin_operation(*this);
  try {
    if (state.options.manual) {
      state.cores[0]->post([this] { run(); });  // no threads: it runs in a later step
    } else {
      state.jobs.add(self.id(), [this] { run(); });
    }
  } catch (...) {
    self.operations_ = next;
    throw;
  }
}

void side_job::run() noexcept {
  perform();
  finished();
}

}  // namespace detail

void process::begin_operation(detail::external_operation& operation) noexcept {
  operation.owner_ = this;
  operation.done = false;
  operation.next = operations_;
  operations_ = &operation;
}

void start_call(process& self, detail::call_record& record, const destination& to, term request) {
  using detail::signal_kind;
  record.ref = self.next_reference(detail::call_mark);
  record.next = self.calls_;
  self.calls_ = &record;
  const auto failed = [&](atom reason) {
    record.status = detail::call_record::state::failed;
    record.answer = term{reason};
  };
  auto target = to;
  auto* on = &self.node();
  if (target.by_name() && target.node() != atom{} && target.node() != on->name())
    on = self.runtime().find_node_by_name(target.node());
  if (target.by_name() && on != nullptr) {
    const auto found = on->whereis(target.name());
    if (!found) return failed("noproc"_atom);
    target = destination{*found};
  }
  record.sent_to = target;
  const term tag{detail::reference_of(self.id().node, record.ref)};
  if (!target.by_name() && self.runtime().find_node(target.process().node) != nullptr) {
    record.target = target.process();
    return self.node().route_local(record.target,
                                   detail::make_signal(signal_kind::call, self.id(), tag, std::move(request)));
  }
  if (!target.by_name() && self.runtime().find_node_by_name(target.process().node.name()) != nullptr)
    return failed("noproc"_atom);
  record.remote = true;
  auto* const way = self.node().way_out();
  if (way == nullptr) return failed("noconnection"_atom);
  auto* const watch = detail::make_signal(signal_kind::monitor, self.id(), tag, term{});
  if (target.by_name()) watch->name = target.name();
  way->deliver(target, watch);
  way->deliver(target, detail::make_signal(signal_kind::call, self.id(), tag, std::move(request)));
}

void start_inspection(process& self, detail::call_record& record, const pid& target, atom what) {
  record.ref = self.next_reference(detail::call_mark);
  record.next = self.calls_;
  record.target = target;
  self.calls_ = &record;
  const term tag{detail::reference_of(self.id().node, record.ref)};
  self.node().route_local(target, detail::make_signal(detail::signal_kind::inspect, self.id(), tag, term{what}));
}

caller prepare_call(process& self, detail::call_record& record) {
  record.ref = self.next_reference(detail::call_mark);
  record.next = self.calls_;
  self.calls_ = &record;
  return {self.id(), term{detail::reference_of(self.id().node, record.ref)}};
}

reference prepare_spawn(process& self, detail::call_record& record, detail::call_record::question asks) {
  const bool outcome = asks == detail::call_record::question::outcome;
  record.asks = asks;
  record.ref = self.next_reference(outcome ? detail::call_mark : 0);
  record.next = self.calls_;
  self.calls_ = &record;
  return detail::reference_of(self.id().node, record.ref);
}

namespace {

void send_spawn_request(process& self, const reference& id, const remote_spawn& wanted) {
  std::vector<term> options;
  if (wanted.link) options.emplace_back("link"_atom);
  if (wanted.monitor) options.emplace_back("monitor"_atom);
  if (wanted.name != atom{}) options.emplace_back(etf::tuple("name"_atom, wanted.name));
  auto* const request = detail::make_signal(
      detail::signal_kind::spawn_request, self.id(), term{id},
      etf::tuple(self.group_leader(), wanted.module, wanted.function, wanted.arguments, etf::make_list(options)));
  const destination node{atom{}, wanted.node};
  if (auto* const way = self.node().way_out()) return way->deliver(node, request);
  detail::bounce(self.node(), node, request, "noconnection"_atom);
}

}  // namespace

reference call_reference(const process& self, const detail::call_record& record) noexcept {
  return detail::reference_of(self.id().node, record.ref);
}

void start_spawn(process& self, detail::call_record& record, const remote_spawn& wanted) {
  record.sent_to = destination{atom{}, wanted.node};
  send_spawn_request(self, detail::reference_of(self.id().node, record.ref), wanted);
}

void request_spawn(process& self, const remote_spawn& wanted) { send_spawn_request(self, self.make_ref(), wanted); }

void close_call(process& self, detail::call_record& record) noexcept {
  using detail::signal_kind;
  auto** link = &self.calls_;
  while (*link != nullptr && *link != &record) link = &(*link)->next;
  if (*link == nullptr) return;
  *link = record.next;
  const bool waits = record.status == detail::call_record::state::waiting;
  if (record.asks != detail::call_record::question::call) {
    if (waits) detail::process_kernel::abandon_spawn(self, record);
    return;
  }
  const bool answered = record.status == detail::call_record::state::answered;
  if (record.remote ? !(waits || answered) : !waits) return;
  const auto kind = record.remote ? signal_kind::demonitor : signal_kind::call_done;
  auto* const told =
      detail::make_signal(kind, self.id(), term{detail::reference_of(self.id().node, record.ref)}, term{});
  if (record.remote && record.sent_to.by_name()) told->name = record.sent_to.name();
  self.node().route(record.sent_to, told);
}

result<term> outcome_of(const detail::call_record& record) {
  using state = detail::call_record::state;
  if (record.status == state::answered) return record.answer;
  if (record.status == state::waiting) return fail(errc::timeout);
  if (record.answer.is("noproc"_atom)) return fail(errc::noproc);
  if (record.answer.is("noconnection"_atom)) {
    return fail(errc::nodedown,
                term{record.sent_to.by_name() ? record.sent_to.node() : record.sent_to.process().node.name()});
  }
  if (record.answer == etf::tuple("system_limit"_atom, "mailbox"_atom)) return fail(errc::system_limit, "mailbox"_atom);
  return fail(errc::exited, record.answer);
}

call_awaiter::call_awaiter(process& self, const destination& to, term request, duration timeout)
    : waiting{self, timeout} {
  const bool by_own_name = to.by_name() && (to.node() == atom{} || to.node() == self.node().name()) &&
                           self.name() != atom{} && to.name() == self.name();
  to_self_ = by_own_name || (!to.by_name() && to.process() == self.id());
  if (!to_self_) start_call(self, record_, to, std::move(request));
}

call_awaiter::call_awaiter(process& self, const pid& inspected, duration timeout, atom what) : waiting{self, timeout} {
  to_self_ = inspected == self.id();
  if (!to_self_) start_inspection(self, record_, inspected, what);
}

call_awaiter::~call_awaiter() {
  if (!to_self_) close_call(*self_, record_);
}

bool call_awaiter::await_ready() const noexcept {
  return to_self_ || record_.status != detail::call_record::state::waiting;
}

result<term> call_awaiter::await_resume() {
  if (to_self_) return fail(errc::calling_self);
  return outcome_of(record_);
}

bool call_awaiter::over(process& /*self*/) {
  return record_.status != detail::call_record::state::waiting || time_is_up();
}

call_awaiter process_info(process& self, const pid& target, duration timeout) {
  return call_awaiter{self, target, timeout};
}

call_awaiter process_messages(process& self, const pid& target, duration timeout) {
  return call_awaiter{self, target, timeout, "messages"_atom};
}

}  // namespace ergo::inline v0
