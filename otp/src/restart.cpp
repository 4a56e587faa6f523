// Restart decisions, after do_restart, add_restart and shutdown of OTP's supervisor.erl.
#include <ergo/otp/restart.hpp>

#include <algorithm>
#include <chrono>

namespace ergo::inline v0::otp {

term shutdown::to_term() const {
  if (brutal_) return "brutal_kill"_atom;
  if (limit_ == forever) return "infinity"_atom;
  return std::chrono::duration_cast<std::chrono::milliseconds>(limit_).count();
}

// Of older restarts than fit into the window nothing is remembered, so that a large intensity costs memory only when
// used.
bool restart_window::add(time_point now) {
  while (!times_.empty() && now - times_.front() > period_) times_.pop_front();
  times_.push_back(now);
  return times_.size() <= intensity_;
}

decision restart_policy::child_ended(restart kind, const exit_reason& reason, time_point now) {
  if (kind == restart::permanent) return count_restart(now);
  if (kind == restart::temporary) return decision::forget;
  return reason.is_ordinary() ? decision::leave : count_restart(now);
}

decision restart_policy::restart_failed(time_point now) { return count_restart(now); }

decision restart_policy::count_restart(time_point now) {
  return window_.add(now) ? decision::start_again : decision::give_up;
}

bool is_reported(restart kind, const exit_reason& reason) {
  return kind == restart::permanent || !reason.is_ordinary();
}

duration backoff::before(std::size_t nth) const noexcept {
  auto wait = std::min(first, longest);
  for (; nth > 1 && wait > duration::zero() && wait < longest; --nth) wait = wait > longest / 2 ? longest : wait * 2;
  return wait;
}

bool ended_as_asked(const shutdown& rule, restart kind, const exit_reason& reason) {
  if (rule.brutal() ? reason.is("killed"_atom) : reason.is("shutdown"_atom)) return true;
  return kind != restart::permanent && reason.is_ordinary();
}

}  // namespace ergo::inline v0::otp
