#include <ergo_test/free_port.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>

namespace ergo::test {
namespace {

constexpr unsigned lowest = 12'000;
constexpr unsigned count = 20'000;

bool is_free(std::uint16_t port) {
  const int probe = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);  // takes both families
  sockaddr_in6 own{};
  own.sin6_family = AF_INET6;
  own.sin6_port = htons(port);
  const bool free = ::bind(probe, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0;
  ::close(probe);
  return free;
}

}  // namespace

std::uint16_t free_port() {
  constexpr unsigned stride = 101;  // prime: neighbours among the programs stay apart
  static std::atomic<unsigned> next{static_cast<unsigned>(::getpid()) * stride};
  for (;;) {
    const auto port = static_cast<std::uint16_t>(lowest + next.fetch_add(1) % count);
    if (is_free(port)) return port;
  }
}

}  // namespace ergo::test
