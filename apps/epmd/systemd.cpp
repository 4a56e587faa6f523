// LISTEN_FDS and NOTIFY_SOCKET.
#include "systemd.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace ergo::epmd_program {
namespace {

std::optional<long> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (!text) return std::nullopt;
  const std::string_view digits{text};
  long value = 0;
  const char* const begin = digits.data();
  const char* const end = begin + digits.size();
  const auto parsed = std::from_chars(begin, end, value);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return value;
}

}  // namespace

std::size_t inherited_sockets() {
  constexpr long more_than_anybody_needs = 1024;
  const auto process = number_in("LISTEN_PID");
  const auto count = number_in("LISTEN_FDS");
  if (!process || *process != static_cast<long>(::getpid()) || !count || *count < 1 || *count > more_than_anybody_needs)
    return 0;
  for (int number = 0; number < *count; ++number) ::fcntl(first_inherited_socket + number, F_SETFD, FD_CLOEXEC);
  return static_cast<std::size_t>(*count);
}

void notify_systemd(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  const std::size_t length = path ? std::strlen(path) : 0;
  if (length < 2 || length >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@')) return;
  std::memcpy(to.sun_path, path, length);
  if (path[0] == '@') to.sun_path[0] = '\0';  // an abstract name
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  ::sendto(socket, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), size);
  ::close(socket);
}

}  // namespace ergo::epmd_program
