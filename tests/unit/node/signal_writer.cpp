// From signals to packets.
#include <catch2/catch_test_macros.hpp>

#include "wire_fixture.hpp"

using namespace ergo_test;

namespace {

using lines = std::vector<std::string>;

/// Writes one signal from process 1 of ours.
lines write(wire_fixture& on, signal_kind kind, const destination& to, term payload, term tag = {}) {
  auto* const envelope = make_signal(kind, pid{on.here, 1, 0}, std::move(tag), std::move(payload));
  on.writer.write({envelope, to}, 100);
  return on.written();
}

const destination to_name{"srv"_atom, "there@h"_atom};

term own_tag(const wire_fixture& on) { return term{reference{on.here, 3, {1, 2, 3}}}; }
term their_alias(const wire_fixture& on) {
  return etf::make_list(std::array{term{"alias"_atom}}, term{reference{on.peer, 3, {4, 5, 6}}});
}

}  // namespace

TEST_CASE("messages are SEND_SENDER by pid and REG_SEND by name") {
  wire_fixture on;
  CHECK(write(on, signal_kind::message, on.remote, "hi"_atom) == lines{"{22,<here@h.1.0>,<there@h.5.1>} hi"});
  CHECK(write(on, signal_kind::message, to_name, "hi"_atom) == lines{"{6,<here@h.1.0>,'',srv} hi"});
}

TEST_CASE("a peer with an atom cache gets the same messages, with their atoms in the header") {
  const auto negotiated = modern.with(dist::flag::dist_hdr_atom_cache);
  wire_fixture on{negotiated};
  dist::packet_reader packets{negotiated, {}};
  const auto read = [&](signal_kind kind, const destination& to, const pid& from) {
    on.writer.write({make_signal(kind, from, term{"hi"_atom}), to}, 100);
    const auto bytes = on.out.to_string().substr(4);
    on.out.clear();
    const auto framed = packets.read(std::as_bytes(std::span{bytes}), nullptr, {});
    REQUIRE(framed);
    etf::decode_limits limits;
    limits.cache = (*framed)->atoms;
    auto terms = (*framed)->terms;
    std::string line;
    while (!terms.empty()) {
      const auto part = etf::decode_bare(terms, limits);
      REQUIRE(part);
      line += (line.empty() ? "" : " ") + etf::to_text(part->value);
      terms = terms.subspan(part->consumed);
    }
    return line;
  };
  const pid ours{on.here, 1, 0};
  const pid foreign{on.third, 2, 3};
  CHECK(read(signal_kind::message, on.remote, ours) == "{22,<here@h.1.0>,<there@h.5.1>} hi");
  CHECK(read(signal_kind::message, to_name, ours) == "{6,<here@h.1.0>,'',srv} hi");
  CHECK(read(signal_kind::cast, to_name, ours) == "{6,<here@h.1.0>,'',srv} {'$gen_cast',hi}");
  CHECK(read(signal_kind::cast, on.remote, foreign) == "{22,<third@h.2.3>,<there@h.5.1>} {'$gen_cast',hi}");
}

TEST_CASE("messages are plain SEND where SEND_SENDER was not negotiated") {
  wire_fixture on{modern.without(dist::flag::send_sender)};
  CHECK(write(on, signal_kind::message, on.remote, "hi"_atom) == lines{"{2,'',<there@h.5.1>} hi"});
}

TEST_CASE("a message from nobody is spoken for by a process of the node") {
  wire_fixture on;
  on.writer.write({make_signal(signal_kind::message, pid{}, term{"hi"_atom}), to_name}, 100);
  CHECK(on.written() == lines{"{6," + etf::to_text(term{on.speaker()}) + ",'',srv} hi"});
}

TEST_CASE("casts and calls are wrapped as gen_server does") {
  wire_fixture on;
  CHECK(write(on, signal_kind::cast, to_name, "hi"_atom) == lines{"{6,<here@h.1.0>,'',srv} {'$gen_cast',hi}"});
  CHECK(write(on, signal_kind::call, on.remote, "hi"_atom, own_tag(on)) ==
        lines{"{22,<here@h.1.0>,<there@h.5.1>} {'$gen_call',{<here@h.1.0>,[alias|#Ref<here@h.3.2.1>]},hi}"});
}

TEST_CASE("a peer without aliases gets the bare reference") {
  wire_fixture on{old_release};
  CHECK(write(on, signal_kind::call, to_name, "hi"_atom, own_tag(on)) ==
        lines{"{6,<here@h.1.0>,'',srv} {'$gen_call',{<here@h.1.0>,#Ref<here@h.3.2.1>},hi}"});
}

TEST_CASE("an answer goes to the alias where the tag has one, else to the process") {
  wire_fixture on;
  CHECK(write(on, signal_kind::reply, on.remote, term{42}, their_alias(on)) ==
        lines{"{37,4,<here@h.1.0>,#Ref<there@h.6.5.4>} {[alias|#Ref<there@h.6.5.4>],42}"});
  wire_fixture older{before_28};
  CHECK(write(older, signal_kind::reply, older.remote, term{42}, their_alias(older)) ==
        lines{"{33,<here@h.1.0>,#Ref<there@h.6.5.4>} {[alias|#Ref<there@h.6.5.4>],42}"});
  const term plain{reference{on.peer, 2, {7, 8}}};
  CHECK(write(on, signal_kind::reply, on.remote, term{42}, plain) ==
        lines{"{22,<here@h.1.0>,<there@h.5.1>} {#Ref<there@h.8.7>,42}"});
}

TEST_CASE("an answer to an alias goes to the process where aliases were not negotiated") {
  wire_fixture on{old_release};
  CHECK(write(on, signal_kind::reply, on.remote, term{42}, their_alias(on)) ==
        lines{"{22,<here@h.1.0>,<there@h.5.1>} {[alias|#Ref<there@h.6.5.4>],42}"});
}

TEST_CASE("what is sent over an alias is ALTACT_SIG_SEND, or ALIAS_SEND before OTP 28, or nothing before OTP 24") {
  const auto over_alias = [](dist::flags negotiated, signal_kind kind, std::uint8_t more) {
    wire_fixture on{negotiated};
    auto* const envelope =
        make_signal(kind, pid{on.here, 1, 0}, term{reference{on.peer, 3, {4, 5, 6}}}, term{"hi"_atom});
    envelope->flags |= signal::over_alias | more;
    on.writer.write({envelope, destination{pid{}}}, 100);
    return on.written();
  };
  const std::string ends = "<here@h.1.0>,#Ref<there@h.6.5.4>} hi";
  CHECK(over_alias(modern, signal_kind::message, 0) == lines{"{37,4," + ends});
  CHECK(over_alias(modern, signal_kind::message, signal::urgent) == lines{"{37,5," + ends});
  CHECK(over_alias(modern, signal_kind::exit, 0) == lines{"{37,20," + ends});
  CHECK(over_alias(modern, signal_kind::exit, signal::urgent) == lines{"{37,21," + ends});
  CHECK(over_alias(before_28, signal_kind::message, signal::urgent) == lines{"{33," + ends});
  CHECK(over_alias(before_28, signal_kind::exit, 0).empty());
  CHECK(over_alias(old_release, signal_kind::message, 0).empty());
}

TEST_CASE("nothing is sent over an alias of an earlier incarnation of the peer") {
  wire_fixture on;
  const auto former = etf::node_id::make("there@h"_atom, 1).value();
  auto* const envelope =
      make_signal(signal_kind::message, pid{on.here, 1, 0}, term{reference{former, 3, {4, 5, 6}}}, term{1});
  envelope->flags |= signal::over_alias;
  on.writer.write({envelope, destination{pid{}}}, 100);
  CHECK(on.written().empty());
}

TEST_CASE("links are booked until they break") {
  wire_fixture on;
  CHECK(write(on, signal_kind::link, on.remote, term{}) == lines{"{1,<here@h.1.0>,<there@h.5.1>}"});
  CHECK(on.table.links() == 1);
  CHECK(write(on, signal_kind::link_exit, on.remote, "bye"_atom) == lines{"{24,<here@h.1.0>,<there@h.5.1>} bye"});
  CHECK(on.table.links() == 0);
}

TEST_CASE("an unlink waits for its acknowledgement") {
  wire_fixture on;
  (void)write(on, signal_kind::link, on.remote, term{});
  CHECK(write(on, signal_kind::unlink, on.remote, term{17}) == lines{"{35,17,<here@h.1.0>,<there@h.5.1>}"});
  CHECK(on.table.links() == 1);
  CHECK(write(on, signal_kind::unlink_ack, on.remote, term{18}) == lines{"{36,18,<here@h.1.0>,<there@h.5.1>}"});
}

TEST_CASE("an unlink in the old protocol is over at once, and the process hears so") {
  wire_fixture on{old_release};
  const auto self = on.spawn();
  on.runtime.send(self, etf::tuple("link"_atom, on.remote));
  on.run();
  on.transmit();
  (void)on.written();
  CHECK(on.table.links() == 1);
  on.writer.write({make_signal(signal_kind::unlink, self, term{1}), on.remote}, 100);
  CHECK(on.written() == lines{"{4," + etf::to_text(term{self}) + ",<there@h.5.1>}"});
  CHECK(on.table.links() == 0);
}

TEST_CASE("reasons travel as payload or inside, as negotiated") {
  wire_fixture on;
  CHECK(write(on, signal_kind::exit, on.remote, "bye"_atom) == lines{"{26,<here@h.1.0>,<there@h.5.1>} bye"});
  wire_fixture old{old_release};
  CHECK(write(old, signal_kind::exit, old.remote, "bye"_atom) == lines{"{8,<here@h.1.0>,<there@h.5.1>,bye}"});
  CHECK(write(old, signal_kind::link_exit, old.remote, "bye"_atom) == lines{"{3,<here@h.1.0>,<there@h.5.1>,bye}"});
}

TEST_CASE("a monitor is taken back only while it is active") {
  wire_fixture on;
  CHECK(write(on, signal_kind::monitor, to_name, term{}, own_tag(on)) ==
        lines{"{19,<here@h.1.0>,srv,#Ref<here@h.3.2.1>}"});
  CHECK(on.table.own_monitors() == 1);
  CHECK(write(on, signal_kind::demonitor, to_name, term{}, own_tag(on)) ==
        lines{"{20,<here@h.1.0>,srv,#Ref<here@h.3.2.1>}"});
  CHECK(write(on, signal_kind::demonitor, to_name, term{}, own_tag(on)).empty());
}

TEST_CASE("a down leaves once, and names what was watched") {
  wire_fixture on;
  const reference theirs{on.peer, 3, {4, 5, 6}};
  on.table.watched(theirs, {on.remote, pid{on.here, 1, 0}, "srv"_atom});
  CHECK(write(on, signal_kind::down, on.remote, "bye"_atom, term{theirs}) ==
        lines{"{28,srv,<there@h.5.1>,#Ref<there@h.6.5.4>} bye"});
  CHECK(write(on, signal_kind::down, on.remote, "bye"_atom, term{theirs}).empty());
}

TEST_CASE("a group leader is named") {
  wire_fixture on;
  CHECK(write(on, signal_kind::group_leader, on.remote, term{pid{on.here, 3, 0}}) ==
        lines{"{7,<here@h.3.0>,<there@h.5.1>}"});
}

TEST_CASE("a process of an earlier incarnation of the peer is gone: nothing is sent, and noproc is answered") {
  wire_fixture on;
  const auto self = on.spawn();
  const pid stale{etf::node_id::make("there@h"_atom, 8).value(), 5, 1};
  for (const auto kind : {signal_kind::message, signal_kind::cast, signal_kind::exit, signal_kind::unlink,
                          signal_kind::link_exit, signal_kind::unlink_ack}) {
    CHECK(write(on, kind, stale, term{1}).empty());
  }
  on.runtime.send(self, etf::tuple("link"_atom, stale));
  on.run();
  on.transmit();
  on.run();
  CHECK(on.written().empty());
  CHECK(on.lines == lines{"{'EXIT'," + etf::to_text(term{stale}) + ",noproc}"});
}

TEST_CASE("an answer to an alias of an earlier incarnation is dropped") {
  wire_fixture on;
  const auto old = etf::node_id::make("there@h"_atom, 8).value();
  const auto tag = etf::make_list(std::array{term{"alias"_atom}}, term{reference{old, 3, {4, 5, 6}}});
  CHECK(write(on, signal_kind::reply, on.remote, term{42}, tag).empty());
}

TEST_CASE("every control message that leaves is traced, without its payload") {
  wire_fixture on;
  lines traced;
  tracer loud{trace_category::dist, [&](std::string_view line) { traced.emplace_back(line); }};
  const wire over{on.local, on.peer, modern, on.table, loud, on.speaker()};
  signal_writer writer{over, on.packets, on.out};
  writer.write({make_signal(signal_kind::message, pid{on.here, 1, 0}, term{"secret"_atom}), to_name}, 100);
  writer.write({make_signal(signal_kind::link, pid{on.here, 1, 0}, term{}), on.remote}, 100);
  REQUIRE(traced.size() == 2);
  CHECK(traced[0].starts_with("dist out peer=there@h REG_SEND from=<here@h.1.0> to=srv bytes="));
  CHECK(traced[1].starts_with("dist out peer=there@h LINK from=<here@h.1.0> to=<there@h.5.1> bytes="));
}
