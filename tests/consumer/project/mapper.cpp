// Starts a port mapper on a free port of the loopback address and asks it for its names.
#include <ergo/epmd/client.hpp>
#include <ergo/epmd/server.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>

#include <cstdio>

int main() {
  boost::asio::io_context io;
  ergo::epmd::server_options options;
  options.port = 0;
  options.addresses = {boost::asio::ip::address_v4::loopback()};
  ergo::epmd::server server{io.get_executor(), options};
  if (!server.listen()) return std::puts("the port mapper does not listen"), 1;

  ergo::epmd::client client{io.get_executor(), {.port = server.port()}};
  bool answered = false;
  client.async_names("127.0.0.1", [&](const ergo::epmd::answer<ergo::epmd::listing>& names) {
    answered = names && ergo::epmd::names_in(*names).empty();
    server.stop();
  });
  io.run();
  if (!answered) return std::puts("the port mapper did not answer with an empty list"), 1;
  std::puts("the port mapper answers");
}
