// The first steps of a call: from the name of a peer to a connected socket.
#pragma once

#include "attempt.hpp"
#include "finding.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace ergo::inline v0::detail {

/// Where a peer listens: found, or known.
using peer_locator = std::function<boost::asio::awaitable<peer_finder::outcome>(std::string peer)>;

/// Connects the socket of `call` to where its peer listens, each place in turn; nothing when it is connected, else why
/// not. Deadlines and cancellation of the attempt end it.
[[nodiscard]] boost::asio::awaitable<std::optional<dist::peer_reason>> reach(std::shared_ptr<attempt> call,
                                                                             peer_locator locate);
/// What every socket of a connection is set to.
void set_up(boost::asio::ip::tcp::socket& socket);

}  // namespace ergo::inline v0::detail
