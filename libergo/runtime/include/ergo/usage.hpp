// How much of their time the cores of a runtime have worked: what load charts draw.
#pragma once

#include <ergo/clock.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace ergo::inline v0 {

class runtime;

/// Processor time of the thread that runs a core's processes, and the time in which it could have worked.
struct core_usage {
  duration busy{};
  duration since_start{};
};

/// One entry per core, in their order. Neither value ever goes back. Costs one system call per core; any thread.
///
/// A core that an event loop of the program carries (`carried_parker`) and the one of a manual runtime have no thread
/// of their own: they tell of no work.
[[nodiscard]] std::vector<core_usage> core_usages(runtime& of);

/// What all processes of one behaviour have used, those that have ended included.
struct behaviour_usage {
  std::string behaviour;  ///< its initial call, such as `{bank,init,1}`, else the name of its C++ type
  duration run_time{};    ///< processor time
  std::uint64_t slices = 0;
  std::uint64_t started = 0;  ///< processes
};

/// One entry per behaviour, the costliest first; empty unless `runtime_options::measure_run_time` was set. Any thread.
///
/// At most 4,096 are told apart; the rest is one entry, `other`.
[[nodiscard]] std::vector<behaviour_usage> behaviour_usages(runtime& of);

}  // namespace ergo::inline v0
