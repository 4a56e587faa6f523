// Where a node listens: which addresses its name stands for, and sockets on all of them at one port.
#pragma once

#include "names.hpp"

#include <ergo/node_options.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ergo::inline v0::detail {

using addresses = std::vector<boost::asio::ip::address>;
/// The addresses of a host name, or none.
using resolve_function = std::function<addresses(const std::string& host)>;

/// Asks the system's resolver. May block.
[[nodiscard]] addresses resolve(const std::string& host);
/// The computer's addresses that are not loopback.
[[nodiscard]] addresses outside_addresses();

/// The addresses to listen on: those of `wanted` (`*` = all), else those of the host part. The error is a sentence.
[[nodiscard]] std::expected<addresses, std::string> plan_addresses(const full_name& name,
                                                                   const std::vector<std::string>& wanted,
                                                                   const resolve_function& ask);
/// As whom a caller is counted: one computer may have all the addresses of an IPv6 network of 64 bits.
[[nodiscard]] std::string counted_as(const boost::asio::ip::address& from);
/// Whether accepting failed for want of descriptors or memory, which others may give back.
[[nodiscard]] bool is_shortage(const boost::system::error_code& failed) noexcept;

/// How what passes is carried.
enum class carrier : std::uint8_t { clear, tls };

/// What a user should know about listening there: only reachable from this computer although it has other addresses, or
/// open to the network without encryption. Empty for nothing, and where the name says loopback itself.
[[nodiscard]] std::string listening_note(std::string_view host, const addresses& chosen, const addresses& others,
                                         carrier by = carrier::clear);

/// Listening sockets on all of `where`, at the first port from `first` to `last` that is free on all of them (0: the
/// system's choice). An address that this computer does not have is an error.
[[nodiscard]] std::expected<std::vector<boost::asio::ip::tcp::acceptor>, std::string> open_listeners(
    boost::asio::io_context& on, const addresses& where, std::uint16_t first, std::uint16_t last);

}  // namespace ergo::inline v0::detail
