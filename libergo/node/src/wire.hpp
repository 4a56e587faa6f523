// What writing to and reading from one connection have in common.
#pragma once

#include "crossing.hpp"
#include "trace.hpp"

#include <ergo/dist/control.hpp>
#include <ergo/dist/flags.hpp>
#include <ergo/local_node.hpp>

namespace ergo::inline v0::detail {

/// One incarnation of a connection: who is at the other end, what was negotiated, what crosses.
struct wire {
  local_node& local;
  etf::node_id peer;  ///< name and creation of the node at the other end
  dist::flags negotiated;
  crossing& table;
  const tracer& trace;
  pid speaker;  ///< a process of ours that stands for senders that are none
};

/// A process, name or alias for a trace line.
[[nodiscard]] std::string traced(const dist::control::process_name& who);
[[nodiscard]] std::string traced(const pid& who);
[[nodiscard]] std::string traced(const term& who);

}  // namespace ergo::inline v0::detail
