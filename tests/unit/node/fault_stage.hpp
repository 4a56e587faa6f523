// Two nodes of which one reaches the other through a proxy that fails, for the tests of failing connections.
#pragma once

#include "lone_node.hpp"

#include <ergo/calls.hpp>
#include <ergo/node.hpp>
#include <ergo/spawn.hpp>
#include <ergo_test/fault_proxy.hpp>
#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace ergo_test {

using namespace ergo;
using namespace std::chrono_literals;
using ergo::test::endpoint;
using ergo::test::fault_proxy;
using ergo::test::rounds;

inline constexpr auto name_a = "a@127.0.0.1";
inline constexpr auto name_b = "b@127.0.0.2";

inline node_options plain_options(const std::string& name, std::uint16_t peers) {
  node_options options;
  options.name = name;
  options.cookie = "secret";
  options.epmd = epmd_mode::none;
  options.peer_port = peers;
  options.on_event = [](const event&) {};
  return options;
}

inline std::unique_ptr<node> started(node_options options) {
  auto made = node::start(std::move(options), runtime_options{.cores = 2});
  REQUIRE(made);
  return *std::move(made);
}

/// Node a reaches node b through a proxy only, and b does not reach a.
struct fault_stage {
  explicit fault_stage(std::chrono::milliseconds tick_time = 60s, trace_sink trace_of_b = {},
                       std::optional<tls_options> tls = {})
      : port{free_port()}, behind{free_port()}, proxy{endpoint{0x7F00'0002, port}, endpoint{0x7F00'0002, behind}} {
    auto options = plain_options(name_b, free_port());
    options.listen_port_min = behind;
    options.net_ticktime = tick_time;
    options.tls = tls;
    if (trace_of_b) options.trace = trace_category::dist;
    options.on_trace = std::move(trace_of_b);
    b = started(std::move(options));
    options = plain_options(name_a, port);
    options.net_ticktime = tick_time;
    options.tls = std::move(tls);
    a = started(std::move(options));
  }
  [[nodiscard]] bool both_connected() const { return a->is_connected(name_b) && b->is_connected(name_a); }
  [[nodiscard]] bool both_alone() const { return !a->is_connected(name_b) && !b->is_connected(name_a); }

  std::uint16_t port;
  std::uint16_t behind;
  fault_proxy proxy;
  std::unique_ptr<node> a;
  std::unique_ptr<node> b;
};

inline task<> echo(process& self) {
  for (;;) {
    message got = co_await self.receive_any();
    if (got.is_call()) self.reply(got.from(), got.payload());
  }
}

inline task<> call_and_tell(process& self, destination to, term request, std::shared_ptr<std::promise<term>> told) {
  const auto answer = co_await call(self, to, request, 15s);
  told->set_value(answer ? *answer : answer.error().reason());
}

/// What a call from a process of `on` gives.
inline term call_from(node& on, const destination& to, const term& request) {
  const auto told = std::make_shared<std::promise<term>>();
  auto got = told->get_future();
  REQUIRE(on.spawn(call_and_tell, to, request, told));
  REQUIRE(got.wait_for(patience) == std::future_status::ready);
  return got.get();
}

inline void start_echo(node& on) { REQUIRE(on.spawn(spawn_options{.name = "echo"_atom}, make_body(echo))); }

inline const destination echo_at_b{"echo"_atom, atom::of(name_b)};

}  // namespace ergo_test
