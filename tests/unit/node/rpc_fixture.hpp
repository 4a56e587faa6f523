// Nodes that call each other's functions.
#pragma once

#include "lone_node.hpp"

#include <ergo/calls.hpp>
#include <ergo/etf/text.hpp>
#include <ergo/rpc.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace ergo_test {

using namespace ergo;
using namespace std::chrono_literals;

/// What was returned, or the code and the reason of the error.
inline std::string text_of(const result<term>& given) {
  if (given) return etf::to_text(*given);
  return "error " + given.error().message();
}

/// A node without port mapper, which nobody finds, or one that has a peer.
class caller_node {
 public:
  explicit caller_node(node_options options) {
    options.cookie = "secret";
    options.on_event = [](const event&) {};
    runtime_options runtime{.cores = 2};
    runtime.on_event = [this](const event& happened) {
      if (happened.what == event::kind::crash) ++crashes;
    };
    auto made = node::start(std::move(options), std::move(runtime));
    REQUIRE(made);
    self = std::move(*made);
  }
  /// Calls a function of this node from outside.
  template <typename... Argument>
  std::string call_own(const rpc::name& module, const rpc::name& function, Argument&&... argument) {
    const rpc::at here{self->name(), patience};
    return text_of(rpc::call(*self, here, module, function, std::forward<Argument>(argument)...));
  }
  /// What `body`, a `task<term>(process&, Argument...)`, returned in a process of its own.
  template <typename Body, typename... Argument>
  std::string run(Body body, Argument... argument) {
    const auto told = std::make_shared<std::promise<term>>();
    auto outcome = told->get_future();
    const auto started = self->spawn(root<Body, Argument...>, body, told, std::move(argument)...);
    REQUIRE(started);
    REQUIRE(outcome.wait_for(patience) == std::future_status::ready);
    return etf::to_text(outcome.get());
  }

  std::atomic<int> crashes{0};
  std::unique_ptr<node> self;

 private:
  template <typename Body, typename... Argument>
  static task<> root(process& self, Body body, std::shared_ptr<std::promise<term>> told, Argument... argument) {
    auto outcome = co_await body(self, std::move(argument)...);
    told->set_value(std::move(outcome));
  }
};

/// A node that others find at a port mapper of this test.
inline node_options named(std::string name, std::uint16_t port_mapper) {
  node_options options;
  options.name = std::move(name);
  options.epmd_port = port_mapper;
  return options;
}

}  // namespace ergo_test
