// How much of something a test does.
#pragma once

#include <cstdlib>

namespace ergo::test {

/// `usual`, or `all` where ERGO_TEST_LONG is set: the full number of a scenario that is too long for every run.
template <typename Number>
[[nodiscard]] Number rounds(Number usual, Number all) {
  return std::getenv("ERGO_TEST_LONG") == nullptr ? usual : all;
}

/// The number in the environment variable `name`, or `otherwise` where it is not set.
[[nodiscard]] inline unsigned from_environment(const char* name, unsigned otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

}  // namespace ergo::test
