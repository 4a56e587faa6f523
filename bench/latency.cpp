// How long calls take that are made by schedule, at a share of the greatest rate. The latency of a call is counted from
// its scheduled time, so a call that waits because the one before is late counts as late, too. Beside it, in the same
// run, a thread without a runtime sleeps and looks how late it is woken: what the machine itself holds up.
#include "local.hpp"
#include "survey.hpp"

#include <ergo/otp/call.hpp>
#include <ergo/otp/start.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <thread>

namespace ergo_bench {
namespace {

using namespace ergo;
using clock = std::chrono::steady_clock;

/// Counts times in classes that are at most 3 % wide.
class histogram {
 public:
  void add(time_span took) {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
    ++counts_[class_of(value)];
    ++total_;
    largest_ = std::max(largest_, value);
  }
  /// The time that this share of all do not exceed.
  [[nodiscard]] double quantile(double share) const {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total_)));
    std::uint64_t seen = 0;
    for (std::size_t place = 0; place < counts_.size(); ++place) {
      seen += counts_[place];
      if (seen >= wanted && seen > 0) return static_cast<double>(std::min(end_of(place), largest_));
    }
    return 0;
  }
  [[nodiscard]] double largest() const noexcept { return static_cast<double>(largest_); }

 private:
  static constexpr unsigned fine_bits = 5;
  static constexpr std::uint64_t fine = 1U << fine_bits;

  // Below 32 each value is a class; above, each power of two has 32.
  static std::size_t class_of(std::uint64_t value) noexcept {
    if (value < fine) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - fine_bits;
    return (shift + 1) * fine + ((value >> shift) - fine);
  }
  static std::uint64_t end_of(std::size_t place) noexcept {
    if (place < fine) return place;
    const auto shift = place / fine - 1;
    return ((place % fine + fine + 1) << shift) - 1;
  }

  std::array<std::uint64_t, 60 * fine> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t largest_ = 0;
};

/// How late the machine wakes a thread that sleeps one millisecond at a time.
class stall_meter {
 public:
  stall_meter() : thread_{[this] { measure(); }} {}
  ~stall_meter() { stop(); }
  stall_meter(const stall_meter&) = delete;
  stall_meter& operator=(const stall_meter&) = delete;

  const histogram& stop() {
    enough_ = true;
    if (thread_.joinable()) thread_.join();
    return late_;
  }

 private:
  void measure() {
    while (!enough_.load()) {
      const auto due = clock::now() + std::chrono::milliseconds{1};
      std::this_thread::sleep_until(due);
      late_.add(clock::now() - due);
    }
  }

  histogram late_;
  std::atomic<bool> enough_{false};
  std::thread thread_;
};

constexpr std::uint64_t calls_to_warm_up = 50'000;

struct schedule {
  double share;  ///< of the greatest rate
  std::chrono::milliseconds lasts;
};

class punctual_caller {
 public:
  punctual_caller(process& self, survey_ptr of) : self_{self}, of_{std::move(of)} {}

  task<> run(schedule wanted) {
    const otp::start_options plain;
    const auto echo = co_await otp::start<echo_server>(self_, plain);
    if (!echo) co_return of_->done.fail("a server did not start");
    // The greatest rate is that of the same loop when every call is due at once.
    for (const auto calls : {calls_to_warm_up, calls_to_warm_up}) {
      each_ = {};
      auto fastest = make_calls(*echo, calls, clock::now(), 0);
      co_await std::move(fastest);
    }
    const auto interval = nanoseconds_each(took_, calls_to_warm_up) / wanted.share;
    const auto calls =
        static_cast<std::uint64_t>(std::chrono::duration<double, std::nano>(wanted.lasts).count() / interval);
    each_ = {};
    stall_meter machine;
    auto scheduled = make_calls(*echo, std::max<std::uint64_t>(calls, 1), clock::now(), interval);
    co_await std::move(scheduled);
    note(machine.stop(), 1e9 / interval);
    of_->done.arrive();
  }

 private:
  task<> make_calls(pid echo, std::uint64_t calls, clock::time_point begun, double interval) {
    auto now = begun;
    for (std::uint64_t number = 0; number < calls; ++number) {
      const auto due =
          begun + std::chrono::nanoseconds{static_cast<std::int64_t>(static_cast<double>(number) * interval)};
      while (now < due) {
        co_await self_.yield();
        now = clock::now();
      }
      const auto answer = co_await otp::call<std::uint64_t>(self_, echo, number);
      if (!answer || *answer != number) co_return of_->done.fail("a call failed");
      now = clock::now();
      each_.add(now - due);
    }
    took_ = now - begun;
  }

  void note(const histogram& late, double rate) {
    of_->add("rate", rate, "calls/s");
    of_->add("p50", each_.quantile(0.5) / 1e3, "µs");
    of_->add("p99", each_.quantile(0.99) / 1e3, "µs");
    of_->add("p99.9", each_.quantile(0.999) / 1e3, "µs");
    of_->add("max", each_.largest() / 1e3, "µs");
    of_->add("machine-p99.9", late.quantile(0.999) / 1e3, "µs");
    of_->add("machine-max", late.largest() / 1e3, "µs");
  }

  process& self_;
  survey_ptr of_;
  histogram each_;
  time_span took_{};
};

task<> call_by_schedule(process& self, survey_ptr of, schedule wanted) {
  punctual_caller caller{self, std::move(of)};
  co_await caller.run(wanted);
}

}  // namespace

measurement latency(const request& wanted) {
  const auto percent = std::stod(wanted.variant.substr(wanted.variant.rfind('-') + 1));
  const schedule planned{percent / 100, std::chrono::milliseconds{wanted.operations}};
  bench_runtime on{wanted.cores};
  auto of = std::make_shared<survey>(wanted);
  on.spawn(call_by_schedule, of, planned);
  of->done.wait();
  const auto p99 = std::ranges::find(of->found, "p99", &figure::name)->value;
  return {std::chrono::nanoseconds{static_cast<std::int64_t>(p99 * 1e3)}, 1, std::move(of->found)};
}

}  // namespace ergo_bench
