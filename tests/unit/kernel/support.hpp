// A node without network for the tests of services.
#pragma once

#include <ergo/kernel.hpp>
#include <ergo_test/free_port.hpp>

#include <chrono>
#include <thread>

namespace ergo::test {

using namespace std::chrono_literals;

inline constexpr auto patience = 20s;

inline node_options alone() {
  node_options options;
  options.name = "alone@localhost";
  options.cookie = "secret";
  options.epmd = epmd_mode::none;
  options.peer_port = free_port();
  options.on_event = [](const event&) {};
  return options;
}

template <typename Condition>
bool eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!condition() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  return condition();
}

}  // namespace ergo::test
