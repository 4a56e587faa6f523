// What a cluster expects of a member besides messages: the processes that OTP's application `kernel` runs on each node.
#pragma once

#include <ergo/node.hpp>
#include <ergo/otp/application.hpp>
#include <ergo/shell_command.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace ergo::inline v0::kernel {

/// `user`, the device at the program's standard streams, where Erlang's `io:format(user, …)` of any node prints, and
/// what processes without a group leader print.
struct user_options {
  bool enabled = true;
  bool input = false;  ///< others may read the program's standard input; else they are told that it has ended
  std::size_t unwritten = std::size_t{1} << 20;   ///< bytes that wait for a slow standard output before printing waits
  std::size_t characters = std::size_t{4} << 20;  ///< the longest text that is formatted for others at once
};

/// `logger_proxy` and `error_logger`, where Erlang nodes report what happens to processes whose group leader is here,
/// such as those that we have started there. Each event becomes one of ours (`runtime_options::on_event`),
/// with level, text, pid, and the metadata as fields.
struct log_options {
  bool enabled = true;
  std::size_t per_second = 500;  ///< the rest is dropped and counted in an event of its own; 0: all
  std::size_t longest =
      std::size_t{64} << 10;     ///< bytes of an event's text; one of four times that is shown unformatted
  std::size_t waiting = 10'000;  ///< events that wait to be logged; later ones are lost
};

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
  user_options user;
  log_options logs;
  /// Erlang's `io:format`, `fwrite`, `put_chars`, `nl` and `write` for code of other nodes that runs here: it prints at
  /// the caller. Needs `right::call`.
  bool io_functions = true;
  /// Gives `erl -remsh` and `iex --remsh` a console for looking at the node and acting on it, to the degree that their
  /// node has the right to (`node_options::grants`); without it they are told that there is no shell.
  bool shell = true;
  /// How many consoles there may be at once, whoever asks for them; one more is refused with `system_limit`,
  /// `{consoles, Most}`.
  std::size_t consoles = 64;
  /// Commands of the program in that console, beside its own.
  std::vector<shell_command> shell_commands;
  /// What `application_controller`, which every node with services has, knows of the program's applications: they are
  /// started by `ergo::otp::application`, or from other nodes by `application:start/1` and its like (`right::manage`).
  /// `kernel` and `stdlib` run from the start on. Where no `end` is given, the end of an application that must not end
  /// is that of the program, as by `init:stop`.
  otp::application_options applications;
};

/// Starts a node as `ergo::node::start` does, with the services of a member of a cluster: they are there before the
/// first peer is, and end with the node. One that fails is started again, up to ten of them within ten seconds.
///
/// They run under the supervisor `kernel_sup`, which other nodes may ask for its children. Nodes without
/// `right::manage` end none of them (`ergo::guard`). `node_options::boot` runs behind them, so that it finds their
/// names and functions taken. Blocks; outside threads only. Errors: those of `ergo::node::start` and of `boot`,
/// `badarg` where a shell command cannot be one.
[[nodiscard]] result<std::unique_ptr<node>> start(node_options wanted, options services = {},
                                                  runtime_options runtime = {});
/// The same on a runtime whose cores are reactors (`ergo::networked`).
[[nodiscard]] result<std::unique_ptr<node>> start(ergo::runtime& on, node_options wanted, options services = {});

/// The services alone, as the `node_options::boot` of a node that is started in some other way.
[[nodiscard]] std::function<result<void>(node&)> boot(options services = {});

}  // namespace ergo::inline v0::kernel
