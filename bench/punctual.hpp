// Calls that are made by schedule, and how late their answers are; what the machine itself holds up meanwhile.
#pragma once

#include "survey.hpp"

#include <ergo/process.hpp>
#include <ergo/slice_times.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace ergo_bench {

/// Counts times in classes that are at most 3 % wide.
class histogram {
 public:
  void add(time_span took);
  /// The time that this share of all do not exceed, in nanoseconds.
  [[nodiscard]] double quantile(double share) const;
  [[nodiscard]] double largest() const noexcept { return static_cast<double>(largest_); }

 private:
  static constexpr unsigned fine_bits = 5;
  static constexpr std::uint64_t fine = 1U << fine_bits;

  static std::size_t class_of(std::uint64_t value) noexcept;
  static std::uint64_t end_of(std::size_t place) noexcept;

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

  const histogram& stop();

 private:
  void measure();

  histogram late_;
  std::atomic<bool> enough_{false};
  std::thread thread_;
};

/// Which calls are made.
struct schedule {
  double share = 1;           ///< of the greatest rate
  std::uint64_t warm_up = 0;  ///< so many calls find the greatest rate, after as many that only warm up
  std::chrono::milliseconds lasts{};
};

/// Calls `to` with numbers by that schedule. A call counts from the time that it was due, so one that waits because the
/// one before is late counts as late, too. Reaches the survey's finish unless a call fails.
ergo::task<> call_by_schedule(ergo::process& self, ergo::destination to, schedule wanted, survey_ptr of);

/// What a runtime found of its own slices.
[[nodiscard]] std::vector<figure> slice_figures(const ergo::slice_times& found);

/// What a run of `call_by_schedule` found, with the figures of the slices of another run of the same. The time of the
/// row is the figure `counts`.
[[nodiscard]] measurement latency_of(survey& calls, const ergo::slice_times& slices, std::string_view counts);

/// The percentage at the end of a variant, as a share.
[[nodiscard]] double share_of(std::string_view variant);

/// The most that a slice of a responsive runtime may take or wait, for the limits of the rows.
[[nodiscard]] std::vector<limit> slice_limits();

}  // namespace ergo_bench
