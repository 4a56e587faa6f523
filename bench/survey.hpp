// A run that finds many figures, all by the code of one process.
#pragma once

#include "measuring.hpp"
#include "servers.hpp"

#include <ergo/process.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ergo_bench {

/// What the process of a survey is asked for, and where it puts what it finds.
struct survey {
  explicit survey(const request& wanted) : largest{std::max<std::uint64_t>(wanted.operations, 1)} {}

  std::uint64_t largest;  ///< the end of the curve
  std::vector<figure> found;
  finish_line done{1};

  void add(std::string name, double value, std::string unit) {
    found.push_back({std::move(name), value, std::move(unit)});
  }
  /// A point of a curve in nanoseconds.
  void add_time(std::string_view what, std::uint64_t size, time_span took, std::uint64_t operations) {
    add(point(what, size), nanoseconds_each(took, operations), "ns");
  }
};
using survey_ptr = std::shared_ptr<survey>;

/// Runs `body(process, survey)` as a process that must reach the survey's finish, by `arrive` or `fail`.
template <typename Body>
[[nodiscard]] measurement run_survey(const request& wanted, Body body) {
  bench_runtime on{wanted.cores};
  auto of = std::make_shared<survey>(wanted);
  const stopwatch watch;
  on.spawn(std::move(body), of);
  of->done.wait();
  auto took = watch.read(1);
  took.more = std::move(of->found);
  return took;
}

/// The same where a class made of process and survey does the work in its `run()`.
template <typename Surveyor>
[[nodiscard]] measurement run_survey(const request& wanted) {
  return run_survey(wanted, [](ergo::process& self, survey_ptr of) -> ergo::task<> {
    Surveyor does{self, std::move(of)};
    co_await does.run();
  });
}

/// The time since it was made or read last.
class lap {
 public:
  [[nodiscard]] time_span read() {
    const auto now = std::chrono::steady_clock::now();
    return now - std::exchange(begun_, now);
  }

 private:
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

}  // namespace ergo_bench
