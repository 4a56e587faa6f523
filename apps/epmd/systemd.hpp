// The two protocols between systemd and a service, without its library: inherited sockets and notifications.
#pragma once

#include <cstddef>
#include <string_view>

namespace ergo::epmd_program {

/// The descriptor number of the first inherited socket.
inline constexpr int first_inherited_socket = 3;

/// How many sockets systemd has passed to this very process (LISTEN_PID, LISTEN_FDS; sd_listen_fds(3)), 0 for none.
/// They are marked close-on-exec.
[[nodiscard]] std::size_t inherited_sockets();

/// Sends one notification (sd_notify(3)) to the socket named by NOTIFY_SOCKET; does nothing without it.
void notify_systemd(std::string_view state);

}  // namespace ergo::epmd_program
