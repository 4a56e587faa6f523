// The process that every node has as `net_kernel`: it is what `net_adm:ping/1` and `Node.ping/1` ask.
#pragma once

#include <ergo/process.hpp>

#include <memory>

namespace ergo::inline v0::detail {

/// Answers `{is_auth, Node}` with `yes`; other calls with `{error, notsup}`, other messages not at all.
[[nodiscard]] std::unique_ptr<behaviour> make_net_kernel();

/// The answer to one request.
[[nodiscard]] term net_kernel_answer(const term& request);

}  // namespace ergo::inline v0::detail
