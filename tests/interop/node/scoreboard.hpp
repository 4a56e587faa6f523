// The table scenario × release that the program prints at its end, and the nodes that live through the whole run.
#pragma once

#include "harness.hpp"

#include <chrono>
#include <string>

namespace ergo_interop {

/// Counts one run of a scenario.
void note(const std::string& scenario, const std::string& column, bool passed, std::chrono::milliseconds took);

/// A line that the program prints below the table, once however often it is said.
void remark(const std::string& line);

/// The nodes for a release and a way to meet, started when they are first needed; ended at the end of the run, or by
/// `end_world` after a failure.
[[nodiscard]] world& shared_world(const release& otp, meeting over);
void end_world(const release& otp, meeting over);

}  // namespace ergo_interop
