// An Erlang node and ours that reach each other through a proxy that fails.
#pragma once

#include "harness.hpp"

#include <ergo_test/fault_proxy.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace ergo_interop {

using ergo::test::ending;
using ergo::test::endpoint;
using ergo::test::fault_proxy;
using ergo::test::way;

inline constexpr std::uint32_t other_address = 0x7F00'0002;

inline ergo::node_options without_mapper(const std::string& name, std::uint16_t peers) {
  auto options = options_for("", free_port());
  options.name = name;
  options.epmd = ergo::epmd_mode::none;
  options.peer_port = peers;
  return options;
}

inline peer_options erlang_at(const release& otp, const std::string& host, std::uint16_t port) {
  auto options = peer_at(otp, free_port(), host);
  auto address = host;
  std::ranges::replace(address, '.', ',');
  options.more = {"-erl_epmd_port", std::to_string(port), "-kernel", "inet_dist_use_interface", "{" + address + "}"};
  return options;
}

/// Erlang dials ours, which does not dial, through a proxy.
struct they_dial {
  /// Both have this tick time.
  explicit they_dial(const release& otp, std::chrono::seconds tick_time = 60s)
      : port{free_port()},
        behind{free_port()},
        proxy{endpoint{other_address, port}, endpoint{other_address, behind}},
        ours{options(tick_time)},
        peer{[&] {
          auto made = erlang_at(otp, "127.0.0.1", port);
          made.more.insert(made.more.end(), {"-kernel", "net_ticktime", std::to_string(tick_time / 1s)});
          return made;
        }()} {
    peer.load(ERGO_SOURCE_DIR "/tests/interop/node/flood_side.erl");
  }
  [[nodiscard]] ergo::node_options options(std::chrono::seconds tick_time) const {
    auto made = without_mapper(fresh_name("cpp") + "@127.0.0.2", free_port());
    made.listen_port_min = behind;
    made.net_ticktime = tick_time;
    return made;
  }
  [[nodiscard]] std::string at(const std::string& process) const {
    return "{" + process + ", " + ours.quoted_name() + "}";
  }
  [[nodiscard]] bool apart() {
    return !ours->is_connected(peer.name()) && peer.run("{connected, " + ours.quoted_name() + "}") == "false";
  }

  std::uint16_t port;
  std::uint16_t behind;
  fault_proxy proxy;
  our_node ours;
  erlang_peer peer;
};

}  // namespace ergo_interop
