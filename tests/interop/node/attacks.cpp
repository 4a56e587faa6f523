// What a hostile or broken peer sends: to a node that has not let it in, and to one that has.
#include "harness.hpp"
#include "sockets.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>

namespace ergo_interop {
namespace {

ergo::node_options hardened(const std::string& stem) {
  auto options = options_for(fresh_name(stem), free_port());
  options.limits.handshake_step = 400ms;
  options.limits.handshake_total = 1200ms;
  return options;
}

void still_well(our_node& node) {
  expect_term(node.call("echo"_atom, "well"_atom), "well");
  const raw_socket good{node->port()};
  expect(log_in(good, fresh_name("good") + "@localhost", "interop"), "a good peer is let in");
}

TEST_CASE("Handshake messages of every wrong length and kind are refused, and the node stays well", "[installed]") {
  among_ourselves("handshake: wrong lengths and garbage are refused", [] {
    using namespace std::string_literals;
    our_node node{hardened("target")};
    const std::string junk(70'000, '\xA5');
    const std::vector<std::string> attacks{u16(0),
                                           u16(1) + "N",
                                           u16(1) + "X",
                                           u16(0xFFFF) + junk,
                                           u16(2) + "NN",
                                           junk,
                                           std::string(300, '\0'),
                                           u32(0x7FFF'FFFF),
                                           u32(0xFFFF'FFFF),
                                           handshake_frame("N" + u64(~0ULL) + u32(1) + u16(0)),
                                           handshake_frame("N" + u64(~0ULL) + u32(1) + u16(0xFFFF) + "short@host"),
                                           handshake_frame("N" + u64(0) + u32(1) + u16(12) + "x@localhost!"),
                                           handshake_frame("r" + u32(1) + std::string(16, 'd')),
                                           handshake_frame("a" + std::string(16, 'd')),
                                           handshake_frame("sok"),
                                           "GET / HTTP/1.1\r\n\r\n",
                                           "\x16\x03\x01\x02\x00\x01\x00"s};
    for (const auto& attack : attacks) {
      const raw_socket bad{node->port()};
      (void)bad.send(attack);
      expect(bad.closes(5s), "not closed: " + attack.substr(0, 20));
    }
    expect(node->nodes(ergo::node_set::all).empty(), "nobody was let in");
    still_well(node);
  });
}

TEST_CASE("A slow or silent handshake ends at its deadline", "[installed]") {
  among_ourselves("handshake: silence and dripping bytes hit the deadline", [] {
    our_node node{hardened("target")};
    const raw_socket silent{node->port()};
    const auto began = std::chrono::steady_clock::now();
    expect(silent.closes(5s), "silence was borne");
    expect(std::chrono::steady_clock::now() - began < 3s, "silence was borne too long");
    const raw_socket slow{node->port()};
    const auto message = name_message(fresh_name("slow") + "@localhost");
    const auto start = std::chrono::steady_clock::now();
    bool closed = false;
    for (std::size_t index = 0; index < message.size() && !closed; ++index)
      closed = !slow.send(message.substr(index, 1)) || slow.closes(100ms);
    expect(closed || slow.closes(3s), "a dripping handshake was borne");
    expect(std::chrono::steady_clock::now() - start < 4s, "it was borne too long");
    still_well(node);
  });
}

TEST_CASE("A wrong digest is never let in, and makes no atom of its name", "[installed]") {
  among_ourselves("handshake: wrong digest refused, 0 atoms made", [] {
    our_node node{hardened("target")};
    std::vector<std::string> names;
    for (int round = 0; round < 3; ++round) {  // each waits for the delayed answer
      names.push_back(fresh_name("intruder") + "@localhost");
      const raw_socket bad{node->port()};
      expect(!log_in(bad, names.back(), "guess" + std::to_string(round)), "a wrong digest was let in");
    }
    for (int round = 0; round < 20; ++round) {
      names.push_back(fresh_name("silent") + "@localhost");
      const raw_socket bad{node->port()};
      expect(bad.send(name_message(names.back())), "closed at once");
    }
    for (const auto& name : names) expect(!ergo::atom::find(name).has_value(), "an atom was made: " + name);
    expect(node->nodes(ergo::node_set::all).empty(), "nobody was let in");
    still_well(node);
  });
}

TEST_CASE("Nobody claims the node's own name or one that is not allowed", "[installed]") {
  among_ourselves("handshake: own name and names not allowed are refused", [] {
    auto options = hardened("target");
    options.allow = {"good*@localhost"};
    our_node node{options};
    const raw_socket mirror{node->port()};
    expect(!log_in(mirror, node.name(), "interop"), "our own name was let in");
    const raw_socket stranger{node->port()};
    expect(!log_in(stranger, fresh_name("stranger") + "@localhost", "interop"), "a stranger was let in");
    still_well(node);
  });
}

TEST_CASE("Packets of absurd length close the connection and nothing else", "[installed]") {
  among_ourselves("packets: lengths 1, 2^31-1, 2^32-1 and garbage close the connection", [] {
    our_node node{hardened("target")};
    for (const auto& attack : {u32(0x7FFF'FFFF) + "pp", u32(0xFFFF'FFFF) + "pp", u32(1) + "x", u32(4) + "pppp",
                               u32(3) + "p\x83\xFF", u32(1) + "p"}) {
      const raw_socket bad{node->port()};
      expect(log_in(bad, fresh_name("peer") + "@localhost", "interop"), "not let in");
      expect(bad.send(u32(0) + u32(0)), "ticks are welcome");
      (void)bad.send(attack);
      expect(bad.closes(5s), "not closed");
    }
    still_well(node);
  });
}

TEST_CASE("A malformed control message of every operation closes the connection and nothing else", "[installed]") {
  among_ourselves("packets: malformed control messages of every operation", [] {
    our_node node{hardened("target")};
    for (const int operation : {1,  2,  3,  4,  6,  7,  8,  12, 13, 16, 18, 19, 20, 21, 22,
                                23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36}) {
      for (const std::string& control : {std::string{"h\x02"} + "a" + static_cast<char>(operation) + "j",
                                         std::string{"h\x04"} + "a" + static_cast<char>(operation) + "jjj"}) {
        const raw_socket bad{node->port()};
        expect(log_in(bad, fresh_name("peer") + "@localhost", "interop"), "not let in");
        const auto packet = "p\x83" + control;
        (void)bad.send(u32(packet.size()) + packet);
        expect(bad.closes(5s), "not closed after operation " + std::to_string(operation));
      }
    }
    const auto counted = node->figures().breaches;
    expect(counted.all() == 2 * 29, "each is counted, and by its reason");
    expect(counted[ergo::breach::control] == counted.all(), "each is counted as a bad control message");
    still_well(node);
  });
}

/// The packet of a message to `recorder`, whose payload is `term` without its version byte.
std::string message_packet(const std::string& from, const std::string& term) {
  const auto atom = [](const std::string& text) { return "w" + std::string(1, static_cast<char>(text.size())) + text; };
  const auto sender = "X" + atom(from) + u32(1) + u32(0) + u32(1);
  const auto packet = "p\x83h\x04" + std::string{"a\x06"} + sender + atom("") + atom("recorder") + "\x83" + term;
  return u32(packet.size()) + packet;
}

TEST_CASE("A payload that no peer may send closes the connection and is received by nobody", "[installed]") {
  among_ourselves("payloads: compressed, local, lying counts are refused", [] {
    using namespace std::string_literals;
    our_node node{hardened("target")};
    const auto deflated = "\x78\x01\x01\x02\x00\xFD\xFF\x61\x07\x00\xCB\x00\x69"s;  // of the integer 7
    const std::vector<std::string> refused{
        "P" + u32(2) + deflated,      "y" + u64(0) + "a\x07", "l" + u32(0x7FFF'FFFF) + "j",
        "m" + u32(0xFFFF'FFFF) + "x", "w\x02\xC3\x28",        ""};
    for (const auto& payload : refused) {
      const raw_socket bad{node->port()};
      const auto name = fresh_name("peer") + "@localhost";
      expect(log_in(bad, name, "interop"), "not let in");
      expect(bad.send(message_packet(name, "a\x01")), "closed at once");
      (void)bad.send(message_packet(name, payload) + message_packet(name, "a\x02"));
      expect(bad.closes(5s), "not closed");
    }
    expect_term(node.call("recorder"_atom, "take"_atom), "[1,1,1,1,1,1]");
    const auto counted = node->figures().breaches;
    expect(counted.all() == refused.size(), "each is counted");
    expect(counted[ergo::breach::control] == 1, "the message without a payload is counted as a bad control message");
    expect(counted[ergo::breach::payload] == refused.size() - 1, "the others are counted as no terms");
    still_well(node);
  });
}

}  // namespace
}  // namespace ergo_interop
