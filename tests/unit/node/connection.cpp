// A connection in pass-through form: queue, order, losses, back-pressure, the end.
#include "connection_bench.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <utility>

using namespace ergo_test;

TEST_CASE("what is sent before there is a connection asks for one once, and leaves in order when it is there") {
  bench on;
  for (int number = 1; number <= 3; ++number) on.tell(etf::tuple("send"_atom, on.remote, number));
  REQUIRE(on.owner.told.wait_for("wanted"));
  on.attach();
  for (int number = 1; number <= 3; ++number)
    CHECK(on.next() == "{22," + text(on.scribe_id) + ",<there@h.5.1>} " + std::to_string(number));
  CHECK(on.owner.told.count("wanted") == 1);
  CHECK(on.to_peer().is_up());
}

TEST_CASE("a refused connection answers links, monitors and watched nodes, and the next signal asks again") {
  bench on;
  on.tell(etf::tuple("send"_atom, on.remote, "lost"_atom));
  on.tell(etf::tuple("link"_atom, on.remote));
  on.tell(etf::tuple("monitor"_atom, on.remote));
  on.tell(etf::tuple("watch"_atom, "there@h"_atom));
  REQUIRE(on.owner.told.wait_for("wanted"));
  on.runtime.send(on.scribe_id, "barrier"_atom);
  REQUIRE(on.written.wait_for("barrier"));
  on.to_peer().refuse({dist::peer_errc::unreachable});
  CHECK(on.written.wait_for("{'EXIT',<there@h.5.1>,noconnection}"));
  CHECK(on.written.wait_for("DOWN noconnection"));
  CHECK(on.written.wait_for("{nodedown,there@h}"));
  on.tell(etf::tuple("send"_atom, on.remote, "again"_atom));
  CHECK(on.owner.told.wait_for("wanted", 2));
}

TEST_CASE("packets reach processes however they are cut") {
  bench on;
  on.attach();
  etf::buffer packet;
  REQUIRE(dist::encode(packet, control::reg_send{on.remote, "scribe"_atom}, etf::tuple("a"_atom, 1),
                       dist::expand_digest(dist::pass_through_offer)));
  const auto bytes = packet.to_string();
  for (const char byte : bytes) on.say_bytes({&byte, 1});
  CHECK(on.written.wait_for("{a,1}"));
  on.say_bytes(bytes + std::string(4, '\0') + bytes);
  CHECK(on.written.wait_for("{a,1}", 3));
}

TEST_CASE("the loss of a connection tells each link and monitor exactly once") {
  bench on;
  on.attach();
  on.tell(etf::tuple("link"_atom, on.remote));
  on.tell(etf::tuple("monitor"_atom, on.remote));
  on.tell(etf::tuple("watch"_atom, "there@h"_atom));
  CHECK(on.next() == "{1," + text(on.scribe_id) + ",<there@h.5.1>}");
  CHECK(on.next().starts_with("{19,"));
  on.runtime.send(on.scribe_id, "barrier"_atom);
  REQUIRE(on.written.wait_for("barrier"));
  ::close(std::exchange(on.other, -1));
  CHECK(on.written.wait_for("{'EXIT',<there@h.5.1>,noconnection}"));
  CHECK(on.written.wait_for("DOWN noconnection"));
  CHECK(on.written.wait_for("{nodedown,there@h}"));
  CHECK(on.owner.told.wait_for("lost closed"));
  on.runtime.send(on.scribe_id, "finished"_atom);
  REQUIRE(on.written.wait_for("finished"));
  CHECK(on.written.size() == 5);
}

TEST_CASE("a second session after a loss carries what is sent then") {
  bench on;
  on.attach(1);
  on.tell(etf::tuple("send"_atom, on.remote, 1));
  CHECK(on.next().ends_with(" 1"));
  ::close(std::exchange(on.other, -1));
  REQUIRE(on.owner.told.wait_for("lost closed"));
  on.tell(etf::tuple("send"_atom, on.remote, 2));
  REQUIRE(on.owner.told.wait_for("wanted"));
  on.attach(2);
  CHECK(on.next().ends_with(" 2"));
}

TEST_CASE("a broken protocol closes the connection with the reason") {
  bench on;
  on.attach();
  on.say_bytes(std::string{"\0\0\0\2pq", 6});
  CHECK(on.owner.told.wait_for("lost protocol"));
  CHECK(on.next().empty());
}

TEST_CASE("an announced length beyond the frame limit closes the connection before anything is allocated") {
  bench on{node_limits{.frame = 1000}};
  on.attach();
  on.say_bytes(std::string{"\0\0\x03\xE9", 4});
  CHECK(on.owner.told.wait_for("lost protocol"));
  CHECK(on.owner.told.wait_for("broke frame there@h a packet longer than node_limits::frame"));
}

TEST_CASE("a peer that makes more atoms than it may is disconnected, and gets no more by coming back", "[S15]") {
  bench on{node_limits{.atoms_per_peer = 2}};
  // A message with an atom of eight characters that this program does not know.
  const auto unheard = [&](std::string_view name) {
    etf::buffer packet;
    REQUIRE(dist::encode(packet, control::reg_send{on.remote, "scribe"_atom}, "S15_seen"_atom,
                         dist::expand_digest(dist::pass_through_offer)));
    auto bytes = packet.to_string();
    bytes.replace(bytes.find("S15_seen"), name.size(), name);
    return bytes;
  };
  on.attach(1);
  on.say_bytes(unheard("S15_no_1") + unheard("S15_no_2") + unheard("S15_seen") + unheard("S15_no_1"));
  CHECK(on.written.wait_for("'S15_no_1'", 2));
  CHECK(on.written.count("'S15_seen'") == 1);
  on.say_bytes(unheard("S15_no_3"));
  CHECK(on.owner.told.wait_for("lost protocol"));
  on.attach(2);
  on.say_bytes(unheard("S15_seen"));
  CHECK(on.written.wait_for("'S15_seen'", 2));
  on.say_bytes(unheard("S15_no_4"));
  CHECK(on.owner.told.wait_for("lost protocol", 2));
  CHECK_FALSE(etf::atom::find("S15_no_3").has_value());
  CHECK_FALSE(etf::atom::find("S15_no_4").has_value());
}

TEST_CASE("a silent peer is down within the tick time, and was ticked meanwhile") {
  bench on{{}, {.tick_time = 1s}};
  const auto begin = std::chrono::steady_clock::now();
  on.attach();
  CHECK(on.next().empty());
  const auto took = std::chrono::steady_clock::now() - begin;
  CHECK(on.owner.told.wait_for("lost silent"));
  CHECK(took >= 750ms);
  CHECK(on.ticks >= 2);
}

TEST_CASE("a peer that ticks is not down") {
  bench on{{}, {.tick_time = 1s}};
  on.attach();
  // Three tick times long: each tick of ours is answered by one, and nothing else is said.
  for (int tick = 0; tick < 12; ++tick) {
    on.await_tick();
    on.say_bytes(std::string(4, '\0'));
  }
  on.say(control::reg_send{on.remote, "scribe"_atom}, "said"_atom);
  REQUIRE(on.written.wait_for("said"));
  CHECK(on.to_peer().is_up());
  CHECK(on.to_peer().counters().ticks_in == 12);
  CHECK(on.to_peer().counters().ticks_out >= 12);
}

TEST_CASE("a peer that does not read makes the connection busy, and wakes who waits when it has read") {
  bench on{node_limits{.busy = 1U << 20}};
  on.attach();
  on.tell(etf::tuple("flood"_atom, on.remote, 16));
  CHECK(on.becomes_busy(true));
  for (int message = 0; message < 16; ++message) CHECK_FALSE(on.next().empty());
  CHECK(on.becomes_busy(false));
}

TEST_CASE("a callback that wrote to a busy connection is not given its next message until that has drained") {
  bench on{node_limits{.busy = 1U << 20}};
  on.attach();
  on.tell(etf::tuple("flood"_atom, on.remote, 16));
  REQUIRE(on.becomes_busy(true));
  on.runtime.send(on.scribe_id, "next"_atom);
  on.runtime.send(on.terms.speaker, "of another"_atom);
  REQUIRE(on.written.wait_for("'of another'"));
  CHECK(on.written.count("next") == 0);
  for (int message = 0; message < 16; ++message) CHECK_FALSE(on.next().empty());
  CHECK(on.written.wait_for("next"));
}

TEST_CASE("a callback that waits for a busy connection goes on when that is lost") {
  bench on{node_limits{.busy = 1U << 20}};
  on.attach();
  on.tell(etf::tuple("flood"_atom, on.remote, 16));
  REQUIRE(on.becomes_busy(true));
  REQUIRE(on.written.wait_for("flooded"));  // or its rest would wait for the next connection
  on.runtime.send(on.scribe_id, "next"_atom);
  ::close(std::exchange(on.other, -1));
  CHECK(on.written.wait_for("next"));
}

TEST_CASE("only the process that floods a busy connection within one slice is told to end") {
  bench on{node_limits{.busy = 1U << 20, .slice = 4U << 20}};
  on.attach();
  on.tell(etf::tuple("flood"_atom, on.remote, 16));
  REQUIRE(
      on.written.wait_for("flooded"));  // a reader that keeps pace with a slow sender would leave it below the bound
  for (int message = 0; message < 16; ++message) CHECK_FALSE(on.next().empty());
  CHECK(on.written.wait_for("{'EXIT'," + text(on.scribe_id) + ",{system_limit,there@h}}"));
  CHECK(on.to_peer().is_up());
}

TEST_CASE("what was sent before a disconnect is written before the end") {
  bench on{node_limits{.busy = 64U << 20}};
  on.attach();
  on.tell(etf::tuple("flood"_atom, on.remote, 8));
  on.tell(etf::tuple("send"_atom, on.remote, "last"_atom));
  on.runtime.send(on.scribe_id, "barrier"_atom);
  REQUIRE(on.written.wait_for("barrier"));
  on.to_peer().close(dist::peer_errc::disconnected);
  for (int message = 0; message < 8; ++message) CHECK_FALSE(on.next().empty());
  CHECK(on.next().ends_with(" last"));
  CHECK(on.next().empty());
  ::close(std::exchange(on.other, -1));
  CHECK(on.owner.told.wait_for("lost disconnected"));
}

TEST_CASE("what follows a disconnect is for the next session, even if this one has not begun yet") {
  bench on;
  auto& way = on.to_peer();
  CHECK(way.separate() == dist::attempt_id::none);
  way.announce(dist::attempt_id{1});
  CHECK(way.separate() == dist::attempt_id{1});
  on.tell(etf::tuple("send"_atom, on.remote, "after"_atom));
  on.runtime.send(on.scribe_id, "barrier"_atom);
  REQUIRE(on.written.wait_for("barrier"));
  on.attach(1);
  way.close(dist::peer_errc::disconnected);
  CHECK(on.next().empty());
  ::close(std::exchange(on.other, -1));
  CHECK(on.owner.told.wait_for("lost disconnected"));
  CHECK(on.owner.told.wait_for("wanted"));
  CHECK(way.separate() == dist::attempt_id::none);
  on.attach(2);
  CHECK(on.next().ends_with(" 'after'"));
}

TEST_CASE("a session that was announced and cannot begin leaves nothing in the way") {
  bench on;
  auto& way = on.to_peer();
  way.announce(dist::attempt_id{1});
  CHECK(way.separate() == dist::attempt_id{1});
  on.tell(etf::tuple("send"_atom, on.remote, "after"_atom));
  way.retract();
  CHECK(on.owner.told.wait_for("wanted"));
  on.attach(2);
  CHECK(on.next().ends_with(" 'after'"));
}

TEST_CASE("a disconnect does not wait for ever for a peer that reads nothing", "[R47]") {
  bench on{node_limits{.busy = 64U << 20, .drain = 100ms}};
  on.attach();
  on.tell(etf::tuple("flood"_atom, on.remote, 8));
  on.runtime.send(on.scribe_id, "barrier"_atom);
  REQUIRE(on.written.wait_for("barrier"));
  on.to_peer().close(dist::peer_errc::disconnected);
  CHECK(on.owner.told.wait_for("cut short there@h"));
  CHECK(on.owner.told.wait_for("lost disconnected"));
}

TEST_CASE("a peer that asks and does not read its answers is cut off") {
  bench on{node_limits{.unread_answers = 1U << 20}};
  on.attach();
  std::jthread asker{[&] {
    etf::buffer packets;
    for (std::uint32_t number = 1; number < 400; ++number) {
      const control::monitor asked{on.remote, "nobody"_atom, reference{on.peer, 3, {number, 2, 3}}};
      if (!dist::encode(packets, asked, dist::expand_digest(dist::pass_through_offer))) return;
    }
    const auto bytes = packets.to_string();
    for (;;) {
      if (::send(on.other, bytes.data(), bytes.size(), MSG_NOSIGNAL) <= 0) return;
    }
  }};
  CHECK(on.owner.told.wait_for("lost protocol"));
}

namespace {

/// Two sockets of this computer, connected by TCP.
std::array<int, 2> tcp_pair() {
  const int door = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof place;
  auto* const address = reinterpret_cast<sockaddr*>(&place);
  REQUIRE(::bind(door, address, size) == 0);
  REQUIRE(::listen(door, 1) == 0);
  REQUIRE(::getsockname(door, address, &size) == 0);
  const int caller = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(caller, address, size) == 0);
  const int callee = ::accept4(door, nullptr, nullptr, SOCK_CLOEXEC);
  REQUIRE(callee >= 0);
  ::close(door);
  return {caller, callee};
}

struct queue_lengths {
  int unsent = 0;
  int unread = 0;
};

queue_lengths lengths_of(int descriptor) {
  queue_lengths found;
  socklen_t size = sizeof(int);
  REQUIRE(::getsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &found.unsent, &size) == 0);
  REQUIRE(::getsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &found.unread, &size) == 0);
  return found;
}

/// What the system was told about the queues of a connection's socket, and what it did before.
std::pair<queue_lengths, queue_lengths> lengths_with(const node_limits& limits) {
  bench on{limits};
  const auto ends = tcp_pair();
  const int same = ::dup(ends[0]);  // the connection closes its own
  const auto before = lengths_of(same);
  on.attach_to(ends);
  on.say(control::reg_send{on.remote, "scribe"_atom}, "hello"_atom);
  REQUIRE(on.written.wait_for("hello"));
  const auto after = lengths_of(same);
  ::close(same);
  return {before, after};
}

}  // namespace

TEST_CASE("the system holds no more of a connection to this computer than node_limits say, or decides itself") {
  const auto told = lengths_with({.system_unsent = 20'000, .system_unread = 50'000}).second;
  CHECK(told.unsent == 20'000);
  CHECK(told.unread == 2 * 50'000);  // Linux doubles it, for its own needs
  const auto [before, after] = lengths_with({.system_unsent = 0, .system_unread = 0});
  CHECK(after.unsent == before.unsent);
  CHECK(after.unread == before.unread);
}

TEST_CASE("after the node has stopped a signal is answered as for a lost connection") {
  bench on;
  auto& connection = on.to_peer();
  connection.retire();
  on.tell(etf::tuple("monitor"_atom, on.remote));
  CHECK(on.written.wait_for("DOWN noconnection"));
}

TEST_CASE("what still waits for a peer when its runtime has stopped ends with the connection") {
  auto bytes = std::make_shared<const std::string>(etf::encode_to_string(etf::binary(std::string(100'000, 'x'))));
  const std::weak_ptr<const std::string> held = bytes;
  std::shared_ptr<const void> handle = std::move(bytes);
  auto content = etf::decode_all(std::as_bytes(std::span{*held.lock()}), {.aliased = &handle}).value();
  handle.reset();
  const auto send = [&content](bench& on, const pid& from) {
    on.local.route(on.remote, make_signal(signal_kind::message, from, content));
  };
  SECTION("before there is a session") {
    bench on;
    send(on, on.terms.speaker);
    REQUIRE(on.owner.told.wait_for("wanted"));
    on.runtime.stop(10ms);
    send(on, on.terms.speaker);
    on.way.monitor_node(on.terms.speaker, "there@h"_atom);
    on.to_peer().separate();
  }
  SECTION("in a session, behind what is too long for the socket") {
    bench on;
    on.attach();
    const auto sender = on.scribe_id;
    on.local.route(on.remote, make_signal(signal_kind::message, sender, etf::binary(std::string(32U << 20, 'l'))));
    send(on, sender);
    REQUIRE(on.becomes_busy(true));
    on.local.route(on.remote, make_signal(signal_kind::down, sender, term{"tag"_atom}, content));
    on.runtime.stop(10ms);
  }
  content = {};
  CHECK(held.expired());
}

TEST_CASE("the names of nodes that cannot be are answered at once, without a connection") {
  bench on;
  const pid nowhere{etf::node_id::make(atom::of("no_node"), 1).value(), 1, 1};
  on.tell(etf::tuple("monitor"_atom, nowhere));
  CHECK(on.written.wait_for("DOWN noconnection"));
  CHECK(on.way.find_or_make("here@h"_atom) == nullptr);
  CHECK(on.way.find("no_node"_atom) == nullptr);
}
