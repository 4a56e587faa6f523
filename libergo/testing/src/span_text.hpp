// Spans of time as reports write them.
#pragma once

#include <ergo/clock.hpp>

#include <string>

namespace ergo::inline v0::testing {

/// In whole microseconds, as in `1500 us`; `for ever` for `forever`.
[[nodiscard]] inline std::string span_text(duration span) {
  if (span == forever) return "for ever";
  return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(span).count()) + " us";
}

}  // namespace ergo::inline v0::testing
