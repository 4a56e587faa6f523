// What a process does to others: send, answer, link, watch, name itself, spawn.
#include <ergo/process.hpp>

#include "kernel.hpp"
#include "runtime_state.hpp"

#include <ergo/detail/core_api.hpp>

namespace ergo::inline v0 {

using detail::extras_of;
using detail::make_signal;
using detail::signal_kind;

namespace {
constexpr std::uint32_t sends_per_slice = 500;

constexpr std::uint8_t alias_flags(urgency how) noexcept {
  return detail::signal::over_alias | (how == urgency::priority ? detail::signal::urgent : 0);
}
}  // namespace

ergo::runtime& process::runtime() const noexcept { return node_->owner(); }

time_point process::read_clock() {
  now_known_ = false;
  return now();
}

time_point process::now() {
  if (!now_known_) {
    now_ = runtime().state().now();
    now_known_ = true;
  }
  return now_;
}

detail::send_awaiter process::send_term(const destination& to, term content) {
  node_->route(to, make_signal(signal_kind::message, id_, std::move(content)));
  return after_send(to);
}

detail::send_awaiter process::send_over(const reference& alias, term content, urgency how) {
  auto* const envelope = make_signal(signal_kind::message, id_, term{alias}, std::move(content));
  envelope->flags |= alias_flags(how);
  node_->route_over(alias, envelope);
  return after_send(destination{pid{alias.node, 0, 0}});
}

detail::send_awaiter process::send_cast(const destination& to, term content) {
  node_->route(to, make_signal(signal_kind::cast, id_, std::move(content)));
  return after_send(to);
}

// Waiting is due when the slice is used up, or when the message went to another node whose connection is busy.
detail::send_awaiter process::after_send(const destination& to) {
  const auto node = to.by_name() ? to.node() : (to.process().node == id_.node ? atom{} : to.process().node.name());
  if (node != atom{} && node != id_.node.name()) {
    if (auto* const way = node_->way_out(); way != nullptr && way->busy(node, id_)) {
      detail::process_kernel::note_busy(*this, node);
      return detail::send_awaiter{*this, node};
    }
  }
  return ++sent_ < sends_per_slice ? detail::send_awaiter{*this} : detail::send_awaiter{*this, atom{}};
}

result<void> process::try_send(const destination& to, term content) {
  const auto node = to.by_name() ? to.node() : to.process().node.name();
  if (auto* const way = node_->way_out(); way != nullptr && node != atom{} && way->busy(node, id_))
    return fail(errc::busy, node);
  const auto sent = node_->try_route(to, make_signal(signal_kind::message, id_, std::move(content)));
  return sent || sent.error() == errc::noproc ? result<void>{} : sent;
}

void process::reply(const caller& to, term answer) {
  for (auto open = open_calls_.size(); open-- > 0;) {
    if (open_calls_[open].from != to.process || open_calls_[open].ref != detail::value_of(to.tag)) continue;
    open_calls_[open] = open_calls_.back();
    open_calls_.pop_back();
    break;
  }
  node_->route(to.process, make_signal(signal_kind::reply, id_, to.tag, std::move(answer)));
}

void process::exit(exit_reason reason) { throw detail::process_exit{std::move(reason)}; }

void process::stop(exit_reason reason) noexcept {
  life_ = life::dying;
  dying_of_ = std::move(reason);
}

void process::exit(const pid& target, exit_reason reason) {
  node_->route(target, make_signal(signal_kind::exit, id_, reason.value()));
}

void process::exit(const reference& alias, exit_reason reason, urgency how) {
  auto* const envelope = make_signal(signal_kind::exit, id_, term{alias}, reason.value());
  envelope->flags |= alias_flags(how);
  node_->route_over(alias, envelope);
}

void process::group_leader(const pid& leader, const pid& of) {
  if (of == id_) return group_leader(leader);
  node_->route(of, make_signal(signal_kind::group_leader, id_, term{leader}));
}

reference process::make_alias(alias_use use, urgency heeded) {
  const auto made = make_ref();
  extras_of(*this).aliases.emplace(detail::value_of(made), detail::own_alias{use, heeded});
  return made;
}

bool process::drop_alias(const reference& alias) noexcept {
  return extras_ && alias.node == id_.node && extras_->aliases.erase(detail::value_of(alias)) != 0;
}

void process::link(const pid& other) {
  if (other == id_) return;
  auto [entry, fresh] = extras_of(*this).links.try_emplace(other);
  if (!fresh && entry->second.active) return;
  entry->second = {};
  node_->route(other, make_signal(signal_kind::link, id_, term{}));
}

void process::unlink(const pid& other) {
  if (!extras_) return;
  const auto entry = extras_->links.find(other);
  if (entry == extras_->links.end() || !entry->second.active) return;
  entry->second = {.active = false, .unlink_id = extras_->next_unlink_id++};
  node_->route(other, make_signal(signal_kind::unlink, id_, term{entry->second.unlink_id}));
}

monitor_ref process::monitor(const destination& target) {
  const monitor_ref made{make_ref()};
  auto to = target;
  if (to.by_name() && (to.node() == atom{} || to.node() == node_->name())) {
    to = destination{to.name(), node_->name()};
    if (const auto found = node_->whereis(to.name())) {  // tied to the process that has the name now
      detail::note_monitor(*this, detail::value_of(made.ref), destination{*found});
      auto* const asked = make_signal(signal_kind::monitor, id_, term{made.ref}, term{});
      asked->name = to.name();
      node_->route(*found, asked);
      return made;
    }
  }
  detail::note_monitor(*this, detail::value_of(made.ref), to);
  auto* const asked = make_signal(signal_kind::monitor, id_, term{made.ref}, term{});
  if (to.by_name()) asked->name = to.name();
  node_->route(to, asked);
  return made;
}

bool process::demonitor(const monitor_ref& watch, demonitor_mode mode) {
  const auto ref = detail::value_of(watch.ref);
  if (extras_) {
    if (const auto* const target = extras_->watching.find(ref)) {
      node_->route(*target, make_signal(signal_kind::demonitor, id_, term{watch.ref}, term{}));
      extras_->watching.erase(ref);
      return true;
    }
  }
  if (mode == demonitor_mode::keep) return false;
  for (auto** link = &first_; *link != nullptr; link = &(*link)->next) {
    if ((*link)->kind != signal_kind::down || detail::value_of((*link)->tag) != ref) continue;
    detail::release(detail::process_kernel::unlink_message(*this, link));
    return false;
  }
  return false;
}

void process::monitor_node(atom node) {
  ++extras_of(*this).watched_nodes[node];
  if (auto* const way = node_->way_out()) return way->monitor_node(id_, node);
  node_->route_local(id_, make_signal(signal_kind::node_down, pid{}, term{node}));
}

void process::demonitor_node(atom node) {
  auto& watched = extras_of(*this).watched_nodes;
  const auto entry = watched.find(node);
  if (entry == watched.end()) return;
  if (--entry->second == 0) watched.erase(entry);
  if (auto* const way = node_->way_out()) way->demonitor_node(id_, node);
}

std::vector<atom> process::monitor_nodes(node_set which) {
  extras_of(*this).watches_all_nodes = true;
  return node_->connected().subscribe(id_, which);
}

void process::demonitor_nodes() {
  if (!extras_ || !std::exchange(extras_->watches_all_nodes, false)) return;
  node_->connected().unsubscribe(id_);
}

std::uint64_t process::next_reference(std::uint64_t mark) noexcept {
  return (std::uint64_t{slot} << 36) | mark | (next_ref_++ & detail::counter_mask);
}

reference process::make_ref() { return detail::reference_of(id_.node, next_reference(0)); }

result<void> process::register_name(atom name) {
  if (name_ != atom{}) return fail(errc::name_taken, id_);
  if (auto done = node_->register_name(name, id_); !done) return done;
  name_ = name;
  return {};
}

void process::unregister_name() noexcept {
  if (name_ != atom{}) node_->unregister_name(std::exchange(name_, atom{}), id_);
}

pid process::spawn(const spawn_options& options, std::unique_ptr<behaviour> body) {
  auto started = try_spawn(options, std::move(body));
  if (!started) exit(exit_reason::from(started.error()));
  return *started;
}

std::pair<pid, monitor_ref> process::spawn_watched(std::unique_ptr<behaviour> body) {
  static const spawn_options ordinary;  // one for all: whoever reads one that was just written waits for the cache
  const auto watch = next_reference(0);
  const auto started = runtime().start_process(*node_, ordinary, std::move(body), {.process = this, .watch = watch});
  if (!started) exit(exit_reason::from(started.error()));
  detail::note_monitor(*this, watch, destination{*started});
  return {*started, monitor_ref{detail::whole_reference(id_.node, watch)}};
}

result<pid> process::try_spawn(const spawn_options& options, std::unique_ptr<behaviour> body) {
  auto started = runtime().start_process(*node_, options, std::move(body), {.process = this});
  if (started && options.to_parent == tie::link) extras_of(*this).links.try_emplace(*started);
  return started;
}

result<pid> process::spawn_for_call(detail::call_record& start, const spawn_options& options,
                                    std::unique_ptr<behaviour> body) {
  auto started = runtime().start_process(*node_, options, std::move(body), {.process = this, .start_call = start.ref});
  if (!started) return started;
  if (options.to_parent == tie::link) extras_of(*this).links.try_emplace(*started);
  start.target = *started;
  start.sent_to = destination{*started};
  return started;
}

// Most processes end before anybody asks.
const term& process::ancestors() const {
  if (!parent_.is_nil()) {
    ancestors_ = etf::make_list({&parent_, 1}, ancestors_);
    parent_ = term{};
  }
  return ancestors_;
}

void process::log(log_level level, std::string_view text,
                  std::initializer_list<std::pair<std::string_view, term>> fields) {
  event line{
      .what = event::kind::log, .level = level, .process = id_, .name = name_, .text = std::string{text}, .reason = {}};
  for (const auto& [key, value] : fields) line.fields.emplace_back(std::string{key}, value);
  runtime().report(line);
}

void process::set_idle_timeout(duration delay) {
  time_is_up_ = delay <= duration::zero();
  deadline_ = delay == forever || time_is_up_ ? time_point::max() : after(read_clock(), delay);
}

namespace detail {
namespace {

term fact(std::string_view key, term value) { return etf::tuple(atom::of(key), std::move(value)); }

void tell_mailbox(const process& self, std::vector<term>& facts) {
  const auto counts = self.mailbox();
  facts.push_back(fact("dropped", counts.dropped));
  facts.push_back(fact("rejected", counts.rejected));
  if (!self.metered_) return;
  facts.push_back(fact("accepted", counts.accepted));
  facts.push_back(fact("redirected", counts.redirected));
}

// In nanoseconds; of the process without its present slice.
void tell_run_time(const run_account& ran, std::vector<term>& facts) {
  facts.push_back(fact("run_time", ran.own.count()));
  facts.push_back(fact("behaviour_run_time", ran.behaviour->run_time.load(std::memory_order_relaxed)));
}

}  // namespace

term describe(process& self) {
  std::vector<term> links;
  std::vector<term> monitors;
  std::vector<term> monitored_by;
  if (self.watcher_ != nullptr) monitored_by.emplace_back(self.watcher_->from);
  if (self.extras_) {
    for (const auto& [other, link] : self.extras_->links) {
      if (link.active) links.emplace_back(other);
    }
    self.extras_->watching.visit(
        [&](const auto& watch) { monitors.push_back(etf::tuple("process"_atom, watch.second.to_term())); });
    for (const auto& [ref, asked] : self.extras_->watchers) monitored_by.emplace_back(asked->from);
  }
  std::vector<term> facts;
  if (self.name() != atom{}) facts.push_back(fact("registered_name", self.name()));
  facts.push_back(fact("initial_call", self.initial_call()));
  facts.push_back(
      fact("status", self.waiting_ != nullptr || self.first_ == nullptr ? "waiting"_atom : "runnable"_atom));
  facts.push_back(fact("message_queue_len", self.unread()));
  facts.push_back(fact("links", etf::make_list(links)));
  facts.push_back(fact("monitors", etf::make_list(monitors)));
  facts.push_back(fact("monitored_by", etf::make_list(monitored_by)));
  facts.push_back(fact("trap_exit", self.exits_ == exits::trapped));
  facts.push_back(fact("group_leader", self.group_leader()));
  facts.push_back(fact("dictionary", etf::list(etf::tuple("$ancestors"_atom, self.ancestors()),
                                               etf::tuple("$initial_call"_atom, self.initial_call()))));
  tell_mailbox(self, facts);
  if (self.ran_ != nullptr) tell_run_time(*self.ran_, facts);
  try {
    facts.push_back(fact("state", self.body_ ? self.body_->state() : term{}));
  } catch (...) {  // whoever looks at a process must not end it
    facts.push_back(fact("state", etf::tuple("EXIT"_atom, reason_of_current_exception().value())));
  }
  return etf::make_list(facts);
}

term unread_messages(const process& self) {
  std::vector<term> unread;
  for (const auto* one = self.first_; one != nullptr; one = one->next) unread.push_back(message_term(*one));
  return etf::make_list(unread);
}

// Makes a free slot a process; false when the name is taken. Nobody else knows the slot yet.
bool process_kernel::settle(process& self, local_node& on, const spawn_options& options,
                            std::unique_ptr<behaviour> body) {
  auto& state = on.owner().state();
  const auto serial = state.slots.next_serial(self.id_.serial);
  if (serial == 0 && !state.serials_wrapped.exchange(true, std::memory_order_relaxed)) {
    state.report({.what = event::kind::limit,
                  .level = log_level::notice,
                  .name = {},
                  .text = "process identifiers begin to repeat (runtime_options::compatibility)",
                  .reason = {}});
  }
  const pid id{on.identity(), self.slot, serial};
  self.id_ = id;
  self.node_ = &on;
  self.life_ = process_state::life::starting;
  self.exits_ = options.trap_exits ? exits::trapped : exits::deadly;
  self.body_ = std::move(body);
  self.quiet_ = options.quiet;
  self.place = options.pinned ? placement::pinned : placement::anywhere;
  self.deadline_ = self.armed_ = time_point::max();
  self.time_is_up_ = self.yields_ = false;
  std::uint64_t mark = 0;
  if (state.settles_specially || options.mailbox_bound != limit_of_runtime || options.high_water != limit_of_runtime)
      [[unlikely]] {
    if (state.accounts != nullptr) self.ran_ = state.accounts->open(*self.body_, options.initial_call);
    if (meter(self, options, state.options.mailbox)) mark = process_state::metered_mark;
  }
  self.metered_ = mark != 0;
  if (!options.initial_call.is_nil()) self.initial_call_ = options.initial_call;
  self.name_ = atom{};
  self.tenant.store(process_state::tenant_of(id) | mark, std::memory_order_release);
  self.signals.open();
  if (options.name == atom{} || self.register_name(options.name)) return true;
  self.leave_tenant();
  self.body_.reset();
  self.initial_call_ = term{};
  return false;
}

}  // namespace detail
}  // namespace ergo::inline v0
