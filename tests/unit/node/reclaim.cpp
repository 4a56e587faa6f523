// Blocks are freed, small ones at once and large ones by a thread that ends.
#include "reclaim.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

using namespace ergo::detail;
using namespace std::chrono_literals;

namespace {

// Kilobytes of this program that are in memory.
std::size_t resident() {
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
  return 0;
}

std::size_t threads() {
  const std::filesystem::directory_iterator tasks{"/proc/self/task"};
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

template <typename Condition>
bool in_time(Condition reached) {
  const auto until = std::chrono::steady_clock::now() + 10s;
  while (!reached() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  return reached();
}

std::byte* filled(std::size_t size) {
  auto* const block = static_cast<std::byte*>(std::malloc(size));
  std::memset(block, 1, size);
  return block;
}

}  // namespace

TEST_CASE("large blocks go back to the system, and the thread that frees them ends") {
  constexpr std::size_t size = 64U << 20;
  const auto before = resident();
  const auto threads_before = threads();
  for (int round = 0; round < 8; ++round) reclaim(filled(size), size);
  CHECK(in_time([&] { return resident() < before + (size >> 10); }));
  CHECK(in_time([&] { return threads() <= threads_before; }));
}

TEST_CASE("small blocks, and none at all, are freed where they are given back") {
  const auto threads_before = threads();
  for (int round = 0; round < 1'000; ++round) reclaim(filled(1'000), 1'000);
  reclaim(nullptr, 0);
  CHECK(threads() == threads_before);
}
