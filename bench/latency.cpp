// How long calls within one node take that are made by schedule, at a share of the greatest rate.
#include "local.hpp"
#include "punctual.hpp"

#include <utility>

namespace ergo_bench {
namespace {

survey_ptr make_calls(bench_runtime& on, const request& wanted) {
  constexpr std::uint64_t calls_to_warm_up = 50'000;
  const schedule planned{share_of(wanted.variant), calls_to_warm_up, std::chrono::milliseconds{wanted.operations}};
  auto of = std::make_shared<survey>(wanted);
  on.spawn(call_by_schedule, ergo::destination{on.start_echo()}, planned, of);
  of->done.wait();
  return of;
}

}  // namespace

// Slices are measured in a second run of the same, so that reading clocks for them delays no call that is timed.
measurement latency(const request& wanted) {
  survey_ptr found;
  {
    bench_runtime on{wanted.cores};
    found = make_calls(on, wanted);
  }
  bench_runtime measured{ergo::runtime_options{.cores = wanted.cores, .measure_slices = true}};
  (void)make_calls(measured, wanted);
  return latency_of(*found, measured.slice_times(), "p99");
}

}  // namespace ergo_bench
