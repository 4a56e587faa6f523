// A connection with headers: the atom cache, large messages in fragments, and who waits for whom.
#include "connection_bench.hpp"
#include "lone_node.hpp"

using namespace ergo_test;

namespace {

const dist::flags with_headers =
    dist::pass_through_offer.with(dist::flag::dist_hdr_atom_cache).with(dist::flag::fragments);

struct headers_bench : bench {
  explicit headers_bench(node_limits limits = {}) : bench{limits, {.tick_time = 60s}, with_headers} { attach(); }

  std::string send_line(const pid& from, std::string_view payload) const {
    return "{22," + text(from) + ",<there@h.5.1>} " + std::string{payload};
  }
  /// Has everybody take and run what was told before.
  void settle() {
    runtime.send(terms.speaker, "settled"_atom);
    REQUIRE(written.wait_for("settled", ++settled_));
  }

 private:
  std::size_t settled_ = 0;
};

term bulk(std::size_t bytes) { return etf::binary(std::string(bytes, 'x')); }

}  // namespace

TEST_CASE("an atom is spelled out once on a connection") {
  headers_bench on;
  on.tell(etf::tuple("send"_atom, on.remote, "a_rather_conspicuous_atom"_atom));
  CHECK(on.next() == on.send_line(on.scribe_id, "a_rather_conspicuous_atom"));
  CHECK(on.packet.contains("a_rather_conspicuous_atom"));
  on.tell(etf::tuple("send"_atom, on.remote, "a_rather_conspicuous_atom"_atom));
  CHECK(on.next() == on.send_line(on.scribe_id, "a_rather_conspicuous_atom"));
  CHECK_FALSE(on.packet.contains("a_rather_conspicuous_atom"));
}

TEST_CASE("atoms by number and messages in fragments reach processes") {
  headers_bench on;
  for (int round = 0; round < 2; ++round)
    on.say(control::reg_send{on.remote, "scribe"_atom}, etf::tuple("hello"_atom, "there@h"_atom));
  CHECK(on.written.wait_for("{hello,there@h}", 2));
  on.say(control::reg_send{on.remote, "scribe"_atom},
         etf::tuple("send"_atom, on.remote, etf::binary(std::string(300'000, 'y'))));
  CHECK(on.next().starts_with("{22,"));
  CHECK(on.fragments == 4);
}

TEST_CASE("a small message passes a large one of another process, and none of its own") {
  headers_bench on;
  on.tell(etf::tuple("send"_atom, on.remote, bulk(32U << 20)));
  REQUIRE(eventually([&] { return on.to_peer().counters().packets_out > 0; }));  // the first fragment
  on.tell(etf::tuple("send"_atom, on.remote, "mine"_atom));
  on.runtime.send(on.terms.speaker, etf::tuple("send"_atom, on.remote, "of another"_atom));
  on.settle();
  CHECK(on.next() == on.send_line(on.terms.speaker, "'of another'"));
  CHECK(on.fragments > 0);
  CHECK(on.fragments < 400);
  CHECK(on.next().starts_with(on.send_line(on.scribe_id, "<<\"xxx")));
  CHECK(on.next() == on.send_line(on.scribe_id, "mine"));
  CHECK(on.fragments >= 511);
}

TEST_CASE("a large message makes its sender wait and nobody else") {
  headers_bench on;
  on.tell(etf::tuple("send"_atom, on.remote, bulk(32U << 20)));
  CHECK(on.becomes_busy(true));
  CHECK_FALSE(on.way.busy("there@h"_atom, on.terms.speaker));
  while (on.next().empty()) {
  }
  CHECK(on.becomes_busy(false));
}

TEST_CASE("one message beyond node_limits::slice is no flood, a second one in the same slice is") {
  headers_bench on{node_limits{.busy = 1U << 20, .slice = 4U << 20}};
  on.tell(etf::tuple("send"_atom, on.remote, bulk(2U << 20)));
  on.tell(etf::tuple("send"_atom, on.remote, bulk(8U << 20)));
  CHECK(on.next().starts_with(on.send_line(on.scribe_id, "<<\"xxx")));
  CHECK(on.next().starts_with(on.send_line(on.scribe_id, "<<\"xxx")));
  on.tell("settled"_atom);
  REQUIRE(on.written.wait_for("settled"));
  CHECK(on.written.size() == 1);

  on.tell(etf::tuple("flood"_atom, on.remote, 16));
  REQUIRE(on.written.wait_for("flooded"));
  for (int message = 0; message < 16; ++message) CHECK_FALSE(on.next().empty());
  CHECK(on.written.wait_for("{'EXIT'," + text(on.scribe_id) + ",{system_limit,there@h}}"));
}

TEST_CASE("control signals follow the large message of their process") {
  headers_bench on;
  on.tell(etf::tuple("order"_atom, on.remote, bulk(8U << 20)));
  CHECK(on.next().starts_with(on.send_line(on.scribe_id, "<<\"xxx")));
  CHECK(on.next().starts_with("{19," + text(on.scribe_id)));
  CHECK(on.next() == "{1," + text(on.scribe_id) + ",<there@h.5.1>}");
}

TEST_CASE("what waits behind a large message is answered when the connection is lost") {
  headers_bench on;
  on.tell(etf::tuple("order"_atom, on.remote, bulk(32U << 20)));
  REQUIRE(on.written.wait_for("ordered"));
  ::close(std::exchange(on.other, -1));
  CHECK(on.written.wait_for("DOWN noconnection"));
  CHECK(on.written.wait_for("{'EXIT',<there@h.5.1>,noconnection}"));
  CHECK(on.becomes_busy(false));
}

TEST_CASE("large messages are written before the end of a session that we end") {
  headers_bench on;
  on.tell(etf::tuple("order"_atom, on.remote, bulk(8U << 20)));
  REQUIRE(on.written.wait_for("ordered"));
  on.to_peer().close(dist::peer_errc::disconnected);
  CHECK(on.next().starts_with(on.send_line(on.scribe_id, "<<\"xxx")));
  CHECK(on.next().starts_with("{19," + text(on.scribe_id)));
  CHECK(on.next() == "{1," + text(on.scribe_id) + ",<there@h.5.1>}");
  CHECK(on.next().empty());
}

TEST_CASE("a peer with more unfinished messages than node_limits::open_messages is cut off") {
  headers_bench on{node_limits{.open_messages = 2}};
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    std::string fragment{"\0\0\0\x13\x83\x45", 6};
    for (const auto number : {sequence, std::uint64_t{2}})
      for (int byte = 7; byte >= 0; --byte) fragment += static_cast<char>(number >> (8 * byte));
    on.say_bytes(fragment + '\0');
  }
  CHECK(on.owner.told.wait_for("lost protocol"));
  CHECK(on.owner.told.wait_for("broke packet there@h too many fragmented messages are open"));
}
