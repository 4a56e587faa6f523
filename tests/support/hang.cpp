// A test that never ends, to see that the watchdog ends it: CTest runs it with a deadline of one second.
#include <catch2/catch_test_macros.hpp>

#include <condition_variable>
#include <mutex>

#include "ergo_test/watchdog.hpp"

TEST_CASE("a test that waits for ever is ended") {
  const ergo::test::on_hang report{[] { return std::string{"report of the hanging test"}; }};
  SECTION("in a section") {
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock{mutex};
    never.wait(lock, [] { return false; });
  }
}
