// Logarithmic bins with counters that any thread may read.
#include "slice_meter.hpp"

#include "run_account.hpp"

#include <boost/histogram/accumulators/count.hpp>
#include <boost/histogram/axis/regular.hpp>
#include <boost/histogram/histogram.hpp>
#include <boost/histogram/indexed.hpp>
#include <boost/histogram/make_histogram.hpp>

#include <algorithm>
#include <atomic>
#include <ctime>

namespace ergo::inline v0::detail {
namespace {

namespace bh = boost::histogram;

using axis = bh::axis::regular<double, bh::axis::transform::log>;
using counter = bh::accumulators::count<std::uint64_t, true>;

constexpr unsigned bins = 217;  // ten percent wide
constexpr double shortest = 64;
constexpr double widest = 64e9;

auto make_bins() { return bh::make_histogram_with(bh::dense_storage<counter>{}, axis{bins, shortest, widest}); }

duration thread_time() noexcept {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

struct distribution {
  decltype(make_bins()) bins = make_bins();
  std::atomic<duration::rep> longest{0};

  void add(duration took) noexcept {
    bins(static_cast<double>(took.count()));
    auto known = longest.load(std::memory_order_relaxed);
    while (took.count() > known && !longest.compare_exchange_weak(known, took.count(), std::memory_order_relaxed)) {
    }
  }
};

// The upper end of the bin in which the quantile lies.
duration quantile(const std::vector<std::uint64_t>& counts, std::uint64_t count, double share) {
  const axis scale{bins, shortest, widest};
  auto left = static_cast<std::uint64_t>(share * static_cast<double>(count));
  for (std::size_t place = 0; place < counts.size(); ++place) {
    if (counts[place] > left) return duration{static_cast<duration::rep>(scale.value(static_cast<double>(place)))};
    left -= counts[place];
  }
  return duration{static_cast<duration::rep>(widest)};
}

time_distribution summary(const std::vector<const distribution*>& of) {
  std::vector<std::uint64_t> counts(bins + 2);  // with what lies below and above
  time_distribution made;
  for (const auto* one : of) {
    std::size_t place = 0;
    for (const auto& bin : bh::indexed(one->bins, bh::coverage::all)) counts[place++] += bin->value();
    made.longest = std::max(made.longest, duration{one->longest.load(std::memory_order_relaxed)});
  }
  for (const auto one : counts) made.count += one;
  if (made.count == 0) return made;
  made.median = std::min(made.longest, quantile(counts, made.count, 0.5));
  made.p99 = std::min(made.longest, quantile(counts, made.count, 0.99));
  made.p999 = std::min(made.longest, quantile(counts, made.count, 0.999));
  return made;
}

}  // namespace

struct slice_meter::histograms {
  distribution cpu;
  distribution delay;
};

slice_meter::slice_meter(bool histograms_wanted)
    : kept_{histograms_wanted ? std::make_unique<histograms>() : nullptr} {}
slice_meter::~slice_meter() = default;

// One that has ended is not touched any more; what its behaviour has used stays.
slice_end slice_meter::run(schedulable& ready, worker& on) {
  if (kept_ != nullptr) kept_->delay.add(std::chrono::steady_clock::now() - ready.runnable_since);
  auto* const account = ready.time_account();
  auto* const behaviour = account != nullptr ? account->behaviour : nullptr;
  const auto began = thread_time();
  const auto ended = ready.run_slice(on);
  const auto took = thread_time() - began;
  if (kept_ != nullptr) kept_->cpu.add(took);
  if (behaviour != nullptr) behaviour->add(took);
  if (account != nullptr && ended != slice_end::gone) account->own += took;
  return ended;
}

slice_times slice_meter::sum(const std::vector<const slice_meter*>& of) {
  std::vector<const distribution*> cpu;
  std::vector<const distribution*> delay;
  for (const auto* one : of) {
    if (one->kept_ == nullptr) continue;
    cpu.push_back(&one->kept_->cpu);
    delay.push_back(&one->kept_->delay);
  }
  return {summary(cpu), summary(delay)};
}

}  // namespace ergo::inline v0::detail
