// Where a peer listens: by the program's routes, by its own resolver, by the port mapper, or at the port that all
// share.
#pragma once

#include <ergo/dist/peers.hpp>
#include <ergo/epmd/client.hpp>
#include <ergo/node_options.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ergo::inline v0::detail {

/// What a node knows about where others are; see `node_options`.
struct finder_plan {
  epmd_mode mode = epmd_mode::embedded;
  std::uint16_t peer_port = 0;
  std::vector<route> routes;
  node_resolver resolve;
};

/// The address of the first route that matches, or null.
[[nodiscard]] const node_address* route_for(const std::vector<route>& routes, std::string_view peer);

/// Runs on one reactor; every member is called there. Kept alive by its own work.
class peer_finder final : public std::enable_shared_from_this<peer_finder> {
 public:
  using endpoints = std::vector<boost::asio::ip::tcp::endpoint>;
  using outcome = std::expected<endpoints, dist::peer_reason>;
  /// Runs `work` where it may block, and then `done` on any thread while the reactor lives. `done` may be left out
  /// when the node stops meanwhile; false when neither is called.
  using side_runner = std::function<bool(std::function<void()> work, std::function<void()> done)>;

  peer_finder(boost::asio::io_context& on, finder_plan plan, epmd::client mapper, side_runner aside);

  /// Where a node listens, the most likely place first. Obeys terminal cancellation.
  [[nodiscard]] boost::asio::awaitable<outcome> locate(std::string peer);

 private:
  struct question;
  using answer = std::expected<std::optional<node_address>, dist::peer_reason>;

  [[nodiscard]] boost::asio::awaitable<answer> ask_program(std::string peer);
  [[nodiscard]] boost::asio::awaitable<outcome> ask_mapper(std::string host, std::string node);
  [[nodiscard]] boost::asio::awaitable<outcome> resolve_host(std::string host, std::uint16_t port);

  boost::asio::io_context& context_;
  finder_plan plan_;
  epmd::client mapper_;
  side_runner aside_;
};

}  // namespace ergo::inline v0::detail
