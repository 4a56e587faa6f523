// The trees of applications that observer draws: the process `appmon_info` of OTP's application `runtime_tools`.
#pragma once

#include "functions.hpp"

namespace ergo::inline v0::detail {

/// Adds `appmon_info:start_link2/3`, which starts the process, or makes another client known to it. The process serves
/// casts `{Client, app_ctrl | app | pinfo, What, On, Options}` with `{delivery, Self, Command, What, Answer}` at once
/// and then whenever the answer has changed, and ends with its last client. Source: OTP 25's appmon_info.erl.
void add_appmon_builtins(function_table& to);

}  // namespace ergo::inline v0::detail
