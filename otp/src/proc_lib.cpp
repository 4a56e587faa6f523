// What a process says to its starter.
#include <ergo/otp/proc_lib.hpp>

namespace ergo::inline v0::otp {

void init_ack::ready(process& self) {
  if (!ticket_) return;
  self.reply(ticket_->starter, term{"ok"_atom});
  ticket_.reset();
}

void init_ack::ignore(process& self) {
  if (ticket_) ticket_->how = detail::start_ticket::end::ignored;
  self.exit(exit_reason::normal());
}

void init_ack::fail(process& self, term reason) {
  if (ticket_) {
    ticket_->how = detail::start_ticket::end::refused;
    ticket_->reason = std::move(reason);
  }
  self.exit(exit_reason::normal());
}

}  // namespace ergo::inline v0::otp
