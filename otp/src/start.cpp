// The wait for a new server: its answer, its death, or the time limit.
#include <ergo/otp/start.hpp>

namespace ergo::inline v0::otp {
namespace detail {

using record_state = ergo::detail::call_record::state;

// Any behaviour may be started; one that says nothing of itself counts as ready at once.
starting::starting(process& self, const start_options& options, tie relation, std::unique_ptr<behaviour> body)
    : waiting{self, options.timeout}, relation_{relation} {
  spawn_options how{.name = options.name,
                    .to_parent = relation,
                    .pinned = options.pinned,
                    .trap_exits = options.trap_exits,
                    .mailbox_bound = options.mailbox_bound,
                    .policy = options.policy,
                    .group_leader = options.group_leader,
                    .initial_call = {},
                    .high_water = options.high_water,
                    .redirect_to = options.redirect_to};
  auto* const loop = dynamic_cast<server_loop*>(body.get());
  auto* const other = loop == nullptr ? dynamic_cast<acknowledging*>(body.get()) : nullptr;
  if (loop == nullptr && other == nullptr) {
    record_.status = record_state::answered;
    child_ = self.try_spawn(how, std::move(body));
    return;
  }
  if (loop != nullptr) how.initial_call = loop->initial_call();
  ticket_ = std::make_shared<start_ticket>();
  ticket_->starter = prepare_call(self, record_);
  if (relation == tie::link) ticket_->parent = self.id();
  if (options.as != nullptr) ticket_->name = *options.as;
  ticket_->report_depth = options.report_depth;
  if (loop != nullptr) {
    loop->started_by(ticket_);
  } else {
    other->started_by(ticket_);
  }
  child_ = self.spawn_for_call(record_, how, std::move(body));
  if (!child_) record_.status = record_state::failed;
}

starting::~starting() { close_call(*self_, record_); }

ergo::result<pid> starting::outcome() {
  if (!child_) return child_;
  if (record_.status == record_state::answered) return child_;
  if (record_.status == record_state::failed) return std::unexpected{failure()};
  if (relation_ == tie::link) self_->unlink(*child_);
  self_->exit(*child_, "kill"_atom);
  return fail(errc::timeout);
}

// The dead child's exit signal is no news to a starter that traps exits: this failure tells it.
error starting::failure() {
  if (relation_ == tie::link) {
    auto signal = self_->receive_if([child = *child_](const message& candidate) {
      return candidate.kind() == ergo::detail::signal_kind::exit_message && candidate.sender() == child;
    });
    if (signal.await_ready()) (void)signal.await_resume();
  }
  if (ticket_->how == start_ticket::end::ignored) return errc::ignored;
  if (ticket_->how == start_ticket::end::taken) return {errc::name_taken, ticket_->reason};
  if (ticket_->how == start_ticket::end::refused) return {errc::exited, ticket_->reason};
  return {errc::exited, record_.answer};
}

}  // namespace detail

start_monitor_awaiter::start_monitor_awaiter(process& self, const start_options& options,
                                             std::unique_ptr<behaviour> body)
    : starting{self, options, tie::none, std::move(body)} {
  if (child()) watch_ = self.monitor(*child());
}

ergo::result<monitored> start_monitor_awaiter::await_resume() {
  auto started = outcome();
  if (started) return monitored{*started, *watch_};
  if (watch_) (void)self_->demonitor(*watch_, demonitor_mode::flush);
  return std::unexpected{std::move(started).error()};
}

}  // namespace ergo::inline v0::otp
