// How a process is started.
#pragma once

#include <ergo/error.hpp>
#include <ergo/mailbox.hpp>

#include <cstddef>
#include <cstdint>

namespace ergo::inline v0 {

/// Relations that a new process has to its parent from its first moment.
enum class tie : std::uint8_t { none, link };

/// Options of a new process; every member may be left out.
struct spawn_options {
  atom name{};  ///< registered before the first slice; `''` for none
  tie to_parent = tie::none;
  bool pinned = false;      ///< never stolen by another core; for processes that hold Asio objects
  bool trap_exits = false;  ///< starts with exit signals trapped
  /// Messages that may wait; left out, it is the runtime's, with its policy. See `mailbox_limits`.
  std::size_t mailbox_bound = limit_of_runtime;
  overflow policy = overflow::drop_newest;
  pid group_leader{};   ///< no process: the parent's
  term initial_call{};  ///< `{M, F, Arity}` for process info; `[]` for none
  bool quiet = false;   ///< its end is never reported as a crash; for processes whose exit reason is an answer
  std::size_t high_water = limit_of_runtime;  ///< messages that wait and are reported; see `mailbox_limits`
  destination redirect_to = pid{};            ///< for `overflow::redirect`: a process or name of this program
};

}  // namespace ergo::inline v0
