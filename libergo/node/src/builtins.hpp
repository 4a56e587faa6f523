// The functions of Erlang's own modules that tools call on every node they meet (protocol §6.4).
#pragma once

#include "builtins_system.hpp"
#include "switchboard.hpp"

#include <chrono>
#include <memory>

namespace ergo::inline v0::detail {

/// What the functions tell about.
struct builtin_facts {
  std::shared_ptr<switchboard> board;  ///< null: no other nodes
  std::chrono::milliseconds net_ticktime{0};
  system_facts system{};
};

/// Adds them, each with the right that it needs. The cookie is told to nobody.
void add_builtins(function_table& to, const builtin_facts& facts);

}  // namespace ergo::inline v0::detail
