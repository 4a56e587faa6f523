#include "punctual.hpp"

#include <ergo/otp/call.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <utility>

namespace ergo_bench {

using namespace ergo;
using clock = std::chrono::steady_clock;

void histogram::add(time_span took) {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
  ++counts_[class_of(value)];
  ++total_;
  largest_ = std::max(largest_, value);
}

double histogram::quantile(double share) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total_)));
  std::uint64_t seen = 0;
  for (std::size_t place = 0; place < counts_.size(); ++place) {
    seen += counts_[place];
    if (seen >= wanted && seen > 0) return static_cast<double>(std::min(end_of(place), largest_));
  }
  return 0;
}

// Below 32 each value is a class; above, each power of two has 32.
std::size_t histogram::class_of(std::uint64_t value) noexcept {
  if (value < fine) return value;
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - fine_bits;
  return (shift + 1) * fine + ((value >> shift) - fine);
}

std::uint64_t histogram::end_of(std::size_t place) noexcept {
  if (place < fine) return place;
  const auto shift = place / fine - 1;
  return ((place % fine + fine + 1) << shift) - 1;
}

const histogram& stall_meter::stop() {
  enough_ = true;
  if (thread_.joinable()) thread_.join();
  return late_;
}

void stall_meter::measure() {
  while (!enough_.load()) {
    const auto due = clock::now() + std::chrono::milliseconds{1};
    std::this_thread::sleep_until(due);
    late_.add(clock::now() - due);
  }
}

namespace {

double microseconds(double nanoseconds) { return nanoseconds / 1e3; }
double microseconds(duration time) { return std::chrono::duration<double, std::micro>{time}.count(); }

class punctual_caller {
 public:
  punctual_caller(process& self, destination to, survey_ptr of) : self_{self}, to_{to}, of_{std::move(of)} {}

  task<> run(schedule wanted) {
    // The greatest rate is that of the same loop when every call is due at once.
    for (const auto calls : {wanted.warm_up, wanted.warm_up}) {
      each_ = {};
      auto fastest = make_calls(calls, 0);
      co_await std::move(fastest);
    }
    const auto interval = nanoseconds_each(took_, wanted.warm_up) / wanted.share;
    const auto calls =
        static_cast<std::uint64_t>(std::chrono::duration<double, std::nano>(wanted.lasts).count() / interval);
    each_ = {};
    stall_meter machine;
    auto scheduled = make_calls(std::max<std::uint64_t>(calls, 1), interval);
    co_await std::move(scheduled);
    if (failed_) co_return of_->done.fail("a call failed");
    note(machine.stop(), 1e9 / interval);
    of_->done.arrive();
  }

 private:
  task<> make_calls(std::uint64_t calls, double interval) {
    const auto begun = clock::now();
    auto now = begun;
    for (std::uint64_t number = 0; number < calls && !failed_; ++number) {
      const auto due =
          begun + std::chrono::nanoseconds{static_cast<std::int64_t>(static_cast<double>(number) * interval)};
      while (now < due) {
        co_await self_.yield();
        now = clock::now();
      }
      const auto answer = co_await otp::call<std::uint64_t>(self_, to_, number);
      failed_ = !answer || *answer != number;
      now = clock::now();
      each_.add(now - due);
    }
    took_ = now - begun;
  }

  void note(const histogram& late, double rate) {
    of_->add("rate", rate, "calls/s");
    of_->add("p50", microseconds(each_.quantile(0.5)), "µs");
    of_->add("p99", microseconds(each_.quantile(0.99)), "µs");
    of_->add("p99.9", microseconds(each_.quantile(0.999)), "µs");
    of_->add("max", microseconds(each_.largest()), "µs");
    of_->add("machine-p99.9", microseconds(late.quantile(0.999)), "µs");
    of_->add("machine-max", microseconds(late.largest()), "µs");
  }

  process& self_;
  destination to_;
  survey_ptr of_;
  histogram each_;
  time_span took_{};
  bool failed_ = false;
};

}  // namespace

task<> call_by_schedule(process& self, destination to, schedule wanted, survey_ptr of) {
  punctual_caller caller{self, to, std::move(of)};
  co_await caller.run(wanted);
}

std::vector<figure> slice_figures(const slice_times& found) {
  return {{"slice-cpu-p99.9", microseconds(found.cpu.p999), "µs"},
          {"slice-cpu-max", microseconds(found.cpu.longest), "µs"},
          {"queue-delay-p99.9", microseconds(found.delay.p999), "µs"},
          {"queue-delay-max", microseconds(found.delay.longest), "µs"}};
}

std::vector<limit> slice_limits() {
  constexpr double ten_milliseconds = 10'000;
  std::vector<limit> made;
  for (const auto* const figure : {"slice-cpu-p99.9", "slice-cpu-max", "queue-delay-p99.9", "queue-delay-max"})
    made.push_back({figure, ten_milliseconds});
  return made;
}

measurement latency_of(survey& calls, const slice_times& slices, std::string_view counts) {
  if (slices.cpu.count == 0 || slices.delay.count == 0) throw std::runtime_error{"no slice was measured"};
  const auto microseconds = std::ranges::find(calls.found, counts, &figure::name)->value;
  measurement made{std::chrono::nanoseconds{static_cast<std::int64_t>(microseconds * 1e3)}, 1, std::move(calls.found)};
  std::ranges::move(slice_figures(slices), std::back_inserter(made.more));
  return made;
}

double share_of(std::string_view variant) {
  return std::stod(std::string{variant.substr(variant.rfind('-') + 1)}) / 100;
}

}  // namespace ergo_bench
