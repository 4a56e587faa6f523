// The numbered messages of the soak: streams between our node and each peer, checked by whoever receives them.
// soak_side.erl says the same in Erlang.
#pragma once

#include <ergo/process.hpp>

#include <chrono>
#include <cstdint>

namespace ergo_soak {

/// Streams between two nodes, one way.
inline constexpr std::int64_t pairs = 5;
/// Between two messages of a stream.
inline constexpr std::chrono::milliseconds interval{4};

/// A stream and the node at its other end.
struct stream {
  ergo::atom peer;
  ergo::atom name;  ///< of the process that receives it
  std::int64_t pair = 0;
};

/// Receives a stream of a peer, through all of that peer's incarnations; never ends.
ergo::task<> check_stream(ergo::process& self, stream of);
/// Sends a stream to a peer until it is to be quiet, then its last number.
ergo::task<> feed_stream(ergo::process& self, stream to);

}  // namespace ergo_soak
