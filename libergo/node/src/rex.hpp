// The server `rex`: rpc without spawn requests, as old tools, C nodes and `rpc:block_call` make it (protocol §6.4).
#pragma once

#include "functions.hpp"

#include <memory>

namespace ergo::inline v0::detail {

/// Every call runs in a process of its own, `block_call` too; every request that names somebody to answer is answered.
[[nodiscard]] std::unique_ptr<behaviour> make_rex(std::shared_ptr<const function_table> functions);

}  // namespace ergo::inline v0::detail
