// What writing to and reading from one connection have in common.
#pragma once

#include "crossing.hpp"
#include "trace.hpp"

#include <ergo/dist/control.hpp>
#include <ergo/dist/flags.hpp>
#include <ergo/local_node.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

namespace ergo::inline v0::detail {

/// Who is told that a limit was met.
class limit_watch {
 public:
  virtual ~limit_watch() = default;
  /// `whom` met the limit of an option; any thread.
  virtual void refused(atom whom, std::string_view option) = 0;
};

/// How much of this node one peer may hold.
struct peer_quota {
  std::size_t links = SIZE_MAX;
  std::size_t monitors = SIZE_MAX;
  std::size_t processes = SIZE_MAX;
  std::shared_ptr<std::atomic<std::size_t>> spawned = nullptr;  ///< its processes that live, in all sessions
  limit_watch* watch = nullptr;                                 ///< not owned; null: nobody
};

/// One incarnation of a connection: who is at the other end, what was negotiated, what crosses.
struct wire {
  local_node& local;
  etf::node_id peer;  ///< name and creation of the node at the other end
  dist::flags negotiated;
  crossing& table;
  const tracer& trace;
  pid speaker;  ///< a process of ours that stands for senders that are none
  peer_quota quota = {};
};

/// A process, name or alias for a trace line.
[[nodiscard]] std::string traced(const dist::control::process_name& who);
[[nodiscard]] std::string traced(const pid& who);
[[nodiscard]] std::string traced(const term& who);

}  // namespace ergo::inline v0::detail
