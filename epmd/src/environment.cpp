// Reading ERL_EPMD_PORT, ERL_EPMD_ADDRESS and ERL_EPMD_RELAXED_COMMAND_CHECK.
#include "ergo/epmd/environment.hpp"

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace ergo::inline v0::epmd {

std::expected<environment, errc> read_environment() {
  environment found;
  if (const char* text = std::getenv("ERL_EPMD_PORT")) {
    const std::string_view digits{text};
    const char* const begin = digits.data();
    const char* const end = begin + digits.size();
    const auto parsed = std::from_chars(begin, end, found.port);
    if (parsed.ec != std::errc{} || parsed.ptr != end || found.port == 0) return std::unexpected{errc::bad_environment};
  }
  if (const char* text = std::getenv("ERL_EPMD_ADDRESS")) found.addresses = text;
  if (std::getenv("ERL_EPMD_RELAXED_COMMAND_CHECK")) found.check = command_check::relaxed;
  return found;
}

}  // namespace ergo::inline v0::epmd
