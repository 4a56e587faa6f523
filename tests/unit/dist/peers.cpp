// The connection table: each rule as a short script, then random scripts against its promises.
#include <ergo/dist/peers.hpp>

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace dist = ergo::dist;
namespace peering = ergo::dist::peering;
namespace handshake = ergo::dist::handshake;
using dist::attempt_id;
using dist::handshake_errc;
using dist::peer_errc;
using dist::peer_reason;
using dist::peer_state;
using dist::waiter_id;
using handshake::decision;
using handshake::verdict;

namespace {

attempt_id id(std::uint64_t n) { return attempt_id{n}; }
waiter_id waiter(std::uint64_t n) { return waiter_id{n}; }
template <typename Id>
std::string number(Id value) {
  return std::to_string(static_cast<std::uint64_t>(value));
}

std::string text(const peer_reason& reason) {
  std::string out{dist::to_string(reason.code)};
  if (reason.handshake) out += ":" + std::string{dist::to_string(reason.handshake->code)};
  return out;
}

struct printer {
  std::string operator()(const peering::dial& c) const { return "dial " + number(c.id) + " " + c.peer; }
  std::string operator()(const peering::admit& c) const {
    static constexpr const char* names[] = {"ok", "ok_simultaneous", "nok", "not_allowed", "alive", "named"};
    return "admit " + number(c.id) + " " + names[static_cast<int>(c.decision)];
  }
  std::string operator()(const peering::conclude& c) const {
    return std::string{c.verdict == verdict::proceed ? "proceed " : "drop "} + number(c.id);
  }
  std::string operator()(const peering::close& c) const {
    return "close " + number(c.id) + " " + std::string{dist::to_string(c.reason)};
  }
  std::string operator()(const peering::nodeup& c) const { return "nodeup " + number(c.id) + " " + c.peer; }
  std::string operator()(const peering::nodedown& c) const {
    return "nodedown " + number(c.id) + " " + c.peer + " " + text(c.reason);
  }
  std::string operator()(const peering::granted& c) const { return "granted " + number(c.waiter) + " " + number(c.id); }
  std::string operator()(const peering::denied& c) const { return "denied " + number(c.waiter) + " " + text(c.reason); }
  std::string operator()(const peering::await_peer& c) const {
    return "await " + c.peer + " " + std::to_string(c.ticket);
  }
};

using lines = std::vector<std::string>;

// A table of node m@h, between a@h (smaller) and z@h (greater), with its answers as text.
struct table {
  dist::peers peers{"m@h"};

  lines pass(const peering::event& event) {
    lines out;
    for (const peering::command& c : peers.resume(event)) out.push_back(std::visit(printer{}, c));
    return out;
  }
  lines want(std::string_view peer, std::uint64_t w) { return pass(peering::want{peer, waiter(w)}); }
  lines incoming(std::uint64_t n, std::string_view peer) { return pass(peering::incoming{id(n), peer}); }
  lines proven(std::uint64_t n) { return pass(peering::proven{id(n)}); }
  lines established(std::uint64_t n) { return pass(peering::established{id(n)}); }
  lines ended(std::uint64_t n, peer_errc code = peer_errc::closed) { return pass(peering::ended{id(n), {code}}); }
  lines failed(std::uint64_t n, handshake_errc code) {
    return pass(peering::ended{id(n), {peer_errc::handshake, dist::handshake_failure{code, {}, {}, {}}}});
  }
  std::uint64_t socket() { return static_cast<std::uint64_t>(peers.next_id()); }

  // Brings a peer up over an accepted socket and returns its number.
  std::uint64_t accept(std::string_view peer) {
    const auto n = socket();
    (void)incoming(n, peer);
    (void)proven(n);
    (void)established(n);
    REQUIRE(peers.up(peer) == id(n));
    return n;
  }
};

}  // namespace

TEST_CASE("the first who wants a peer has it dialled, the others wait for the same flight") {
  table t;
  CHECK(t.want("a@h", 1) == lines{"dial 1 a@h"});
  CHECK(t.want("a@h", 2) == lines{});
  CHECK(t.want("z@h", 3) == lines{"dial 2 z@h"});
  CHECK(t.peers.state("a@h") == peer_state::dialing);
  CHECK(t.established(1) == lines{"nodeup 1 a@h", "granted 1 1", "granted 2 1"});
  CHECK(t.peers.state("a@h") == peer_state::up);
  CHECK(t.want("a@h", 4) == lines{"granted 4 1"});
  CHECK(t.peers.nodes() == std::vector<std::string>{"a@h"});
}

TEST_CASE("a peer that cannot be reached is forgotten and dialled anew the next time") {
  table t;
  for (std::uint64_t round = 1; round <= 1000; ++round) {
    CHECK(t.want("a@h", round) == lines{"dial " + std::to_string(round) + " a@h"});
    CHECK(t.ended(round, peer_errc::unreachable) == lines{"denied " + std::to_string(round) + " unreachable"});
    REQUIRE(t.peers.size() == 0);
    REQUIRE(t.peers.attempts() == 0);
  }
}

TEST_CASE("the reason of a failed handshake reaches everybody who waited") {
  table t;
  (void)t.want("a@h", 1);
  (void)t.want("a@h", 2);
  CHECK(t.failed(1, handshake_errc::wrong_cookie) ==
        lines{"denied 1 handshake:wrong_cookie", "denied 2 handshake:wrong_cookie"});
}

TEST_CASE("who lost interest is not answered") {
  table t;
  (void)t.want("a@h", 1);
  (void)t.want("a@h", 2);
  CHECK(t.pass(peering::forget{"a@h", waiter(1)}) == lines{});
  CHECK(t.pass(peering::forget{"a@h", waiter(9)}) == lines{});
  CHECK(t.pass(peering::forget{"nobody@h", waiter(1)}) == lines{});
  CHECK(t.established(1) == lines{"nodeup 1 a@h", "granted 2 1"});
}

TEST_CASE("a call goes on when all who wanted it have lost interest") {
  table t;
  (void)t.want("a@h", 1);
  (void)t.pass(peering::forget{"a@h", waiter(1)});
  CHECK(t.established(1) == lines{"nodeup 1 a@h"});
}

TEST_CASE("an accepted socket is up after proof, commit and ack") {
  table t;
  const auto n = t.socket();
  CHECK(t.incoming(n, "a@h") == lines{"admit 1 ok"});
  CHECK(t.peers.state("a@h") == peer_state::accepting);
  CHECK(t.proven(n) == lines{"proceed 1"});
  CHECK(t.peers.state("a@h") == peer_state::joining);
  CHECK_FALSE(t.peers.up("a@h"));
  CHECK(t.established(n) == lines{"nodeup 1 a@h"});
  CHECK(t.peers.up("a@h") == id(n));
}

TEST_CASE("the end of a connection is a nodedown with its reason, then nothing is remembered") {
  table t;
  const auto n = t.accept("a@h");
  CHECK(t.ended(n, peer_errc::silent) == lines{"nodedown 1 a@h silent"});
  CHECK(t.peers.size() == 0);
  CHECK(t.peers.state("a@h") == peer_state::idle);
  CHECK(t.ended(n) == lines{});
}

TEST_CASE("of two crossing calls the one of the greater name wins: here we are the greater") {
  table t;
  CHECK(t.want("a@h", 7) == lines{"dial 1 a@h"});
  const auto n = t.socket();
  CHECK(t.incoming(n, "a@h") == lines{"admit 2 nok"});
  CHECK(t.failed(n, handshake_errc::yielded) == lines{});
  CHECK(t.established(1) == lines{"nodeup 1 a@h", "granted 7 1"});
}

TEST_CASE("of two crossing calls the one of the greater name wins: here the peer is the greater") {
  table t;
  CHECK(t.want("z@h", 7) == lines{"dial 1 z@h"});
  const auto n = t.socket();
  CHECK(t.incoming(n, "z@h") == lines{"admit 2 ok_simultaneous"});
  SECTION("our call is refused before the peer's is proven") {
    CHECK(t.failed(1, handshake_errc::nok) == lines{"await z@h 1"});
    CHECK(t.proven(n) == lines{"proceed 2"});
    CHECK(t.established(n) == lines{"nodeup 2 z@h", "granted 7 2"});
    CHECK(t.pass(peering::waited_out{"z@h", 1}) == lines{});
  }
  SECTION("our call is closed when the peer's is proven") {
    CHECK(t.proven(n) == lines{"close 1 superseded", "proceed 2"});
    CHECK(t.established(1) == lines{});
    CHECK(t.established(n) == lines{"nodeup 2 z@h", "granted 7 2"});
    CHECK(t.ended(1) == lines{});
  }
  SECTION("our call goes on when the other was not the peer's") {
    CHECK(t.failed(n, handshake_errc::wrong_cookie) == lines{});
    CHECK(t.established(1) == lines{"nodeup 1 z@h", "granted 7 1"});
  }
  SECTION("our call is answered: whoever claimed the name is thrown out") {
    CHECK(t.established(1) == lines{"close 2 superseded", "nodeup 1 z@h", "granted 7 1"});
    CHECK(t.proven(n) == lines{});
    CHECK(t.ended(n) == lines{});
  }
}

TEST_CASE("after nok the peer's call is waited for, then the peer is dialled once more") {
  table t;
  (void)t.want("z@h", 7);
  CHECK(t.failed(1, handshake_errc::nok) == lines{"await z@h 1"});
  CHECK(t.peers.state("z@h") == peer_state::waiting);
  CHECK(t.want("z@h", 8) == lines{});
  CHECK(t.pass(peering::waited_out{"z@h", 5}) == lines{});
  CHECK(t.pass(peering::waited_out{"z@h", 1}) == lines{"dial 2 z@h"});
  SECTION("it answers") { CHECK(t.established(2) == lines{"nodeup 2 z@h", "granted 7 2", "granted 8 2"}); }
  SECTION("it refuses again") {
    CHECK(t.failed(2, handshake_errc::nok) == lines{"denied 7 handshake:nok", "denied 8 handshake:nok"});
    CHECK(t.peers.size() == 0);
  }
  SECTION("it calls while it is dialled") {
    const auto n = t.socket();
    CHECK(t.incoming(n, "z@h") == lines{"admit 3 ok_simultaneous"});
    CHECK(t.failed(2, handshake_errc::nok) == lines{"await z@h 2"});
    CHECK(t.pass(peering::waited_out{"z@h", 2}) ==
          lines{"close 3 superseded", "denied 7 no_answer", "denied 8 no_answer"});
  }
}

TEST_CASE("nobody waits for a peer's call when nobody wants it") {
  table t;
  (void)t.want("z@h", 7);
  (void)t.pass(peering::forget{"z@h", waiter(7)});
  CHECK(t.failed(1, handshake_errc::nok) == lines{});
  CHECK(t.peers.size() == 0);
}

TEST_CASE("while a peer shakes hands it is not dialled") {
  table t;
  const auto n = t.socket();
  (void)t.incoming(n, "a@h");
  CHECK(t.want("a@h", 7) == lines{"await a@h 1"});
  CHECK(t.want("a@h", 8) == lines{});
  SECTION("it proves itself") {
    CHECK(t.proven(n) == lines{"proceed 1"});
    CHECK(t.established(n) == lines{"nodeup 1 a@h", "granted 7 1", "granted 8 1"});
  }
  SECTION("it fails: now it is dialled") { CHECK(t.failed(n, handshake_errc::wrong_cookie) == lines{"dial 2 a@h"}); }
  SECTION("it takes its time: it is thrown out and dialled") {
    CHECK(t.pass(peering::waited_out{"a@h", 1}) == lines{"close 1 superseded", "dial 2 a@h"});
  }
  SECTION("all lose interest") {
    (void)t.pass(peering::forget{"a@h", waiter(7)});
    (void)t.pass(peering::forget{"a@h", waiter(8)});
    CHECK(t.pass(peering::waited_out{"a@h", 1}) == lines{});
  }
}

TEST_CASE("a claim to a name touches no connection before its proof") {
  table t;
  const auto old = t.accept("a@h");
  const auto n = t.socket();
  CHECK(t.incoming(n, "a@h") == lines{"admit 2 alive"});
  CHECK(t.peers.up("a@h") == id(old));
  CHECK(t.failed(n, handshake_errc::wrong_cookie) == lines{});
  CHECK(t.peers.up("a@h") == id(old));
}

TEST_CASE("a restarted peer takes over: close, nodedown, then ack and nodeup") {
  table t;
  const auto old = t.accept("a@h");
  const auto n = t.socket();
  (void)t.incoming(n, "a@h");
  CHECK(t.proven(n) == lines{"close 1 replaced"});
  CHECK(t.peers.state("a@h") == peer_state::joining);
  CHECK(t.want("a@h", 7) == lines{});
  CHECK(t.ended(old) == lines{"nodedown 1 a@h replaced", "proceed 2"});
  CHECK(t.established(n) == lines{"nodeup 2 a@h", "granted 7 2"});
}

TEST_CASE("a restarted peer takes over a connection that we had dialled as well") {
  table t;
  const auto early = t.socket();  // accepted before our call, but slow to tell its name
  (void)t.want("a@h", 7);
  (void)t.established(2);
  CHECK(t.incoming(early, "a@h") == lines{"admit 1 alive"});
  CHECK(t.proven(early) == lines{"close 2 replaced"});
  CHECK(t.ended(2) == lines{"nodedown 2 a@h replaced", "proceed 1"});
  CHECK(t.established(early) == lines{"nodeup 1 a@h"});
}

TEST_CASE("a take-over whose new connection dies leaves the peer down, and who waits has it dialled") {
  table t;
  const auto old = t.accept("a@h");
  const auto n = t.socket();
  (void)t.incoming(n, "a@h");
  (void)t.proven(n);
  (void)t.want("a@h", 7);
  CHECK(t.ended(n) == lines{});
  CHECK(t.ended(old) == lines{"nodedown 1 a@h replaced", "dial 3 a@h"});
}

TEST_CASE("of two take-overs the later call wins") {
  table t;
  const auto old = t.accept("a@h");
  const auto first = t.socket();
  const auto second = t.socket();
  (void)t.incoming(first, "a@h");
  (void)t.incoming(second, "a@h");
  CHECK(t.proven(first) == lines{"close 1 replaced"});
  CHECK(t.proven(second) == lines{"drop 2"});
  CHECK(t.failed(first, handshake_errc::superseded) == lines{});
  CHECK(t.ended(old) == lines{"nodedown 1 a@h replaced", "proceed 3"});
}

TEST_CASE("of two calls of a peer that was not up the later one wins") {
  table t;
  const auto first = t.socket();
  const auto second = t.socket();
  CHECK(t.incoming(first, "a@h") == lines{"admit 1 ok"});
  CHECK(t.incoming(second, "a@h") == lines{"admit 2 ok"});
  SECTION("the later one is proven first") {
    CHECK(t.proven(second) == lines{"close 1 superseded", "proceed 2"});
    CHECK(t.proven(first) == lines{});
  }
  SECTION("the earlier one is proven first") {
    CHECK(t.proven(first) == lines{"proceed 1"});
    CHECK(t.proven(second) == lines{"close 1 replaced"});
    CHECK(t.established(first) == lines{});
    CHECK(t.ended(first) == lines{"proceed 2"});
    CHECK(t.established(second) == lines{"nodeup 2 a@h"});
  }
}

TEST_CASE("an earlier call proven after a later one is up is dropped") {
  table t;
  const auto owner_first = t.socket();
  const auto earlier = t.socket();
  const auto later = t.socket();
  (void)t.incoming(owner_first, "a@h");
  (void)t.incoming(earlier, "a@h");
  (void)t.incoming(later, "a@h");
  CHECK(t.proven(later) == lines{"close 1 superseded", "close 2 superseded", "proceed 3"});
  CHECK(t.proven(earlier) == lines{});
}

TEST_CASE("our own call that hears alive goes on, because we hold no connection beside a call") {
  table t;
  (void)t.want("a@h", 7);
  CHECK(t.pass(peering::alive{id(1)}) == lines{"proceed 1"});
  CHECK(t.established(1) == lines{"nodeup 1 a@h", "granted 7 1"});
  CHECK(t.pass(peering::alive{id(1)}) == lines{});
  CHECK(t.pass(peering::alive{id(99)}) == lines{});
}

TEST_CASE("a peer that calls while the old connection is closing waits for its end") {
  table t;
  const auto old = t.accept("a@h");
  CHECK(t.pass(peering::disconnect{"a@h"}) == lines{"close 1 disconnected"});
  CHECK(t.peers.state("a@h") == peer_state::closing);
  CHECK_FALSE(t.peers.up("a@h"));
  const auto n = t.socket();
  CHECK(t.incoming(n, "a@h") == lines{"admit 2 ok"});
  CHECK(t.proven(n) == lines{});
  CHECK(t.ended(old, peer_errc::closed) == lines{"nodedown 1 a@h disconnected", "proceed 2"});
}

TEST_CASE("who wants a peer while its connection is closing gets the next one") {
  table t;
  const auto old = t.accept("a@h");
  (void)t.pass(peering::disconnect{"a@h"});
  CHECK(t.want("a@h", 7) == lines{});
  CHECK(t.ended(old) == lines{"nodedown 1 a@h disconnected", "dial 2 a@h"});
}

TEST_CASE("a disconnect that names a connection leaves every other one alone, and calls too") {
  table t;
  const auto first = t.accept("a@h");
  CHECK(t.pass(peering::disconnect{"a@h", id(7)}) == lines{});
  CHECK(t.ended(first) == lines{"nodedown 1 a@h closed"});
  CHECK(t.want("a@h", 7) == lines{"dial 2 a@h"});
  CHECK(t.pass(peering::disconnect{"a@h", id(first)}) == lines{});
  CHECK(t.established(2) == lines{"nodeup 2 a@h", "granted 7 2"});
  CHECK(t.pass(peering::disconnect{"a@h", id(first)}) == lines{});
  CHECK(t.pass(peering::disconnect{"a@h", id(2)}) == lines{"close 2 disconnected"});
}

TEST_CASE("disconnect ends a call and denies who waited; unknown peers are ignored") {
  table t;
  CHECK(t.pass(peering::disconnect{"a@h"}) == lines{});
  (void)t.want("a@h", 7);
  CHECK(t.pass(peering::disconnect{"a@h"}) == lines{"close 1 disconnected", "denied 7 disconnected"});
  CHECK(t.established(1) == lines{});
  CHECK(t.ended(1) == lines{});
  CHECK(t.peers.attempts() == 0);
  CHECK(t.pass(peering::disconnect{"a@h"}) == lines{});
}

TEST_CASE("a committed socket that dies was never up") {
  table t;
  const auto n = t.socket();
  (void)t.incoming(n, "a@h");
  (void)t.proven(n);
  CHECK(t.ended(n) == lines{});
  CHECK(t.peers.size() == 0);
}

TEST_CASE("a call during a committed handshake is asked whether it knows better") {
  table t;
  const auto first = t.socket();
  (void)t.incoming(first, "a@h");
  (void)t.proven(first);
  const auto second = t.socket();
  CHECK(t.incoming(second, "a@h") == lines{"admit 2 alive"});
}

TEST_CASE("a stopping table closes everything, denies everybody and admits nobody") {
  table t;
  const auto up = t.accept("a@h");
  (void)t.want("z@h", 7);
  const auto knocking = t.socket();
  (void)t.incoming(knocking, "b@h");
  auto out = t.pass(peering::stop{});
  CHECK(std::set<std::string>(out.begin(), out.end()) ==
        std::set<std::string>{"close 1 stopping", "close 2 stopping", "denied 7 stopping", "close 3 superseded"});
  CHECK(t.want("a@h", 8) == lines{"denied 8 stopping"});
  CHECK(t.incoming(t.socket(), "c@h") == lines{"admit 4 not_allowed"});
  CHECK(t.ended(up) == lines{"nodedown 1 a@h stopping"});
  CHECK(t.ended(2) == lines{});
  CHECK(t.ended(knocking) == lines{});
  CHECK(t.peers.attempts() == 0);
  CHECK(t.peers.size() == 0);
}

TEST_CASE("events of unknown attempts are ignored") {
  table t;
  CHECK(t.proven(1) == lines{});
  CHECK(t.established(1) == lines{});
  CHECK(t.ended(1) == lines{});
  CHECK(t.pass(peering::waited_out{"a@h", 1}) == lines{});
  CHECK(t.peers.size() == 0);
}

TEST_CASE("every reason has a name and a sentence") {
  std::set<std::string> names;
  std::set<std::string> sentences;
  for (int i = 0; i <= static_cast<int>(peer_errc::stopping); ++i) {
    const auto code = static_cast<peer_errc>(i);
    CHECK(names.insert(std::string{dist::to_string(code)}).second);
    CHECK(sentences.insert(dist::to_string(peer_reason{code})).second);
  }
  const peer_reason deep{peer_errc::unreachable, {}, std::make_error_code(std::errc::connection_refused)};
  CHECK(dist::to_string(deep) == "the node cannot be reached: Connection refused");
  const peer_reason secret{peer_errc::tls, {}, {}, "the peer does not speak TLS"};
  CHECK(dist::to_string(secret) == "TLS failed: the peer does not speak TLS");
  const peer_reason shaken{peer_errc::handshake,
                           dist::handshake_failure{handshake_errc::timeout, dist::handshake_step::status, {}, "x@h"}};
  CHECK(dist::to_string(shaken) == "the handshake failed: the peer took too long (handshake step: status)");
}
