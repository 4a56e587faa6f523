// Two histograms of a core: processor time of its slices, and how long their objects were runnable before.
#pragma once

#include <ergo/slice_times.hpp>

#include <memory>
#include <vector>

namespace ergo::inline v0::detail {

struct schedulable;

/// Filled by the thread that has the core and by those that lost it in a slice, read by any thread. Takes two clocks
/// per slice, so it is made only where they are asked for.
class slice_meter {
 public:
  slice_meter();
  ~slice_meter();
  slice_meter(const slice_meter&) = delete;
  slice_meter& operator=(const slice_meter&) = delete;

  /// What a slice begins with: the thread's processor time.
  [[nodiscard]] duration begin(const schedulable& ready) noexcept;
  void end(duration began) noexcept;

  /// Of several cores together.
  [[nodiscard]] static slice_times sum(const std::vector<const slice_meter*>& of);

 private:
  struct histograms;
  std::unique_ptr<histograms> kept_;
};

}  // namespace ergo::inline v0::detail
