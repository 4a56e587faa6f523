// R30: ten thousand handshakes that each stop somewhere, all at once, where a node is told to bear so many.
#include "harness.hpp"

#include <ergo_test/baseline.hpp>
#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace ergo_interop {
namespace {

using ergo::test::held_now;
using ergo::test::rounds;

/// How long it takes a live Erlang node to connect, in milliseconds, up to `most` times and while `condition` holds.
std::vector<double> connect_times(erlang_peer& peer, our_node& ours, std::size_t most,
                                  const std::function<bool()>& condition) {
  std::vector<double> all;
  while (all.size() < most && condition()) {
    const auto took = parsed(peer.run("{apply, timer, tc, [net_adm, ping, [" + ours.quoted_name() + "]]}"));
    expect(took.is_tuple(2) && took.elements()[1].is("pong"_atom), "no pong");
    all.push_back(static_cast<double>(took.elements()[0].as_integer().value()) / 1000);
    ours->disconnect(peer.name());
    eventually("they saw it", [&] { return peer.run("{connected, " + ours.quoted_name() + "}") == "false"; });
  }
  std::ranges::sort(all);
  return all;
}

TEST_CASE("As many half-open handshakes as a node is told to bear cost 4 KiB each, and no real peer waits for them",
          "[R30][installed]") {
  const auto count = rounds<std::size_t>(1'000, 10'000);
  for_installed("handshake: " + std::to_string(count) + " half-open at once", [&](const release& otp) {
    scenario figures{"R30", "half-open handshakes at once, each silent from a random step on"};
    program strangers{{program_from("ERGO_PROGRAM_STRANGERS")}};
    const auto port = free_port();
    auto options = options_for(fresh_name("target"), port);
    options.limits.handshake_step = rounds(6s, 25s);
    options.limits.handshake_total = rounds(8s, 35s);
    options.limits.pending_handshakes = options.limits.pending_per_address = 2 * count;
    our_node node{options};
    erlang_peer peer{peer_at(otp, port)};
    (void)connect_times(peer, node, 3, [] { return true; });
    const auto before = held_now();
    const auto heap_before = ergo::test::heap_bytes();
    strangers.write_line(std::to_string(node->port()) + " " + std::to_string(count));
    expect_same(strangers.read_line(), std::to_string(count));
    const auto all_borne = [&] { return node->figures().handshakes >= count; };
    eventually("all are borne at once", all_borne, 3s);
    const auto each = static_cast<double>(ergo::test::heap_growth(heap_before)) / static_cast<double>(count);
    const auto pages = static_cast<double>(held_now().resident - before.resident) / static_cast<double>(count);
    const auto times = connect_times(peer, node, 20, all_borne);
    strangers.write_line("60");
    const auto closed = std::stoul(strangers.read_line(70s));
    figures.ran(static_cast<std::int64_t>(count));
    figures.violated(static_cast<std::int64_t>(count - closed));
    figures.measured({.name = "each takes", .value = each, .unit = "B", .at_most = 4096});
    figures.measured({.name = "of memory in pages", .value = pages, .unit = "B"});
    expect(closed == count, std::to_string(count - closed) + " are not closed by their deadline");
    expect(each < 4096, "each takes " + std::to_string(each) + " bytes");
    expect(times.size() >= 3, "no real peer came meanwhile");
    const auto median = times[times.size() / 2];
    figures.measured({.name = "a real peer connects in (median)", .value = median, .unit = "ms", .at_most = 100});
    expect(median < 100, "a real peer took " + std::to_string(median) + " ms");
    eventually("all were refused for their lateness, for nothing else",
               [&] { return node->figures().refused[ergo::refusal::late] == count; });
    expect(node->nodes(ergo::node_set::all).empty(), "a stranger was let in");
  });
}

}  // namespace
}  // namespace ergo_interop
