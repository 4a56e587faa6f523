// How the failures of children are told: as reasons inside a supervision tree, as errors to C++ callers.
#pragma once

#include <ergo/error.hpp>
#include <ergo/process.hpp>

#include <optional>

namespace ergo::inline v0::otp::detail {

/// The reason that OTP gives for a start that failed.
[[nodiscard]] inline term start_reason(const error& failure) {
  if (failure == errc::name_taken) return etf::tuple("already_started"_atom, failure.context());
  return failure.reason();
}

/// The error that a supervisor's `{error, Why}` stands for.
[[nodiscard]] inline error refusal(const term& why) {
  if (why.is("not_found"_atom)) return errc::not_found;
  if (why.is("already_present"_atom)) return errc::already_present;
  if (why.is("running"_atom) || why.is("restarting"_atom) || why.is("simple_one_for_one"_atom))
    return {errc::badarg, why};
  if (etf::is_tagged(why, "already_started"_atom, 2)) return {errc::name_taken, why.elements()[1]};
  // A start that failed comes with its specification: {Reason, #child{}}.
  const bool with_spec = why.is_tuple(2) && why.elements()[1].is_tuple() && !why.elements()[1].elements().empty() &&
                         why.elements()[1].elements()[0].is("child"_atom);
  return {errc::exited, with_spec ? why.elements()[0] : why};
}

/// The end of a process that was asked or told to end: its reason, or empty when it took longer than `limit`.
///
/// `watch` monitors it. A linked process's exit message is taken out of the mailbox, and its reason is the one
/// returned.
[[nodiscard]] task<std::optional<exit_reason>> await_down(process& self, pid ending, monitor_ref watch, duration limit);

}  // namespace ergo::inline v0::otp::detail
