#include <ergo_test/free_port.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>

namespace ergo::test {
namespace {

constexpr unsigned lowest = 12'000;
constexpr unsigned per_row = 200;
constexpr unsigned rows = 100;

bool is_free(std::uint16_t port) {
  const int probe = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);  // takes both families
  sockaddr_in6 own{};
  own.sin6_family = AF_INET6;
  own.sin6_port = htons(port);
  const bool free = ::bind(probe, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0;
  ::close(probe);
  return free;
}

/// Neighbouring ports that are this program's alone among those that call `free_port`. The system gives a name in the
/// abstract namespace to one socket at a time, and takes it back when a program ends in whatever way.
class row {
 public:
  explicit row(unsigned number) : number_{number} {
    const auto name = "ergo-test-ports-" + std::to_string(number);
    sockaddr_un own{};
    own.sun_family = AF_UNIX;
    std::ranges::copy(name, own.sun_path + 1);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    held_ = ::bind(mark_, reinterpret_cast<const sockaddr*>(&own), size) == 0;
  }
  row(const row&) = delete;
  row& operator=(const row&) = delete;
  ~row() { ::close(mark_); }

  [[nodiscard]] bool held() const { return held_; }
  /// 0 when all have been given.
  std::uint16_t next() {
    while (given_ < per_row) {
      const auto port = static_cast<std::uint16_t>(lowest + number_ * per_row + given_++);
      if (is_free(port)) return port;
    }
    return 0;
  }

 private:
  const unsigned number_;
  const int mark_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool held_ = false;
  unsigned given_ = 0;
};

}  // namespace

std::uint16_t free_port() {
  static std::mutex mutex;
  static std::optional<row> present;
  static auto number = static_cast<unsigned>(::getpid());
  const std::scoped_lock lock{mutex};
  for (;;) {
    if (const auto port = present ? present->next() : std::uint16_t{0}; port != 0) return port;
    do {
      present.emplace(number++ % rows);
    } while (!present->held());
  }
}

}  // namespace ergo::test
