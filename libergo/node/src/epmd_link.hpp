// A node's relation to the port mapper: be one where there is none, be registered, stay registered.
#pragma once

#include "names.hpp"

#include <ergo/epmd/client.hpp>
#include <ergo/epmd/server.hpp>
#include <ergo/node_options.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ergo::inline v0::detail {

/// How a node is found.
struct epmd_plan {
  epmd_mode mode = epmd_mode::embedded;
  std::uint16_t port = epmd::default_port;
  std::vector<boost::asio::ip::address> addresses;  ///< where an embedded server listens; empty for all
  std::chrono::milliseconds patience{7'000};        ///< for one look-up
};

/// What to do when the registration is lost, or on start: the order of attempts and the pauses between rounds, without
/// sockets.
class epmd_policy {
 public:
  /// One attempt of a round.
  enum class step : std::uint8_t { serve, enroll, pause };
  explicit epmd_policy(epmd_mode mode) noexcept : mode_{mode} {}

  /// The next step. `serving` = our own server runs.
  [[nodiscard]] step next(bool serving) noexcept;
  /// The pause before the next round; grows to 400 ms, so that a new server has all names within 2 s. `random` spreads
  /// many nodes.
  [[nodiscard]] std::chrono::milliseconds pause(std::uint32_t random) noexcept;
  void registered() noexcept;
  /// Whether a first registration that failed so is worth another round: nodes that start at the same moment meet a
  /// port mapper that does not answer yet, or that goes with a node whose own start has failed. `contested` = somebody
  /// else had the port.
  [[nodiscard]] bool may_come(epmd::errc failed, bool contested) const noexcept;

 private:
  epmd_mode mode_;
  bool served_ = false;  // tried in this round
  bool enrolled_ = false;
  unsigned rounds_ = 0;
};

/// Runs on one reactor; every member is called there. Kept alive by its own work.
class epmd_link final : public std::enable_shared_from_this<epmd_link> {
 public:
  epmd_link(boost::asio::io_context& on, epmd_plan plan, full_name name,
            std::function<void(log_level, std::string)> note);

  /// Registers for the first time and returns the creation. The error is a sentence, and tells whether the name is
  /// taken.
  struct start_failure {
    bool name_taken = false;
    std::string text;
  };
  [[nodiscard]] boost::asio::awaitable<std::expected<std::uint32_t, start_failure>> start(std::uint16_t port,
                                                                                          visibility seen);
  /// Keeps the registration; ends after `stop`.
  [[nodiscard]] boost::asio::awaitable<void> keep();
  /// Frees the name, and says so when names of others go with our server.
  void stop();
  /// Asks port mappers at the same port.
  [[nodiscard]] const epmd::client& client() const noexcept { return client_; }
  /// Whether the port mapper is ours.
  [[nodiscard]] bool serves() const noexcept { return server_ && server_->is_running(); }

 private:
  enum class port_state : std::uint8_t { ours, taken, unusable };
  port_state serve();
  [[nodiscard]] boost::asio::awaitable<std::expected<std::uint32_t, epmd::error>> enroll_first();
  [[nodiscard]] boost::asio::awaitable<std::expected<std::uint32_t, epmd::error>> enroll();
  [[nodiscard]] boost::asio::awaitable<bool> enroll_again();

  boost::asio::io_context& context_;
  epmd_plan plan_;
  full_name name_;
  std::function<void(log_level, std::string)> note_;
  epmd::client client_;
  std::optional<epmd::server> server_;
  epmd::registration registration_;
  epmd::node_record record_;
  boost::asio::steady_timer timer_;
  bool stopping_ = false;
};

}  // namespace ergo::inline v0::detail
