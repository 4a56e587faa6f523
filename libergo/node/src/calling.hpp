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
#include <utility>

namespace ergo::inline v0::detail {

/// Where a peer listens: found, or known.
using peer_locator = std::function<boost::asio::awaitable<peer_finder::outcome>(std::string peer)>;

[[nodiscard]] inline peer_locator locator_of(std::shared_ptr<peer_finder> finder) {
  return [finder = std::move(finder)](std::string peer) { return finder->locate(std::move(peer)); };
}

/// Connects the socket of `call` to where its peer listens, each place in turn; nothing when it is connected, else why
/// not. Deadlines and cancellation of the attempt end it.
[[nodiscard]] boost::asio::awaitable<std::optional<dist::peer_reason>> reach(std::shared_ptr<attempt> call,
                                                                             peer_locator locate);
/// What a node of that name says of itself in handshakes, with a fresh challenge.
[[nodiscard]] dist::handshake_config handshake_as(std::string name, std::uint32_t creation, dist::naming naming,
                                                  dist::flags offer);

/// Why TLS kept an attempt from its end.
[[nodiscard]] dist::peer_reason trouble_of(const attempt& call);

/// Shakes hands over the connected socket of `call`, outside of any connection table. When nothing is returned,
/// `call->result()` is what came of it and `call->socket` the connection; else it is why not.
[[nodiscard]] boost::asio::awaitable<std::optional<dist::peer_reason>> call_alone(std::shared_ptr<attempt> call,
                                                                                  dist::handshake_config as,
                                                                                  std::string cookie);

/// What every socket of a connection is set to.
void set_up(boost::asio::ip::tcp::socket& socket);

}  // namespace ergo::inline v0::detail
