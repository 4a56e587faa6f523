// The sockets of a fault proxy: plain system calls with IPv4 addresses.
#pragma once

#include <ergo_test/fault_proxy.hpp>

#include <sys/types.h>
#include <span>

namespace ergo::test {

/// A socket that holds a port but listens to nobody: callers are refused, and nobody else is given the port.
/// Throws `std::system_error`.
[[nodiscard]] int hold_port(const endpoint& at);

/// A socket that listens, also on a port that `hold_port` holds; never blocks. Throws `std::system_error`.
[[nodiscard]] int listen_at(const endpoint& at);

/// The port that a socket is bound to.
[[nodiscard]] std::uint16_t port_of(int socket);

/// Blocks for as long as loopback takes; -1 when nobody listens.
[[nodiscard]] int connect_to(const endpoint& at);

/// No more blocking, no more waiting for full segments.
void prepare(int socket);

/// What there is, never waits; negative with `errno` EAGAIN when there is nothing, 0 at the end.
[[nodiscard]] ssize_t receive(int socket, std::span<char> into);

void close_socket(int socket, ending how);

}  // namespace ergo::test
