// How a process is started.
#pragma once

#include <ergo/error.hpp>

#include <cstddef>
#include <cstdint>

namespace ergo::inline v0 {

/// Relations that a new process has to its parent from its first moment.
enum class tie : std::uint8_t { none, link };

/// What happens to a message for a mailbox that is full.
enum class overflow : std::uint8_t {
  drop_newest,  ///< the message is dropped and counted
  fail_sender,  ///< a call is answered `{system_limit, mailbox}`; other messages are dropped and counted
};

/// Options of a new process; every member may be left out.
struct spawn_options {
  atom name{};  ///< registered before the first slice; `''` for none
  tie to_parent = tie::none;
  bool pinned = false;                   ///< never stolen by another core; for processes that hold Asio objects
  bool trap_exits = false;               ///< starts with exit signals trapped
  std::size_t mailbox_bound = SIZE_MAX;  ///< unread messages; control signals are never subject to it
  overflow policy = overflow::drop_newest;
  pid group_leader{};   ///< no process: the parent's
  term initial_call{};  ///< `{M, F, Arity}` for process info; `[]` for none
  bool quiet = false;   ///< its end is never reported as a crash; for processes whose exit reason is an answer
};

}  // namespace ergo::inline v0
