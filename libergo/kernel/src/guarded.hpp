// What nodes that may not manage this one may ask of its services.
#pragma once

#include <ergo/guard.hpp>

namespace ergo::inline v0::kernel::detail {

/// Guards `kernel_sup`, whose children they may look at only.
void guard_supervisor(node& on);
/// Guards `application_controller`, which they may ask what runs.
void guard_applications(node& on);
/// Guards `global_name_server`: no request that OTP's own API makes on the same node alone, and nobody is asked to
/// leave in another's name.
void guard_name_server(node& on);
/// Guards a scope of `pg`, which processes of this node alone join and leave through it.
void guard_scope(node& on, atom scope);

}  // namespace ergo::inline v0::kernel::detail
