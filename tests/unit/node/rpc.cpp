// Calling functions of other nodes, and starting processes there.
#include "rpc_fixture.hpp"
#include "wire_fixture.hpp"

#include <array>
#include <stdexcept>
#include <vector>

using namespace ergo_test;

namespace {

/// Two nodes that find each other; the second one provides functions.
struct pair_of_nodes {
  pair_of_nodes() {
    auto& on = *server.self;
    REQUIRE(on.provide("m", "add", [](std::int64_t left, std::int64_t right) { return left + right; }));
    REQUIRE(on.provide("m", "throws", []() -> int { throw std::runtime_error{"oops"}; }));
    REQUIRE(on.provide("m", "leaves", [](process& self) -> term { self.exit(exit_reason{"bye"_atom}); }));
    REQUIRE(on.provide("m", "waits", [](process& self) -> task<atom> {
      (void)co_await self.receive<atom>();
      co_return "done"_atom;
    }));
    REQUIRE(on.provide("m", "named_wait", [](process& self) -> task<result<void>> {
      const auto named = self.register_name("waits"_atom);
      if (!named) co_return named;
      (void)co_await self.receive<atom>();
      co_return named;
    }));
  }
  std::uint16_t port = free_port();
  caller_node server{named("server@localhost", port)};
  caller_node client{named("client@localhost", port)};
  atom there = server.self->name();
};

/// Calls from a process; the value, or code and reason of the error, and what is left in the mailbox.
task<term> call_it(process& self, rpc::at where, atom function, term arguments) {
  const auto given = arguments.items();
  result<term> value;
  if (given.size() == 2) {
    value = co_await rpc::call(self, where, "m"_atom, function, given[0], given[1]);
  } else {
    value = co_await rpc::call(self, where, "m"_atom, function);
  }
  co_await self.yield();
  const auto shown = value ? *value : value.error().reason();
  co_return etf::tuple(shown, self.unread());
}

term args(std::string_view text) { return etf::parse(text).value(); }

}  // namespace

TEST_CASE("a function of another node is called, and each way in which it ends has its own code") {
  pair_of_nodes on;
  const rpc::at there{on.there, patience};
  const auto call = [&](atom function, std::string_view given = "[]") {
    return on.client.run(call_it, there, function, args(given));
  };
  CHECK(call("add"_atom, "[1,2]") == "{3,0}");
  CHECK(call("add"_atom, "[1,x]") == "{{exception,{badarg,[{m,add,[1,x],[]}]}},0}");
  CHECK(call("gone"_atom) == "{{exception,{undef,[{m,gone,[],[]}]}},0}");
  CHECK(call("throws"_atom) == "{{exception,{{exception,<<\"oops\">>},[{m,throws,0,[]}]}},0}");
  CHECK(call("leaves"_atom) == "{{exception,bye},0}");
  CHECK(on.client.run(call_it, rpc::at{"gone@localhost"_atom, patience}, "add"_atom, term{}) ==
        "{{nodedown,gone@localhost},0}");
  CHECK(rpc::call<std::int64_t>(*on.client.self, there, "m", "add", 1, 2) == 3);
  CHECK(rpc::call<std::string>(*on.client.self, there, "m", "add", 1, 2).error() == error{errc::bad_answer, 3});
  CHECK(rpc::call<void>(*on.client.self, there, "m", "add", 1, 2));
  CHECK(on.server.crashes == 0);
}

namespace {

task<term> call_too_late(process& self, atom node) {
  const rpc::at where{node, 1s};
  const auto value = co_await rpc::call(self, where, "m", "named_wait");
  if (value) co_return *value;
  const rpc::at again{node, patience};
  auto freed = co_await rpc::call(self, again, "erlang", "send", "waits"_atom, "go"_atom);
  for (int tries = 0; !freed && tries < 1'000; ++tries) {  // it has no name before its first slice
    co_await self.sleep(1ms);
    freed = co_await rpc::call(self, again, "erlang", "send", "waits"_atom, "go"_atom);
  }
  // An answer that was under way would be here before the answer to this.
  const auto later = co_await rpc::call(self, again, "m", "add", 1, 2);
  co_return etf::tuple(value.error().reason(), freed.has_value(), *later, self.unread());
}

}  // namespace

TEST_CASE("a call that is answered too late is a timeout, and nothing of it ever surfaces") {
  pair_of_nodes on;
  REQUIRE(rpc::call(*on.client.self, on.there, "erlang", "node"));
  CHECK(on.client.run(call_too_late, on.there) == "{timeout,true,3,0}");
}

TEST_CASE("a call whose node goes while it runs is nodedown, one whose process is ended has its reason") {
  pair_of_nodes on;
  const rpc::at there{on.there, patience};
  const auto calling = [&] {
    return std::async(std::launch::async, [&] { return rpc::call(*on.client.self, there, "m", "named_wait"); });
  };
  const auto waits = [&] { return on.server.self->whereis("waits"_atom).has_value(); };
  auto first = calling();
  REQUIRE(eventually(waits));
  on.server.self->runtime().exit(*on.server.self->whereis("waits"_atom), exit_reason{"hurt"_atom});
  CHECK(first.get().error() == error{errc::exited, "hurt"_atom});
  auto second = calling();
  REQUIRE(eventually(waits));
  on.client.self->disconnect("server@localhost");
  CHECK(second.get().error() == error{errc::nodedown, on.there});
}

TEST_CASE("a multicall asks all nodes at once, with one deadline for all") {
  pair_of_nodes on;
  const std::array nodes{on.there, "gone@localhost"_atom, on.client.self->name()};
  const auto values = rpc::multicall(*on.client.self, nodes, patience, "erlang", "node");
  REQUIRE(values.size() == 3);
  CHECK(values[0] == term{on.there});
  CHECK(values[1].error() == error{errc::nodedown, nodes[1]});
  CHECK(values[2] == term{nodes[2]});
  const auto begun = std::chrono::steady_clock::now();
  const std::vector<atom> twenty(20, on.there);
  const auto none = rpc::multicall(*on.client.self, twenty, 300ms, "m", "waits");
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
  for (const auto& one : none) CHECK(one.error() == errc::timeout);
}

TEST_CASE("a cast does its work and tells nobody") {
  pair_of_nodes on;
  const auto told = std::make_shared<std::promise<std::int64_t>>();
  auto got = told->get_future();
  REQUIRE(on.server.self->provide("m", "note", [told](std::int64_t number) { told->set_value(number); }));
  rpc::cast(*on.client.self, on.there, "m", "note", 7);
  REQUIRE(got.wait_for(patience) == std::future_status::ready);
  CHECK(got.get() == 7);
}

namespace {

task<term> start_there(process& self, atom node) {
  const rpc::at where{node, patience};
  auto plain = co_await rpc::spawn(self, where, "m", "waits");
  if (!plain) co_return plain.error().reason();
  self.trap_exits(exits::trapped);
  auto linked = co_await rpc::spawn_link(self, where, "m", "leaves");
  if (!linked) co_return linked.error().reason();
  auto ended = co_await self.receive<exit_message>(patience);
  if (!ended || ended->from != *linked) co_return term{"no_exit"_atom};
  auto watched = co_await rpc::spawn_monitor(self, where, "m", "gone", 1);
  if (!watched) co_return watched.error().reason();
  auto gone = co_await self.receive<down>(patience);
  if (!gone || gone->ref != watched->second.ref || gone->object != term{watched->first}) co_return term{"no_down"_atom};
  co_return etf::tuple(plain->node.name(), ended->reason.value(), gone->reason.value(), self.unread());
}

}  // namespace

TEST_CASE("a process is started on another node, with a link or a monitor from its first moment") {
  pair_of_nodes on;
  CHECK(on.client.run(start_there, on.there) == "{server@localhost,bye,{undef,[{m,gone,[1],[]}]},0}");
  CHECK(on.client.run(start_there, on.client.self->name()) ==
        "{client@localhost,{undef,[{m,leaves,[],[]}]},{undef,[{m,gone,[1],[]}]},0}");
  CHECK(on.client.run(start_there, "gone@localhost"_atom) == "{nodedown,gone@localhost}");
}

namespace {

task<term> start_named(process& self, rpc::spawn_at where) {
  const auto first = co_await rpc::spawn_monitor(self, where, "m", "waits");
  if (!first) co_return first.error().reason();
  const auto second = co_await rpc::spawn(self, where, "m", "waits");
  if (second) co_return term{"two_of_a_name"_atom};
  const destination by_name{where.registered, where.where.node};
  self.send(by_name, "go"_atom);
  const auto gone = co_await self.receive<down>(patience);
  if (!gone) co_return term{"no_down"_atom};
  const auto third = co_await rpc::spawn_link(self, where, "m", "waits");
  co_return etf::tuple(second.error().reason(), gone->reason.value(), third.has_value());
}

}  // namespace

TEST_CASE("a process is started on another node with a name, once while it lives") {
  pair_of_nodes on;
  const rpc::spawn_at there{on.there, "worker"};
  CHECK(on.client.run(start_named, there) == "{{badarg,badarg},normal,true}");
  REQUIRE(on.client.self->provide("m", "waits", [](process& self) -> task<> { (void)co_await self.receive<atom>(); }));
  const rpc::spawn_at here{rpc::at{on.client.self->name(), patience}, "worker"};
  CHECK(on.client.run(start_named, here) == "{{badarg,badarg},normal,true}");
}

// ----- packets ------------------------------------------------------------------------------------------------------

namespace {

enum class wish : std::uint8_t { call, link, monitor };

task<> ask_peer(process& self, wish what, duration limit, std::vector<std::string>* told) {
  const rpc::at where{"there@h"_atom, limit};
  std::string outcome;
  if (what == wish::call) {
    outcome = text_of(co_await rpc::call(self, where, "m", "f", 1));
  } else if (what == wish::link) {
    const auto made = co_await rpc::spawn_link(self, where, "m", "f", 1);
    outcome = made ? "started" : made.error().message();
  } else {
    const auto made = co_await rpc::spawn_monitor(self, where, "m", "f", 1);
    outcome = made ? "started" : made.error().message();
  }
  told->push_back(outcome);
  message got = co_await self.receive_any();
  told->push_back(etf::to_text(got.to_term()));
}

/// A process that has asked the peer, and the request's reference.
struct asking {
  asking(wish what, duration limit, dist::flags negotiated = modern) : on{negotiated} {
    self = on.runtime.spawn(on.local, ask_peer, what, limit, &told).value();
    on.run();
    if (!on.way.sent.empty()) id = *on.way.sent[0].envelope->tag.as_reference();
    on.transmit();
    on.run();
  }
  void reply(const control::process_name& made, bool linked, bool monitored) {
    REQUIRE(on.receive(control::spawn_reply{id, self, linked, monitored, made}));
  }
  std::vector<std::string> told;
  wire_fixture on;
  pid self;
  reference id;
};

}  // namespace

TEST_CASE("a call is a spawn request with a monitor; the reason of the monitor's end is the answer") {
  asking one{wish::call, patience};
  const auto packets = one.on.written();
  REQUIRE(packets.size() == 1);
  CHECK(packets[0].starts_with("{29,"));
  CHECK(packets[0].find("{erpc,execute_call,4},[monitor]} [") != std::string::npos);
  CHECK(packets[0].ends_with(",m,f,[1]]"));
  one.reply(one.on.remote, false, true);
  CHECK(one.told.empty());
  REQUIRE(one.on.receive(control::down{one.on.remote, one.self, one.id}, etf::tuple(one.id, "return"_atom, 5)));
  CHECK(one.told == std::vector<std::string>{"5"});
  one.on.transmit();
  CHECK(one.on.written().empty());
}

TEST_CASE("every answer of erpc is told apart") {
  const auto answered = [](std::string_view rest) {
    asking one{wish::call, patience};
    one.reply(one.on.remote, false, true);
    std::vector<term> parts{term{one.id}};
    const auto more = args(rest);
    for (const auto& part : more.elements()) parts.push_back(part);
    REQUIRE(one.on.receive(control::down{one.on.remote, one.self, one.id}, etf::make_tuple(parts)));
    REQUIRE(one.told.size() == 1);
    return one.told[0];
  };
  CHECK(answered("{return,{a,b}}") == "{a,b}");
  CHECK(answered("{throw,ball}") == "error the function threw: ball");
  CHECK(answered("{exit,bye}") == "error the function ended its process: bye");
  CHECK(answered("{error,badarith,[]}") == "error the function failed: {badarith,[]}");
  CHECK(answered("{error,{erpc,system_limit}}") == "error a limit of the node was reached: there@h");
  CHECK(answered("{error,{erpc,badarg}}") == "error an argument has the wrong shape: badarg");
  CHECK(answered("{error,{erpc,{permission_denied,{m,f,1}}}}") ==
        "error the peer does not have the right for this: {m,f,1}");
  CHECK(answered("{nonsense,1}").starts_with("error the process died before it answered: {"));
}

TEST_CASE("a request that cannot be served says why") {
  asking old{wish::call, patience, modern.without(dist::flag::spawn)};
  CHECK(old.told == std::vector<std::string>{"error the other node does not know this kind of request: there@h"});
  CHECK(old.on.written().empty());
  asking full{wish::link, patience};
  full.reply("system_limit"_atom, false, false);
  CHECK(full.told == std::vector<std::string>{"a limit of the node was reached: there@h"});
  asking lost{wish::link, patience};
  for (const auto& news : lost.on.table.lost(lost.on.peer)) lost.on.local.route_local(news.to, news.envelope);
  lost.on.run();
  CHECK(lost.told == std::vector<std::string>{"the node cannot be reached: there@h"});
  asking lost_later{wish::call, patience};
  lost_later.reply(lost_later.on.remote, false, true);
  for (const auto& news : lost_later.on.table.lost(lost_later.on.peer))
    lost_later.on.local.route_local(news.to, news.envelope);
  lost_later.on.run();
  CHECK(lost_later.told == std::vector<std::string>{"error the node cannot be reached: there@h"});
}

TEST_CASE("what is started too late is given up: the monitor is taken back, the linked process ends of abandoned") {
  for (const auto what : {wish::call, wish::link, wish::monitor}) {
    asking one{what, 0ms};
    REQUIRE(one.told.size() == 1);
    CHECK(one.told[0].ends_with("no answer within the time limit"));
    (void)one.on.written();
    one.reply(one.on.remote, what == wish::link, what != wish::link);
    one.on.transmit();
    const auto packets = one.on.written();
    REQUIRE(packets.size() == 1);
    if (what == wish::link) {
      CHECK(packets[0].ends_with(" abandoned"));
    } else {
      CHECK(packets[0].starts_with("{20,"));
    }
    CHECK(one.on.table.links() == 0);
    CHECK(one.on.table.own_monitors() == 0);
    CHECK(one.told.size() == 1);
  }
}

TEST_CASE("the signals of a new process come after the news of it") {
  asking linked{wish::link, patience};
  linked.reply(linked.on.remote, true, false);
  CHECK(linked.told == std::vector<std::string>{"started"});
  CHECK(linked.on.table.links() == 1);
  asking watched{wish::monitor, patience};
  watched.reply(watched.on.remote, false, true);
  REQUIRE(watched.on.receive(control::down{watched.on.remote, watched.self, watched.id}, term{"boom"_atom}));
  REQUIRE(watched.told.size() == 2);
  CHECK(watched.told[1].starts_with("{'DOWN',"));
  CHECK(watched.told[1].ends_with(",boom}"));
}

TEST_CASE("a reply to nobody's request changes nothing") {
  wire_fixture on;
  const auto self = on.spawn();
  REQUIRE(on.receive(control::spawn_reply{on.local.make_ref(), self, true, true, on.remote}));
  CHECK(on.table.links() == 0);
  CHECK(on.table.own_monitors() == 0);
  on.transmit();
  CHECK(on.written().empty());
}
