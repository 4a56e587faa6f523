// What a connection asks of the system for its socket, read back from the sockets of this program.
#include "fault_stage.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using namespace ergo;
using namespace ergo_test;

namespace {

std::uint16_t port_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  return address.ss_family == AF_INET6 ? ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port) : 0;
}

// Whether the socket is connected, and one of its ends has this port.
bool is_end_of_connection(int descriptor, std::uint16_t port) {
  sockaddr_storage near{};
  sockaddr_storage far{};
  socklen_t near_size = sizeof near;
  socklen_t far_size = sizeof far;
  return getsockname(descriptor, reinterpret_cast<sockaddr*>(&near), &near_size) == 0 &&
         getpeername(descriptor, reinterpret_cast<sockaddr*>(&far), &far_size) == 0 &&
         (port_of(near) == port || port_of(far) == port);
}

std::vector<int> ends_of_connection(std::uint16_t port) {
  std::vector<int> found;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    const auto descriptor = std::stoi(entry.path().filename().string());
    if (is_end_of_connection(descriptor, port)) found.push_back(descriptor);
  }
  return found;
}

int option(int descriptor, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return getsockopt(descriptor, level, name, &value, &size) == 0 ? value : -1;
}

std::string congestion_control(int descriptor) {
  std::array<char, 16> name{};
  socklen_t size = name.size() - 1;
  return getsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, name.data(), &size) == 0 ? name.data() : "";
}

// The system gives no more than its own limit, and counts its overhead as much again.
int receive_buffer_for(std::size_t wanted) {
  std::ifstream file{"/proc/sys/net/core/rmem_max"};
  std::size_t most = wanted;
  file >> most;
  return static_cast<int>(2 * std::min(wanted, most));
}

/// Two nodes that are connected, with the same limits.
struct linked_nodes {
  explicit linked_nodes(const node_limits& limits) {
    auto of_b = plain_options(name_b, free_port());
    of_b.limits = limits;
    b = started(std::move(of_b));
    auto of_a = plain_options(name_a, b->port());
    of_a.limits = limits;
    a = started(std::move(of_a));
    REQUIRE(a->connect(name_b));
    REQUIRE(eventually([&] { return a->counters(name_b) && b->counters(name_a); }));  // both ends are set up
    ends = ends_of_connection(b->port());
    REQUIRE(ends.size() == 2);
  }
  std::unique_ptr<node> b;
  std::unique_ptr<node> a;
  std::vector<int> ends;
};

}  // namespace

TEST_CASE("a connection within this computer sends at once and keeps the system's queues short") {
  const node_limits limits;
  const linked_nodes pair{limits};
  for (const auto end : pair.ends) {
    CHECK(option(end, IPPROTO_TCP, TCP_NODELAY) == 1);
    CHECK(option(end, SOL_SOCKET, SO_RCVBUF) == receive_buffer_for(limits.system_unread));
    CHECK(option(end, IPPROTO_TCP, TCP_NOTSENT_LOWAT) == static_cast<int>(limits.system_unsent));
    CHECK(congestion_control(end) == "reno");
  }
}

TEST_CASE("the limits of a node say how long the system's queues may be") {
  node_limits limits;
  limits.system_unread = 100'000;
  limits.system_unsent = 0;  // as the system has it
  const linked_nodes pair{limits};
  for (const auto end : pair.ends) {
    CHECK(option(end, SOL_SOCKET, SO_RCVBUF) == receive_buffer_for(100'000));
    CHECK(option(end, IPPROTO_TCP, TCP_NOTSENT_LOWAT) == 0);
  }
}
