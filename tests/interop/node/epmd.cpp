// The port mapper dies under living nodes: our own stand-alone one, and one embedded in a node.
#include "harness.hpp"
#include "sockets.hpp"

#include <ergo/reactor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

namespace ergo_interop {
namespace {

using steady = std::chrono::steady_clock;

std::string stem_of(const std::string& name) { return name.substr(0, name.find('@')); }

bool lists(std::uint16_t port, const std::string& node) {
  const auto names = names_at(port);
  return names && std::find(names->begin(), names->end(), stem_of(node)) != names->end();
}

/// `ergo-epmd` in the foreground, answering.
std::unique_ptr<program> start_mapper(std::uint16_t port) {
  auto mapper = std::make_unique<program>(
      std::vector<std::string>{program_from("ERGO_PROGRAM_EPMD"), "-port", std::to_string(port)});
  eventually("the port mapper answers", [&] { return names_at(port).has_value(); });
  return mapper;
}

/// How long it has taken until names were back.
double seconds_since(steady::time_point then) { return std::chrono::duration<double>(steady::now() - then).count(); }
ergo::test::figure ours_back(steady::time_point since) {
  return {.name = "ours back in", .value = seconds_since(since), .unit = "s", .at_most = 2};
}
ergo::test::figure theirs_back(steady::time_point since) {
  return {.name = "Erlang's back in", .value = seconds_since(since), .unit = "s"};
}

TEST_CASE("Nodes register again when their port mapper was killed and started again", "[R34]") {
  for_every_release("epmd killed -9 and restarted: names come back", [](const release& otp) {
    scenario figures{"R34", "epmd killed and restarted under one node of ours and OTP " + otp.number};
    const auto port = free_port();
    auto mapper = start_mapper(port);
    auto options = options_for(fresh_name("cpp"), port);
    options.epmd = ergo::epmd_mode::client_only;
    our_node ours{options};
    erlang_peer peer{peer_at(otp, port)};
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
    mapper->kill_now();
    expect(!names_at(port).has_value(), "the port mapper still answers");
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
    mapper = start_mapper(port);
    const auto began = steady::now();
    eventually("our name is back", [&] { return lists(port, ours.name()); }, 2s);
    figures.ran();
    figures.measured(ours_back(began));
    // OTP 23 does not come back by itself.
    if (std::stoi(otp.number) >= 24)
      eventually(
          "their name is back", [&] { return lists(port, peer.name()); }, 5s - (steady::now() - began) / 1ms * 1ms);
    if (std::stoi(otp.number) >= 24) figures.measured(theirs_back(began));
    ours->disconnect(peer.name());
    eventually("they saw it", [&] { return peer.run("{connected, " + ours.quoted_name() + "}") == "false"; });
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
  });
}

TEST_CASE("A node of ours takes the port mapper over from one that died", "[R35]") {
  for_every_release("the node that embeds epmd is killed: another takes over", [](const release& otp) {
    scenario figures{"R35", "the node that embeds epmd is killed, two of ours and OTP " + otp.number + " are left"};
    const auto port = free_port();
    demo_node first{fresh_name("demo"), port};
    our_node second{options_for(fresh_name("second"), port)};
    our_node third{options_for(fresh_name("third"), port)};
    erlang_peer peer{peer_at(otp, port)};
    for (const auto& name : {first.name(), second.name(), third.name(), peer.name()})
      expect(lists(port, name), "not registered: " + name);
    expect_same(peer.run("{ping, " + second.quoted_name() + "}"), "pong");
    first.process().kill_now();
    const auto began = steady::now();
    eventually(
        "the names of ours are back", [&] { return lists(port, second.name()) && lists(port, third.name()); }, 2s);
    figures.ran();
    figures.measured(ours_back(began));
    if (std::stoi(otp.number) >= 24)
      eventually(
          "their name is back", [&] { return lists(port, peer.name()); }, 5s - (steady::now() - began) / 1ms * 1ms);
    if (std::stoi(otp.number) >= 24) figures.measured(theirs_back(began));
    expect(!lists(port, first.name()), "the dead one is listed");
    expect_same(peer.run("{ping, " + third.quoted_name() + "}"), "pong");
    expect(third->connect(second.name()).has_value(), "ours find each other");
    demo_node again{stem_of(first.name()), port};
    expect_same(peer.run("{ping, " + atom_text(again.name()) + "}"), "pong");
  });
}

/// Nodes of ours in one program, each with its own name.
class crowd {
 public:
  crowd(int count, std::uint16_t port, ergo::epmd_mode mode) : runtime_{ergo::networked({.cores = 2})} {
    for (int number = 0; number < count; ++number) {
      auto options = options_for(fresh_name("crowd"), port);
      options.epmd = mode;
      options.on_event = [](const ergo::event&) {};
      auto started = ergo::node::start(runtime_, options);
      expect(started.has_value(), "no node");
      nodes_.push_back(*std::move(started));
    }
  }
  [[nodiscard]] bool all_listed(std::uint16_t port) const {
    const auto names = names_at(port);
    return names && std::ranges::all_of(nodes_, [&](const auto& node) {
             return std::ranges::find(*names, stem_of(std::string{node->name().text()})) != names->end();
           });
  }

 private:
  ergo::runtime runtime_;
  std::vector<std::unique_ptr<ergo::node>> nodes_;
};

TEST_CASE("Fifty nodes are all found again within two seconds of a new port mapper", "[R34][installed]") {
  for_installed("epmd killed and restarted under 50 nodes and erl", [](const release& otp) {
    scenario figures{"R34", "epmd killed and restarted under 50 nodes of ours and OTP " + otp.number};
    const auto port = free_port();
    auto mapper = start_mapper(port);
    const crowd many{50, port, ergo::epmd_mode::client_only};
    erlang_peer peer{peer_at(otp, port)};
    expect(many.all_listed(port) && lists(port, peer.name()), "not all are registered");
    for (int round = 0; round < 3; ++round) {
      mapper->kill_now();
      mapper = start_mapper(port);
      const auto began = steady::now();
      eventually("all of ours are back", [&] { return many.all_listed(port); }, 2s);
      figures.ran();
      figures.measured(ours_back(began));
      eventually("theirs is back", [&] { return lists(port, peer.name()); }, 5s);
      figures.measured(theirs_back(began));
    }
  });
}

TEST_CASE("Fifty nodes are all found again when the one that embeds the port mapper dies", "[R35][installed]") {
  for_installed("the embedded epmd killed under 50 nodes and erl", [](const release& otp) {
    scenario figures{"R35", "the node that embeds epmd is killed, 50 of ours and OTP " + otp.number + " are left"};
    const auto port = free_port();
    auto first = std::make_unique<demo_node>(fresh_name("demo"), port);
    const crowd many{50, port, ergo::epmd_mode::embedded};
    erlang_peer peer{peer_at(otp, port)};
    expect(many.all_listed(port) && lists(port, peer.name()), "not all are registered");
    first->process().kill_now();
    const auto began = steady::now();
    eventually("all of ours are back", [&] { return many.all_listed(port); }, 2s);
    figures.ran();
    figures.measured(ours_back(began));
    eventually("theirs is back", [&] { return lists(port, peer.name()); }, 5s);
    figures.measured(theirs_back(began));
    expect(!lists(port, first->name()), "the dead one is listed");
  });
}

TEST_CASE("A node without a port mapper finds its peers at a fixed port", "[installed]") {
  among_ourselves("epmd_mode::client_only fails in one sentence without one", [] {
    auto options = options_for(fresh_name("cpp"), free_port());
    options.epmd = ergo::epmd_mode::client_only;
    const auto started = ergo::node::start(options);
    expect(!started.has_value(), "it started");
    expect(!started.error().message().empty(), "no word why");
  });
}

}  // namespace
}  // namespace ergo_interop
