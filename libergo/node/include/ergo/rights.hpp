// What another node may have done here.
#pragma once

#include <ergo/node.hpp>

namespace ergo::inline v0 {

/// The rights of a node that is connected: what `node_options::grants` says of it, or what it has without. For services
/// that act on behalf of a peer beyond what is asked of them through functions. Any thread.
[[nodiscard]] right rights_of(const node& on, atom peer);

}  // namespace ergo::inline v0
