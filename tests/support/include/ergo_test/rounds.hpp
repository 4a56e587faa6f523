// How much of something a test does.
#pragma once

#include <cstdlib>

namespace ergo::test {

/// `usual`, or `all` where ERGO_TEST_LONG is set: the full number of a scenario that is too long for every run.
template <typename Number>
[[nodiscard]] Number rounds(Number usual, Number all) {
  return std::getenv("ERGO_TEST_LONG") == nullptr ? usual : all;
}

}  // namespace ergo::test
