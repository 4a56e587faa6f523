// A peer made of a bare socket: for what no well-behaved node would send, and for questions to a port mapper.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ergo_interop {

/// A TCP connection to this computer; blocking, with a time limit on every wait.
class raw_socket {
 public:
  explicit raw_socket(std::uint16_t port);
  ~raw_socket();
  raw_socket(const raw_socket&) = delete;
  raw_socket& operator=(const raw_socket&) = delete;

  /// False when the peer has closed.
  bool send(std::string_view bytes) const;
  /// Exactly `count` bytes; empty when the peer closes or is silent for `patience`.
  [[nodiscard]] std::string read(std::size_t count, std::chrono::milliseconds patience = std::chrono::seconds{5}) const;
  /// Whether the peer closes within `patience`; what it sends before is dropped.
  [[nodiscard]] bool closes(std::chrono::milliseconds patience = std::chrono::seconds{10}) const;

 private:
  int socket_;
};

[[nodiscard]] std::string u16(std::uint32_t value);
[[nodiscard]] std::string u32(std::uint64_t value);
[[nodiscard]] std::string u64(std::uint64_t value);
/// A handshake message with its length.
[[nodiscard]] std::string handshake_frame(std::string_view body);
/// The name message of a node that offers what OTP 27 offers, without fragments and atom cache.
[[nodiscard]] std::string name_message(std::string_view name);

/// What a port mapper answers to NAMES; empty when none listens.
[[nodiscard]] std::optional<std::vector<std::string>> names_at(std::uint16_t epmd_port);

/// Does the whole handshake as `name` with `cookie`; false when the node does not let it in.
[[nodiscard]] bool log_in(const raw_socket& over, std::string_view name, std::string_view cookie);

}  // namespace ergo_interop
