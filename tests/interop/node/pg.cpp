// Process groups with OTP's own pg: joins, leaves and ends on either side, lost nodes, several scopes, and Elixir's
// Phoenix.PubSub.
#include "harness.hpp"

#include <ergo/otp/pg.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>

namespace ergo_interop {
namespace {

using ergo::otp::pg;

/// A member of `group` until it is told to leave (`leave`), which it confirms, or to end.
ergo::task<> member(ergo::process& self, pg scope, ergo::atom group) {
  (void)co_await scope.join(self, group);
  for (;;) {
    const auto order = co_await self.receive<ergo::atom>();
    if (*order != "leave"_atom) co_return;
    (void)co_await scope.leave(self, group);
  }
}

ergo::task<ergo::term> count_members(ergo::process& self, pg scope, ergo::atom group, ergo::atom node) {
  const auto all = co_await scope.members(self, group);
  std::int64_t count = 0;
  for (const auto& one : *all) count += one.node.name() == node ? 1 : 0;
  co_return ergo::term{count};
}

/// Our visible node and an Erlang one, both in the scopes `rooms` and `others`.
class pg_stage {
 public:
  explicit pg_stage(const release& otp) : in{otp, visible()} {
    in.peer().load(ERGO_SOURCE_DIR "/tests/interop/node/pg_side.erl");
    for (const auto& scope : {rooms, others}) {
      expect(scope.start(in.node().local()).has_value(), "our scope starts");
      in.erl("{set, " + name(scope) + ", {apply, pg_side, start, [" + name(scope) + "]}}");
    }
    in.connect(true);
  }

  static ergo::node_options visible() {
    ergo::node_options options;
    options.visibility = ergo::visibility::visible;
    return options;
  }
  static std::string name(const pg& scope) { return std::string{scope.name().text()}; }

  ergo::pid join_ours(const pg& scope) { return in.node().spawn(member, scope, "lobby"_atom).value(); }
  void join_theirs(const std::string& sleeper, const pg& scope) {
    expect_same(in.erl("{apply, pg, join, [" + name(scope) + ", lobby, {var, " + sleeper + "}]}"), "ok");
  }
  /// Both sides count so many members of the one and of the other node.
  void both_count(const std::string& when, const pg& scope, int ours, int theirs) {
    eventually("they count " + when, [&] {
      return they_count(scope, in.cpp()) == std::to_string(ours) &&
             they_count(scope, atom_text(in.peer().name())) == std::to_string(theirs);
    });
    eventually("we count " + when,
               [&] { return we_count(scope, in.node().name()) == ours && we_count(scope, in.peer_atom()) == theirs; });
  }
  std::string they_count(const pg& scope, const std::string& node) {
    return in.erl("{apply, pg_side, members_at, [" + name(scope) + ", lobby, " + node + "]}");
  }
  int we_count(const pg& scope, ergo::atom node) {
    const auto count = run_process(in.node(), count_members, scope, "lobby"_atom, node);
    return static_cast<int>(count.as_integer().value_or(-1));
  }
  /// Nothing that was said has ended pg there.
  void their_scopes_live() {
    for (const auto& scope : {rooms, others}) expect_same(in.erl("{is_alive, {var, " + name(scope) + "}}"), "true");
  }

  world in;
  const pg rooms{"rooms"_atom};
  const pg others{"others"_atom};
};

TEST_CASE("Members of pg groups are known on both sides, whoever joins, leaves or ends") {
  for_every_release("pg: joins, leaves and ends on both sides, two scopes", [](const release& otp) {
    pg_stage on{otp};
    auto& in = on.in;
    const auto first = on.join_ours(on.rooms);
    const auto second = on.join_ours(on.rooms);
    in.erl("{set, s, {start_sleeper, none}}");
    on.join_theirs("s", on.rooms);
    on.join_theirs("s", on.rooms);
    on.both_count("after the joins", on.rooms, 2, 2);
    on.both_count("in the other scope", on.others, 0, 0);
    on.join_theirs("s", on.others);
    on.both_count("after a join in the other scope", on.others, 0, 1);

    in.node().send(first, "leave"_atom);
    expect_same(in.erl("{apply, pg, leave, [rooms, lobby, {var, s}]}"), "ok");
    on.both_count("after a leave on each side", on.rooms, 1, 1);
    in.node().send(second, "end"_atom);
    in.erl("{exit, {var, s}, kill}");
    on.both_count("after the members have ended", on.rooms, 0, 0);
    on.both_count("after the members have ended", on.others, 0, 0);
    on.their_scopes_live();
  });
}

TEST_CASE("A group is without the members of a lost node, and has them again when it is back") {
  for_every_release("pg: disconnect, kill -9 of the Erlang node, its return", [](const release& otp) {
    pg_stage on{otp};
    auto& in = on.in;
    const auto ours = on.join_ours(on.rooms);
    in.erl("{set, s, {start_sleeper, none}}");
    on.join_theirs("s", on.rooms);
    on.both_count("before", on.rooms, 1, 1);
    for (const bool they_first : {true, false}) {
      in.connect(they_first);  // ends the connection that there was
      on.both_count("after a new connection", on.rooms, 1, 1);
    }
    expect(in.node().disconnect(in.peer().name()), "disconnect");
    eventually("their members are gone", [&] { return on.we_count(on.rooms, in.peer_atom()) == 0; });
    eventually("ours are gone there", [&] { return on.they_count(on.rooms, in.cpp()) == "0"; });
    in.connect(false);
    on.both_count("after a while apart", on.rooms, 1, 1);
    on.their_scopes_live();

    in.peer().kill_now();
    eventually("a killed node has no members", [&] { return on.we_count(on.rooms, in.peer_atom()) == 0; });
    expect(on.we_count(on.rooms, in.node().name()) == 1, "ours stay");
    in.node().send(ours, "end"_atom);
  });
}

TEST_CASE("Nodes of ours and Erlang's are one cluster to pg, and a node of ours that ends takes its members along") {
  for_every_release("pg: two nodes of ours and one of Erlang's, one ends", [](const release& otp) {
    pg_stage on{otp};
    auto& in = on.in;
    (void)on.join_ours(on.rooms);
    auto options = in.another();
    options.visibility = ergo::visibility::visible;
    {
      our_node third{options};
      expect(on.rooms.start(third->local()).has_value(), "its scope starts");
      const auto guest = third->spawn(member, on.rooms, "lobby"_atom);
      expect(guest.has_value(), "spawn");
      expect(third->connect(in.peer().name()).has_value(), "connect to theirs");
      expect(third->connect(in.ours().name()).has_value(), "connect to ours");
      eventually("they count it", [&] { return on.they_count(on.rooms, third.quoted_name()) == "1"; });
      eventually("we count it", [&] { return on.we_count(on.rooms, third->name()) == 1; });
      third->stop(0s);
      eventually("they count it no more", [&] { return on.they_count(on.rooms, third.quoted_name()) == "0"; });
      eventually("we count it no more", [&] { return on.we_count(on.rooms, third->name()) == 0; });
    }
    on.both_count("those who stay", on.rooms, 1, 0);
    on.their_scopes_live();
  });
}

TEST_CASE("Whoever calls pg2 on our node is told at once that it is not there") {
  for_every_release("pg2: noproc at once; on OTP 23 its groups work beside us", [](const release& otp) {
    world in{otp, pg_stage::visible()};
    in.peer().load(ERGO_SOURCE_DIR "/tests/interop/node/pg_side.erl");
    in.connect(true);
    const auto asked = std::chrono::steady_clock::now();
    const auto answer = in.erl("{call, {pg2, " + in.cpp() + "}, {create, g}, 10000}");
    expect(answer.find("noproc") != std::string::npos, answer);
    expect(std::chrono::steady_clock::now() - asked < 3s, "at once");
    if (in.release_number() == 23) expect_same(in.erl("{apply, pg_side, pg2, []}"), "1");
  });
}

/// As Phoenix.PubSub's adapter does: is in its group, and forwards one message to whoever is there when one was
/// forwarded.
ergo::task<ergo::term> adapter(ergo::process& self) {
  const pg scope{"Elixir.Phoenix.PubSub"_atom};
  const auto group = "Elixir.Chat.PubSub.Adapter"_atom;
  (void)co_await scope.join(self, group);
  (void)co_await scope.monitor(self, group);
  const auto came = co_await self.receive<ergo::otp::pg_event>(60s);
  if (came.timed_out()) co_return ergo::term{"nobody_came"_atom};
  const auto got = co_await self.receive<ergo::term>(60s);
  if (got.timed_out()) co_return ergo::term{"nothing"_atom};
  const std::vector<ergo::term> text{ergo::term{"text"_atom}, ergo::etf::binary("from C++")};
  const auto reply = ergo::etf::tuple("forward_to_local"_atom, ergo::etf::binary("room:2"), ergo::etf::make_map(text),
                                      "Elixir.Phoenix.PubSub"_atom);
  for (const auto& one : came->members) self.send(one, reply);
  co_return *got;
}

TEST_CASE("A member of Phoenix.PubSub's scope receives and sends what its adapters forward", "[installed]") {
  for_installed("Elixir: the PG2 adapter of Phoenix.PubSub", [](const release&) {
    if (std::system("command -v elixir >/dev/null 2>&1") != 0) SKIP("elixir is not installed");
    const auto port = free_port();
    auto options = options_for(fresh_name("cpp"), port);
    options.visibility = ergo::visibility::visible;
    our_node ours{options};
    expect(pg{"Elixir.Phoenix.PubSub"_atom}.start(ours->local()).has_value(), "our scope starts");
    running forwarding{*ours, adapter};
    program elixir{{"env", "ERL_EPMD_PORT=" + std::to_string(port), "LC_ALL=C.UTF-8", "elixir", "--sname",
                    fresh_name("ex") + "@localhost", "--cookie", "interop", "--erl", "-start_epmd false",
                    ERGO_SOURCE_DIR "/tests/interop/node/pubsub.exs", ours.name()}};
    expect_same(elixir.read_line(60s), "{\"room:2\", %{text: \"from C++\"}, Phoenix.PubSub}");
    expect(elixir.wait() == 0, "elixir did not end well");
    expect_term(forwarding.get(),
                "{forward_to_local,<<\"room:1\">>,#{text => <<\"from elixir\">>},'Elixir.Phoenix.PubSub'}");
  });
}

}  // namespace
}  // namespace ergo_interop
