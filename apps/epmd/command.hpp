// The commands that ask a running port mapper: -names, -started, -dump, -kill, -stop.
#pragma once

#include "options.hpp"

namespace ergo::epmd_program {

/// Asks, prints, and returns the program's exit code.
[[nodiscard]] int run_command(const options& asked);

}  // namespace ergo::epmd_program
