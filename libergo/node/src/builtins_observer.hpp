// What `etop` and `observer` of another node ask: the module `observer_backend` of OTP's application `runtime_tools`.
#pragma once

#include "builtins_system.hpp"

namespace ergo::inline v0::detail {

/// Adds `vsn/0`, `sys_info/0`, `etop_collect/1`, `procs_info/1`, `fetch_stats/2` and `get_table_list/2` to a table that
/// has `erlang:statistics/1`.
void add_observer_builtins(function_table& to, const system_facts& facts);

}  // namespace ergo::inline v0::detail
