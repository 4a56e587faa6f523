// Two nodes that call each other at the same moment, again and again (R08): there is always one connection, and nobody
// waits for ever.
#include "harness.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <barrier>
#include <thread>

namespace ergo_interop {
namespace {

/// Counts what a node is told about its peers, which must alternate.
class comings_and_goings {
 public:
  explicit comings_and_goings(ergo::node& of) {
    watch_ = of.subscribe([this](const ergo::node_event& news) {
      const bool up = news.what == ergo::node_event::kind::up;
      auto& same = up ? ups_ : downs_;
      const auto count = ++same;
      if (count != (up ? downs_ + 1 : ups_.load())) out_of_order_ = true;
    });
  }
  [[nodiscard]] bool alternate() const noexcept { return !out_of_order_; }
  [[nodiscard]] int ups() const noexcept { return ups_; }
  [[nodiscard]] int downs() const noexcept { return downs_; }

 private:
  std::atomic<int> ups_{0};
  std::atomic<int> downs_{0};
  std::atomic<bool> out_of_order_{false};
  ergo::subscription watch_;
};

ergo::node_options fixed(const std::string& name) {
  auto options = options_for(name, 0);
  options.epmd = ergo::epmd_mode::none;
  return options;
}

/// Two nodes of ours that know where the other one is.
struct couple {
  std::uint16_t second_port = free_port();
  our_node first;
  our_node second;

  explicit couple(const std::string& suffix = fresh_name("x"))
      : first{[&] {
          auto options = fixed("a" + suffix);
          options.routes = {{"b*", {"", second_port}}};
          return options;
        }()},
        second{[&] {
          auto options = fixed("b" + suffix);
          options.listen_port_min = second_port;
          options.routes = {{"a*", {"", first->port()}}};
          return options;
        }()} {}
};

TEST_CASE("Two nodes of ours that call each other at once have one connection, ten thousand times",
          "[R08][installed]") {
  among_ourselves("10,000 crossing calls of two of ours: one connection each time", [] {
    scenario figures{"R08", "crossing connects of two of ours"};
    constexpr int rounds = 10'000;
    couple two;
    const comings_and_goings seen_by_first{*two.first};
    const comings_and_goings seen_by_second{*two.second};
    std::barrier start{2};
    std::atomic<int> failed{0};
    std::atomic<bool> ended{false};
    std::thread caller{[&] {
      for (;;) {
        start.arrive_and_wait();
        if (ended) return;
        if (!two.second->connect(two.first.name())) ++failed;
        start.arrive_and_wait();
      }
    }};
    const auto end = [&] {
      ended = true;
      start.arrive_and_wait();
      caller.join();
    };
    try {
      for (int round = 1; round <= rounds; ++round) {
        start.arrive_and_wait();
        if (!two.first->connect(two.second.name())) ++failed;
        start.arrive_and_wait();
        expect(failed == 0, "a call failed in round " + std::to_string(round));
        auto& ends = round % 2 == 0 ? two.first : two.second;
        auto& other = round % 2 == 0 ? two.second : two.first;
        eventually("both are up", [&] { return seen_by_first.ups() == round && seen_by_second.ups() == round; });
        expect(ends->disconnect(other.name()), "there is nothing to end");
        eventually("both are down", [&] { return seen_by_first.downs() == round && seen_by_second.downs() == round; });
      }
    } catch (...) {
      end();
      throw;
    }
    end();
    figures.ran(rounds);
    figures.violated(std::abs(seen_by_first.ups() - rounds) + std::abs(seen_by_second.ups() - rounds));
    expect(seen_by_first.alternate() && seen_by_second.alternate(), "nodeup and nodedown do not alternate");
  });
}

TEST_CASE("Our node and Erlang's that call each other at once have one connection", "[R08]") {
  for_every_release("300 crossing calls with Erlang: one connection each time", [](const release& otp) {
    scenario figures{"R08", "crossing connects of Erlang's and ours"};
    constexpr int rounds = 150;
    const auto port = free_port();
    // The one whose name is greater wins: once it is ours, once theirs.
    for (const std::string stem : {"a", "z"}) {
      our_node ours{options_for(fresh_name(stem), port)};
      erlang_peer peer{peer_at(otp, port)};
      const comings_and_goings seen{*ours};
      for (int round = 1; round <= rounds; ++round) {
        std::string pinged;
        std::thread theirs{[&] { pinged = peer.attempt("{ping, " + ours.quoted_name() + "}"); }};
        const auto connected = ours->connect(peer.name());
        theirs.join();
        expect(connected.has_value(), connected ? "" : "ours: " + connected.error().message());
        expect_same(pinged, "pong");
        expect_same(peer.run("nodes"), "{[],[" + ergo::etf::to_text(ours->name()) + "]}");
        expect(ours->nodes(ergo::node_set::hidden).size() + ours->nodes().size() == 1, "not one connection");
        expect(seen.ups() == round,
               "it came up " + std::to_string(seen.ups()) + " times in round " + std::to_string(round));
        if (round % 2 == 0) {
          ours->disconnect(peer.name());
        } else {
          peer.run("{disconnect, " + ours.quoted_name() + "}");
        }
        eventually("both have seen the end", [&] {
          return seen.downs() == round && peer.run("{connected, " + ours.quoted_name() + "}") == "false";
        });
      }
      figures.ran(rounds);
      expect(seen.alternate(), "nodeup and nodedown do not alternate");
    }
  });
}

}  // namespace
}  // namespace ergo_interop
