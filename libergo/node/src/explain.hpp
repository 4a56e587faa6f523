// From what the connection table knows about a failure to what its user should know.
#pragma once

#include <ergo/connect_failure.hpp>
#include <ergo/dist/peers.hpp>

#include <string_view>

namespace ergo::inline v0::detail {

/// Why there is no connection to `peer`, for people and programs.
[[nodiscard]] connect_failure explain(std::string_view peer, const dist::peer_reason& reason);

/// What `net_kernel:monitor_nodes/2` calls the end of a connection: an atom such as `connection_closed`.
[[nodiscard]] atom nodedown_reason(dist::peer_errc code) noexcept;

/// As the context of an error; `connect_failure_of` reads it.
[[nodiscard]] term to_term(const connect_failure& failure);

}  // namespace ergo::inline v0::detail
