// What tests of whole nodes begin with.
#pragma once

#include "journal.hpp"

#include <ergo/node.hpp>
#include <ergo_test/free_port.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <thread>

namespace ergo_test {

/// A node without port mapper, which nobody finds.
inline ergo::node_options lonely() {
  ergo::node_options options;
  options.name = "alone@localhost";
  options.cookie = "secret";
  options.epmd = ergo::epmd_mode::none;
  options.on_event = [](const ergo::event&) {};
  return options;
}

using ergo::test::free_port;

/// Whether `condition`, which other threads bring about, becomes true in time.
template <typename Condition>
[[nodiscard]] bool eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace ergo_test
