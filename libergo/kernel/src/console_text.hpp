// What is typed into a console, and how its answers look.
#pragma once

#include <ergo/local_node.hpp>

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace ergo::inline v0::kernel::detail {

/// Without blanks at either end.
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;
/// Cuts the first word off a line and returns it; blanks between quotes do not end a word.
[[nodiscard]] std::string_view take_word(std::string_view& line) noexcept;
/// A command as it was meant by who is used to Erlang's shell: without a full stop and empty parentheses.
[[nodiscard]] std::string_view without_erlang_ends(std::string_view line) noexcept;

/// The process of this node that is meant by a registered name or a pid such as `<bank@host.12.0>`, `<0.12.0>` or
/// `12.0`; or a sentence for who typed it.
[[nodiscard]] std::expected<pid, std::string> find_process(const local_node& on, std::string_view typed);

/// The value of `{key, value}` in a property list; `[]` where there is none.
[[nodiscard]] term fact_of(const term& facts, atom key);
/// Rows with their columns below each other.
[[nodiscard]] std::string as_table(const std::vector<std::vector<std::string>>& rows);
/// A number of bytes for people: `12.3 MiB`.
[[nodiscard]] std::string as_size(std::int64_t bytes);
/// `1 process`, `2 processes`.
[[nodiscard]] std::string counted(std::size_t count, std::string_view one, std::string_view many);

}  // namespace ergo::inline v0::kernel::detail
