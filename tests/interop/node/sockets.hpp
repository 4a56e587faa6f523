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
  /// Connects to 127.0.0.1, from `source`, an address of 127.0.0.0/8.
  explicit raw_socket(std::uint16_t port, std::uint32_t source = 0x7F00'0001);
  ~raw_socket();
  raw_socket(raw_socket&& other) noexcept;
  raw_socket(const raw_socket&) = delete;
  raw_socket& operator=(const raw_socket&) = delete;

  /// False when the peer has closed.
  bool send(std::string_view bytes) const;
  /// Exactly `count` bytes; empty when the peer closes or is silent for `patience`.
  [[nodiscard]] std::string read(std::size_t count, std::chrono::milliseconds patience = std::chrono::seconds{5}) const;
  /// Whether the peer closes within `patience`; what it sends before is dropped.
  [[nodiscard]] bool closes(std::chrono::milliseconds patience = std::chrono::seconds{10}) const;
  /// Whether the peer has closed by now; what it sent before is dropped.
  [[nodiscard]] bool is_closed() const;

 private:
  friend class raw_listener;
  struct adopted {
    int descriptor;
  };
  explicit raw_socket(adopted from) noexcept : socket_{from.descriptor} {}
  int socket_;
};

/// Waits for connections at an address of this computer.
class raw_listener {
 public:
  raw_listener(std::uint32_t address, std::uint16_t port);
  ~raw_listener();
  raw_listener(const raw_listener&) = delete;
  raw_listener& operator=(const raw_listener&) = delete;

  /// The next connection; throws when none comes within five seconds.
  [[nodiscard]] raw_socket accept() const;

 private:
  int socket_;
};

[[nodiscard]] std::string u16(std::uint32_t value);
[[nodiscard]] std::string u32(std::uint64_t value);
[[nodiscard]] std::string u64(std::uint64_t value);
/// A handshake message with its length.
[[nodiscard]] std::string handshake_frame(std::string_view body);
/// What OTP 27 offers, without fragments and atom cache.
inline constexpr std::uint64_t offered_flags = 0xD'075F'5FBC;
/// The name message of a node that offers `flags`.
[[nodiscard]] std::string name_message(std::string_view name, std::uint64_t flags = offered_flags);
/// Reads a handshake message without its length; empty when none comes.
[[nodiscard]] std::string read_message(const raw_socket& over);
/// Sends the name and returns the challenge of the node that is asked; empty when it refuses.
[[nodiscard]] std::optional<std::uint32_t> challenge_for(const raw_socket& over, std::string_view name,
                                                         std::uint64_t flags = offered_flags);
/// The same, but returns the flags that the node offers.
[[nodiscard]] std::optional<std::uint64_t> offer_of(const raw_socket& over, std::string_view name);
/// The message that answers `challenge`, with a challenge of its own.
[[nodiscard]] std::string reply_message(std::string_view cookie, std::uint32_t challenge, std::uint32_t own);
/// The message by which a node of that name answers a name with a challenge.
[[nodiscard]] std::string challenge_message(std::string_view name, std::uint32_t challenge,
                                            std::uint64_t flags = offered_flags);

/// What a port mapper answers to NAMES; empty when none listens.
[[nodiscard]] std::optional<std::vector<std::string>> names_at(std::uint16_t epmd_port);

/// The port at which a node listens, by its full name.
[[nodiscard]] std::optional<std::uint16_t> port_at(std::uint16_t epmd_port, std::string_view node);

/// Does the whole handshake as `name` with `cookie`; false when the node does not let it in.
[[nodiscard]] bool log_in(const raw_socket& over, std::string_view name, std::string_view cookie,
                          std::uint64_t flags = offered_flags);
/// Does the whole handshake as the node `name` that was dialled; false when the caller has another cookie.
[[nodiscard]] bool accept_as(const raw_socket& over, std::string_view name, std::string_view cookie,
                             std::uint64_t flags = offered_flags);

}  // namespace ergo_interop
