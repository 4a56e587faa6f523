// What the command line and the environment ask of the program.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>

#include "ergo/epmd/message.hpp"
#include "ergo/epmd/session.hpp"

namespace ergo::epmd_program {

/// `serve` is what the program does without a command.
enum class command : std::uint8_t { serve, names, started, dump, kill, stop };
/// Whether the server detaches from its terminal.
enum class attachment : std::uint8_t { foreground, daemon };
/// Where the listening sockets come from.
enum class socket_source : std::uint8_t { own, systemd };

struct options {
  command what = command::serve;
  std::string stop_name;
  std::uint16_t port = epmd::default_port;
  std::string addresses;
  int debug = 0;
  attachment attached = attachment::foreground;
  socket_source sockets = socket_source::own;
  epmd::command_check check = epmd::command_check::strict;
  std::chrono::seconds packet_timeout{60};
  std::chrono::seconds delay_accept{0};
  std::chrono::seconds delay_write{0};
};

/// Reads the environment and then the arguments (without the program's name).
/// Error: the text to print on standard error before the program ends with 1, which for a bad command line is the
/// usage text of Erlang's port mapper.
[[nodiscard]] std::expected<options, std::string> read_options(std::span<char* const> arguments);

}  // namespace ergo::epmd_program
