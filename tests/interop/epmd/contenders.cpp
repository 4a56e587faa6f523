#include "contenders.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace ergo::test {
namespace {

using std::chrono::steady_clock;
using milliseconds = client::milliseconds;

sockaddr_in place(std::uint32_t host, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(host);
  out.sin_port = htons(port);
  return out;
}

/// Waits for `events`; false when the time is up.
bool ready(int socket, short events, steady_clock::time_point end) {
  const auto left = std::max(std::chrono::ceil<milliseconds>(end - steady_clock::now()), milliseconds{0});
  pollfd one{socket, events, 0};
  return ::poll(&one, 1, static_cast<int>(left.count())) > 0;
}

std::string framed(std::string body) {
  const auto size = static_cast<std::uint16_t>(body.size());
  return std::string{static_cast<char>(size >> 8U), static_cast<char>(size & 0xFFU)} + std::move(body);
}

std::string two_bytes(std::size_t number) {
  return {static_cast<char>(number >> 8U & 0xFFU), static_cast<char>(number & 0xFFU)};
}

/// What a command prints.
std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe{::popen(command.c_str(), "r"), ::pclose};
  std::string out;
  std::array<char, 512> room{};
  while (pipe && std::fgets(room.data(), room.size(), pipe.get()) != nullptr) out += room.data();
  return out;
}

std::vector<contender> find_contenders() {
  std::vector<contender> found{{"ours", {our_epmd()}}};
  const char* const script = std::getenv("ERGO_OTP_RELEASES");
  if (script == nullptr) return found;
  std::istringstream lines{output_of(std::string{script} + " list 2>/dev/null")};
  for (std::string line; std::getline(lines, line);) {
    std::string wanted, release, version, path;
    std::istringstream{line} >> wanted >> release >> version >> path;
    if (wanted != "25" && wanted != "29") continue;
    if (path == "/") {
      found.push_back({"OTP " + wanted, {find_program("epmd")}});
    } else if (::geteuid() == 0) {
      found.push_back({"OTP " + wanted, {script, "run", wanted, "--", "epmd"}});
    }
  }
  return found;
}

}  // namespace

const std::vector<contender>& contenders() {
  static const auto found = find_contenders();
  return found;
}

started_mapper::started_mapper(const contender& which, const conditions& with)
    : port_{free_port()}, process_{[&] {
        rlimit allowed{};
        ::getrlimit(RLIMIT_NOFILE, &allowed);
        const auto most = std::to_string(std::min<rlim_t>(with.descriptors, allowed.rlim_max));
        arguments command{"/bin/sh", "-c", "ulimit -n " + most + " && exec \"$@\" >/dev/null 2>&1", "sh"};
        command.insert(command.end(), with.through.begin(), with.through.end());
        command.insert(command.end(), which.command.begin(), which.command.end());
        command.insert(command.end(), {"-port", std::to_string(port_)});
        command.insert(command.end(), with.options.begin(), with.options.end());
        return command;
      }()} {}

void started_mapper::await(std::uint32_t address) {
  const auto end = steady_clock::now() + std::chrono::seconds{10};
  while (ask_for(port_, plain_request('n'), milliseconds{1000}, address, address).bytes.size() < 4) {
    if (!is_running() || steady_clock::now() > end) throw std::runtime_error{"a port mapper does not start"};
    ::poll(nullptr, 0, 5);
  }
}

client::client(std::uint16_t port, std::uint32_t source, std::uint32_t target)
    : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)} {
  if (socket_ < 0) throw std::runtime_error{"no socket"};
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  const auto own = place(source, 0);
  const auto peer = place(target, port);
  if (::bind(socket_, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0)
    (void)::connect(socket_, reinterpret_cast<const sockaddr*>(&peer), sizeof peer);
}

client::client(client&& other) noexcept : socket_{std::exchange(other.socket_, -1)} {}

client& client::operator=(client&& other) noexcept {
  std::swap(socket_, other.socket_);
  return *this;
}

client::~client() {
  if (socket_ >= 0) ::close(socket_);
}

bool client::connected(milliseconds patience) const {
  if (!ready(socket_, POLLOUT, steady_clock::now() + patience)) return false;
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  return ::getpeername(socket_, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

bool client::send(std::string_view bytes) const {
  return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

heard client::hear(std::size_t most, milliseconds patience) const {
  heard out;
  std::array<char, 4096> piece{};
  const auto end = steady_clock::now() + patience;
  while (out.bytes.size() < most && !out.closed && ready(socket_, POLLIN, end)) {
    const auto got = ::recv(socket_, piece.data(), std::min(piece.size(), most - out.bytes.size()), 0);
    if (got < 0 && errno == EAGAIN) continue;
    out.closed = got <= 0;
    if (got > 0) out.bytes.append(piece.data(), static_cast<std::size_t>(got));
  }
  return out;
}

heard ask_for(std::uint16_t port, std::string_view request, milliseconds patience, std::uint32_t source,
              std::uint32_t target) {
  const auto end = steady_clock::now() + patience;
  const client one{port, source, target};
  if (!one.connected(patience) || !one.send(request)) return {};
  return one.hear(std::string::npos, std::chrono::ceil<milliseconds>(end - steady_clock::now()));
}

std::string alive_request(std::string_view name, std::uint16_t port) {
  return framed("x" + two_bytes(port) + std::string{"M\0\0\6\0\5", 6} + two_bytes(name.size()) + std::string{name} +
                two_bytes(0));
}
std::string port_request(std::string_view name) { return framed("z" + std::string{name}); }
std::string plain_request(char which, std::string_view name) { return framed(which + std::string{name}); }

std::optional<client> enlisted(std::uint16_t port, const std::string& name, milliseconds patience,
                               std::uint32_t source) {
  client one{port, source};
  if (!one.connected(patience) || !one.send(alive_request(name))) return std::nullopt;
  const auto answer = epmd::parse_alive2_answer(one.hear(6, patience).bytes);
  if (!answer || !*answer || (**answer).result != 0) return std::nullopt;
  return one;
}

bool finds(std::uint16_t port, const std::string& name, milliseconds patience, std::uint32_t source) {
  return epmd::parse_port2_answer(ask_for(port, port_request(name), patience, source).bytes).has_value();
}

}  // namespace ergo::test
