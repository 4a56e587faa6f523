// How long calls to another node take that are made by schedule, at a share of the greatest rate of one caller.
#include "nodes.hpp"
#include "punctual.hpp"

#include <ergo/node.hpp>

#include <unistd.h>
#include <string>
#include <utility>

namespace ergo_bench {
namespace {

survey_ptr make_calls(ergo::node& here, const request& wanted) {
  constexpr std::uint64_t calls_to_warm_up = 3'000;
  const schedule planned{share_of(wanted.variant), calls_to_warm_up, std::chrono::milliseconds{wanted.operations}};
  connect(here, wanted.peer);
  auto of = std::make_shared<survey>(wanted);
  const ergo::destination to{echo_name(0), ergo::atom::of(wanted.peer)};
  if (!here.spawn(call_by_schedule, to, planned, of)) throw std::runtime_error{"cannot spawn"};
  of->done.wait();
  return of;
}

}  // namespace

// Slices are measured in a second run of the same, so that reading clocks for them delays no call that is timed. They
// are those of the node that calls. The median counts, because at the 99th of 100 calls over loopback it is mostly the
// machine that is measured.
measurement net_latency(const request& wanted) {
  const auto found = make_calls(*start_caller(wanted.cores), wanted);
  const auto measured = start_node("measured" + std::to_string(getpid()) + "@localhost",
                                   ergo::runtime_options{.cores = wanted.cores, .measure_slices = true});
  (void)make_calls(*measured, wanted);
  return latency_of(*found, measured->runtime().slice_times(), "p50");
}

}  // namespace ergo_bench
