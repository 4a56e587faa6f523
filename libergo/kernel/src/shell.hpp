// What `erl -remsh` and `iex --remsh` call on a node before there is a prompt.
#pragma once

#include <ergo/node.hpp>
#include <ergo/shell_command.hpp>

#include <cstddef>
#include <vector>

namespace ergo::inline v0::kernel::detail {

/// Provides a console to remote shells, up to `most` at once, with these commands beside its own. Errors: `badarg` with
/// a sentence, where a command cannot be one; `already_present` where the program provides `shell:start/0` itself.
[[nodiscard]] result<void> provide_shell(node& on, std::vector<shell_command> commands, std::size_t most);

}  // namespace ergo::inline v0::kernel::detail
