// Process groups and names of ours against Erlang's own: the same random scripts must be answered and told alike.
#include "harness.hpp"
#include "twins.hpp"

#include <ergo/otp/pg.hpp>

#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdio>

namespace ergo_interop {
namespace {

using namespace ergo::literals;

/// Takes and gives back its own name when it is asked to, as processes of this library do.
ergo::task<> worker(ergo::process& self) {
  for (;;) {
    auto asked = co_await self.receive_any();
    if (!asked.is_call()) continue;
    const auto name = asked.payload().as_atom().value_or(ergo::atom{});
    bool done = true;
    if (name == ergo::atom{}) {
      self.unregister_name();
    } else {
      done = self.register_name(name).has_value();
    }
    self.reply(asked.from(), ergo::term{done});
  }
}

/// `register` and `unregister` of Erlang: `true`, or a failure.
ergo::task<ergo::result<bool>> give_name(ergo::process& self, ergo::atom name, ergo::pid to) {
  const auto given = co_await ergo::otp::call<bool>(self, to, ergo::term{name});
  if (!given || !*given) co_return ergo::fail(ergo::errc::badarg);
  co_return true;
}

ergo::task<ergo::result<bool>> take_name(ergo::process& self, ergo::atom name) {
  const auto owner = self.node().whereis(name);
  if (!owner) co_return ergo::fail(ergo::errc::badarg);
  (void)co_await ergo::otp::call<bool>(self, *owner, ergo::term{ergo::atom{}});
  co_return true;
}

}  // namespace

TEST_CASE(
    "Random scripts of groups, their monitors and names go the same with Erlang's pg and registry and with ours") {
  for_every_release("pg and names: random scripts, the same in both", [](const release& otp) {
    const auto port = free_port();
    our_node ours{visible_at(port), runtime_for(otp)};
    expect(ours->provide("groups", "register", give_name).has_value(), "groups:register/2");
    expect(ours->provide("groups", "unregister", take_name).has_value(), "groups:unregister/1");
    expect(ours->provide("groups", "loop", worker).has_value(), "groups:loop/0");
    expect(ergo::otp::pg{"cpp_groups"_atom}.start(ours->local()).has_value(), "our scope starts");
    erlang_peer peer{peer_at(otp, port)};
    peer.load(ERGO_SOURCE_DIR "/tests/interop/otp/groups.erl");
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
    // Its parent is a process that stays.
    peer.run("{apply, erlang, apply, [pg, start, [erlang_groups]]}");
    const auto first = ergo::test::from_environment("ERGO_SCRIPT_SEED", 1);
    const auto count = ergo::test::from_environment("ERGO_SCRIPTS", 200);
    const auto verdict = peer.run("{apply, groups, compare, [" + std::to_string(first) + ", " +
                                  std::to_string(first + count - 1) + ", " + ours.quoted_name() + "]}");
    expect(verdict.starts_with("{same,"), verdict);
    std::printf("pg and OTP %s: %u random scripts, identical: %s\n", otp.number.c_str(), count, verdict.c_str());
  });
}

}  // namespace ergo_interop
