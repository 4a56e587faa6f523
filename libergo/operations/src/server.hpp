// The HTTP server behind `operations`.
#pragma once

#include <ergo/node_collector.hpp>
#include <ergo/operations.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace ergo::inline v0 {

/// Runs on one thread of its own; `open`, `close` and `add` are for others.
class operations::server {
 public:
  using request = boost::beast::http::request<boost::beast::http::empty_body>;
  using response = boost::beast::http::response<boost::beast::http::string_body>;
  template <typename T>
  using awaitable = boost::asio::awaitable<T>;

  server(node& of, operations_options options);
  /// Listens and starts the thread. Throws `boost::system::system_error`.
  void open();
  void close() noexcept;
  void add(std::string path, http_page page);
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  awaitable<void> accept_all();
  awaitable<void> pause();
  awaitable<void> serve(boost::beast::tcp_stream stream);
  awaitable<void> converse(boost::beast::tcp_stream& stream);
  awaitable<response> answer(request asked);
  awaitable<http_reply> find_reply(std::string path, std::string query);
  awaitable<http_reply> ask(http_page page, std::string query);
  [[nodiscard]] http_reply metrics() const;
  [[nodiscard]] http_reply readiness() const;
  [[nodiscard]] http_reply unknown() const;

  node& node_;
  operations_options options_;
  node_collector collector_;
  std::shared_ptr<boost::asio::io_context> context_ = std::make_shared<boost::asio::io_context>(1);
  boost::asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::size_t open_ = 0;
  mutable std::mutex mutex_;  // of the pages
  std::map<std::string, http_page, std::less<>> pages_;
  std::thread thread_;
};

}  // namespace ergo::inline v0
