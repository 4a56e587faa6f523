// A client for the pages of a node, and a node to ask.
#pragma once

#include <ergo/operations.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ergo_test {

namespace http = boost::beast::http;
using http_answer = http::response<http::string_body>;

/// A node without port mapper, which nobody finds.
inline std::unique_ptr<ergo::node> start_alone(ergo::runtime_options runtime = {}) {
  ergo::node_options options;
  options.name = "alone@localhost";
  options.cookie = "secret";
  options.epmd = ergo::epmd_mode::none;
  auto started = ergo::node::start(options, std::move(runtime));
  REQUIRE(started);
  return *std::move(started);
}

inline std::unique_ptr<ergo::operations> serve(ergo::node& of, ergo::operations_options options = {}) {
  auto started = ergo::operations::start(of, std::move(options));
  REQUIRE(started);
  return *std::move(started);
}

/// A connection that can ask several times.
class http_client {
 public:
  explicit http_client(std::uint16_t port) { socket_.connect({boost::asio::ip::address_v4::loopback(), port}); }
  void send(std::string_view bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }
  http_answer receive(http::verb verb = http::verb::get) {
    http::response_parser<http::string_body> parser;
    parser.skip(verb == http::verb::head);
    parser.body_limit(boost::none);
    http::read(socket_, buffer_, parser);
    return parser.release();
  }
  http_answer ask(std::string_view target, http::verb verb = http::verb::get) {
    http::request<http::empty_body> asked{verb, target, 11};
    asked.set(http::field::host, "localhost");
    http::write(socket_, asked);
    return receive(verb);
  }
  /// Whether it is answered, and not closed at once.
  bool answers(std::string_view target) {
    http::request<http::empty_body> asked{http::verb::get, target, 11};
    boost::system::error_code failed;
    http::write(socket_, asked, failed);
    http_answer read;
    if (!failed) http::read(socket_, buffer_, read, failed);
    return !failed;
  }
  /// Whether the other end closes without another byte.
  bool is_closed() {
    char byte = 0;
    boost::system::error_code ended;
    const auto read = socket_.read_some(boost::asio::buffer(&byte, 1), ended);
    return read == 0 && ended.failed();
  }

 private:
  boost::asio::io_context context_;
  boost::asio::ip::tcp::socket socket_{context_};
  boost::beast::flat_buffer buffer_;
};

inline http_answer get(const ergo::operations& from, std::string_view target, http::verb verb = http::verb::get) {
  return http_client{from.port()}.ask(target, verb);
}

}  // namespace ergo_test
