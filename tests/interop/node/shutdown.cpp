// R47: a node stops in bounded time although a peer takes nothing any more and what is for it waits.
#include "harness.hpp"

#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <csignal>
#include <memory>
#include <string>

namespace ergo_interop {
namespace {

using steady = std::chrono::steady_clock;

/// Writes to a connection until that is full, and goes on when it can.
ergo::task<> fill(ergo::process& self, ergo::destination to, std::shared_ptr<std::atomic<std::int64_t>> sent) {
  const auto bulk = ergo::etf::binary(std::string(100'000, 'x'));
  for (;;) {
    co_await self.send(to, bulk);
    ++*sent;
  }
}

/// Waits until nobody could send anything for a while.
void await_standstill(const std::atomic<std::int64_t>& sent) {
  auto last = sent.load();
  auto since = steady::now();
  eventually("everybody waits", [&] {
    if (const auto now = sent.load(); now != last) {
      last = now;
      since = steady::now();
    }
    return steady::now() - since > 300ms;
  });
}

TEST_CASE("A node stops in bounded time although a peer stands still and its buffers are full", "[R47]") {
  for_every_release("stop beside a stopped peer with full buffers (R47)", [](const release& otp) {
    scenario figures{"R47",
                     carried("stops with a stopped Erlang node and full buffers, 1 s for processes, 1 s for peers")};
    const int times = ergo::test::rounds(1, 5);
    for (int round = 0; round < times; ++round) {
      ergo::node_options options;
      options.limits.drain = 1s;
      world in{otp, std::move(options)};
      in.connect(true);
      const auto sent = std::make_shared<std::atomic<std::int64_t>>(0);
      const ergo::destination sink{"nobody"_atom, in.peer_atom()};
      for (int writer = 0; writer < 5; ++writer) expect(in.node().spawn(fill, sink, sent).has_value(), "no writer");
      eventually("they write", [&] { return *sent > 100; });
      in.peer().signal(SIGSTOP);
      await_standstill(*sent);
      const auto began = steady::now();
      in.node().stop(1s);
      const auto took = std::chrono::duration<double>(steady::now() - began).count();
      in.peer().signal(SIGCONT);
      figures.ran();
      figures.measured({.name = "took", .value = took, .unit = "s", .at_most = 3});
      expect(took < 3, "it took " + std::to_string(took) + " s");
    }
  });
}

}  // namespace
}  // namespace ergo_interop
