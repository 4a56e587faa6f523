// What the machine takes for the bytes of a call: a bare socket, by blocking reads and writes, and by epoll.
#include "nodes.hpp"
#include "servers.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ergo_bench {
namespace {

using sizes_on_wire = std::array<std::uint64_t, 2>;

/// Closed at the end.
class descriptor {
 public:
  explicit descriptor(int taken) : at_{taken} {
    if (at_ < 0) throw std::runtime_error{"no descriptor"};
  }
  descriptor(descriptor&& other) noexcept : at_{std::exchange(other.at_, -1)} {}
  descriptor& operator=(descriptor&&) = delete;
  ~descriptor() {
    if (at_ >= 0) ::close(at_);
  }
  [[nodiscard]] int get() const noexcept { return at_; }

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

descriptor that_sends_at_once(int taken) {
  descriptor made{taken};
  const int on = 1;
  ::setsockopt(made.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return made;
}

descriptor connected(const std::string& port) {
  auto made = that_sends_at_once(::socket(AF_INET, SOCK_STREAM, 0));
  const auto at = loopback(static_cast<std::uint16_t>(std::stoi(port)));
  if (::connect(made.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0)
    throw std::runtime_error{"the raw peer cannot be reached"};
  return made;
}

// Prints the port that it listens at.
descriptor accepted() {
  const descriptor listening{::socket(AF_INET, SOCK_STREAM, 0)};
  auto at = loopback(0);
  socklen_t size = sizeof at;
  if (::bind(listening.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      ::listen(listening.get(), 1) != 0 || ::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0)
    throw std::runtime_error{"cannot listen"};
  std::cout << ntohs(at.sin_port) << std::endl;
  return that_sends_at_once(::accept(listening.get(), nullptr, nullptr));
}

/// Reads and writes that block.
class blocking_socket {
 public:
  explicit blocking_socket(descriptor at) : at_{std::move(at)} {}

  /// False when the other end has closed.
  [[nodiscard]] bool read_all(char* to, std::size_t size) const {
    while (size > 0) {
      const auto count = ::read(at_.get(), to, size);
      if (count <= 0) return false;
      to += count;
      size -= static_cast<std::size_t>(count);
    }
    return true;
  }
  void write_all(const char* from, std::size_t size) const {
    while (size > 0) {
      const auto count = ::send(at_.get(), from, size, MSG_NOSIGNAL);
      if (count <= 0) throw std::runtime_error{"the other end has closed"};
      from += count;
      size -= static_cast<std::size_t>(count);
    }
  }

 private:
  descriptor at_;
};

/// Reads and writes that do not block: reads when epoll says that something has come, and waits for epoll to write on
/// when the socket is full.
class watched_socket {
 public:
  explicit watched_socket(descriptor at) : at_{std::move(at)}, poll_{::epoll_create1(0)} {
    watch(EPOLL_CTL_ADD, EPOLLIN);
  }

  /// False when the other end has closed.
  [[nodiscard]] bool read_all(char* to, std::size_t size) const {
    while (size > 0) {
      wait();
      const auto count = ::recv(at_.get(), to, size, MSG_DONTWAIT);
      if (count == 0 || (count < 0 && errno != EAGAIN)) return false;
      if (count < 0) continue;
      to += count;
      size -= static_cast<std::size_t>(count);
    }
    return true;
  }
  void write_all(const char* from, std::size_t size) const {
    while (size > 0) {
      const auto count = ::send(at_.get(), from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count > 0) {
        from += count;
        size -= static_cast<std::size_t>(count);
      } else if (errno == EAGAIN) {
        watch(EPOLL_CTL_MOD, EPOLLOUT);
        wait();
        watch(EPOLL_CTL_MOD, EPOLLIN);
      } else {
        throw std::runtime_error{"the other end has closed"};
      }
    }
  }

 private:
  void watch(int change, std::uint32_t what) const {
    epoll_event wanted{};
    wanted.events = what;
    if (::epoll_ctl(poll_.get(), change, at_.get(), &wanted) != 0) throw std::runtime_error{"no epoll"};
  }
  void wait() const {
    epoll_event found{};
    while (::epoll_wait(poll_.get(), &found, 1, -1) < 0 && errno == EINTR) {
    }
  }

  descriptor at_;
  descriptor poll_;
};

template <typename T>
char* as_bytes(T& value) {
  return reinterpret_cast<char*>(&value);
}

template <typename Socket>
measurement call(const request& wanted) {
  const Socket socket{connected(wanted.peer)};
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

template <typename Socket>
void serve() {
  const Socket socket{accepted()};
  sizes_on_wire told{};
  if (!socket.read_all(as_bytes(told), sizeof told)) return;
  std::vector<char> request(told[0]);
  const std::vector<char> answer(told[1], 'y');
  while (socket.read_all(request.data(), request.size())) socket.write_all(answer.data(), answer.size());
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

measurement raw_echo(const request& wanted) { return call<blocking_socket>(wanted); }
void serve_raw_echo() { serve<blocking_socket>(); }

measurement raw_epoll(const request& wanted) { return call<watched_socket>(wanted); }
void serve_raw_epoll() { serve<watched_socket>(); }

}  // namespace ergo_bench
