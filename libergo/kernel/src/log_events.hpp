// Log events as Erlang nodes send them, read into ours.
#pragma once

#include <ergo/events.hpp>

#include <cstddef>
#include <optional>

namespace ergo::inline v0::kernel::detail {

/// Reads a message to `logger_proxy`: `{log, Level, Format, Arguments, Meta}` or `{log, Level, StringOrReport, Meta}`;
/// nothing where it is neither. The text has at most `longest` bytes, and what cannot be formatted is shown as it is.
/// What `Meta` says is in the fields under its own names, the pid besides in `event::process`; a report is `report`.
[[nodiscard]] std::optional<event> read_log_event(const term& told, std::size_t longest);

/// Reads a message to `error_logger`: `{notify, {Tag, GroupLeader, {Pid, FormatOrType, ArgumentsOrReport}}}`.
[[nodiscard]] std::optional<event> read_old_event(const term& told, std::size_t longest);

}  // namespace ergo::inline v0::kernel::detail
