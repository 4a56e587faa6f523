// The pieces of libergo/ASIO.md, run: a socket that echoes, calls from outside, lines of a file.
#include <ergo/asio.hpp>
#include <ergo/otp/gen_server.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace ergo::literals;
using namespace std::chrono_literals;

namespace {

#include "asio_1_sockets.inc"
#include "asio_2_calls.inc"
#include "asio_3_blocking.inc"

class bank {
 public:
  std::int64_t balance(const std::string& account) const { return account == "bob" ? 500 : 0; }
  ergo::otp::result wait() { return ergo::otp::noreply(); }
  static constexpr auto calls = ergo::otp::on(ergo::otp::match<"balance", std::string>(&bank::balance),
                                              ergo::otp::match<"never_answered">(&bank::wait));
};

/// Counts what comes until it is told that this was all.
ergo::task<> collector(ergo::process& self, std::promise<std::size_t>* total) {
  for (std::size_t lines = 0;; ++lines) {
    const auto got = co_await self.receive<ergo::term>();
    if (got->is("the_end"_atom)) co_return total->set_value(lines);
  }
}

template <typename T>
T value_of(std::future<T> from, const char* what) {
  if (from.wait_for(60s) == std::future_status::ready) return from.get();
  std::cerr << what << " takes too long\n";
  std::quick_exit(1);
}

std::string echoed(ergo::node& node, const std::string& text) {
  auto port = std::make_shared<std::promise<std::uint16_t>>();
  ergo::spawn_options pinned;
  pinned.pinned = true;
  const asio::ip::tcp::endpoint loopback{asio::ip::address_v4::loopback(), 0};
  const std::function<void(std::uint16_t)> ready = [port](std::uint16_t chosen) { port->set_value(chosen); };
  if (!node.spawn(pinned, ergo::make_body(listener, loopback, ready))) return {};
  asio::io_context mine;
  asio::ip::tcp::socket socket{mine};
  socket.connect({asio::ip::address_v4::loopback(), value_of(port->get_future(), "the listener")});
  asio::write(socket, asio::buffer(text));
  std::string back(text.size(), ' ');
  asio::read(socket, asio::buffer(back));
  return back;
}

std::string asked(ergo::node& node) {
  asio::io_context mine;
  auto answer = asio::co_spawn(mine, balance_of(node, "bob"), asio::use_future);
  mine.run_for(60s);
  return value_of(std::move(answer), "the call");
}

boost::system::error_code cancelled(ergo::node& node) {
  asio::cancellation_signal stop;
  auto ended = std::make_shared<std::promise<boost::system::error_code>>();
  ask_until(node, stop, [ended](boost::system::error_code failed) { ended->set_value(failed); });
  stop.emit(asio::cancellation_type::terminal);
  return value_of(ended->get_future(), "the cancelled call");
}

std::size_t exported(ergo::node& node) {
  const auto file = std::filesystem::temp_directory_path() / ("ergo-docs-" + std::to_string(::getpid()) + ".txt");
  std::ofstream{file} << "one\ntwo\nthree\n";
  std::promise<std::size_t> total;
  const auto to = node.spawn(collector, &total);
  if (!to || !node.spawn(export_lines, ergo::destination{*to}, file.string())) return 0;
  const auto lines = value_of(total.get_future(), "the export");
  std::filesystem::remove(file);
  return lines;
}

}  // namespace

int main() {
  ergo::node_options options;
  options.name = "asio@localhost";
  options.cookie = "secret";
  options.epmd = ergo::epmd_mode::none;
  const auto node = ergo::node::start(options);
  ergo::spawn_options named;
  named.name = "bank"_atom;
  std::unique_ptr<ergo::behaviour> server = ergo::otp::make_server<bank>();
  if (!node || !(*node)->spawn(named, std::move(server))) return 1;
  const auto back = echoed(**node, "hello");
  const auto balance = asked(**node);
  const auto reason = cancelled(**node);
  const auto lines = exported(**node);
  std::cout << back << ", " << balance << ", " << reason.message() << ", " << lines << " lines" << std::endl;
  return back == "hello" && balance == "500" && reason == ergo::errc::cancelled && lines == 3 ? 0 : 1;
}
