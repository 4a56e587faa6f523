// Two histograms of a core: processor time of its slices, and how long their objects were runnable before. And the
// accounts of those whose slices they were.
#pragma once

#include <ergo/detail/schedulable.hpp>
#include <ergo/slice_times.hpp>

#include <memory>
#include <vector>

namespace ergo::inline v0::detail {

/// Filled by the thread that has the core and by those that lost it in a slice, read by any thread. Takes two clocks
/// per slice, so it is made only where they are asked for.
class slice_meter {
 public:
  /// Without histograms it keeps accounts alone.
  explicit slice_meter(bool histograms);
  ~slice_meter();
  slice_meter(const slice_meter&) = delete;
  slice_meter& operator=(const slice_meter&) = delete;

  /// Runs one slice of `ready` and counts it.
  [[nodiscard]] slice_end run(schedulable& ready, worker& on);

  /// Of several cores together; those without histograms add nothing.
  [[nodiscard]] static slice_times sum(const std::vector<const slice_meter*>& of);

 private:
  struct histograms;
  std::unique_ptr<histograms> kept_;
};

}  // namespace ergo::inline v0::detail
