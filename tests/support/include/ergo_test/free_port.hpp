// Ports for servers of a test.
#pragma once

#include <cstdint>

namespace ergo::test {

/// A TCP port that nobody listens at now, neither over IPv4 nor over IPv6, and that no outgoing connection is given: it
/// lies below the range that Linux takes those from. Programs that run at the same time are given different ones.
[[nodiscard]] std::uint16_t free_port();

}  // namespace ergo::test
