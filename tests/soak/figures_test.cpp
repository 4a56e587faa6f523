// The line through what the soak measures, and the bound of its slope.
#include "figures.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

using namespace ergo_soak;

TEST_CASE("the slope of a trend is that of the line through its points, whatever lies around it") {
  trend exact;
  for (int minute = 0; minute <= 60; ++minute) exact.add(minute / 60.0, 30 + 2.5 * minute / 60.0);
  CHECK(exact.per_hour() == Catch::Approx(2.5));
  CHECK(exact.hours() == Catch::Approx(1));
  trend noisy;
  for (int minute = 0; minute <= 60; ++minute) noisy.add(minute / 60.0, 30 + (minute % 2 == 0 ? 1 : -1));
  CHECK(noisy.per_hour() == Catch::Approx(0).margin(0.1));
}

TEST_CASE("fewer than two moments have no slope") {
  trend few;
  CHECK(few.per_hour() == 0);
  few.add(0.5, 100);
  CHECK(few.per_hour() == 0);
  CHECK(few.hours() == 0);
}

TEST_CASE("a leak of a kilobyte a second is above the bound of a full run, and one of ten above that of a short one") {
  const double leak = 3600.0 / 1024;  // MiB per hour
  CHECK(leak > most_slope(0.9, true));
  CHECK(leak < most_slope(0.1, false));
  CHECK(10 * leak > most_slope(0.1, false));
  CHECK(most_slope(0.9, true) == Catch::Approx(1));
}

TEST_CASE("a log of a hundred lines a second is above what a run may log, and one of a line a second is not") {
  constexpr double line = 300;
  for (const double hours : {0.1, 1.0}) {
    const auto bound = static_cast<double>(most_logged(hours));
    CHECK(100 * line * 3600 * hours > bound);
    CHECK(line * 3600 * hours < bound);
  }
}

TEST_CASE("what a process holds is read from the system") {
  const auto before = held_by(::getpid());
  CHECK(before.resident > 0.5);
  CHECK(before.threads >= 1);
  const std::ifstream one{"/proc/self/status"};
  CHECK(held_by(::getpid()).descriptors == before.descriptors + 1);
  CHECK_THROWS_AS(held_by(-1), std::runtime_error);
}
