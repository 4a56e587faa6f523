// What a node starts before it meets its first peer.
#include <ergo/reactor.hpp>
#include <ergo/spawn.hpp>

#include "lone_node.hpp"

#include <atomic>
#include <stdexcept>

using namespace ergo;
using namespace ergo_test;

TEST_CASE("what a boot has started is there before the first peer, with its name and its functions") {
  const auto port = free_port();
  auto wanted = lonely();
  wanted.peer_port = port;
  std::atomic<int> boots{0};
  wanted.boot = [&boots](node& on) -> result<void> {
    ++boots;
    const auto waiting = [](process& self) -> task<> { co_await self.sleep(forever); };
    const auto made = on.spawn(spawn_options{.name = "first"_atom}, make_body(waiting));
    if (!made) return std::unexpected{made.error()};
    const auto own = on.provide("boot", "name", [name = on.name()] { return name; });
    return own ? result<void>{} : result<void>{std::unexpected{own.error()}};
  };
  const auto started = node::start(wanted);
  REQUIRE(started);
  CHECK(boots == 1);
  CHECK((*started)->whereis("first"_atom));
  CHECK_FALSE((*started)->provide("boot", "name", [] { return 1; }));
}

TEST_CASE("a boot that fails fails the start with its error, and the name and the port are free again") {
  const auto port = free_port();
  auto wanted = lonely();
  wanted.peer_port = port;
  wanted.boot = [](node&) -> result<void> { return fail(errc::badarg, "no_disk"_atom); };
  const auto refused = node::start(wanted);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::badarg);
  CHECK(refused.error().context() == term{"no_disk"_atom});
  wanted.boot = nullptr;
  const auto again = node::start(wanted);
  CHECK(again);
}

TEST_CASE("what a boot throws fails the start in a sentence, and nothing is left of the node") {
  const auto port = free_port();
  auto wanted = lonely();
  wanted.peer_port = port;
  wanted.boot = [](node&) -> result<void> { throw std::runtime_error{"no disk"}; };
  const auto refused = node::start(wanted);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().context() == etf::binary("node_options::boot has thrown: no disk"));
  wanted.boot = nullptr;
  CHECK(node::start(wanted));
}

TEST_CASE("what a boot throws may be anything") {
  auto wanted = lonely();
  wanted.peer_port = free_port();
  wanted.boot = [](node&) -> result<void> { throw 42; };
  const auto refused = node::start(wanted);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::badarg);
}

TEST_CASE("a runtime has one node without a name, and a second start leaves it alone") {
  runtime shared{networked({.cores = 1})};
  node_options nameless;
  nameless.name = "nonode@nohost";
  nameless.cookie = "secret";
  nameless.on_event = [](const event&) {};
  const auto first = node::start(shared, nameless);
  REQUIRE(first);
  const auto waiting = [](process& self) -> task<> { co_await self.sleep(forever); };
  REQUIRE((*first)->spawn(spawn_options{.name = "busy"_atom}, make_body(waiting)));
  const auto second = node::start(shared, nameless);
  REQUIRE_FALSE(second);
  CHECK(second.error() == errc::name_taken);
  CHECK((*first)->whereis("busy"_atom));
  CHECK((*first)->whereis("net_kernel"_atom));
}
