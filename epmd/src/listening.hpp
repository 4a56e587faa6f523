// Which addresses a server listens on, and how a listening socket is opened. Private to the server.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <expected>
#include <span>
#include <vector>

#include "ergo/epmd/error.hpp"
#include "ergo/epmd/session.hpp"

namespace ergo::inline v0::epmd {

/// Whether an address that cannot be bound ends the start.
enum class demand : std::uint8_t { required, optional };

struct planned_address {
  boost::asio::ip::address address;
  demand need = demand::required;
  friend bool operator==(const planned_address&, const planned_address&) = default;
};

/// What to bind for the addresses an administrator named: all of IPv4 and IPv6 for none; else each of them once, and
/// the loopback address of a family unless it or that family's wildcard is among them.
[[nodiscard]] std::vector<planned_address> plan_listening(std::span<const boost::asio::ip::address> named);

/// Opens, binds and listens; IPv6 sockets take IPv6 only. Errors: address_in_use, cannot_listen.
[[nodiscard]] std::expected<boost::asio::ip::tcp::acceptor, error> open_acceptor(
    const boost::asio::any_io_executor& executor, const boost::asio::ip::tcp::endpoint& where);

/// True when the host has no such address family or address, so that an unasked-for address may be left out.
[[nodiscard]] bool is_absent(const std::error_code& cause);

/// IPv4-mapped IPv6 addresses as the IPv4 addresses they mean.
[[nodiscard]] boost::asio::ip::address unmapped(const boost::asio::ip::address& address);

/// Where the peer of a connection is, from the addresses of its two ends.
[[nodiscard]] locality locality_of(const boost::asio::ip::address& peer, const boost::asio::ip::address& own);

/// The address that a client counts for: its own, or for IPv6 beyond this host its /64 network.
[[nodiscard]] boost::asio::ip::address source_of(const boost::asio::ip::address& peer);

}  // namespace ergo::inline v0::epmd
