// What a process hears of a signal that cannot be delivered to another node.
#pragma once

#include <ergo/local_node.hpp>

namespace ergo::inline v0::testing {

/// Answers `envelope` (owned from now on), which cannot reach `to`, as Erlang does: monitors and links with `reason`,
/// an unlink with its acknowledgement; everything else vanishes.
void answer_undeliverable(local_node& from, const destination& to, detail::signal* envelope, const term& reason);

/// The `down` of a monitor of ours on something on another node.
[[nodiscard]] detail::signal* down_signal(const reference& ref, const destination& target, const term& reason);

}  // namespace ergo::inline v0::testing
