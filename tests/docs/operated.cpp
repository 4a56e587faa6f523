// The README's node with a log and pages, in a program that asks it how it is.
#include <ergo/event_log.hpp>
#include <ergo/node.hpp>
#include <ergo/operations.hpp>
#include <ergo/profile.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <iostream>
#include <string>

#include "readme_operated.inc"

int main() {
  return operate([](ergo::node& node) {
    boost::asio::ip::tcp::iostream page{"127.0.0.1", "9100"};
    page << "GET /health HTTP/1.0\r\n\r\n" << std::flush;
    std::string last;
    for (std::string line; std::getline(page, line);) last = line;
    std::cout << node.name().text() << " is " << last << std::endl;
    return last == "healthy" ? 0 : 1;
  });
}
