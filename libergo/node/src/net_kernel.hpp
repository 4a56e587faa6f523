// The process that every node has as `net_kernel`: it is what `net_adm:ping/1` and `Node.ping/1` ask.
#pragma once

#include <ergo/process.hpp>

#include <memory>

namespace ergo::inline v0::detail {

/// Answers `{is_auth, Node}` with `yes`; other calls with `{error, notsup}`, requests to write with `enotsup`, other
/// messages not at all. To be spawned with exits trapped.
[[nodiscard]] std::unique_ptr<behaviour> make_net_kernel();

/// What the node's own processes do about exit signals: those from outside of the processes, as a node sends them when
/// it stops, end them; no link to them does.
void end_with_node(process& self, const exit_message& told);

/// The answer to one request.
[[nodiscard]] term net_kernel_answer(const term& request);

}  // namespace ergo::inline v0::detail
