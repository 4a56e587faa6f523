// What a cluster expects of a member besides messages: the processes that OTP's application `kernel` runs on each node.
#pragma once

#include <ergo/node.hpp>
#include <ergo/shell_command.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace ergo::inline v0::kernel {

/// Which services a node has.
struct options {
  /// What a node that `kernel::start` starts is to its peers, instead of what `node_options` says: it can answer what
  /// they ask a visible node. A node that is named by another one (`node_options::named_by`) is hidden all the same.
  ergo::visibility visibility = ergo::visibility::visible;
  /// Names and locks of the cluster (`ergo::otp::global`). A visible node without them keeps peers waiting that call
  /// `global:sync/0`.
  bool global = true;
  /// As `kernel`'s parameter of that name, and to be the same on all nodes of a cluster: when two members lose their
  /// connection, the others part with one of them too, so that partitions do not overlap.
  bool prevent_overlapping_partitions = true;
  /// Scopes of `pg` that run from the node's start on, as `kernel`'s `start_pg` does for the scope `pg`; none by
  /// default, as in OTP.
  std::vector<atom> pg_scopes;
  /// Gives `erl -remsh` and `iex --remsh` a console for looking at the node and acting on it, to the degree that their
  /// node has the right to (`node_options::grants`); without it they are told that there is no shell.
  bool shell = true;
  /// Commands of the program in that console, beside its own.
  std::vector<shell_command> shell_commands;
};

/// Starts a node as `ergo::node::start` does, with the services of a member of a cluster: they are there before the
/// first peer is, restarted when they fail, and end with the node.
///
/// They run under the supervisor `kernel_sup`, which other nodes may ask for its children. Blocks; outside threads
/// only. Errors: those of `ergo::node::start`; `already_present` when `node_options::boot` registers one of their
/// names, `badarg` where a shell command cannot be one.
[[nodiscard]] result<std::unique_ptr<node>> start(node_options wanted, options services = {},
                                                  runtime_options runtime = {});
/// The same on a runtime whose cores are reactors (`ergo::networked`).
[[nodiscard]] result<std::unique_ptr<node>> start(ergo::runtime& on, node_options wanted, options services = {});

/// The services alone, as the `node_options::boot` of a node that is started in some other way.
[[nodiscard]] std::function<result<void>(node&)> boot(options services = {});

}  // namespace ergo::inline v0::kernel
