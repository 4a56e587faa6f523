// What is told about processes: `erlang:process_info/1,2` and what goes with it.
#pragma once

#include "functions.hpp"

namespace ergo::inline v0::detail {

/// `{Item, Value}` for a known item of `erlang:process_info/2`, of the facts that a process has told about itself;
/// `badarg` for others. What the emulator has and we have not is shown as of a process that has none of it.
[[nodiscard]] result<term> process_fact(const term& facts, const term& item);

/// Adds the functions of `erlang` and `proc_lib` about processes.
void add_process_builtins(function_table& to);

}  // namespace ergo::inline v0::detail
