// A server's life: init, messages one after the other, terminate.
#include <ergo/otp/detail/server_loop.hpp>

#include <ergo/detail/process_exit.hpp>

namespace ergo::inline v0::otp::detail {

using ergo::detail::reason_of_current_exception;
using ergo::detail::signal_kind;

void server_loop::start(process& self) {
  if (ticket_) parent_ = ticket_->parent;
  try {
    on_init(self);
  } catch (...) {
    plan_stop(reason_of_current_exception());
  }
  settle(self);
}

void server_loop::receive(process& self, message received) {
  current_ = std::move(received);
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
  try {
    apply(self, running_.take());
  } catch (...) {
    plan_stop(reason_of_current_exception());
  }
  settle(self);
}

void server_loop::idle_timeout(process& self) {
  receive(self, message{ergo::detail::make_signal(signal_kind::message, pid{}, term{"timeout"_atom})});
}

void server_loop::apply(process& self, result outcome) {
  if (phase_ == phase::terminating) return;
  if (phase_ == phase::initialising) return finish_init(self, std::move(outcome));
  using act = result::act;
  const bool in_call = current_ && current_.is_call();
  switch (outcome.what()) {
    case act::noreply: return plan(self, outcome);
    case act::reply:
      if (!in_call) return bad_return(outcome);
      self.reply(from_, std::move(outcome.value()));
      return plan(self, outcome);
    case act::stop_reply:
      if (!in_call) return bad_return(outcome);
      self.reply(from_, std::move(outcome.value()));
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

// After a callback: what it decided happens, until a task suspends the server or there is nothing left but to wait.
void server_loop::settle(process& self) {
  while (!running_.active()) {
    if (step_ == step::wait) [[likely]] {
      current_ = message{};
      if (!raw_.is_nil()) raw_ = term{};
      // The tag lies in the memory of the whole message that it came with.
      if (!from_.tag.is_nil()) from_.tag = term{};
      return;
    }
    if (step_ == step::stop) return finish(self);
    step_ = step::wait;
    current_ = message{};
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
    report_end(self);
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
  if (outcome.then() == result::next::timed) self.set_idle_timeout(outcome.limit());
  if (outcome.then() != result::next::proceed) return;
  argument_ = std::move(outcome.extra());
  step_ = step::proceed;
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

void server_loop::report_end(process& self) {
  if (reason_.is_ordinary()) return;
  term last_state;
  try {
    last_state = state();
  } catch (...) {  // the server's own code, whose state may be the very thing that is broken
    last_state = term{"state_failed"_atom};
  }
  self.log(log_level::error, "server terminating",
           {{"server", server_name()},
            {"last_message", current_ ? current_.to_term() : term{}},
            {"state", last_state},
            {"reason", reason_.value()}});
}

bool server_loop::from_parent(const message& received) const {
  return received.sender() == parent_ || received.sender() == pid{};
}

}  // namespace ergo::inline v0::otp::detail
