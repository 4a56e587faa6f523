// Peers that do not read.
#include "harness.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <csignal>
#include <utility>

namespace ergo_interop {
namespace {

using ergo::etf::tuple;

constexpr int pieces = 40;
constexpr std::size_t piece = 1U << 20;

/// Sends 40 MiB to a peer, awaiting each message.
ergo::task<ergo::term> flood(ergo::process& self, ergo::pid to, std::shared_ptr<std::atomic<int>> sent) {
  const auto content = ergo::etf::adopt_binary(std::string(piece, 'x'));
  for (int number = 0; number < pieces; ++number) {
    const auto message = tuple(number, content);
    co_await self.send(to, message);
    ++*sent;
  }
  co_return ergo::term{"sent"_atom};
}

TEST_CASE("Who floods a peer that stands still is held, and all of it arrives when the peer goes on") {
  for_every_release("busy peer: 40 MiB to one that stands still, then goes on", [](const release& otp) {
    world in{otp};
    in.connect(true);
    in.peer().load(ERGO_SOURCE_DIR "/tests/interop/node/flood_side.erl");
    const auto sink = in.remote("{apply, flood_side, sink, []}").as_pid();
    expect(sink.has_value(), "no sink");
    in.peer().signal(SIGSTOP);
    const auto sent = std::make_shared<std::atomic<int>>(0);
    running flooding{in.node(), flood, *sink, sent};
    // The sockets take some; then nothing more is taken for as long as it takes to look ten times.
    int before = -1;
    eventually("the sender is held", [&] { return std::exchange(before, sent->load()) == sent->load() && before > 0; });
    expect(before < pieces, "nobody was held");
    expect_term(in.ours().call("echo"_atom, "well"_atom), "well");
    in.peer().signal(SIGCONT);
    expect_term(flooding.get(30s), "sent");
    const auto counted = in.ours().call(*sink, "count"_atom, 30s);
    expect_term(counted, "{" + std::to_string(pieces) + "," + std::to_string(pieces * piece) + "}");
    in.node().send(*sink, "stop"_atom);
  });
}

}  // namespace
}  // namespace ergo_interop
