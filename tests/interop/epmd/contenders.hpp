// Port mappers side by side: ours and those of Erlang/OTP 25 and 29, each started the same way, and clients that wait
// for nothing longer than they are told.
#pragma once

#include "programs.hpp"

#include <ergo/epmd/message.hpp>

#include <netinet/in.h>

namespace ergo::test {

/// A port mapper that is compared.
struct contender {
  std::string name;   ///< "ours", "OTP 25"
  arguments command;  ///< what runs it
  [[nodiscard]] bool is_ours() const { return name == "ours"; }
};

/// Ours, and behind it those of OTP 25 and 29 that `cmake/otp-releases` finds here.
[[nodiscard]] const std::vector<contender>& contenders();

/// What a contender is started with.
struct conditions {
  arguments options = {};
  unsigned descriptors = 16'500;  ///< at most
  arguments through = {};         ///< a command that runs it, such as `ip netns exec NAME`
};

/// A contender in the foreground at a port of its own; nobody reads what it prints.
class started_mapper {
 public:
  started_mapper(const contender& which, const conditions& with);

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] bool is_running() { return process_.is_running(); }
  /// Waits until it answers; throws when it ends or does not in ten seconds.
  void await(std::uint32_t address = INADDR_LOOPBACK);

 private:
  std::uint16_t port_;
  program process_;
};

/// What came back, and whether the server closed.
struct heard {
  std::string bytes;
  bool closed = false;
};

/// A client from any address of this computer.
class client {
 public:
  using milliseconds = std::chrono::milliseconds;

  /// Begins to connect; throws without a descriptor.
  explicit client(std::uint16_t port, std::uint32_t source = INADDR_LOOPBACK, std::uint32_t target = INADDR_LOOPBACK);
  client(client&& other) noexcept;
  client& operator=(client&& other) noexcept;
  ~client();

  /// Whether the connection is there within `patience`.
  [[nodiscard]] bool connected(milliseconds patience) const;
  /// False when the connection is broken.
  bool send(std::string_view bytes) const;
  /// Up to `most` bytes, or what came until the server closed or the time was up.
  [[nodiscard]] heard hear(std::size_t most, milliseconds patience) const;
  [[nodiscard]] bool is_open() const { return !hear(1, milliseconds{1}).closed; }

 private:
  int socket_;
};

/// One question on a connection of its own, and what came back.
[[nodiscard]] heard ask_for(std::uint16_t port, std::string_view request, client::milliseconds patience,
                            std::uint32_t source = INADDR_LOOPBACK, std::uint32_t target = INADDR_LOOPBACK);

/// An ALIVE2 request with these bytes for a name, whatever they are.
[[nodiscard]] std::string alive_request(std::string_view name, std::uint16_t port = 1);
/// A PORT_PLEASE2 request, likewise.
[[nodiscard]] std::string port_request(std::string_view name);
/// A request of one byte: 'n' names, 'd' dump, 'k' kill; and 's' with a name, stop.
[[nodiscard]] std::string plain_request(char which, std::string_view name = {});

/// Registers on a connection that is to stay; nothing when that failed in `patience`.
[[nodiscard]] std::optional<client> enlisted(std::uint16_t port, const std::string& name, client::milliseconds patience,
                                             std::uint32_t source = INADDR_LOOPBACK);
/// Whether the mapper tells this name's port within `patience`.
[[nodiscard]] bool finds(std::uint16_t port, const std::string& name, client::milliseconds patience,
                         std::uint32_t source = INADDR_LOOPBACK);

}  // namespace ergo::test
