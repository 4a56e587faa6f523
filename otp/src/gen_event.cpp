// The event manager: what gen_event.erl does with each message, handler by handler.
#include <ergo/otp/gen_event.hpp>

#include <ergo/detail/process_exit.hpp>
#include <ergo/local_node.hpp>

#include <algorithm>
#include <array>

namespace ergo::inline v0::otp {

using detail::event_handler;
using detail::handler_attempt;
using ergo::detail::reason_of_current_exception;
using ergo::detail::signal_kind;

handler_result::handler_result(result outcome) : act_{act::stay} {
  switch (outcome.what()) {
    case result::act::noreply: break;
    case result::act::reply: answer_ = std::move(outcome.value()); break;
    case result::act::refuse:
      act_ = act::refuse;
      parts_[0] = std::move(outcome.extra());
      break;
    // A handler cannot stop its manager; this is as wrong as an unknown value is in Erlang.
    case result::act::stop:
    case result::act::stop_reply:
    case result::act::ignore:
      throw ergo::detail::process_exit{exit_reason{etf::tuple("bad_return_value"_atom, "stop"_atom)}};
  }
}

namespace detail {

void no_handler_clause(atom handler, atom callback, const term& argument) {
  const auto place = etf::tuple(handler, callback, etf::list(argument), term{});
  throw ergo::detail::process_exit{exit_reason{etf::tuple("function_clause"_atom, etf::list(place))}};
}

term undefined_code_change(atom handler, const term& arguments) {
  const auto place = etf::tuple(handler, "code_change"_atom, arguments, term{});
  return etf::tuple("EXIT"_atom, etf::tuple("undef"_atom, etf::list(place)));
}

term refused_code_change(const term& why) {
  const auto wrong = etf::tuple("badmatch"_atom, etf::tuple("error"_atom, why));
  return etf::tuple("EXIT"_atom, etf::tuple(wrong, term{}));
}

void report_unknown_info(process& self, atom handler, const term& info) {
  self.log(log_level::warning, "event handler has no handle_info", {{"handler", handler}, {"message", info}});
}

message as_message(const term& content) {
  return message{ergo::detail::make_signal(signal_kind::message, pid{}, content)};
}

}  // namespace detail

namespace {

enum class callback : std::uint8_t { init, event, call };

term exit_term(const exit_reason& reason) { return etf::tuple("EXIT"_atom, reason.value()); }

// `catch` of Erlang: what the handler throws is a value, and ends nothing but the handler.
task<handler_attempt> attempt(process& self, event_handler* code, callback which, term given) {
  handler_attempt outcome;
  try {
    auto work = which == callback::init    ? code->init(self, given)
                : which == callback::event ? code->on_event(self, given)
                                           : code->on_call(self, given);
    outcome.decision.emplace(co_await std::move(work));
  } catch (...) {
    outcome.failure = exit_term(reason_of_current_exception());
  }
  co_return outcome;
}

task<handler_attempt> attempt_info(process& self, event_handler* code, const message& info) {
  handler_attempt outcome;
  try {
    auto work = code->on_info(self, info);
    outcome.decision.emplace(co_await std::move(work));
  } catch (...) {
    outcome.failure = exit_term(reason_of_current_exception());
  }
  co_return outcome;
}

task<term> attempt_end(process& self, event_handler* code, term how) {
  term value;
  try {
    auto work = code->on_terminate(self, how);
    value = co_await std::move(work);
  } catch (...) {
    value = exit_term(reason_of_current_exception());
  }
  co_return value;
}

// `Module` or `{Module, Id}`; an id of `false` is none.
std::optional<std::pair<atom, term>> read_name(const term& handler) {
  if (const auto module = handler.as_atom()) return std::pair{*module, term{false}};
  if (!handler.is_tuple(2)) return std::nullopt;
  const auto module = handler.elements()[0].as_atom();
  if (!module) return std::nullopt;
  return std::pair{*module, handler.elements()[1]};
}

term error_of(const term& why) { return etf::tuple("error"_atom, why); }

// {From, {Pid, Tag}, Request}, where From may be anything.
std::optional<from> caller_in(const term& content) {
  if (!content.is_tuple(3) || !content.elements()[1].is_tuple(2)) return std::nullopt;
  const auto parts = content.elements()[1].elements();
  const auto process = parts[0].as_pid();
  if (!process) return std::nullopt;
  return from{*process, parts[1]};
}

}  // namespace

event_handlers& event_handlers::provide(atom name, maker make) {
  std::erase_if(makers_, [&](const auto& each) { return each.first == name; });
  makers_.emplace_back(name, std::move(make));
  return *this;
}

std::unique_ptr<event_handler> event_handlers::make(atom name) const {
  const auto found = std::ranges::find(makers_, name, &std::pair<atom, maker>::first);
  return found == makers_.end() ? nullptr : found->second();
}

term event_manager::entry::name() const {
  if (id.is("false"_atom)) return term{module};
  return etf::tuple(module, id);
}

void event_manager::init(process& self) { self.trap_exits(exits::trapped); }

task<result> event_manager::handle_call(process& self, const term& request, const from& caller) {
  if (request.is("stop"_atom)) {
    co_await stop_all(self);
    co_return otp::stop(exit_reason::normal(), "ok"_atom);
  }
  auto answered = co_await answer(self, request);
  if (answered) co_return otp::reply(*answered);
  co_await inform_of(self, etf::tuple("$gen_call"_atom, caller.to_term(), request));
  co_return otp::noreply();
}

task<result> event_manager::handle_cast(process& self, const term& cast) {
  co_await inform_of(self, etf::tuple("$gen_cast"_atom, cast));
  co_return otp::noreply();
}

task<result> event_manager::handle_info(process& self, const message& info) {
  const bool plain = info.kind() == signal_kind::message || info.kind() == signal_kind::timer_message;
  if (info.kind() == signal_kind::exit_message) {
    co_await exited(self, info);
  } else if (plain && etf::is_tagged(info.payload(), "notify"_atom, 2)) {
    co_await notify(self, info.payload().elements()[1]);
  } else if (const auto caller = plain ? caller_in(info.payload()) : std::nullopt) {
    const auto request = info.payload().elements()[2];
    if (request.is("stop"_atom)) {
      co_await stop_all(self);
      self.reply(*caller, "ok"_atom);
      co_return otp::stop(exit_reason::normal());
    }
    auto answered = co_await answer(self, request);
    if (answered) {
      self.reply(*caller, *std::move(answered));
    } else {
      co_await inform(self, info);
    }
  } else {
    co_await inform(self, info);
  }
  co_return otp::noreply();
}

task<> event_manager::terminate(process& self) { co_await stop_all(self); }

term event_manager::state() const {
  std::vector<term> all;
  all.reserve(entries_.size());
  for (const auto& each : entries_) all.push_back(etf::tuple(each.module, each.id, each.code->state()));
  return etf::make_list(all);
}

// Empty for what is no request.
task<std::optional<term>> event_manager::answer(process& self, term request) {
  if (request.is("which_handlers"_atom)) {
    std::vector<term> names;
    for (const auto& each : entries_) names.push_back(each.name());
    co_return etf::make_list(names);
  }
  if (request.is("get_modules"_atom)) {
    std::vector<term> modules;
    for (const auto& each : entries_) modules.emplace_back(each.module);
    std::ranges::sort(modules, [](const term& left, const term& right) { return etf::compare(left, right) < 0; });
    modules.erase(std::unique(modules.begin(), modules.end()), modules.end());
    co_return etf::make_list(modules);
  }
  const auto parts = request.elements();
  if (etf::is_tagged(request, "sync_notify"_atom, 2)) {
    co_await notify(self, parts[1]);
    co_return term{"ok"_atom};
  }
  if (etf::is_tagged(request, "call"_atom, 3)) co_return co_await call(self, parts[1], parts[2]);
  if (etf::is_tagged(request, "add_handler"_atom, 3)) co_return co_await add(self, parts[1], parts[2], std::nullopt);
  if (etf::is_tagged(request, "add_sup_handler"_atom, 4) && parts[3].as_pid())
    co_return co_await add(self, parts[1], parts[2], parts[3].as_pid());
  if (etf::is_tagged(request, "delete_handler"_atom, 3)) co_return co_await remove(self, parts[1], parts[2]);
  if (etf::is_tagged(request, "swap_handler"_atom, 5))
    co_return co_await swap(self, parts[1], parts[2], parts[3], parts[4], std::nullopt);
  if (etf::is_tagged(request, "swap_sup_handler"_atom, 6) && parts[5].as_pid())
    co_return co_await swap(self, parts[1], parts[2], parts[3], parts[4], parts[5].as_pid());
  co_return std::nullopt;
}

// The link stays even when the handler does not come up, as in OTP, where others may stand on it.
task<term> event_manager::add(process& self, term handler, term arguments, std::optional<pid> supervisor) {
  if (supervisor) self.link(*supervisor);
  const auto name = read_name(handler);
  auto code = name ? known_.make(name->first) : nullptr;
  if (!code) {
    self.log(log_level::error, "nobody provides this event handler", {{"manager", self.name()}, {"handler", handler}});
    const auto place = etf::tuple(name ? term{name->first} : handler, "init"_atom, etf::list(arguments), term{});
    co_return exit_term(exit_reason{etf::tuple("undef"_atom, etf::list(place))});
  }
  auto tried = attempt(self, code.get(), callback::init, std::move(arguments));
  auto outcome = co_await std::move(tried);
  if (!outcome.decision) co_return outcome.failure;
  if (outcome.decision->what() == handler_result::act::refuse) co_return error_of(outcome.decision->reason());
  entry added;
  added.module = name->first;
  added.id = name->second;
  added.supervisor = supervisor;
  added.code = std::move(code);
  entries_.insert(entries_.begin(), std::move(added));
  co_return term{"ok"_atom};
}

task<term> event_manager::swap(process& self, term first, term how, term second, term arguments,
                               std::optional<pid> supervisor) {
  term left{"error"_atom};  // of a handler that was not there
  if (const auto at = find(first)) {
    auto gone = take(*at);
    const auto old = gone.supervisor;
    const auto told = supervisor ? supervisor : old;
    ending swapped;
    swapped.reason = etf::tuple("swapped"_atom, second, told ? term{*told} : term{false});
    swapped.how = how;
    swapped.last = term{"swapped"_atom};
    left = co_await end(self, std::move(gone), std::move(swapped));
    if (!supervisor) supervisor = old;
  }
  auto both = etf::tuple(arguments, left);
  const auto added = co_await add(self, second, std::move(both), supervisor);
  if (added.is("ok"_atom)) co_return added;
  co_return error_of(added);
}

task<term> event_manager::remove(process& self, term handler, term how) {
  const auto at = find(handler);
  if (!at) co_return error_of("module_not_found"_atom);
  ending removed;
  removed.how = std::move(how);
  removed.reason = term{"normal"_atom};
  removed.last = term{"delete"_atom};
  auto gone = take(*at);
  co_return co_await end(self, std::move(gone), std::move(removed));
}

task<term> event_manager::call(process& self, term handler, term request) {
  const auto at = find(handler);
  if (!at) co_return error_of("bad_module"_atom);
  auto tried = attempt(self, entries_[*at].code.get(), callback::call, request);
  auto outcome = co_await std::move(tried);
  auto answer = outcome.decision ? outcome.decision->answer() : error_of(outcome.failure);
  if (outcome.decision && outcome.decision->what() == handler_result::act::refuse)
    answer = error_of(error_of(outcome.decision->reason()));
  (void)co_await settle(self, *at, std::move(outcome), std::move(request));
  co_return answer;
}

task<> event_manager::notify(process& self, term event) {
  for (std::size_t at = 0; at < entries_.size();) {
    auto tried = attempt(self, entries_[at].code.get(), callback::event, event);
    auto outcome = co_await std::move(tried);
    const bool stays = co_await settle(self, at, std::move(outcome), event);
    if (stays) ++at;
  }
}

task<> event_manager::inform(process& self, const message& info) {
  for (std::size_t at = 0; at < entries_.size();) {
    auto tried = attempt_info(self, entries_[at].code.get(), info);
    auto outcome = co_await std::move(tried);
    const bool stays = co_await settle(self, at, std::move(outcome), info.to_term());
    if (stays) ++at;
  }
}

task<> event_manager::inform_of(process& self, term info) {
  const auto envelope = detail::as_message(info);
  co_await inform(self, envelope);
}

// First those go whom the process supervised, then the others hear of its end.
task<> event_manager::exited(process& self, const message& info) {
  const auto process = info.sender();
  for (std::size_t at = 0; at < entries_.size();) {
    if (entries_[at].supervisor != process) {
      ++at;
      continue;
    }
    ending gone;
    gone.how = etf::tuple("stop"_atom, info.payload());
    gone.reason = term{"shutdown"_atom};
    gone.last = etf::tuple("parent_terminated"_atom, etf::tuple(process, info.payload()));
    auto left = take(at);
    (void)co_await end(self, std::move(left), std::move(gone));
  }
  co_await inform(self, info);
}

task<bool> event_manager::settle(process& self, std::size_t at, handler_attempt outcome, term last) {
  using act = handler_result::act;
  ending gone;
  gone.last = std::move(last);
  if (outcome.decision) {
    if (outcome.decision->what() == act::stay) co_return true;
    if (outcome.decision->what() == act::replace) co_return co_await replace(self, at, *std::move(outcome.decision));
    const bool removed = outcome.decision->what() == act::remove;
    const auto wrong = etf::tuple("error"_atom, outcome.decision->reason());
    gone.how = removed ? term{"remove_handler"_atom} : error_of(wrong);
    gone.reason = removed ? term{"normal"_atom} : wrong;
  } else {
    gone.how = error_of(outcome.failure);
    gone.reason = outcome.failure;
  }
  auto left = take(at);
  (void)co_await end(self, std::move(left), std::move(gone));
  co_return false;
}

// The new handler takes the place of the old one. If it does not come up, the supervisor is told `crash`, as in OTP.
task<bool> event_manager::replace(process& self, std::size_t at, handler_result decision) {
  auto old = take(at);
  const auto supervisor = old.supervisor;
  ending swapped;
  swapped.reason = etf::tuple("swapped"_atom, decision.other(), supervisor ? term{*supervisor} : term{false});
  swapped.how = decision.how();
  swapped.last = term{"swapped"_atom};
  const auto left = co_await end(self, std::move(old), std::move(swapped));
  auto both = etf::tuple(decision.arguments(), left);
  const auto before = entries_.size();
  const auto added = co_await add(self, decision.other(), std::move(both), std::nullopt);
  if (entries_.size() > before) {
    entries_.front().supervisor = supervisor;
    std::rotate(entries_.begin(), entries_.begin() + 1, entries_.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    co_return true;
  }
  self.log(log_level::error, "event handler did not take over", {{"handler", decision.other()}, {"reason", added}});
  if (supervisor) self.send(*supervisor, etf::tuple("gen_event_EXIT"_atom, decision.other(), "crash"_atom));
  co_return false;
}

// Calls terminate, reports, and tells the supervisor.
task<term> event_manager::end(process& self, entry gone, ending how) {
  auto ended = attempt_end(self, gone.code.get(), how.how);
  auto value = co_await std::move(ended);
  report(self, gone, how);
  if (gone.supervisor) self.send(*gone.supervisor, etf::tuple("gen_event_EXIT"_atom, gone.name(), how.reason));
  co_return value;
}

// Supervisors of handlers are not to end with the manager, but its own parent is to know. Who has started it without a
// link and supervises a handler looks like a parent, and stays tied, too.
task<> event_manager::stop_all(process& self) {
  std::vector<pid> tied;
  while (!entries_.empty()) {
    auto gone = take(0);
    if (gone.supervisor && !is_parent(self, *gone.supervisor)) tied.push_back(*gone.supervisor);
    ending stopped;
    stopped.how = term{"stop"_atom};
    stopped.reason = term{"shutdown"_atom};
    stopped.last = term{"stop"_atom};
    (void)co_await end(self, std::move(gone), std::move(stopped));
  }
  for (const auto& each : tied) self.unlink(each);
}

void event_manager::report(process& self, const entry& gone, const ending& how) const {
  if (exit_reason{how.reason}.is_ordinary() || etf::is_tagged(how.reason, "swapped"_atom, 3)) return;
  term last_state;
  try {
    last_state = gone.code->state();
  } catch (...) {  // the handler's own code, whose state may be the very thing that is broken
    last_state = term{"state_failed"_atom};
  }
  self.log(log_level::error, "event handler crashed",
           {{"handler", gone.name()},
            {"manager", self.name()},
            {"last_message", how.last},
            {"state", last_state},
            {"reason", how.reason}});
}

event_manager::entry event_manager::take(std::size_t at) {
  auto taken = std::move(entries_[at]);
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(at));
  return taken;
}

std::optional<std::size_t> event_manager::find(const term& handler) const {
  const auto name = read_name(handler);
  if (!name) return std::nullopt;
  const auto same = [&](const entry& each) { return each.module == name->first && each.id == name->second; };
  const auto found = std::ranges::find_if(entries_, same);
  if (found == entries_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - entries_.begin());
}

bool event_manager::is_parent(const process& self, const pid& other) const {
  const auto ancestors = self.ancestors().items();
  if (ancestors.empty()) return false;
  const auto name = ancestors[0].as_atom();
  return name ? self.node().whereis(*name) == other : ancestors[0].as_pid() == other;
}

namespace gen_event {

typed_call<term> swap_handler(process& self, const destination& manager, const std::pair<term, term>& handler_and_how,
                              const std::pair<term, term>& handler_and_arguments) {
  return {self, manager,
          etf::tuple("swap_handler"_atom, handler_and_how.first, handler_and_how.second, handler_and_arguments.first,
                     handler_and_arguments.second),
          forever};
}

typed_call<term> swap_sup_handler(process& self, const destination& manager,
                                  const std::pair<term, term>& handler_and_how,
                                  const std::pair<term, term>& handler_and_arguments) {
  return {self, manager,
          etf::tuple("swap_sup_handler"_atom, handler_and_how.first, handler_and_how.second,
                     handler_and_arguments.first, handler_and_arguments.second, self.id()),
          forever};
}

typed_call<std::vector<term>> which_handlers(process& self, const destination& manager) {
  return {self, manager, "which_handlers"_atom, forever};
}

}  // namespace gen_event
}  // namespace ergo::inline v0::otp
