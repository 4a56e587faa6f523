// How long a call to another node takes when calls are due at a given rate, whether the last one has been answered or
// not.
#include "nodes.hpp"
#include "servers.hpp"

#include <ergo/node.hpp>
#include <ergo/otp/call.hpp>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace ergo_bench {
namespace {

using namespace ergo;
using clock = std::chrono::steady_clock;

/// What the caller is told and finds out.
struct pacing {
  double share = 0;  // of the rate that one caller reaches
  std::uint64_t count = 0;
  std::vector<clock::duration> latencies;
  finish_line done{1};
};

// A wait for less than a millisecond is none that Erlang's timers know, so both sides look at the clock until a call is
// due. The latency counts from then.
task<> call_when_due(process& self, destination to, std::shared_ptr<pacing> all) {
  constexpr int probes = 2'000;
  const auto begun = clock::now();
  for (int number = 0; number < probes; ++number) {
    const auto back = co_await otp::call<std::int64_t>(self, to, number);
    if (!back || *back != number) co_return all->done.fail("a call was answered wrongly");
  }
  const auto interval = std::chrono::duration_cast<clock::duration>((clock::now() - begun) / (probes * all->share));
  auto due = clock::now();
  for (std::uint64_t number = 0; number < all->count; ++number) {
    due += interval;
    while (clock::now() < due) {
    }
    const auto back = co_await otp::call<std::uint64_t>(self, to, number);
    if (!back || *back != number) co_return all->done.fail("a call was answered wrongly");
    all->latencies.push_back(clock::now() - due);
  }
  all->done.arrive();
}

clock::duration quantile(const std::vector<clock::duration>& sorted, double share) {
  return sorted.at(static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1)));
}

double microseconds(clock::duration time) { return std::chrono::duration<double, std::micro>{time}.count(); }

}  // namespace

measurement net_latency(const request& wanted) {
  const auto here = start_caller(wanted.cores);
  connect(*here, wanted.peer);
  auto all = std::make_shared<pacing>();
  all->share = std::stod(wanted.variant) / 100;
  all->count = wanted.operations;
  const destination to{echo_name(0), atom::of(wanted.peer)};
  if (!here->spawn(call_when_due, to, all)) throw std::runtime_error{"cannot spawn"};
  all->done.wait();
  std::ranges::sort(all->latencies);
  const auto half = quantile(all->latencies, 0.5);
  return {half,
          1,
          {{"p50", microseconds(half), "µs"},
           {"p99", microseconds(quantile(all->latencies, 0.99)), "µs"},
           {"p99.9", microseconds(quantile(all->latencies, 0.999)), "µs"}}};
}

}  // namespace ergo_bench
