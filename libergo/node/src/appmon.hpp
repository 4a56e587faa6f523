// The trees of applications that observer draws: the process `appmon_info` of OTP's application `runtime_tools`.
#pragma once

#include "functions.hpp"

namespace ergo::inline v0::detail {

/// Adds `appmon_info:start_link2/3`, which starts the process, or makes another client known to it. The process serves
/// casts `{Client, app_ctrl | app, What, On, Options}` with `{delivery, Self, Command, What, Answer}` at once and then
/// whenever the answer has changed, by default looking every two seconds, and ends with its last client. Of the options
/// it knows `{timeout, Milliseconds}`; commands of tools older than observer get `{Command, What}`. Source: OTP 25's
/// appmon_info.erl.
void add_appmon_builtins(function_table& to);

}  // namespace ergo::inline v0::detail
