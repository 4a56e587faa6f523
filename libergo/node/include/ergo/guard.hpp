// Processes that nodes without the right to manage this one may talk to, and not end; and functions that run with the
// rights of whoever asks for them.
#pragma once

#include <ergo/node.hpp>

#include <functional>
#include <string_view>

namespace ergo::inline v0 {

/// Whether a node that may not manage this one may send something to a guarded process.
///
/// `said` is the message as an Erlang process would receive it: `{'$gen_call', {Pid, Tag}, Request}`, `{'$gen_cast',
/// Request}`, or any other term. `peer` is the node at the other end of the connection; `''` where a function sends it
/// that the peer has called here. Called on threads of the node, by several at once; must not block or throw.
using admission = std::function<bool(atom peer, const term& said)>;

/// Guards whichever process is registered as `name`, now or later, against nodes without `right::manage`
/// (`node_options::grants`): their exit signals do not reach it, a link of theirs tells them of its end and it nothing
/// of theirs, and its group leader stays as it is.
///
/// What `admits` refuses it does not receive, nor requests of `sys` but `get_state` and `get_status`, for which they
/// need `right::observe`: a call is answered with `{error, permission_denied}`, the rest is dropped. Without `admits`
/// they may say what they like. `rex` and `net_kernel` are guarded on every node. A second guard of a name takes the
/// place of the first. Any thread. Throws as `atom::of` for a text that is no atom.
void guard(node& on, std::string_view name, admission admits = {});

/// Whether a process has a name that is guarded. Any thread.
[[nodiscard]] bool is_guarded(const node& on, const pid& process);

/// Module, function and arguments, which are a proper list.
struct function_call {
  atom module;
  atom function;
  term arguments;
};

/// Runs a function that the node provides, or one that every node has, in `self`, as if a node had called it that has
/// the rights `held`.
///
/// Errors: those of the function; `permission_denied` or `not_found`, with `{M, F, Arity}`. What the function throws is
/// thrown here. `on` must live until it has returned, as it does for what runs on it.
[[nodiscard]] task<result<term>> apply_with(process& self, const node& on, right held, function_call called);

}  // namespace ergo::inline v0
