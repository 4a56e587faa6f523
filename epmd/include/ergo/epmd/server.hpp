// A port mapper on Asio, embedded in a node or stand-alone: sockets, deadlines and limits around the sessions.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ergo/epmd/directory.hpp"
#include "ergo/epmd/error.hpp"
#include "ergo/epmd/session.hpp"

namespace ergo::inline v0::epmd {

/// How a server listens and what it bears. The defaults are those of a server embedded in a node, but for
/// `addresses`: an embedded one should name those of the node.
struct server_options {
  std::uint16_t port = default_port;  ///< 0 lets the system choose; see `server::port`
  /// Empty: all addresses, IPv4 and IPv6. Otherwise these, and both loopback addresses where the host has them.
  std::vector<boost::asio::ip::address> addresses;
  /// For a whole exchange, from the first byte of the request to the last one of the answer; no other byte extends it.
  /// A client that says nothing is closed so long after it connected: nobody stays longer than twice this.
  std::chrono::milliseconds request_deadline{5'000};
  /// Connections at most, registrations included; a sixteenth of them (4 to 256) is kept free for queries.
  std::size_t max_clients = 16'384;
  /// Connections without registration from one address (one /64 network for IPv6) at most. The one goes that has
  /// waited longest: since it connected, or since it began to ask.
  std::size_t max_idle_per_address = 1'024;
  std::size_t max_unused_names = 1'000;  ///< see `directory_limits::unused`
  command_check check = command_check::strict;
  std::chrono::milliseconds delay_accept{0};  ///< test aid: waits before a connection is accepted
  std::chrono::milliseconds delay_write{0};   ///< test aid: waits before a reply is sent, beyond the deadline
};

/// The addresses of a list separated by commas or spaces, as in ERL_EPMD_ADDRESS.
/// Error: the part that is no IPv4 or IPv6 address.
[[nodiscard]] std::expected<std::vector<boost::asio::ip::address>, std::string> parse_addresses(std::string_view list);

/// One thing that happened, for logs. Valid during the call only.
struct server_event {
  enum class kind : std::uint8_t {
    session,          ///< `report` says what a client did
    connected,        ///< a client was accepted; `report` is empty
    turned_away,      ///< a client was closed unheard: the server is full of registrations, or has no descriptor
    accept_failed,    ///< accepting failed with `cause`; it goes on
    address_skipped,  ///< an implicit address cannot be listened on (`cause`); the others are
    killed,           ///< a permitted KILL has stopped the server
  };
  kind what = kind::session;
  session_report report;
  std::error_code cause;
  boost::asio::ip::tcp::endpoint peer;  ///< the client, or the skipped address
  locality where = locality::remote;
  int descriptor = -1;
  std::size_t received_bytes = 0;  ///< of the client's request
};

/// Why a server does not listen, and on which address.
struct listen_failure {
  error what;
  boost::asio::ip::tcp::endpoint where;
};

/// A port mapper. It runs on one executor: every member, and the observer, is used on that executor's thread (or
/// strand) only. Nothing a client does ends it but a permitted KILL; when descriptors run out it closes its oldest
/// idle clients and goes on.
class server {
 public:
  /// Must not throw and not destroy the server; it may call `stop`.
  using observer = std::function<void(const server_event&)>;

  /// Opens nothing yet.
  explicit server(boost::asio::any_io_executor executor, server_options options = {}, observer watch = {});
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  /// Stops.
  ~server();

  /// Binds, listens and accepts from now on. After a failure nothing is open and it may be called again.
  /// Errors: address_in_use (another port mapper: be its client), cannot_listen.
  [[nodiscard]] std::expected<void, listen_failure> listen();

  /// Accepts on a socket that listens already, as systemd hands it over; owns it from then on.
  /// Errors: cannot_listen when it is no listening TCP socket; the caller then still owns the descriptor.
  [[nodiscard]] std::expected<void, listen_failure> adopt(int descriptor);

  /// Closes every socket and calls the observer no more. May be repeated; `listen` may follow.
  void stop();

  /// True between a successful `listen` or `adopt` and the stop.
  [[nodiscard]] bool is_running() const noexcept;
  /// The port that clients are told: the bound one, or that of the options.
  [[nodiscard]] std::uint16_t port() const noexcept;
  /// The addresses listened on.
  [[nodiscard]] std::vector<boost::asio::ip::tcp::endpoint> endpoints() const;
  /// The registrations.
  [[nodiscard]] const directory& names() const noexcept;
  /// How many names others than `own` hold here; they are unreachable for a while when the server stops.
  [[nodiscard]] std::size_t foreign_names(std::span<const std::string> own) const;
  /// Open connections, registrations included.
  [[nodiscard]] std::size_t clients() const noexcept;

 private:
  class impl;
  std::shared_ptr<impl> impl_;
};

}  // namespace ergo::inline v0::epmd
