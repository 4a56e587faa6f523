// A console for somebody at the terminal of another node: a process that speaks the I/O protocol with its group leader,
// as the evaluator of `shell:start/0` does.
#pragma once

#include "console_commands.hpp"

#include <ergo/process.hpp>

#include <memory>
#include <optional>

namespace ergo::inline v0::kernel::detail {

/// Who is told that the console is there, and has to answer `{done, Ref}` before it begins: IEx prints its own lines
/// first (`'Elixir.IEx.CLI':remote_start/2`).
struct console_greeting {
  pid whom;
  reference ref;
};

/// Starts a console at the group leader of `self`, for somebody who has the rights `held`: the commands that need more
/// do not exist for them, and who has neither `observe` nor `manage` is told so.
///
/// It ends when its group leader, or the connection to that, does; when its terminal gives no more lines; on `q`; and
/// with the node. An exit signal `interrupt` ends the command that runs. Fails with `system_limit`.
[[nodiscard]] result<pid> start_console(process& self, std::shared_ptr<const command_list> commands, right held,
                                        std::optional<console_greeting> greeting = {});

}  // namespace ergo::inline v0::kernel::detail
