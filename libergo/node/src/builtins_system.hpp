// What is told about the program and the computer: `erlang:system_info/1`, `memory/0,1`, `statistics/1`, clocks.
#pragma once

#include "connection.hpp"
#include "functions.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace ergo::inline v0::detail {

/// Bytes over the connections that are up.
struct moved_bytes {
  std::uint64_t in = 0;
  std::uint64_t out = 0;
};

/// A socket to a peer, of which tools are told as they are of an emulator's ports.
struct socket_facts {
  std::uint64_t id = 0;  ///< of the session: another socket has another one
  socket_ends ends;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t packets_in = 0;
  std::uint64_t packets_out = 0;
  std::size_t unsent = 0;  ///< bytes
};

/// What the node knows about itself.
struct system_facts {
  std::function<moved_bytes()> bytes;                  ///< empty: none
  std::function<std::vector<socket_facts>()> sockets;  ///< empty: none
  std::size_t busy = 0;                                ///< `node_limits::busy`
};

/// The release whose behaviour towards other nodes this one has; tools read a number from it.
inline constexpr std::string_view emulated_release = "27";

/// `erlang:system_info(Key)`; `badarg` for a key that is not known.
[[nodiscard]] result<term> system_fact(process& self, const term& key, const system_facts& facts);
/// `erlang:memory/0`: bytes by kind, of which `total` is what the program occupies.
[[nodiscard]] term memory_facts(process& self);
/// Milliseconds of processor time that the program has used.
[[nodiscard]] std::int64_t processor_time();

/// Adds the functions of `erlang`, `os`, `ets` and `init` about the system.
void add_system_builtins(function_table& to, const system_facts& facts);

}  // namespace ergo::inline v0::detail
