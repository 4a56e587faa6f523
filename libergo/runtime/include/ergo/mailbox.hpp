// How much a mailbox may hold, what happens to the rest, and what became of what was sent to it.
#pragma once

#include <ergo/destination.hpp>

#include <cstddef>
#include <cstdint>

namespace ergo::inline v0 {

/// What happens to a message for a mailbox that is full.
///
/// A bound concerns messages, casts and calls, wherever they come from, and the process's own timers. It never concerns
/// exit signals, `down`, news of nodes, answers to calls, what comes over an alias, and `{system, From, Request}`: they
/// arrive always, and are counted neither as waiting nor as sent.
enum class overflow : std::uint8_t {
  drop_newest,   ///< it is dropped
  fail_sender,   ///< calls of this program are answered `{system_limit, mailbox}`, and sends that report their outcome
                 ///< (`process::try_send`, `runtime::send` with a limit) fail so; what nobody waits for is dropped
  drop_oldest,   ///< the oldest unread one is dropped in its place: for values of which the last counts. While the
                 ///< process runs a slice it can drop nothing; what comes after 65,536 more is dropped itself
  block_thread,  ///< a thread that is no process and sends with a limit waits for room; for others as `fail_sender`
  redirect,  ///< it goes to the process `redirect_to` instead, but once only: what finds that full too, and would be
             ///< redirected again, is dropped, or answered `{system_limit, mailbox}` if it is a call
};

/// `mailbox_limits::bound` and `high_water`: there is none.
inline constexpr std::size_t no_limit = SIZE_MAX;
/// In `spawn_options` and `otp::start_options`: what `runtime_options::mailbox` says.
inline constexpr std::size_t limit_of_runtime = SIZE_MAX - 1;

/// What a mailbox may hold.
struct mailbox_limits {
  std::size_t bound = no_limit;  ///< messages that wait: unread ones, and those that have just been sent
  overflow policy = overflow::drop_newest;
  /// As many messages that wait are reported as an event of kind `overload`, once; so is it when no more than half as
  /// many wait again. Also without a bound. At least 1: 0 counts as that.
  std::size_t high_water = no_limit;
  /// For `overflow::redirect`: a process or name of this program. What finds nobody there is dropped, or answered
  /// `{system_limit, mailbox}` if it is a call.
  destination redirect_to = pid{};
};

/// What became of the messages that a bound concerns: what was sent is the sum of the first four.
struct mailbox_counts {
  std::uint64_t accepted = 0;  ///< taken into the mailbox and not dropped from it; 0 without bound and high-water mark
  std::uint64_t dropped = 0;
  std::uint64_t rejected = 0;    ///< refused in a way that the sender could see
  std::uint64_t redirected = 0;  ///< handed to another process
  std::uint64_t waiting = 0;  ///< not read yet; those that were just sent are counted here before they are `accepted`
};

}  // namespace ergo::inline v0
