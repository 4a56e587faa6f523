// What the machine takes for the bytes of a call: blocking reads and writes on a bare socket.
#include "nodes.hpp"
#include "servers.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace ergo_bench {
namespace {

using sizes_on_wire = std::array<std::uint64_t, 2>;

/// A socket that is closed at the end.
class descriptor {
 public:
  explicit descriptor(int taken) : at_{taken} {
    if (at_ < 0) throw std::runtime_error{"no socket"};
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() { ::close(at_); }
  [[nodiscard]] int get() const noexcept { return at_; }

  void send_at_once() const {
    const int on = 1;
    ::setsockopt(at_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  /// False when the other end has closed.
  [[nodiscard]] bool read_all(char* to, std::size_t size) const {
    while (size > 0) {
      const auto count = ::read(at_, to, size);
      if (count <= 0) return false;
      to += count;
      size -= static_cast<std::size_t>(count);
    }
    return true;
  }
  void write_all(const char* from, std::size_t size) const {
    while (size > 0) {
      const auto count = ::send(at_, from, size, MSG_NOSIGNAL);
      if (count <= 0) throw std::runtime_error{"the other end has closed"};
      from += count;
      size -= static_cast<std::size_t>(count);
    }
  }

 private:
  int at_;
};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(port);
  made.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return made;
}

template <typename T>
char* as_bytes(T& value) {
  return reinterpret_cast<char*>(&value);
}

}  // namespace

echo_sizes raw_echo_sizes(std::string_view variant) {
  static const std::map<std::string_view, echo_sizes> known{
      {"number", {198, 89}}, {"string", {230, 121}}, {"pid-atom", {214, 105}}};
  if (const auto found = known.find(variant); found != known.end()) return found->second;
  constexpr std::size_t fragment = 64U << 10;
  constexpr std::size_t around_a_fragment = 22;
  const auto size = binary_size(variant);
  const auto cuts = size / fragment * around_a_fragment;
  return {198 + size + cuts, 89 + size + cuts};
}

measurement raw_echo(const request& wanted) {
  const descriptor socket{::socket(AF_INET, SOCK_STREAM, 0)};
  const auto at = loopback(static_cast<std::uint16_t>(std::stoi(wanted.peer)));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0)
    throw std::runtime_error{"the raw peer cannot be reached"};
  socket.send_at_once();
  const auto [there, back] = raw_echo_sizes(wanted.variant);
  sizes_on_wire told{there, back};
  socket.write_all(as_bytes(told), sizeof told);
  const std::vector<char> sent(there, 'x');
  std::vector<char> answer(back);
  const stopwatch watch;
  for (std::uint64_t number = 0; number < wanted.operations; ++number) {
    socket.write_all(sent.data(), sent.size());
    if (!socket.read_all(answer.data(), answer.size())) throw std::runtime_error{"the raw peer has closed"};
  }
  return watch.read(wanted.operations);
}

void serve_raw_echo() {
  const descriptor listening{::socket(AF_INET, SOCK_STREAM, 0)};
  auto at = loopback(0);
  socklen_t size = sizeof at;
  if (::bind(listening.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      ::listen(listening.get(), 1) != 0 || ::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0)
    throw std::runtime_error{"cannot listen"};
  std::cout << ntohs(at.sin_port) << std::endl;
  const descriptor socket{::accept(listening.get(), nullptr, nullptr)};
  socket.send_at_once();
  sizes_on_wire told{};
  if (!socket.read_all(as_bytes(told), sizeof told)) return;
  std::vector<char> request(told[0]);
  const std::vector<char> answer(told[1], 'y');
  while (socket.read_all(request.data(), request.size())) socket.write_all(answer.data(), answer.size());
}

}  // namespace ergo_bench
