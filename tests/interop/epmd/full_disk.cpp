// Our program with a log on a full disk.
#include <ergo_test/outside.hpp>

#include <catch2/catch_test_macros.hpp>

#include "contenders.hpp"

using namespace ergo::test;
using namespace std::chrono_literals;

TEST_CASE("A port mapper whose log is on a full disk serves on, and logs again when there is room") {
  const small_disk disk{64};
  const auto log = disk.folder() / "log";
  const auto port = free_port();
  // Each request is a line or more.
  program server{
      {"/bin/sh", "-c", "exec \"$0\" -d -d -port " + std::to_string(port) + " 2>" + log.string(), our_epmd()}};
  const auto listed = [&] { return ask_for(port, plain_request('n'), 1s).bytes.size() >= 4; };
  while (!listed()) REQUIRE(server.is_running());
  const auto size = [&] { return std::filesystem::file_size(log); };
  const auto at_first = size();
  REQUIRE(listed());
  CHECK(size() > at_first);
  disk.fill();
  // Until its last page is full, too: of 4 KiB.
  for (int round = 0; round < 300; ++round) REQUIRE(listed());
  const auto full = size();
  for (int round = 0; round < 100; ++round) REQUIRE(listed());
  CHECK(size() == full);
  CHECK(enlisted(port, "node", 1s).has_value());
  CHECK(server.is_running());
  disk.make_room();
  REQUIRE(listed());
  CHECK(size() > full);
}
