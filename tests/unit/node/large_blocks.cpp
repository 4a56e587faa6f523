// Small blocks are freed at once; large ones are used again, or freed by a thread that ends.
#include "large_blocks.hpp"

#include <catch2/catch_test_macros.hpp>
#include <ergo_test/sanitizers.hpp>

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
  for (int round = 0; round < 8; ++round) give_back_block(filled(size), size);
  if (!ergo::test::sanitized) CHECK(in_time([&] { return resident() < before + (size >> 10); }));
  CHECK(in_time([&] { return threads() <= threads_before; }));
}

TEST_CASE("the next large message gets the block of the last one, if that is hardly larger") {
  constexpr std::size_t size = 8U << 20;
  auto* const first = filled(size);
  give_back_block(first, size);
  auto* const larger = obtain_block(size + 1);
  auto* const smaller = obtain_block(size / 2);
  auto* const fitting = obtain_block(size - size / 16);
  auto* const another = obtain_block(size);
  CHECK(larger != first);
  CHECK(smaller != first);
  CHECK(fitting == first);
  CHECK(another != first);
  for (auto* const block : {larger, smaller, fitting, another}) std::free(block);
}

TEST_CASE("small blocks, and none at all, are freed where they are given back") {
  const auto threads_before = threads();
  for (int round = 0; round < 1'000; ++round) give_back_block(filled(1'000), 1'000);
  give_back_block(nullptr, 0);
  CHECK(threads() <= threads_before);  // some of those before may have been about to end
}
