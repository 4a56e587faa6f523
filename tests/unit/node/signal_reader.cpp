// From packets to signals (protocol §4), with what is refused.
#include <catch2/catch_test_macros.hpp>

#include "wire_fixture.hpp"

using namespace ergo_test;

namespace {

using lines = std::vector<std::string>;
std::string text(const pid& who) { return etf::to_text(term{who}); }
const reference their_ref_of(const wire_fixture& on) { return reference{on.peer, 5, {1, 2, 3, 4, 5}}; }

}  // namespace

TEST_CASE("a message reaches a process by pid and by name") {
  wire_fixture on;
  const auto self = on.spawn("srv"_atom);
  REQUIRE(on.receive(control::send{on.remote, self}, "one"_atom));
  REQUIRE(on.receive(control::send{std::nullopt, self}, "two"_atom));
  REQUIRE(on.receive(control::reg_send{on.remote, "srv"_atom}, "three"_atom));
  REQUIRE(on.receive(control::reg_send{pid{on.third, 1, 1}, "srv"_atom}, "four"_atom));
  CHECK(on.lines == lines{"one", "two", "three", "four"});
}

TEST_CASE("calls and casts are recognised") {
  wire_fixture on;
  (void)on.spawn("srv"_atom);
  const auto from = etf::tuple(on.remote, their_ref_of(on));
  REQUIRE(on.receive(control::reg_send{on.remote, "srv"_atom}, etf::tuple("$gen_call"_atom, from, "q"_atom)));
  REQUIRE(on.receive(control::reg_send{on.remote, "srv"_atom}, etf::tuple("$gen_cast"_atom, "c"_atom)));
  REQUIRE(
      on.receive(control::reg_send{on.remote, "srv"_atom}, etf::tuple("$gen_call"_atom, "nonsense"_atom, "q"_atom)));
  CHECK(on.lines == lines{"call {'$gen_call',{<there@h.5.1>,#Ref<there@h.5.4.3.2.1>},q}", "cast {'$gen_cast',c}",
                          "{'$gen_call',nonsense,q}"});
}

TEST_CASE("messages to nobody are dropped: an unknown name, a dead process, an earlier incarnation, a third node") {
  wire_fixture on;
  const pid former{etf::node_id::make("here@h"_atom, 6).value(), 1, 0};
  CHECK(on.receive(control::reg_send{on.remote, "nobody"_atom}, "x"_atom));
  CHECK(on.receive(control::send{on.remote, pid{on.here, 9999, 1}}, "x"_atom));
  CHECK(on.receive(control::send{on.remote, former}, "x"_atom));
  CHECK(on.receive(control::send{on.remote, pid{on.third, 1, 1}}, "x"_atom));
  CHECK(on.lines.empty());
  CHECK(on.written().empty());
}

TEST_CASE("a payload that is no term closes the connection and is received by nobody") {
  wire_fixture on;
  const auto self = on.spawn("srv"_atom);
  etf::buffer packet;
  REQUIRE(dist::encode(packet, control::send{on.remote, self}, etf::list("a"_atom, "b"_atom), modern));
  auto body = packet.to_string().substr(4);
  body[body.size() - 3] = '\xFE';
  const auto read = on.receive_bytes(body);
  REQUIRE_FALSE(read);
  CHECK(read.error().text.find("payload") != std::string::npos);
  CHECK(on.lines.empty());
}

TEST_CASE("a payload for an unknown name is not looked at, as in OTP") {
  wire_fixture on;
  etf::buffer packet;
  REQUIRE(dist::encode(packet, control::reg_send{on.remote, "nobody"_atom}, "x"_atom, modern));
  auto body = packet.to_string().substr(4);
  body.back() = '\xFE';
  CHECK(on.receive_bytes(body.substr(0, body.size() - 2) + "\xFE"));
}

TEST_CASE("every truncation of a message closes the connection or is a message to nobody") {
  wire_fixture on;
  const auto self = on.spawn("srv"_atom);
  etf::buffer packet;
  REQUIRE(
      dist::encode(packet, control::send{on.remote, self}, etf::tuple("a"_atom, 1, 2.5, etf::binary("xyz")), modern));
  const auto body = packet.to_string().substr(4);
  for (std::size_t size = 0; size < body.size(); ++size) CHECK_FALSE(on.receive_bytes(body.substr(0, size)));
  CHECK(on.lines.empty());
  CHECK(on.receive_bytes(body));
  CHECK(on.lines.size() == 1);
}

TEST_CASE("an answer to a call of ours goes to the caller's call, never to its mailbox") {
  wire_fixture on;
  const auto self = on.spawn();
  const reference call{on.here, 3, {0, (self.id << 18), self.id >> 14}};
  const auto value = (std::uint64_t{self.id} << 36) | (std::uint64_t{1} << 35) | 1;
  const reference marked{on.here,
                         3,
                         {static_cast<std::uint32_t>(value & 0x3FFFF), static_cast<std::uint32_t>(value >> 18),
                          static_cast<std::uint32_t>(value >> 50)}};
  const auto alias = etf::make_list(std::array{term{"alias"_atom}}, term{marked});
  CHECK(on.receive(control::send{on.remote, self}, etf::tuple(marked, "late"_atom)));
  CHECK(on.receive(control::send{on.remote, self}, etf::tuple(alias, "late"_atom)));
  CHECK(on.receive(control::alias_send{on.remote, marked}, etf::tuple(alias, "late"_atom)));
  CHECK(on.lines.empty());
  CHECK(on.receive(control::send{on.remote, self}, etf::tuple(call, "no_call"_atom)));
  CHECK(on.lines.size() == 1);
}

TEST_CASE("what comes over an alias is an answer with that alias, or nothing") {
  wire_fixture on;
  const auto self = on.spawn();
  CHECK(on.receive(control::alias_send{on.remote, reference{on.here, 3, {1, 2, 3}}}, "x"_atom));
  CHECK(on.receive(control::alias_send{on.remote, reference{on.peer, 3, {1, 2, 3}}}, "x"_atom));
  const auto value = (std::uint64_t{self.id} << 36) | (std::uint64_t{1} << 35) | 1;
  const reference marked{on.here,
                         3,
                         {static_cast<std::uint32_t>(value & 0x3FFFF), static_cast<std::uint32_t>(value >> 18),
                          static_cast<std::uint32_t>(value >> 50)}};
  CHECK(on.receive(control::alias_send{on.remote, marked}, "x"_atom));
  CHECK(on.lines.empty());
}

TEST_CASE("what comes over an alias that a process made reaches it until it is dropped") {
  wire_fixture on;
  const auto self = on.spawn();
  REQUIRE(on.receive(control::send{on.remote, self}, "make_alias"_atom));
  const auto alias = scribe::alias;
  on.lines.clear();
  CHECK(on.receive(control::alias_send{on.remote, alias}, 1));
  CHECK(on.receive(control::alias_send{on.remote, alias, control::urgency::priority}, 2));
  CHECK(on.receive(control::exit2{on.remote, alias}, "hurt"_atom));
  CHECK(on.receive(control::alias_send{on.remote, reference{on.peer, 3, {1, 2, 3}}}, 4));
  CHECK(on.lines == lines{"1", "2", "{'EXIT',<there@h.5.1>,hurt}"});
  REQUIRE(on.receive(control::send{on.remote, self}, "drop_alias"_atom));
  on.lines.clear();
  CHECK(on.receive(control::alias_send{on.remote, alias}, 5));
  CHECK(on.receive(control::exit2{on.remote, alias, control::urgency::priority}, "hurt"_atom));
  CHECK(on.lines.empty());
}

TEST_CASE("a link is made, booked, and broken by the peer's end") {
  wire_fixture on;
  const auto self = on.spawn();
  on.run();
  REQUIRE(on.receive(control::link{on.remote, self}));
  CHECK(on.table.links() == 1);
  REQUIRE(on.receive(control::exit{on.remote, self}, "bye"_atom));
  CHECK(on.lines == lines{"{'EXIT',<there@h.5.1>,bye}"});
  CHECK(on.table.links() == 0);
  REQUIRE(on.receive(control::exit{on.remote, self}, "again"_atom));
  CHECK(on.lines.size() == 1);
}

TEST_CASE("a link to nobody is answered noproc, to an earlier incarnation too") {
  wire_fixture on;
  const pid former{etf::node_id::make("here@h"_atom, 6).value(), 1, 0};
  REQUIRE(on.receive(control::link{on.remote, former}));
  CHECK(on.written() == lines{"{24," + text(former) + ",<there@h.5.1>} noproc"});
  const pid dead{on.here, 9999, 1};
  REQUIRE(on.receive(control::link{on.remote, dead}));
  on.transmit();
  CHECK(on.written() == lines{"{24," + text(dead) + ",<there@h.5.1>} noproc"});
  CHECK(on.table.links() == 0);
}

TEST_CASE("an unlink is acknowledged with its id, whether there is a link or not") {
  wire_fixture on;
  const auto self = on.spawn();
  REQUIRE(on.receive(control::link{on.remote, self}));
  for (const std::uint64_t id : {std::uint64_t{1}, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    REQUIRE(on.receive(control::unlink{id, on.remote, self}));
    on.transmit();
    CHECK(on.written() == lines{"{36," + std::to_string(id) + "," + text(self) + ",<there@h.5.1>}"});
  }
  CHECK(on.table.links() == 0);
}

TEST_CASE("unlinks and exits for an earlier incarnation of ours close the connection, as in OTP") {
  wire_fixture on;
  const pid former{etf::node_id::make("here@h"_atom, 6).value(), 1, 0};
  CHECK_FALSE(on.receive(control::unlink{1, on.remote, former}));
  CHECK_FALSE(on.receive(control::exit{on.remote, former}, "bye"_atom));
  CHECK(on.receive(control::exit2{on.remote, former}, "bye"_atom));
  CHECK(on.receive(control::group_leader{on.remote, former}));
}

TEST_CASE("an exit signal needs no link") {
  wire_fixture on;
  const auto self = on.spawn();
  on.run();
  REQUIRE(on.receive(control::exit2{on.remote, self}, "bye"_atom));
  CHECK(on.lines == lines{"{'EXIT',<there@h.5.1>,bye}"});
  REQUIRE(on.receive(control::exit2{on.remote, self}, "kill"_atom));
  CHECK_FALSE(on.runtime.alive(self));
}

TEST_CASE("a monitor by pid and one by name each get one down") {
  wire_fixture on;
  const auto self = on.spawn("srv"_atom);
  on.run();
  const reference second{on.peer, 3, {7, 8, 9}};
  REQUIRE(on.receive(control::monitor{on.remote, self, their_ref_of(on)}));
  REQUIRE(on.receive(control::monitor{on.remote, "srv"_atom, second}));
  CHECK(on.table.peer_monitors() == 2);
  on.runtime.send(self, etf::tuple("exit"_atom, "bye"_atom));
  on.run();
  on.transmit();
  auto told = on.written();
  std::ranges::sort(told);
  CHECK(told == lines{"{28," + text(self) + ",<there@h.5.1>,#Ref<there@h.5.4.3.2.1>} bye",
                      "{28,srv,<there@h.5.1>,#Ref<there@h.9.8.7>} bye"});
  CHECK(on.table.peer_monitors() == 0);
}

TEST_CASE("a monitor of nobody is answered noproc, and names it as it was asked") {
  wire_fixture on;
  const pid former{etf::node_id::make("here@h"_atom, 6).value(), 1, 0};
  const pid dead{on.here, 9999, 1};
  REQUIRE(on.receive(control::monitor{on.remote, "nobody"_atom, their_ref_of(on)}));
  REQUIRE(on.receive(control::monitor{on.remote, former, their_ref_of(on)}));
  CHECK(on.written() == lines{"{28,nobody,<there@h.5.1>,#Ref<there@h.5.4.3.2.1>} noproc",
                              "{28," + text(former) + ",<there@h.5.1>,#Ref<there@h.5.4.3.2.1>} noproc"});
  REQUIRE(on.receive(control::monitor{on.remote, dead, their_ref_of(on)}));
  on.transmit();
  CHECK(on.written() == lines{"{28," + text(dead) + ",<there@h.5.1>,#Ref<there@h.5.4.3.2.1>} noproc"});
}

TEST_CASE("after a demonitor nothing is said, by name too") {
  wire_fixture on;
  const auto self = on.spawn("srv"_atom);
  on.run();
  REQUIRE(on.receive(control::monitor{on.remote, "srv"_atom, their_ref_of(on)}));
  REQUIRE(on.receive(control::demonitor{on.remote, "srv"_atom, their_ref_of(on)}));
  REQUIRE(on.receive(control::demonitor{on.remote, "srv"_atom, their_ref_of(on)}));
  on.runtime.send(self, etf::tuple("exit"_atom, "bye"_atom));
  on.run();
  on.transmit();
  CHECK(on.written().empty());
}

TEST_CASE("a down for a monitor of ours reaches its watcher once") {
  wire_fixture on;
  const auto self = on.spawn();
  const reference ref{on.here, 3, {1, 2, 3}};
  on.table.watching(ref, {self, destination{"srv"_atom, "there@h"_atom}});
  REQUIRE(on.receive(control::down{"srv"_atom, self, ref}, "bye"_atom));
  CHECK(on.table.own_monitors() == 0);
  REQUIRE(on.receive(control::down{"srv"_atom, self, ref}, "bye"_atom));
}

TEST_CASE("a spawn request for an unknown function is answered with a process, which ends with undef") {
  wire_fixture on;
  const control::spawn_request request{
      their_ref_of(on), on.remote, on.remote, "foo"_atom, "bar"_atom, 1, etf::list("monitor"_atom, "link"_atom)};
  REQUIRE(on.receive(request, etf::list(7)));
  auto said = on.written();
  REQUIRE(said.size() == 1);
  CHECK(said[0].starts_with("{31,#Ref<there@h.5.4.3.2.1>,<there@h.5.1>,3,<here@h."));
  on.transmit();
  said = on.written();
  REQUIRE(said.size() == 2);
  CHECK(said[0].starts_with("{24,"));
  CHECK(said[1].starts_with("{28,"));
  CHECK(said[0].ends_with("{undef,[{foo,bar,[7],[]}]}"));
  CHECK(said[1].ends_with("{undef,[{foo,bar,[7],[]}]}"));
}

TEST_CASE("what a peer sends with priority over an alias that heeds it is read first") {
  using control::urgency;
  for (const auto* const made : {"make_alias", "make_urgent_alias"}) {
    wire_fixture on;
    const auto self = on.spawn();
    REQUIRE(on.receive(control::send{on.remote, self}, atom::of(made)));
    on.lines.clear();
    on.receive_only(control::send{on.remote, self}, 1);
    on.receive_only(control::alias_send{on.remote, scribe::alias, urgency::ordinary}, 2);
    on.receive_only(control::alias_send{on.remote, scribe::alias, urgency::priority}, 3);
    on.receive_only(control::exit2{on.remote, scribe::alias, urgency::priority}, "four"_atom);
    on.run();
    const auto exit = "{'EXIT'," + text(on.remote) + ",four}";
    const bool heeded = std::string_view{made} == "make_urgent_alias";
    CHECK(on.lines == (heeded ? lines{"3", exit, "1", "2"} : lines{"1", "2", "3", exit}));
  }
}

TEST_CASE("a spawn request with an unknown option gets badopt") {
  wire_fixture on;
  const control::spawn_request request{their_ref_of(on),          on.remote, on.remote, "foo"_atom, "bar"_atom, 0,
                                       etf::list("nonsense"_atom)};
  REQUIRE(on.receive(request, term{}));
  CHECK(on.written() == lines{"{31,#Ref<there@h.5.4.3.2.1>,<there@h.5.1>,0,badopt}"});
}

TEST_CASE("a spawn request with a name registers the process before it runs, and gets badarg when it cannot") {
  wire_fixture on;
  REQUIRE(on.functions->add({"m"_atom, "wait"_atom, 0},
                            erase_function([](process& self) -> task<> { (void)co_await self.receive_any(); })));
  const auto ask = [&](atom name) {
    const control::spawn_request request{
        their_ref_of(on), on.remote, on.remote, "m"_atom, "wait"_atom, 0, etf::list(etf::tuple("name"_atom, name))};
    REQUIRE(on.receive(request, term{}));
    const auto said = on.written();
    REQUIRE(said.size() == 1);
    return said[0];
  };
  const std::string refused = "{31,#Ref<there@h.5.4.3.2.1>,<there@h.5.1>,0,badarg}";
  const auto first = ask("worker"_atom);
  const auto started = on.local.whereis("worker"_atom);
  REQUIRE(started);
  CHECK(first == "{31,#Ref<there@h.5.4.3.2.1>,<there@h.5.1>,0," + etf::to_text(term{*started}) + "}");
  CHECK(ask("worker"_atom) == refused);
  CHECK(ask("undefined"_atom) == refused);
  REQUIRE(on.receive(control::reg_send{on.remote, "worker"_atom}, "go"_atom));
  CHECK_FALSE(on.local.whereis("worker"_atom));
  CHECK(ask("worker"_atom) != refused);
}

TEST_CASE("a spawn request whose arguments do not fit its arity closes the connection") {
  wire_fixture on;
  const control::spawn_request request{their_ref_of(on), on.remote, on.remote, "foo"_atom, "bar"_atom, 2, term{}};
  CHECK_FALSE(on.receive(request, etf::list(1)));
  CHECK_FALSE(on.receive(request, "no_list"_atom));
}

namespace {

/// A well-formed control message of every operation, about `self`, which a peer may send.
std::vector<term> every_operation(const wire_fixture& on, const pid& self) {
  const auto ref = their_ref_of(on);
  const auto call = etf::tuple("m"_atom, "f"_atom, 0);
  const auto bye = "bye"_atom;
  return {etf::tuple(1, on.remote, self),
          etf::tuple(2, atom{}, self),
          etf::tuple(3, on.remote, self, bye),
          etf::tuple(6, on.remote, atom{}, "srv"_atom),
          etf::tuple(7, on.remote, self),
          etf::tuple(8, on.remote, self, bye),
          etf::tuple(19, on.remote, self, ref),
          etf::tuple(20, on.remote, self, ref),
          etf::tuple(21, on.remote, self, ref, bye),
          etf::tuple(22, on.remote, self),
          etf::tuple(24, on.remote, self),
          etf::tuple(26, on.remote, self),
          etf::tuple(28, on.remote, self, ref),
          etf::tuple(29, ref, on.remote, on.remote, call, term{}),
          etf::tuple(31, ref, self, 0, on.remote),
          etf::tuple(33, on.remote, ref),
          etf::tuple(35, 1, on.remote, self),
          etf::tuple(36, 1, on.remote, self),
          etf::tuple(37, 0, on.remote, self)};
}

std::string packet_of(std::span<const term> elements, std::string_view payload) {
  etf::buffer control;
  etf::encode(control, etf::make_tuple(elements));
  return "p" + control.to_string() + std::string{payload};
}

constexpr std::string_view nil_payload{"\x83j"};

}  // namespace

TEST_CASE("a malformed control message of any operation is refused and does nothing at all") {
  wire_fixture on;
  const auto self = on.spawn("srv"_atom);
  on.run();
  for (const auto& whole : every_operation(on, self)) {
    const auto parts = whole.elements();
    const std::vector<term> good{parts.begin(), parts.end()};
    for (std::size_t place = 0; place < good.size(); ++place) {
      if (good[place].is(atom{}) || good[place].is("bye"_atom)) continue;  // may be any term
      auto wrong = good;
      wrong[place] = term{1.5};
      CAPTURE(etf::to_text(etf::make_tuple(wrong)));
      const auto read = on.receive_bytes(packet_of(wrong, nil_payload));
      CHECK_FALSE(read);
      if (!read) CHECK_FALSE(read.error().text.empty());
    }
    for (std::size_t size = 0; size < good.size(); ++size) {
      CAPTURE(etf::to_text(whole), size);
      CHECK_FALSE(on.receive_bytes(packet_of(std::span{good}.first(size), nil_payload)));
    }
    const auto packet = packet_of(good, "");
    for (std::size_t size = 0; size < packet.size(); ++size) CHECK_FALSE(on.receive_bytes(packet.substr(0, size)));
  }
  CHECK(on.runtime.alive(self));
  CHECK(on.lines.empty());
  CHECK(on.written().empty());
  CHECK(on.table.links() == 0);
  CHECK(on.table.own_monitors() == 0);
  CHECK(on.table.peer_monitors() == 0);
}

TEST_CASE("signals that speak for a third node close the connection") {
  wire_fixture on;
  const auto self = on.spawn();
  const pid stranger{on.third, 1, 1};
  CHECK_FALSE(on.receive(control::link{stranger, self}));
  CHECK_FALSE(on.receive(control::exit2{stranger, self}, "bye"_atom));
  CHECK(on.table.links() == 0);
}

TEST_CASE("a group leader may be of any node") {
  wire_fixture on;
  const auto self = on.spawn();
  CHECK(on.receive(control::group_leader{pid{on.third, 1, 1}, self}));
  CHECK(on.lines.empty());
}

TEST_CASE("every control message that arrives is traced, without its payload") {
  wire_fixture on;
  (void)on.spawn("srv"_atom);
  lines traced;
  tracer loud{trace_category::dist, [&](std::string_view line) { traced.emplace_back(line); }};
  const wire over{on.local, on.peer, modern, on.table, loud, on.speaker()};
  signal_reader reader{over, on.writer, on.functions, {}};
  etf::buffer packet;
  REQUIRE(dist::encode(packet, control::reg_send{on.remote, "srv"_atom}, "secret"_atom, modern));
  const auto body = packet.to_string().substr(4);
  REQUIRE(reader.read(std::as_bytes(std::span{body}), nullptr));
  REQUIRE(traced.size() == 1);
  CHECK(traced[0] == "dist in peer=there@h REG_SEND from=<there@h.5.1> to=srv bytes=" + std::to_string(body.size()));
}
