// Children on other nodes, of Erlang or C++.
#pragma once

#include <ergo/otp/supervisor.hpp>

namespace ergo::inline v0::otp {

/// A process on another node: what it calls there, and how long the answer to its start may take.
struct remote_start {
  atom node;
  atom module;
  atom function;
  term arguments{};  ///< a proper list
  duration limit = std::chrono::seconds{30};
};

/// A child that is a process of another node, started as `spawn_link(Node, M, F, Args)`: it is up when the node has it.
///
/// A lost connection ends the child with `noconnection`; while its node cannot be reached each start fails with that
/// reason and counts as a restart, so such a supervisor wants `supervisor_spec::backoff`. The supervisor does nothing
/// else until the node has answered or `limit` is over.
[[nodiscard]] child_spec remote_child(const term& id, const remote_start& what);

/// A child that is a gen_server of an Erlang node, with callbacks in `module` and `argument` for its `init`, started as
/// `gen_server:start_link/3` there would, with this supervisor as its parent: start waits for `init`, at most `limit`.
/// Otherwise as `remote_child`.
[[nodiscard]] child_spec remote_server(const term& id, atom node, atom module, const term& argument,
                                       duration limit = std::chrono::seconds{30});

}  // namespace ergo::inline v0::otp
