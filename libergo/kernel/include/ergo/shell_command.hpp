// Commands of a program in the console that `erl -remsh` and `iex --remsh` open on its node.
#pragma once

#include <ergo/node_options.hpp>
#include <ergo/process.hpp>

#include <functional>
#include <string>

namespace ergo::inline v0::kernel {

/// A command that somebody may type in a remote shell.
struct shell_command {
  std::string name;              ///< one word without blanks, such as `balance`
  std::string arguments;         ///< what follows the name, as `help` shows it: `ACCOUNT [DAY]`; may be empty
  std::string help;              ///< one line
  right needed = right::manage;  ///< of the node whose user types; others do not see the command
  /// Called with the rest of the line, trimmed; gives what is printed, in UTF-8. A wrong line is answered by a
  /// sentence.
  ///
  /// Runs in a process of its own, which it may suspend for as long as it likes: the user may interrupt it, which kills
  /// that process. An exception is shown to the user. Called by several processes at once.
  std::function<task<std::string>(process& self, std::string rest)> run;
};

}  // namespace ergo::inline v0::kernel
