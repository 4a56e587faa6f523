// Many strangers at the door, slow ones, and those who try our own proofs on us; a real peer gets in meanwhile.
#include "harness.hpp"
#include "sockets.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <random>

namespace ergo_interop {
namespace {

using steady = std::chrono::steady_clock;

std::ptrdiff_t closed_of(const std::deque<raw_socket>& sockets) {
  return std::ranges::count_if(sockets, [](const raw_socket& one) { return one.is_closed(); });
}

/// Who was sent away: an x for each, a dot for the others.
std::string pattern_of(const std::deque<raw_socket>& sockets) {
  std::string pattern;
  for (const auto& one : sockets) pattern += one.is_closed() ? 'x' : '.';
  return pattern;
}

/// The fastest of five connections made by a live Erlang node, with what else it takes to ask the port mapper.
std::chrono::microseconds fastest_ping(erlang_peer& peer, our_node& ours) {
  auto fastest = std::chrono::microseconds::max();
  for (int round = 0; round < 5; ++round) {
    const auto took = parsed(peer.run("{apply, timer, tc, [net_adm, ping, [" + ours.quoted_name() + "]]}"));
    expect(took.is_tuple(2) && took.elements()[1].is("pong"_atom), "no pong");
    fastest = std::min(fastest, std::chrono::microseconds{took.elements()[0].as_integer().value()});
    ours->disconnect(peer.name());
    eventually("they saw it", [&] { return peer.run("{connected, " + ours.quoted_name() + "}") == "false"; });
  }
  return fastest;
}

TEST_CASE("Over 32 strangers of one address the one that has been silent for longest has to go", "[installed]") {
  among_ourselves("handshake: 32 per address, the oldest goes", [] {
    our_node node{options_for(fresh_name("target"), free_port())};
    std::deque<raw_socket> strangers;
    for (int count = 0; count < 40; ++count) strangers.emplace_back(node->port());
    eventually("eight are sent away", [&] { return closed_of(strangers) >= 8; }, 3s);
    expect_same(pattern_of(strangers), std::string(8, 'x') + std::string(32, '.'));
    eventually("they are counted", [&] { return node->figures().refused[ergo::refusal::pushed_out] == 8; }, 3s);
    const raw_socket neighbour{node->port(), 0x7F00'0002};
    expect(log_in(neighbour, fresh_name("good") + "@localhost", "interop"), "another address suffers");
    expect(closed_of(strangers) == 8, "another address costs them a place");
    const raw_socket honest{node->port()};
    expect(log_in(honest, fresh_name("good") + "@localhost", "interop"), "an honest one of that address suffers");
  });
}

TEST_CASE("Over 256 strangers the oldest go, and a real peer connects as fast as ever", "[installed]") {
  for_installed("handshake: 256 in all, erl connects in < 100 ms", [](const release& otp) {
    const auto port = free_port();
    our_node node{options_for(fresh_name("target"), port)};
    erlang_peer peer{peer_at(otp, port)};
    std::deque<raw_socket> strangers;
    for (std::uint32_t address = 0; address < 16; ++address)
      for (int count = 0; count < 20; ++count) strangers.emplace_back(node->port(), 0x7F00'0100 + address);
    eventually("64 are sent away", [&] { return closed_of(strangers) >= 64; }, 3s);
    expect_same(pattern_of(strangers), std::string(64, 'x') + std::string(256, '.'));
    const auto took = fastest_ping(peer, node);
    expect(took < 100ms, "it took " + std::to_string(took.count()) + " us");
    expect_same(peer.run("{call, {echo, " + node.quoted_name() + "}, well}"), "well");
  });
}

/// How far a half-open handshake gets before it falls silent.
void begin(const raw_socket& stranger, unsigned how_far, unsigned cut) {
  const auto name = fresh_name("half") + "@localhost";
  const auto message = name_message(name);
  if (how_far == 1) (void)stranger.send(message.substr(0, 1 + cut % (message.size() - 1)));
  if (how_far == 2) (void)stranger.send(message);
  if (how_far == 3) {
    if (const auto challenge = challenge_for(stranger, name))
      (void)stranger.send(reply_message("interop", *challenge, 1).substr(0, 1 + cut % 22));
  }
}

// From seven addresses, which together have fewer places than there are.
TEST_CASE("A thousand half-open handshakes are closed by their deadline, and real peers connect meanwhile",
          "[R30][installed]") {
  for_installed("handshake: 1,000 half-open, closed by the deadline", [](const release& otp) {
    const auto port = free_port();
    auto options = options_for(fresh_name("target"), port);
    options.limits.handshake_step = 2s;
    options.limits.handshake_total = 4s;
    our_node node{options};
    erlang_peer peer{peer_at(otp, port)};
    std::mt19937 random{20};
    std::deque<raw_socket> strangers;
    auto fastest = std::chrono::microseconds::max();
    for (std::uint32_t count = 0; count < 1000; ++count) {
      strangers.emplace_back(node->port(), 0x7F00'0200 + count % 7);
      const auto how_far = random() % 4;
      begin(strangers.back(), static_cast<unsigned>(how_far), static_cast<unsigned>(random()));
      if (count % 400 == 399) fastest = std::min(fastest, fastest_ping(peer, node));
    }
    expect(fastest < 100ms, "a real peer took " + std::to_string(fastest.count()) + " us");
    eventually("all are closed", [&] { return closed_of(strangers) == 1000; }, 10s);
    expect(node->nodes(ergo::node_set::all).empty(), "a stranger was let in");
    expect_same(peer.run("{ping, " + node.quoted_name() + "}"), "pong");
  });
}

std::size_t refusals(const our_node& node) {
  const auto all = node.reports();
  std::size_t count = 0;
  for (auto at = all.find("refused a connection"); at != std::string::npos;
       at = all.find("refused a connection", at + 1))
    ++count;
  return count;
}

TEST_CASE("Only the answer to a wrong digest is delayed, and its report is rate-limited", "[installed]") {
  among_ourselves("handshake: a wrong digest waits 1 s, a right one does not", [] {
    our_node node{options_for(fresh_name("target"), free_port())};
    std::deque<raw_socket> guessing;
    const auto began = steady::now();
    for (int count = 0; count < 10; ++count) {
      guessing.emplace_back(node->port());
      const auto challenge = challenge_for(guessing.back(), fresh_name("guess") + "@localhost");
      expect(challenge.has_value(), "no challenge");
      expect(guessing.back().send(reply_message("guess", *challenge, 5)), "closed at once");
    }
    eventually("the first one is reported", [&] { return refusals(node) > 0; });
    const raw_socket good{node->port()};
    const auto asked = steady::now();
    expect(log_in(good, fresh_name("good") + "@localhost", "interop"), "a right digest was refused");
    expect(steady::now() - asked < 200ms, "a right digest waited");
    expect(closed_of(guessing) == 0 || steady::now() - began > 1s, "a guess was answered at once");
    expect(guessing.back().read(1, 10s).empty(), "a guess was answered");
    expect(steady::now() - began >= 1s, "a guess was answered early");
    expect(refusals(node) <= 2, "each of ten guesses was reported");
    eventually("each is counted", [&] { return node->figures().refused[ergo::refusal::cookie] == 10; }, 3s);
  });
}

/// A node of ours that dials every peer at `port`, on loopback addresses.
ergo::node_options without_mapper(std::uint16_t port) {
  auto options = options_for("", port);
  options.name = fresh_name("cpp") + "@127.0.0.1";
  options.epmd = ergo::epmd_mode::none;
  options.peer_port = port;
  options.limits.handshake_step = 500ms;
  options.limits.handshake_total = 1500ms;
  return options;
}

/// What our node says to a peer that it dials and that answers with `challenge`.
std::string answer_to(our_node& node, const raw_listener& evil, const std::string& name, std::uint32_t challenge) {
  auto dialling = std::async(std::launch::async, [&] { return node->connect(name, 10s).has_value(); });
  const auto caller = evil.accept();
  expect(read_message(caller).starts_with("N"), "no name");
  (void)caller.send(handshake_frame("sok") + challenge_message(name, challenge));
  auto said = read_message(caller);
  expect(!dialling.get(), "connected to a peer without the cookie");
  return said;
}

TEST_CASE("Nobody has us answer our own challenge", "[installed]") {
  among_ourselves("handshake: our own challenge is refused as a question", [] {
    const auto port = free_port();
    our_node node{without_mapper(port)};
    const raw_listener evil{0x7F00'0002, port};
    const auto name = fresh_name("evil") + "@127.0.0.2";
    const raw_socket asking{node->port()};
    const auto challenge = challenge_for(asking, fresh_name("evil") + "@127.0.0.3");
    expect(challenge.has_value(), "no challenge");
    expect_same(answer_to(node, evil, name, *challenge), "");
    expect(answer_to(node, evil, name, *challenge + 1).starts_with("r"), "no other challenge is answered either");
  });
}

TEST_CASE("Dialling a peer that says nothing, or drips, ends at the deadline", "[installed]") {
  among_ourselves("handshake: dialled peers that are silent or drip", [] {
    const auto port = free_port();
    our_node node{without_mapper(port)};
    const raw_listener slow{0x7F00'0002, port};
    const auto name = fresh_name("slow") + "@127.0.0.2";
    for (const bool drips : {false, true}) {
      const auto began = steady::now();
      auto dialling = std::async(std::launch::async, [&] { return node->connect(name, 20s); });
      const auto caller = slow.accept();
      const auto text = handshake_frame("sok") + challenge_message(name, 1);
      for (std::size_t index = 0; drips && index < text.size(); ++index) {
        if (!caller.send(text.substr(index, 1)) || caller.closes(100ms)) break;
      }
      const auto outcome = dialling.get();
      const auto took = steady::now() - began;
      expect(!outcome.has_value() && outcome.error() == ergo::errc::nodedown, "no nodedown");
      expect(took >= 450ms && took < 3s, drips ? "dripping was borne too long" : "silence was borne too long");
    }
  });
}

TEST_CASE("A peer of OTP 22 or older is refused, and the missing flag is named", "[installed]") {
  among_ourselves("handshake: OTP 22 is refused with the missing flag", [] {
    our_node node{options_for(fresh_name("target"), free_port())};
    constexpr std::uint32_t otp22 = 0x00DF'7FBC;  // the last release without HANDSHAKE_23
    const raw_socket old{node->port()};
    expect(old.send(handshake_frame("n" + u16(5) + u32(otp22) + "old@localhost")), "closed at once");
    expect_same(read_message(old), "snot_allowed");
    expect(old.closes(), "not closed");
    eventually("the flag is named", [&] { return node.reported("HANDSHAKE_23"); }, 3s);
    expect(node.reported("OTP 23 or later is needed"), "no release is named: " + node.reports());
    const raw_socket plain{node->port(), 0x7F00'0002};
    expect(plain.send(name_message("no_unicode@localhost", offered_flags & ~0x401'0000ULL)), "closed at once");
    expect_same(read_message(plain), "snot_allowed");
  });
}

}  // namespace
}  // namespace ergo_interop
