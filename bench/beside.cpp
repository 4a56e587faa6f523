// How long small calls take while a large binary goes back and forth: through one connection of ours, and through two
// raw sockets, one for the binary and one for the small ones.
#include "nodes.hpp"
#include "servers.hpp"
#include "workload.hpp"

#include <ergo/otp/call.hpp>
#include <ergo/otp/outside.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace ergo_bench {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace ergo;
using clock = std::chrono::steady_clock;

constexpr std::size_t bulk_size = 200'000'000;
constexpr std::size_t small_size = 64;  // of a raw request: about what a call of ours takes
constexpr auto pace = std::chrono::milliseconds{1};

/// What the callers share.
struct traffic {
  explicit traffic(unsigned expected) : done{expected} {}
  std::vector<clock::duration> small;
  std::atomic<bool> enough{false};
  finish_line done;
};

// The time that 99 of 100 small ones take at most.
measurement nearly_worst(std::vector<clock::duration> times) {
  std::ranges::sort(times);
  return {times.at(times.size() - 1 - times.size() / 100), 1};
}

ergo::task<> bulk_loop(ergo::process& self, destination to, std::shared_ptr<traffic> all) {
  const auto sent = etf::binary(std::string(bulk_size, 'x'));
  while (!all->enough.load()) {
    const auto back = co_await otp::call<term>(self, to, sent, std::chrono::seconds{60});
    if (!back) co_return all->done.fail(back.error().message());
    if (back->bytes().size() != bulk_size) co_return all->done.fail("a binary came back shorter");
  }
  all->done.arrive();
}

ergo::task<> small_loop(ergo::process& self, destination to, std::uint64_t count, std::shared_ptr<traffic> all) {
  auto next = clock::now();
  for (std::uint64_t number = 0; number < count; ++number) {
    next += pace;
    if (const auto now = clock::now(); next > now) co_await self.sleep(next - now);
    const auto begun = clock::now();
    const auto back = co_await otp::call<std::uint64_t>(self, to, number, std::chrono::seconds{60});
    if (!back || *back != number) co_return all->done.fail("a small call failed");
    all->small.push_back(clock::now() - begun);
  }
  all->enough = true;
  all->done.arrive();
}

tcp::socket connected(asio::io_context& context, const std::string& port) {
  tcp::socket made{context};
  made.connect({asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(std::stoi(port))});
  made.set_option(tcp::no_delay{true});
  return made;
}

// Reads as much as `memory` holds and sends it back, until the other end has had enough.
void echo(tcp::socket socket, std::size_t size) {
  std::vector<char> memory(size);
  boost::system::error_code failed;
  while (!failed) {
    asio::read(socket, asio::buffer(memory), failed);
    if (!failed) asio::write(socket, asio::buffer(memory), failed);
  }
}

}  // namespace

measurement net_beside_large(const request& wanted) {
  const auto here = start_caller(wanted.cores);
  connect(*here, wanted.peer);
  auto all = std::make_shared<traffic>(2);
  const auto at = atom::of(wanted.peer);
  const destination bulk{echo_name(0), at};
  const destination small{echo_name(1), at};
  if (!here->spawn(bulk_loop, bulk, all) || !here->spawn(small_loop, small, wanted.operations, all))
    throw std::runtime_error{"cannot spawn"};
  all->done.wait();
  return nearly_worst(all->small);
}

measurement raw_beside_large(const request& wanted) {
  asio::io_context context;
  auto bulk = connected(context, wanted.peer);
  auto small = connected(context, wanted.peer);
  std::atomic<bool> enough{false};
  std::jthread large{[&] {
    std::vector<char> memory(bulk_size, 'x');
    while (!enough.load()) {
      asio::write(bulk, asio::buffer(memory));
      asio::read(bulk, asio::buffer(memory));
    }
  }};
  std::vector<clock::duration> times;
  std::array<char, small_size> memory{};
  auto next = clock::now();
  for (std::uint64_t number = 0; number < wanted.operations; ++number) {
    next += pace;
    std::this_thread::sleep_until(next);
    const auto begun = clock::now();
    asio::write(small, asio::buffer(memory));
    asio::read(small, asio::buffer(memory));
    times.push_back(clock::now() - begun);
  }
  enough = true;
  return nearly_worst(times);
}

void serve_beside_large() {
  asio::io_context context;
  tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), 0}};
  std::cout << acceptor.local_endpoint().port() << std::endl;
  auto bulk = acceptor.accept();
  auto small = acceptor.accept();
  small.set_option(tcp::no_delay{true});
  const std::jthread large{[&] { echo(std::move(bulk), bulk_size); }};
  echo(std::move(small), small_size);
}

}  // namespace ergo_bench
