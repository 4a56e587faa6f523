// Walks to a node step by step, to tell what is in the way.
#pragma once

#include <ergo/connect_failure.hpp>
#include <ergo/node_options.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace ergo::inline v0 {

/// A step that went well, and what was found out at it, as one clause.
struct passed_step {
  connect_step step = connect_step::resolve;
  std::string what;
};

/// What was found at the end of the way.
struct met_node {
  std::string name;            ///< as it was called
  std::string place;           ///< address and port
  std::uint32_t creation = 0;  ///< which incarnation of its name it is
  int release = 0;             ///< the oldest OTP release that can do what the node can
};

/// Takes the steps that a node with these options takes to connect to `peer`, tells each one that went well, and closes
/// the connection when it stands: what would be in the way of that node, without starting it.
///
/// `as.name` is what the peer is told; of `as`, only what has to do with finding, calling and trusting others counts.
/// Nothing listens and nothing is registered. The peer sees a hidden node that comes and goes at once. Blocks for at
/// most `handshake_step` per step. Errors: `badarg` with a sentence for options that no node could start with;
/// `nodedown`, which `connect_failure_of` reads, for what is wrong with the peer or the way to it.
[[nodiscard]] result<met_node> diagnose(std::string_view peer, node_options as,
                                        const std::function<void(const passed_step&)>& told);

}  // namespace ergo::inline v0
