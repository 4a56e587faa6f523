// Tells the scenarios of a test case how it went; registered by main.cpp.
#pragma once

#include <catch2/catch_test_case_info.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>

#include "ergo_test/baseline.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace ergo::test {

/// Scenarios that this program has told as violated: what was left behind or above its bound need not be an assertion
/// of a test. Lines as in the file of figures.
const std::vector<std::string>& violated_scenarios();

class figures_listener : public Catch::EventListenerBase {
 public:
  using EventListenerBase::EventListenerBase;

  void testRunStarting(const Catch::TestRunInfo& info) override;
  void testCaseStarting(const Catch::TestCaseInfo& info) override;
  void assertionEnded(const Catch::AssertionStats& stats) override;
  void testCaseEnded(const Catch::TestCaseStats& stats) override;

 private:
  holdings before_;
  std::chrono::steady_clock::time_point began_;
  std::int64_t scenarios_before_ = 0;
  std::int64_t failed_before_ = 0;
  std::int64_t skipped_before_ = 0;
};

}  // namespace ergo::test
