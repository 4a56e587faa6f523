// Interning as decoders need it: with the peer's budget and policy, and an error code instead of an error.
#pragma once

#include <ergo/etf/codec.hpp>

#include <string_view>

namespace ergo::inline v0::etf {

/// The atom of `utf8` within the limits' policy and budget; `errc::ok` and `made`, or why not.
[[nodiscard]] errc intern_atom(std::string_view utf8, const decode_limits& limits, atom& made);
/// The same for an incarnation of a node; a new one is charged to the atom budget, since it too stays for good.
[[nodiscard]] errc intern_node(atom name, std::uint32_t creation, const decode_limits& limits, node_id& made);

}  // namespace ergo::inline v0::etf
