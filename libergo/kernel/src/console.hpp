// A console for somebody at the terminal of another node: a process that speaks the I/O protocol with its group leader,
// as the evaluator of `shell:start/0` does.
#pragma once

#include "console_commands.hpp"

#include <ergo/process.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace ergo::inline v0::kernel::detail {

/// Who is told that the console is there, and has to answer `{done, Ref}` before it begins: IEx prints its own lines
/// first (`'Elixir.IEx.CLI':remote_start/2`).
struct console_greeting {
  pid whom;
  reference ref;
};

/// What the consoles of a node share: their commands, and how many there may be.
struct console_hall {
  explicit console_hall(command_list all, std::size_t consoles) : commands{std::move(all)}, most{consoles} {}

  const command_list commands;
  const std::size_t most;
  std::atomic<std::size_t> open{0};
};

/// Starts a console at the group leader of `self`, for somebody who has the rights `held`: the commands that need more
/// do not exist for them, and who has neither `observe` nor `manage` is told so.
///
/// It ends when its group leader, or the connection to that, does; when its terminal gives no more lines; on `q`; and
/// with the node. An exit signal `interrupt` ends the command that runs. Fails with `system_limit`; its context is
/// `{consoles, Most}` where there are as many as there may be.
[[nodiscard]] result<pid> start_console(process& self, std::shared_ptr<console_hall> hall, right held,
                                        std::optional<console_greeting> greeting = {});

}  // namespace ergo::inline v0::kernel::detail
