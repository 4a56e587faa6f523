// Running as the port mapper.
#pragma once

#include "options.hpp"

namespace ergo::epmd_program {

/// Listens and serves until the port mapper is killed; returns the program's exit code.
[[nodiscard]] int serve(const options& asked);

}  // namespace ergo::epmd_program
