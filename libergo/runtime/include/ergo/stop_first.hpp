// The order in which the processes of a node end when it is stopped.
#pragma once

#include <ergo/local_node.hpp>

#include <vector>

namespace ergo::inline v0 {

/// Has `process` end before the other processes of its node when `runtime::stop` or the node is stopped: only it is
/// told `shutdown` then, and the others when it has gone, or when the time is up that they all have. Of several the one
/// added last ends first. Any thread.
void stop_first(local_node& on, const pid& process);

/// Those of a node that are to end before the others and still live, in the order in which they are to. Any thread.
[[nodiscard]] std::vector<pid> stopped_first(const local_node& on);

}  // namespace ergo::inline v0
