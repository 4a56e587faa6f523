// The sockets to peers as tools know an emulator's: `erlang:ports/0`, `port_info/1,2`, and observer's pages of ports
// and sockets.
#pragma once

#include "builtins_system.hpp"

namespace ergo::inline v0::detail {

/// Adds them. A port of ours is a name for looking only: it takes no commands, and no process owns it but `net_kernel`.
void add_port_builtins(function_table& to, const system_facts& facts);

}  // namespace ergo::inline v0::detail
