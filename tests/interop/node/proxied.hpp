// An Erlang node and ours that reach each other through a proxy that fails: without a port mapper, or with one.
#pragma once

#include "harness.hpp"

#include <ergo_test/fault_proxy.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
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

/// Connections of a node that have come up.
class sessions {
 public:
  explicit sessions(ergo::node& of)
      : watch_{of.subscribe([this](const ergo::node_event& news) {
          if (news.what == ergo::node_event::kind::up) ++count_;
        })} {}
  [[nodiscard]] int count() const { return count_; }

 private:
  std::atomic<int> count_{0};
  ergo::subscription watch_;
};

/// An Erlang node and ours. Erlang reaches ours at the port that the port mapper says, and ours reaches Erlang by a
/// route: that of a proxy, whoever is called.
struct proxied {
  enum class dials : std::uint8_t { erlang, ours };

  proxied(const release& otp, dials caller, ergo::trace_sink trace = {})
      : outside{free_port()},
        behind{free_port()},
        proxy{endpoint{.port = outside}, endpoint{.port = behind}},
        epmd{free_port()},
        theirs{peer_at(otp, epmd)},
        ours{options(caller, std::move(trace)), runtime_for(otp)},
        peer{with_port(caller)} {}
  /// `trace` is given what the node says to others.
  [[nodiscard]] ergo::node_options options(dials caller, ergo::trace_sink trace) const {
    auto made = options_for(fresh_name("cpp"), epmd);
    if (trace) made.trace = ergo::trace_category::dist;
    made.on_trace = std::move(trace);
    if (caller == dials::erlang) {
      made.listen_port_min = behind;
      made.advertised_port = outside;
    } else {
      made.routes.push_back({theirs.name, {"127.0.0.1", outside}});
    }
    return made;
  }
  [[nodiscard]] peer_options with_port(dials caller) const {
    auto made = theirs;
    if (caller == dials::erlang) return made;
    const auto port = std::to_string(behind);
    const std::vector<std::string> there{"-kernel", "inet_dist_listen_min", port, "inet_dist_listen_max", port};
    made.more.insert(made.more.end(), there.begin(), there.end());
    return made;
  }

  std::uint16_t outside;
  std::uint16_t behind;
  fault_proxy proxy;
  std::uint16_t epmd;
  peer_options theirs;
  our_node ours;
  sessions up{*ours};
  erlang_peer peer;
};

}  // namespace ergo_interop
