// The applications that run on a node, as Erlang's tools see them. The node room starts none: the program's are known
// to whoever is registered as `application_controller`, and the node's own services stand under `kernel_sup`.
#pragma once

#include "functions.hpp"

#include <string_view>
#include <vector>

namespace ergo::inline v0::detail {

struct running_application {
  pid root;        ///< of its processes: its supervisor
  term described;  ///< `{Name, Description, Version}`
};

/// Those that run. A controller that does not answer within a second has none to show.
[[nodiscard]] task<std::vector<running_application>> running_applications(process& self);

/// Adds the functions of `application` and `init` that tell of what is there.
void add_application_builtins(function_table& to);

}  // namespace ergo::inline v0::detail
