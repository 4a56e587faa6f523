// Those who call a node and fall silent, as a process of its own: one may not open enough sockets for both sides.
// Reads a port and a number, calls as often and says how many it has; reads a number of seconds, and says how many of
// them the node has closed when that were all, or so much time has passed.
#include "sockets.hpp"

#include <unistd.h>

#include <algorithm>
#include <deque>
#include <iostream>
#include <random>

namespace {

using namespace ergo_interop;
using steady = std::chrono::steady_clock;

/// How far a handshake gets before its stranger falls silent: not at all, within the name, behind it, or within the
/// answer to the challenge.
void begin(const raw_socket& stranger, std::size_t number, std::mt19937& random) {
  const auto name = "half_" + std::to_string(::getpid()) + "_" + std::to_string(number) + "@localhost";
  const auto message = name_message(name);
  switch (random() % 4) {
    case 1: (void)stranger.send(message.substr(0, 1 + random() % (message.size() - 1))); break;
    case 2: (void)stranger.send(message); break;
    case 3:
      if (const auto challenge = challenge_for(stranger, name))
        (void)stranger.send(reply_message("interop", *challenge, 1).substr(0, 1 + random() % 22));
      break;
    default: break;
  }
}

/// How many of them are closed by the time they all are, or at the end of the time.
std::size_t closed_within(std::chrono::seconds time, const std::deque<raw_socket>& all) {
  const auto until = steady::now() + time;
  return static_cast<std::size_t>(std::ranges::count_if(all, [&](const raw_socket& each) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - steady::now());
    return left.count() > 0 ? each.closes(left) : each.is_closed();
  }));
}

}  // namespace

int main() try {
  std::uint16_t port = 0;
  std::uint32_t count = 0;
  if (!(std::cin >> port >> count)) return 2;
  std::mt19937 random{30};
  std::deque<raw_socket> all;
  for (std::uint32_t one = 0; one < count; ++one) {
    all.emplace_back(port, 0x7F00'0200 + one % 7);
    begin(all.back(), one, random);
  }
  std::cout << all.size() << std::endl;
  std::int64_t seconds = 0;
  if (!(std::cin >> seconds)) return 2;
  std::cout << closed_within(std::chrono::seconds{seconds}, all) << std::endl;
} catch (const std::exception& wrong) {
  std::cout << wrong.what() << std::endl;
  return 1;
}
