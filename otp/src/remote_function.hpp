// What another node is asked for on behalf of a process there: to run a fun of its own, and how it understands answers.
#pragma once

#include <ergo/otp/detail/system_messages.hpp>

namespace ergo::inline v0::otp::detail {

/// What `function` returns for `argument`, called on the node of `asker`: its module is there, and not here.
///
/// Suspends until that node has answered, however long the function takes. Throws `callback_failure` with what the
/// function threw; with `{badfun, F}` where the asker is a process of this program, which has no funs to run.
[[nodiscard]] task<term> run_function(process& self, pid asker, term function, term argument);

/// Whether the answers of `sys:get_state/1` and `replace_state/2` are `{ok, State}`, as from OTP 27 on, towards the
/// node of `other`; before, they were the state. Asks that node, once where `other` is a pid; one that does not tell
/// within a few seconds counts as new.
[[nodiscard]] task<bool> wraps_states(process& self, destination other);

}  // namespace ergo::inline v0::otp::detail
