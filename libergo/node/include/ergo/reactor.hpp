// Cores that sleep in a reactor, so that sockets and timers of Asio live on the same threads as processes.
#pragma once

#include <ergo/parker.hpp>
#include <ergo/runtime.hpp>

namespace boost::asio {
class io_context;
}  // namespace boost::asio

namespace ergo::inline v0 {

/// Makes cores that sleep in an `asio::io_context` each; what a runtime needs that holds nodes:
/// `runtime_options::make_parker`.
[[nodiscard]] parker_factory reactor_parkers();

/// `options` with `make_parker` set to reactors, for `ergo::runtime runtime{ergo::networked(…)}`.
[[nodiscard]] runtime_options networked(runtime_options options = {});

/// The same with core 0 inside an `io_context` of the program, which must outlive the runtime: the core has no thread
/// of its own. See `node_options::executor`.
[[nodiscard]] runtime_options networked(boost::asio::io_context& lent, runtime_options options = {});

}  // namespace ergo::inline v0
