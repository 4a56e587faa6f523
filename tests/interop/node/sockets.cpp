// A peer made of a bare socket.
#include "sockets.hpp"

#include <openssl/evp.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace ergo_interop {
namespace {

sockaddr_in endpoint(std::uint32_t address, std::uint16_t port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(port);
  made.sin_addr.s_addr = htonl(address);
  return made;
}

std::string md5(const std::string& text) {
  std::array<unsigned char, 16> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_md5(), nullptr);
  return {digest.begin(), digest.end()};
}

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t index = at; index < at + 4; ++index) value = (value << 8) | static_cast<unsigned char>(bytes[index]);
  return value;
}

}  // namespace

raw_socket::raw_socket(std::uint16_t port, std::uint32_t source)
    : socket_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
  const auto from = endpoint(source, 0);
  const auto to = endpoint(INADDR_LOOPBACK, port);
  if (bind(socket_, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0 &&
      connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0)
    return;
  close(socket_);
  throw std::runtime_error{"nobody listens at port " + std::to_string(port)};
}

raw_socket::raw_socket(raw_socket&& other) noexcept : socket_{std::exchange(other.socket_, -1)} {}

raw_socket::~raw_socket() {
  if (socket_ >= 0) close(socket_);
}

raw_listener::raw_listener(std::uint32_t address, std::uint16_t port)
    : socket_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
  const auto at = endpoint(address, port);
  if (bind(socket_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 && listen(socket_, SOMAXCONN) == 0) return;
  close(socket_);
  throw std::runtime_error{"cannot listen at port " + std::to_string(port)};
}

raw_listener::~raw_listener() { close(socket_); }

raw_socket raw_listener::accept() const {
  pollfd wait{socket_, POLLIN, 0};
  if (poll(&wait, 1, 5000) <= 0) throw std::runtime_error{"nobody connects"};
  return raw_socket{raw_socket::adopted{accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC)}};
}

bool raw_socket::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::string raw_socket::read(std::size_t count, std::chrono::milliseconds patience) const {
  std::string got;
  while (got.size() < count) {
    pollfd wait{socket_, POLLIN, 0};
    if (poll(&wait, 1, static_cast<int>(patience.count())) <= 0) return {};
    std::array<char, 4096> chunk{};
    const auto size = recv(socket_, chunk.data(), std::min(chunk.size(), count - got.size()), 0);
    if (size <= 0) return {};
    got.append(chunk.data(), static_cast<std::size_t>(size));
  }
  return got;
}

bool raw_socket::closes(std::chrono::milliseconds patience) const {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd wait{socket_, POLLIN, 0};
    if (left.count() <= 0 || poll(&wait, 1, static_cast<int>(left.count())) <= 0) return false;
    std::array<char, 4096> dropped{};
    if (recv(socket_, dropped.data(), dropped.size(), 0) <= 0) return true;
  }
}

bool raw_socket::is_closed() const {
  for (;;) {
    std::array<char, 4096> dropped{};
    const auto size = recv(socket_, dropped.data(), dropped.size(), MSG_DONTWAIT);
    if (size <= 0) return size == 0 || errno != EAGAIN;
  }
}

std::string u16(std::uint32_t value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }
std::string u32(std::uint64_t value) {
  return u16(static_cast<std::uint32_t>(value >> 16)) + u16(static_cast<std::uint32_t>(value & 0xFFFF));
}
std::string u64(std::uint64_t value) { return u32(value >> 32) + u32(value & 0xFFFF'FFFF); }

std::string handshake_frame(std::string_view body) {
  return u16(static_cast<std::uint32_t>(body.size())) + std::string{body};
}

std::string name_message(std::string_view name, std::uint64_t flags) {
  return handshake_frame("N" + u64(flags) + u32(77) + u16(static_cast<std::uint32_t>(name.size())) + std::string{name});
}

std::string read_message(const raw_socket& over) {
  const auto size = over.read(2);
  if (size.size() != 2) return {};
  return over.read(static_cast<std::size_t>(static_cast<unsigned char>(size[0])) << 8 |
                   static_cast<unsigned char>(size[1]));
}

namespace {

// 'N', flags:64, challenge:32, creation:32, length:16, name; empty when the node refuses.
std::string asked_of(const raw_socket& over, std::string_view name, std::uint64_t flags) {
  if (!over.send(name_message(name, flags)) || read_message(over) != "sok") return {};
  auto challenge = read_message(over);
  return challenge.size() < 19 || challenge[0] != 'N' ? std::string{} : challenge;
}

}  // namespace

std::optional<std::uint32_t> challenge_for(const raw_socket& over, std::string_view name, std::uint64_t flags) {
  const auto asked = asked_of(over, name, flags);
  return asked.empty() ? std::nullopt : std::optional{number_at(asked, 9)};
}

std::optional<std::uint64_t> offer_of(const raw_socket& over, std::string_view name) {
  const auto asked = asked_of(over, name, offered_flags);
  if (asked.empty()) return std::nullopt;
  return std::uint64_t{number_at(asked, 1)} << 32 | number_at(asked, 5);
}

std::string reply_message(std::string_view cookie, std::uint32_t challenge, std::uint32_t own) {
  return handshake_frame("r" + u32(own) + md5(std::string{cookie} + std::to_string(challenge)));
}

std::string challenge_message(std::string_view name, std::uint32_t challenge, std::uint64_t flags) {
  return handshake_frame("N" + u64(flags) + u32(challenge) + u32(77) + u16(static_cast<std::uint32_t>(name.size())) +
                         std::string{name});
}

namespace {

// `name a at port 1234`, line by line.
std::string names_text(std::uint16_t epmd_port) {
  const raw_socket mapper{epmd_port};
  if (!mapper.send(u16(1) + "n") || mapper.read(4).size() != 4) throw std::runtime_error{"no port mapper"};
  std::string text;
  for (auto next = mapper.read(1); !next.empty(); next = mapper.read(1)) text += next;
  return text;
}

}  // namespace

std::optional<std::vector<std::string>> names_at(std::uint16_t epmd_port) try {
  std::vector<std::string> names;
  std::istringstream words{names_text(epmd_port)};
  for (std::string line; std::getline(words, line);) {
    if (line.starts_with("name ")) names.push_back(line.substr(5, line.find(' ', 5) - 5));
  }
  return names;
} catch (const std::runtime_error&) {
  return std::nullopt;
}

std::optional<std::uint16_t> port_at(std::uint16_t epmd_port, std::string_view node) {
  const auto text = names_text(epmd_port);
  const auto wanted = "name " + std::string{node.substr(0, node.find('@'))} + " at port ";
  const auto found = text.find(wanted);
  if (found == std::string::npos) return std::nullopt;
  return static_cast<std::uint16_t>(std::stoul(text.substr(found + wanted.size())));
}

bool accept_as(const raw_socket& over, std::string_view name, std::string_view cookie, std::uint64_t flags) {
  constexpr std::uint32_t own = 4712;
  if (!read_message(over).starts_with("N")) return false;
  if (!over.send(handshake_frame("sok") + challenge_message(name, own, flags))) return false;
  const auto reply = read_message(over);  // 'r', challenge:32, digest
  if (reply.size() != 21 || reply.substr(5) != md5(std::string{cookie} + std::to_string(own))) return false;
  return over.send(handshake_frame("a" + md5(std::string{cookie} + std::to_string(number_at(reply, 1)))));
}

bool log_in(const raw_socket& over, std::string_view name, std::string_view cookie, std::uint64_t flags) {
  constexpr std::uint32_t own = 4711;
  const auto challenge = challenge_for(over, name, flags);
  if (!challenge || !over.send(reply_message(cookie, *challenge, own))) return false;
  return read_message(over) == "a" + md5(std::string{cookie} + std::to_string(own));
}

}  // namespace ergo_interop
