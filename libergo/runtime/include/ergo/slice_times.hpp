// How long the slices of a runtime took, and how long their processes had waited for them.
#pragma once

#include <ergo/clock.hpp>

#include <cstdint>

namespace ergo::inline v0 {

/// How long something took, over all the times that it was done. The quantiles are right to ten percent, between 64 ns
/// and a minute; `longest` is exact.
struct time_distribution {
  std::uint64_t count = 0;
  duration median{};
  duration p99{};
  duration p999{};
  duration longest{};
};

/// What the cores measured since the runtime started; all zero unless `runtime_options::measure_slices` was set.
struct slice_times {
  time_distribution cpu;    ///< processor time of a slice's thread, of processes and connections
  time_distribution delay;  ///< from being runnable to the start of the slice, on the wall clock
};

}  // namespace ergo::inline v0
