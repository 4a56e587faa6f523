// What can be typed into a console.
#pragma once

#include <ergo/node.hpp>
#include <ergo/shell_command.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ergo::inline v0::kernel::detail {

/// How much a console prints and waits for.
struct console_limits {
  std::size_t processes = 100;                       ///< rows of `processes` unless told otherwise
  std::size_t characters = std::size_t{64} << 10;    ///< bytes of one term
  duration answer = std::chrono::seconds{5};         ///< for the answer of a server, or of a process about itself
  duration glance = std::chrono::milliseconds{200};  ///< for what each of many processes tells about itself
};

/// The commands of every node, of which `on` must outlive the processes that run them.
[[nodiscard]] std::vector<shell_command> own_commands(node& on, const console_limits& limits);

/// What those who have some rights may type. Immutable; any thread.
class command_list {
 public:
  explicit command_list(std::vector<shell_command> commands) : commands_{std::move(commands)} {}

  /// A sentence about the first command that cannot be one: no word, a name twice, nothing to run.
  [[nodiscard]] std::optional<std::string> trouble() const;
  [[nodiscard]] const shell_command* find(std::string_view name, right held) const noexcept;
  /// One line for each command, or that of one of them; a sentence where there is none.
  [[nodiscard]] std::string help(std::string_view name, right held) const;
  /// The names that begin with `start`, in order.
  [[nodiscard]] std::vector<std::string> beginning_with(std::string_view start, right held) const;

 private:
  std::vector<shell_command> commands_;
};

}  // namespace ergo::inline v0::kernel::detail
