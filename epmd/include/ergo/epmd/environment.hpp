// The environment variables by which Erlang's port mapper, its clients and ours are told where to meet.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "ergo/epmd/error.hpp"
#include "ergo/epmd/message.hpp"
#include "ergo/epmd/session.hpp"

namespace ergo::inline v0::epmd {

/// What the environment says about the port mapper of this host.
struct environment {
  std::uint16_t port = default_port;            ///< ERL_EPMD_PORT
  std::string addresses;                        ///< ERL_EPMD_ADDRESS: see `parse_addresses`; empty for all
  command_check check = command_check::strict;  ///< ERL_EPMD_RELAXED_COMMAND_CHECK, relaxed when it is set at all
};

/// Reads the environment of this process. Not to be called while another thread changes it.
/// Errors: bad_environment when ERL_EPMD_PORT is not a number from 1 to 65535.
[[nodiscard]] std::expected<environment, errc> read_environment();

}  // namespace ergo::inline v0::epmd
