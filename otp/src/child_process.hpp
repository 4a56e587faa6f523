// Starting and stopping the process of one child, and what the log hears of it.
#pragma once

#include <ergo/otp/start_functions.hpp>

namespace ergo::inline v0::otp::detail {

/// Starts a child. `more` comes behind the arguments of its specification. What is pointed to must stay.
[[nodiscard]] task<ergo::result<started_child>> start_process(process& self, const child_spec* spec, term more,
                                                              std::shared_ptr<const start_functions> functions);

/// Ends the process of a child as its specification says, and reports an end that was not as asked.
[[nodiscard]] task<> stop_process(process& self, const child_spec* spec, pid ending);

/// What `start_child` and `restart_child` answer.
[[nodiscard]] term start_answer(const ergo::result<started_child>& started);

/// Tells the log that a child runs.
void report_progress(process& self, const child_spec& spec, const pid& started);
/// Tells the log what went wrong with a child, as OTP's supervisor does; `processes` is its pid, or how many it were.
void report(process& self, std::string_view what, const child_spec& spec, const term& processes, const term& reason);
/// Tells the log that a child has ended, and what its supervisor does about that.
void report_end(process& self, const child_spec& spec, const pid& ended, const exit_reason& why, decision decided);

/// The reason with which a supervisor gives up.
[[nodiscard]] inline exit_reason gives_up() { return exit_reason{"shutdown"_atom}; }

}  // namespace ergo::inline v0::otp::detail
