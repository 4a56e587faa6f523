// Who may meet whom, and who is still the same afterwards: cookies for one peer, lists of who is allowed, attempts that
// cross, and processes of earlier incarnations.
#include "harness.hpp"
#include "sockets.hpp"

#include <catch2/catch_test_macros.hpp>

#include <future>

namespace ergo_interop {
namespace {

using ergo::etf::tuple;

TEST_CASE("A cookie for one peer is for that one, whoever connects") {
  for_every_release("per-peer cookie: both ways, and for nobody else", [](const release& otp) {
    const auto port = free_port();
    auto special = peer_at(otp, port);
    special.cookie = "special";
    auto options = options_for(fresh_name("cpp"), port);
    options.peer_cookies[special.name] = special.cookie;
    our_node ours{options};
    erlang_peer peer{special};
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
    ours->disconnect(peer.name());
    eventually("they see it", [&] { return peer.run("{connected, " + ours.quoted_name() + "}") == "false"; });
    expect(ours->connect(peer.name()).has_value(), "not connected");
    const raw_socket common{ours->port()};
    expect(log_in(common, fresh_name("other") + "@localhost", "interop"), "the common cookie was refused");
    const raw_socket thief{ours->port()};
    expect(!log_in(thief, fresh_name("other") + "@localhost", "special"), "the special cookie was anybody's");
    const raw_socket wrong{ours->port()};
    expect(!log_in(wrong, peer.name(), "interop"), "the common cookie was good for the special peer");
  });
}

TEST_CASE("A node that is not allowed is told so, by either side") {
  for_every_release("not allowed: refused by ours, and by net_kernel:allow/1", [](const release& otp) {
    const auto port = free_port();
    auto options = options_for(fresh_name("cpp"), port);
    options.allow = {"friend*@localhost"};
    our_node strict{options};
    our_node open{options_for(fresh_name("open"), port)};
    erlang_peer peer{peer_at(otp, port)};
    expect_same(peer.run("{ping, " + strict.quoted_name() + "}"), "pang");
    eventually("we say who was not allowed", [&] { return strict.reported(peer.name()); }, 5s);
    expect_same(peer.run("{ping, " + open.quoted_name() + "}"), "pong");
    open->disconnect(peer.name());
    eventually("they see it", [&] { return peer.run("{connected, " + open.quoted_name() + "}") == "false"; });
    expect_same(peer.run("{apply, net_kernel, allow, [[friend@localhost]]}"), "ok");
    const auto refused = open->connect(peer.name());
    expect(!refused.has_value() && refused.error() == ergo::errc::nodedown, "connected although it is not allowed");
    expect(refused.error().message().find("allow") != std::string::npos, refused.error().message());
  });
}

TEST_CASE("A node that we dial and that lacks what we need is refused by name of the flag", "[installed]") {
  among_ourselves("missing flag: a peer that we dial", [] {
    const auto port = free_port();
    auto options = options_for("", port);
    options.name = fresh_name("cpp") + "@127.0.0.1";
    options.epmd = ergo::epmd_mode::none;
    options.peer_port = port;
    our_node node{options};
    const raw_listener listener{0x7F00'0002, port};
    const auto name = fresh_name("old") + "@127.0.0.2";
    auto dialling = std::async(std::launch::async, [&] { return node->connect(name, 10s); });
    const auto called = listener.accept();
    constexpr std::uint64_t without_utf8_atoms = offered_flags & ~0x401'0000ULL;
    expect(!accept_as(called, name, "interop", without_utf8_atoms), "it went on");
    const auto outcome = dialling.get();
    expect(!outcome.has_value() && outcome.error() == ergo::errc::nodedown, "connected");
    expect(outcome.error().message().find("UTF8_ATOMS") != std::string::npos, outcome.error().message());
  });
}

TEST_CASE("Attempts that cross end in one connection, every time") {
  in_every_world("simultaneous connect: 50 crossings", [](world& in) {
    for (int round = 0; round < 50; ++round) {
      in.node().disconnect(in.peer().name());
      eventually("both have seen the end", [&] {
        return !in.node().is_connected(in.peer().name()) && in.erl("{connected, " + in.cpp() + "}") == "false";
      });
      auto theirs = std::async(std::launch::async, [&] { return in.erl("{ping, " + in.cpp() + "}"); });
      const auto ours = in.node().connect(in.peer().name());
      expect_same(theirs.get(), "pong");
      expect(ours.has_value(), ours ? "" : "round " + std::to_string(round) + ": " + ours.error().message());
      expect_term(in.ours().call(in.erl_server(), round), std::to_string(round));
      expect_same(in.erl("{call, " + in.at("echo") + ", here}"), "here");
      expect(in.node().nodes(ergo::node_set::all) == std::vector{in.peer_atom()}, "not one connection");
    }
  });
}

// ----- incarnations -------------------------------------------------------------------------------------------------

/// What a process of ours hears of one of an earlier incarnation: by call, link and monitor.
ergo::task<ergo::term> address_former(ergo::process& self, ergo::pid former) {
  const ergo::term hello{"hello"_atom};
  self.trap_exits(ergo::exits::trapped);
  self.send(former, hello);
  self.exit(former, ergo::exit_reason{"kill"_atom});
  const auto call = co_await ergo::otp::call<ergo::term>(self, former, hello, 10s);
  self.link(former);
  const auto exit = co_await self.receive<ergo::exit_message>(10s);
  const auto watch = self.monitor(former);
  const auto down = co_await self.receive<ergo::down>(10s);
  if (call || !exit || !down || down->ref != watch.ref) co_return ergo::term{"answered"_atom};
  co_return tuple(call.error().reason(), exit->reason.value(), down->reason.value());
}

TEST_CASE("Processes of earlier incarnations match nobody, in either direction") {
  for_every_release("process and node of another creation: theirs", [](const release& otp) {
    world in{otp};
    in.connect(false);
    const auto former = in.remote("{start_sleeper, none}").as_pid().value();
    in.peer().kill_now();
    eventually("we see it", [&] { return !in.node().is_connected(in.peer().name()); });
    in.start_peer_again();
    expect(in.node().connect(in.peer().name()).has_value(), "not connected again");
    const auto present = in.remote("{start_sleeper, none}").as_pid().value();
    expect(former.node != present.node && former.node.name() == present.node.name(), "the same creation");
    expect_term(run_process(in.node(), address_former, former), "{noproc,noproc,noproc}");
    expect_same(in.erl("{echo_all, " + in.at("echo") + "}"), "all");
  });
  for_every_release("process and node of another creation: ours", [](const release& otp) {
    const auto port = free_port();
    our_node mapper{options_for(fresh_name("mapper"), port)};
    erlang_peer peer{peer_at(otp, port)};
    const auto options = options_for(fresh_name("cpp"), port);
    auto first = std::make_unique<our_node>(options);
    const auto cpp = first->quoted_name();
    peer.run("{set, s, {remote_sleeper, none, " + cpp + "}}");
    first.reset();
    eventually("they see it", [&] { return peer.run("{connected, " + cpp + "}") == "false"; });
    our_node second{options};
    expect_same(peer.run("{ping, " + cpp + "}"), "pong");
    peer.run("{set, t, {remote_sleeper, none, " + cpp + "}}");
    expect_same(peer.run("{call, {var, s}, hello, 5000}"), "{caught,noproc}");
    expect_same(peer.run("{monitor, {var, s}, {exit, {var, s}, kill}}"), "{noproc,noproc,[]}");
    expect_same(peer.run("{link, {var, s}, none}"), "noproc");
    peer.run("{send, {var, s}, stop}");
    expect_same(peer.run("{monitor, {var, t}, {tell, {var, t}, {exit, its_own}}}"), "{its_own,its_own,[]}");
    expect_term(second.call("echo"_atom, "well"_atom), "well");
  });
}

}  // namespace
}  // namespace ergo_interop
