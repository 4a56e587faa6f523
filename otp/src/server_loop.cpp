// A server's life: init, messages one after the other, terminate.
#include <ergo/otp/detail/server_loop.hpp>

#include <ergo/detail/process_exit.hpp>
#include <ergo/otp/io_format.hpp>
#include <ergo/runtime.hpp>

namespace ergo::inline v0::otp::detail {

using ergo::detail::reason_of_current_exception;
using ergo::detail::signal_kind;

void server_loop::start(process& self) {
  if (ticket_) {
    parent_ = ticket_->parent;
    report_depth_ = ticket_->report_depth;
    if (ticket_->name) {
      phase_ = phase::claiming;
      return run(self, claim(self, *ticket_->name));
    }
  }
  initialise(self);
}

void server_loop::initialise(process& self) {
  phase_ = phase::initialising;
  try {
    on_init(self);
  } catch (...) {
    plan_stop(reason_of_current_exception());
  }
  settle(self);
}

// Nobody gets a server of a name that another one has.
task<result> server_loop::claim(process& self, public_name name) {
  auto claimed = co_await name.service().claim(self, name.name());
  if (!claimed) co_return otp::stop(exit_reason::from(claimed.error()));
  if (*claimed) {
    called_ = name.name();
    co_return otp::ok();
  }
  ticket_->how = start_ticket::end::taken;
  if (const auto owner = name.service().find(self.node(), name.name())) ticket_->reason = *owner;
  co_return otp::stop(exit_reason::normal());
}

void server_loop::receive(process& self, message received) {
  current_ = std::move(received);
  if (system_messages::concerns(current_)) [[unlikely]]
    return start_conversation(self);
  idle_limit_ = forever;
  if (system_.watched()) [[unlikely]]
    note_arrival(self);
  try {
    switch (current_.kind()) {
      case signal_kind::call:
        from_ = current_.from();
        on_call(self, current_, from_);
        break;
      case signal_kind::cast: on_cast(self, current_); break;
      case signal_kind::exit_message:
        if (from_parent(current_)) {
          plan_stop(current_.payload());
        } else {
          on_info(self, current_);
        }
        break;
      default: on_info(self, current_);
    }
  } catch (...) {
    plan_stop(reason_of_current_exception());
  }
  settle(self);
}

void server_loop::task_ended(process& self) {
  if (phase_ == phase::claiming) [[unlikely]]
    return take_claim(self);
  try {
    apply(self, running_.take());
  } catch (...) {
    plan_stop(reason_of_current_exception());
  }
  settle(self);
}

void server_loop::take_claim(process& self) {
  try {
    auto claimed = running_.take();
    if (claimed.what() == result::act::noreply) return initialise(self);
    plan_stop(exit_reason{claimed.extra()});
  } catch (...) {
    plan_stop(reason_of_current_exception());
  }
  settle(self);
}

void server_loop::idle_timeout(process& self) {
  auto content = idle_message_.is_nil() ? term{"timeout"_atom} : std::exchange(idle_message_, term{});
  receive(self, message{ergo::detail::make_signal(signal_kind::message, pid{}, std::move(content))});
}

void server_loop::apply(process& self, result outcome) {
  if (phase_ == phase::terminating) return;
  if (phase_ == phase::initialising) return finish_init(self, std::move(outcome));
  using act = result::act;
  const bool in_call = current_ && current_.is_call();
  switch (outcome.what()) {
    case act::noreply:
      if (system_.watched()) [[unlikely]]
        note_state(self);
      return plan(self, outcome);
    case act::reply:
      if (!in_call) return bad_return(outcome);
      answer(self, std::move(outcome.value()));
      return plan(self, outcome);
    case act::stop_reply:  // as in OTP, the caller has its answer when terminate has run
      if (!in_call) return bad_return(outcome);
      last_word_ = std::move(outcome.value());
      has_last_word_ = true;
      return plan_stop(std::move(outcome.extra()));
    case act::stop: return plan_stop(std::move(outcome.extra()));
    case act::ignore:
    case act::refuse: return bad_return(outcome);
  }
}

const term& server_loop::raw_message() {
  const auto kind = current_.kind();
  const bool plain = kind == signal_kind::message || kind == signal_kind::timer_message;
  raw_ = plain ? current_.payload() : current_.to_term();
  return raw_;
}

void server_loop::no_clause(atom callback, const term& argument) const {
  const auto place = etf::tuple(server_name(), callback, etf::list(argument), term{});
  throw ergo::detail::process_exit{exit_reason{etf::tuple("function_clause"_atom, etf::list(place))}};
}

void server_loop::drop_unknown(process& self) const {
  self.log(log_level::error, "server received unexpected message",
           {{"server", server_name()}, {"message", current_.to_term()}});
}

void server_loop::forget_message() noexcept {
  current_ = message{};
  if (!raw_.is_nil()) raw_ = term{};
  // The tag lies in the memory of the whole message that it came with.
  if (!from_.tag.is_nil()) from_.tag = term{};
}

// After a callback: what it decided happens, until a task suspends the server or there is nothing left but to wait.
void server_loop::settle_decided(process& self) {
  while (!running_.active()) {
    if (step_ == step::wait) return forget_message();
    if (step_ == step::stop) return finish(self);
    step_ = step::wait;
    current_ = message{};
    idle_limit_ = forever;
    if (system_.watched()) [[unlikely]]
      note(self, etf::tuple("continue"_atom, argument_));
    try {
      on_continue(self, argument_);
    } catch (...) {
      plan_stop(reason_of_current_exception());
    }
  }
}

// The way out: terminate once, unless init has not succeeded; what it throws becomes the reason.
void server_loop::finish(process& self) {
  if (phase_ == phase::serving) {
    phase_ = phase::terminating;
    step_ = step::wait;
    argument_ = reason_.is_ordinary() ? term{} : safe_state();
    try {
      on_terminate(self, reason_);
    } catch (...) {
      reason_ = reason_of_current_exception();
    }
    if (running_.active()) {
      step_ = step::stop;
      return;
    }
  }
  if (phase_ == phase::terminating) report_end(self);
  if (has_last_word_) answer(self, std::move(last_word_));
  self.exit(std::move(reason_));
}

void server_loop::finish_init(process& self, result outcome) {
  using act = result::act;
  const auto give_up = [&](start_ticket::end how, term reason) {
    if (ticket_) {
      ticket_->how = how;
      ticket_->reason = std::move(reason);
    }
    plan_stop(exit_reason::normal());
  };
  switch (outcome.what()) {
    case act::noreply:
      phase_ = phase::serving;
      if (ticket_ && ticket_->starter.process != pid{}) self.reply(ticket_->starter, term{"ok"_atom});
      ticket_.reset();
      return plan(self, outcome);
    case act::stop: return plan_stop(std::move(outcome.extra()));
    case act::ignore: return give_up(start_ticket::end::ignored, {});
    case act::refuse: return give_up(start_ticket::end::refused, std::move(outcome.extra()));
    default: return bad_return(outcome);
  }
}

void server_loop::plan(process& self, result& outcome) {
  switch (outcome.then()) {
    [[likely]] case result::next::wait:
    case result::next::rest: return;
    case result::next::proceed:
      argument_ = std::move(outcome.extra());
      step_ = step::proceed;
      return;
    case result::next::timed:
    case result::next::timed_at:
      idle_limit_ = outcome.limit();
      idle_until_ = outcome.then() == result::next::timed_at;
      idle_message_ = std::move(outcome.extra());
      wait_as_planned(self);
  }
}

// A time limit begins anew behind a message of `sys`, as in OTP; a point of time stays.
void server_loop::wait_as_planned(process& self) {
  self.set_idle_timeout(idle_until_ && idle_limit_ != forever ? time_point{idle_limit_} - self.now() : idle_limit_);
}

void server_loop::plan_stop(exit_reason reason) {
  reason_ = std::move(reason);
  step_ = step::stop;
}

void server_loop::bad_return(const result& outcome) {
  constexpr std::string_view names[] = {"noreply", "reply", "stop", "stop", "ignore", "error"};
  const auto name = atom::of(names[static_cast<std::size_t>(outcome.what())]);
  plan_stop(exit_reason{etf::tuple("bad_return_value"_atom, name)});
}

// What the server's own code does when it is looked at must not get in the way of its end.
term server_loop::safe_state() const {
  try {
    return state();
  } catch (...) {
    return "state_failed"_atom;
  }
}

status server_loop::visible(const status& all) const {
  try {
    return on_format_status(all);
  } catch (...) {
    const auto crashed = etf::text_list(std::string{server_name().text()} + ":format_status/1 crashed");
    return {.state = crashed, .message = crashed};
  }
}

void server_loop::report_end(process& self) {
  if (watched()) [[unlikely]]
    note_end(self, reason_);
  if (reason_.is_ordinary()) return;
  status all{.state = argument_.is_nil() ? safe_state() : argument_,
             .message = last_message(),
             .reason = reason_.value(),
             .log = system_.log()};
  add_to_status(all);
  auto shown = visible(all);
  if (shown.reason.is_nil()) shown.reason = reason_.value();
  report(self, shown);
}

// The fields of OTP's report, with the name of the class.
void server_loop::report(process& self, const status& shown) const {
  self.log(log_level::error, "server terminating",
           {{"label", etf::tuple(system_module(), "terminate"_atom)},
            {"name", system_name(self)},
            {"server", server_name()},
            {"last_message", cut(shown.message)},
            {"state", cut(shown.state)},
            {"log", cut(shown.log)},
            {"reason", cut(shown.reason)},
            {"client_info", client(self)}});
}

// As in OTP a request is told without the call around it, since `client_info` tells whose it was.
term server_loop::last_message() const {
  if (!current_) return {};
  return current_.is_call() ? current_.payload() : current_.to_term();
}

// Who waits for an answer: `{Pid, remote}`, `{Pid, dead}`, or `{Pid, {Pid, Stack}}`, of which nothing is known here.
term server_loop::client(process& self) const {
  if (!current_ || !current_.is_call()) return "undefined"_atom;
  const auto& who = current_.sender();
  if (self.runtime().find_node(who.node) == nullptr) return etf::tuple(who, "remote"_atom);
  if (!self.runtime().alive(who)) return etf::tuple(who, "dead"_atom);
  return etf::tuple(who, etf::tuple(who, term{}));
}

bool server_loop::from_parent(const message& received) const {
  return received.sender() == parent_ || received.sender() == pid{};
}

// ----- sys -----

void server_loop::start_conversation(process& self) {
  conversing_ = true;
  run(self, converse(self, std::exchange(current_, message{})));
}

void server_loop::note_arrival(process& self) {
  conversing_ = false;
  note(self, event_of_arrival(current_));
}

task<result> server_loop::converse(process& self, message asked) {
  auto end = co_await system_.serve(self, *this, std::move(asked));
  if (end) co_return otp::stop(*end);
  wait_as_planned(self);
  co_return otp::noreply();
}

task<term> server_loop::replace_system_state(process& self, new_state next) {
  if (!state_is_replaceable()) throw callback_failure{"error"_atom, state()};
  const auto present = state();
  const auto made = co_await next.made_of(self, present);
  take_state(self, made);
  co_return state();
}

std::optional<term> server_loop::change_code(process& self, term /*module*/, term old_version, term extra) {
  return on_code_change(self, old_version, extra);
}

void server_loop::take_state(process& /*self*/, const term& /*next*/) {}

// As in OTP for a module without `code_change`.
std::optional<term> server_loop::on_code_change(process& /*self*/, const term& old_version, const term& extra) {
  return undefined_callback("code_change"_atom, etf::list(old_version, state(), extra));
}

term server_loop::undefined_callback(atom name, const term& arguments) const {
  const auto place = etf::tuple(server_name(), name, arguments, term{});
  return etf::tuple("EXIT"_atom, etf::tuple("undef"_atom, etf::list(place)));
}

term server_loop::event_of_arrival(const message& received) const { return etf::tuple("in"_atom, received.to_term()); }

term server_loop::system_name(const process& self) const {
  if (!called_.is_nil()) return called_;
  return self.name() != atom{} ? term{self.name()} : term{self.id()};
}

term server_loop::system_status(process& self, const status_facts& facts) const {
  const auto shown = visible({.state = state(), .message = {}, .reason = {}, .log = facts.log});
  const auto text = [](std::string_view words) { return etf::text_list(words); };
  const auto header = status_header("Status for generic server", system_name(self));
  const auto of_server = etf::list(etf::tuple(text("Status"), facts.state), etf::tuple(text("Parent"), facts.parent),
                                   etf::tuple(text("Logged events"), shown.log));
  const auto of_state = etf::list(etf::tuple(text("State"), shown.state));
  return etf::list(etf::tuple("header"_atom, header), etf::tuple("data"_atom, of_server),
                   etf::tuple("data"_atom, of_state));
}

std::string server_loop::describe_event(process& self, const term& event) const {
  const auto line = [](std::string_view format, const term& arguments) {
    return io_format(etf::text_list(format), arguments).value_or(std::string{"*DBG* an event too large to print\n"});
  };
  const auto name = system_name(self);
  const auto parts = event.elements();
  if (etf::is_tagged(event, "in"_atom, 2)) {
    const auto& message = parts[1];
    if (etf::is_tagged(message, "$gen_call"_atom, 3)) {
      const auto from = message.elements()[1].elements();
      return line("*DBG* ~tp got call ~tp from ~tw~n", etf::list(name, message.elements()[2], from[0]));
    }
    if (etf::is_tagged(message, "$gen_cast"_atom, 2))
      return line("*DBG* ~tp got cast ~tp~n", etf::list(name, message.elements()[1]));
    return line("*DBG* ~tp got ~tp~n", etf::list(name, message));
  }
  if (etf::is_tagged(event, "out"_atom, 4)) {
    const auto to = parts[2].elements();
    return line("*DBG* ~tp sent ~tp to ~tw, new state ~tp~n", etf::list(name, parts[1], to[0], parts[3]));
  }
  if (etf::is_tagged(event, "noreply"_atom, 2)) return line("*DBG* ~tp new state ~tp~n", etf::list(name, parts[1]));
  return line("*DBG* ~tp dbg  ~tp~n", etf::list(name, event));
}

void server_loop::note_answer(process& self, const term& value) {
  note(self, etf::tuple("out"_atom, value, from_.to_term(), safe_state()));
}

void server_loop::note_state(process& self) {
  if (phase_ != phase::serving || std::exchange(conversing_, false)) return;
  note(self, etf::tuple("noreply"_atom, safe_state()));
}

}  // namespace ergo::inline v0::otp::detail
