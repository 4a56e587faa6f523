// Cores that sleep in a reactor, so that sockets and timers of Asio live on the same threads as processes.
#pragma once

#include <ergo/parker.hpp>
#include <ergo/runtime.hpp>

namespace ergo::inline v0 {

/// Makes cores that sleep in an `asio::io_context` each; what a runtime needs that holds nodes:
/// `runtime_options::make_parker`.
[[nodiscard]] parker_factory reactor_parkers();

/// `options` with `make_parker` set to reactors, for `ergo::runtime runtime{ergo::networked(…)}`.
[[nodiscard]] runtime_options networked(runtime_options options = {});

}  // namespace ergo::inline v0
