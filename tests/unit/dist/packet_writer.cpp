// Packets as they are sent: the bytes of the header, when an atom is spelled out, fragments, and what is never sent.
#include "packet_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

using namespace ergo::test;
using namespace std::string_literals;

namespace {

// What a process that does this ends with.
template <typename Action>
int status_of(Action action) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);  // the test program's own handler would report a failure
    if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(99);
    action();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

// What stands in front of the terms of the only packet in a stream.
std::string header_of(const std::string& stream) {
  const auto all = bodies(stream);
  REQUIRE(all.size() == 1);
  const auto terms = all[0].find("\x68\x03\x61\x16");  // {22,
  REQUIRE(terms != std::string::npos);
  return hex(all[0].substr(0, terms));
}

std::string slot_of(etf::atom name) { return hex(big_endian(name.index() % 256, 1)); }
unsigned segment_of(etf::atom name) { return name.index() % 2048 / 256; }
std::string hex_digit(unsigned value) { return {"0123456789abcdef"[value]}; }

// A new atom for this slot of the cache.
etf::atom atom_in_slot(std::uint32_t slot) {
  static int number = 0;
  for (;;) {
    const auto made = etf::atom::of("packet_writer_atom_" + std::to_string(++number));
    if (made.index() % 2048 == slot) return made;
  }
}

}  // namespace

TEST_CASE("a packet is begun with its tag and ended with its length") {
  etf::buffer out;
  dist::append_tick(out);
  for (const bool by_writer : {false, true}) {
    packet_writer writer{dist::pass_through_offer};
    const auto to = by_writer ? dist::encode_context{writer} : dist::encode_context{dist::pass_through_offer};
    auto packet = dist::begin_packet(out, to);
    out.append("abc");
    dist::begin_payload(out, packet, to);
    out.append("defgh");
    CHECK(dist::end_packet(out, packet, to));
  }
  const auto packet =
      "\0\0\0\x0b"
      "p\x83"
      "abc"
      "\x83"
      "defgh"s;
  CHECK(out.to_string() == std::string(4, '\0') + packet + packet);
}

TEST_CASE("the length of a packet counts what is written from its own memory") {
  etf::buffer out;
  const auto start = dist::begin_packet(out, dist::pass_through_offer);
  out.gather(etf::binary("0123456789"));
  out.append("x");
  CHECK(dist::end_packet(out, start, dist::pass_through_offer));
  CHECK(text_of(out.bytes()).substr(0, 4) == big_endian(13, 4));
}

TEST_CASE("a packet that no peer would take is not ended") {
  etf::buffer out;
  const etf::term piece = etf::adopt_binary(std::string(64U << 20, 'x'));
  const auto start = dist::begin_packet(out, dist::pass_through_offer);
  for (int i = 0; i < 31; ++i) out.gather(piece);
  CHECK(dist::end_packet(out, start, dist::pass_through_offer));
  out.gather(piece);
  CHECK_FALSE(dist::end_packet(out, start, dist::pass_through_offer));
}

// ----- the header ---------------------------------------------------------------------------------------------------

TEST_CASE("an atom is spelled out once, and then only named by its slot") {
  packet_writer writer{with_cache};
  const auto name = "packet_writer_once"_atom;
  const auto peer = "peer@h"_atom;
  const auto us = "us@h"_atom;
  const auto seg = [](etf::atom a, bool fresh) { return hex_digit(segment_of(a) | (fresh ? 8 : 0)); };
  CHECK(header_of(written(writer, name)) == "834403" + seg(us, true) + seg(peer, true) + "0" + seg(name, true) +
                                                slot_of(peer) + "06" + hex("peer@h") + slot_of(us) + "04" +
                                                hex("us@h") + slot_of(name) + "12" + hex(name.text()));
  CHECK(header_of(written(writer, name)) == "834403" + seg(us, false) + seg(peer, false) + "0" + seg(name, false) +
                                                slot_of(peer) + slot_of(us) + slot_of(name));
}

TEST_CASE("behind a header no term has a 131, and atoms are positions") {
  packet_writer writer{with_cache};
  const auto body = bodies(written(writer, etf::tuple("a"_atom, 1, "us@h"_atom)))[0];
  const auto terms = body.substr(body.find("\x68\x03\x61\x16"));
  CHECK(hex(terms) ==
        "68036116"
        "585200000000640000000100000009"
        "585201000000c8000000020000004d"
        "6803520261015201");
}

TEST_CASE("the options of a header stand behind its last reference, in either half of a byte") {
  std::string text;
  for (int number = 0; number < 200; ++number) text += "\xce\xbb";  // lambda
  const auto wide = etf::atom::of(text);
  for (const auto& payload : {etf::tuple(wide), etf::tuple(wide, "packet_writer_second"_atom)}) {
    packet_writer writer{with_cache};
    const auto body = bodies(written(writer, payload))[0];
    const std::size_t count = payload.elements().size() + 2;
    CHECK(static_cast<unsigned char>(body[2]) == count);
    const auto last = static_cast<unsigned char>(body[3 + count / 2]);
    CHECK((count % 2 == 0 ? last & 0xFU : last >> 4) == 1);
    CHECK(body.find("\x01\x90" + text) != std::string::npos);
    CHECK(body.find("\0\x06peer@h"s) != std::string::npos);
    // Known to the receiver, it makes no header long.
    const auto again = bodies(written(writer, payload))[0];
    const auto options = static_cast<unsigned char>(again[3 + count / 2]);
    CHECK((count % 2 == 0 ? options & 0xFU : options >> 4) == 0);
  }
}

TEST_CASE("two atoms in one slot drive each other out, within a packet too") {
  const auto first = atom_in_slot(2047);
  const auto second = atom_in_slot(2047);
  packet_writer writer{with_cache};
  packet_reader reader{with_cache};
  const auto payload = etf::tuple(first, second, first);
  for (int round = 0; round < 3; ++round) {
    for (const auto& sent : {payload, etf::tuple(second, first), etf::tuple(first), etf::tuple(second)}) {
      const auto stream = written(writer, sent);
      const auto body = bodies(stream)[0];
      const auto got = reader.read(view(body), nullptr);
      REQUIRE(got.has_value());
      REQUIRE(understand(**got, with_cache) == arrival{control::send{theirs, ours}, sent});
    }
  }
}

TEST_CASE("an atom that was driven out is spelled out again") {
  const auto first = atom_in_slot(77);
  const auto second = atom_in_slot(77);
  packet_writer writer{with_cache};
  const auto spelled = [&writer](etf::atom name) {
    return written(writer, name).find(name.text()) != std::string::npos;
  };
  CHECK(spelled(first));
  CHECK_FALSE(spelled(first));
  CHECK(spelled(second));
  CHECK_FALSE(spelled(second));
  CHECK(spelled(first));
}

TEST_CASE("where only fragments were negotiated a header names no atom, and the terms spell them out") {
  packet_writer writer{with_fragments};
  for (int round = 0; round < 2; ++round) {
    const auto stream = written(writer, "packet_writer_plain"_atom);
    CHECK(header_of(stream) == "834400");
    CHECK(stream.find("packet_writer_plain") != std::string::npos);
    CHECK(stream.find("peer@h") != std::string::npos);
  }
}

TEST_CASE("a packet that is dropped leaves nothing behind, and the next one is whole") {
  packet_writer writer{with_both};
  packet_reader reader{with_both};
  etf::buffer out;
  const auto start = dist::begin_packet(out, writer);
  etf::encode_bare(out, "packet_writer_dropped"_atom);
  dist::drop_packet(out, start);
  CHECK(out.empty());
  const auto stream = written(writer, "packet_writer_dropped"_atom);
  const auto body = bodies(stream)[0];
  const auto got = reader.read(view(body), nullptr);
  REQUIRE(got.has_value());
  CHECK(understand(**got, with_both)->payload == etf::term{"packet_writer_dropped"_atom});
}

// ----- fragments ----------------------------------------------------------------------------------------------------

TEST_CASE("a long payload is cut, the control message stays whole, and numbers count down to one") {
  packet_writer writer{with_fragments, {.fragment = 10}};
  const auto stream = written(writer, etf::binary("0123456789abcdefghij"));  // 25 bytes with its head
  const auto all = bodies(stream);
  REQUIRE(all.size() == 3);
  const auto control =
      "68036116"
      "58770670656572406800000064"
      "0000000100000009"
      "587704757340680"
      "00000c8"
      "00000002"
      "0000004d";
  CHECK(hex(all[0]) ==
        "8345"
        "0000000000000001"
        "0000000000000003"
        "00"s +
            control + "6d00000014" + hex("01234"));
  CHECK(hex(all[1]) ==
        "8346"
        "0000000000000001"
        "0000000000000002" +
            hex("56789abcde"));
  CHECK(hex(all[2]) ==
        "8346"
        "0000000000000001"
        "0000000000000001" +
            hex("fghij"));
  CHECK(hex(bodies(written(writer, etf::binary("0123456789")))[0]).starts_with("83450000000000000002"));
}

TEST_CASE("a payload that just fits is not cut") {
  packet_writer writer{with_both, {.fragment = 15}};
  CHECK(bodies(written(writer, etf::binary("0123456789"))).size() == 1);
  CHECK(bodies(written(writer, etf::binary("0123456789a"))).size() == 2);
}

TEST_CASE("without fragments a payload is never cut") {
  for (const flags negotiated : {with_29, with_cache}) {
    packet_writer writer{negotiated, {.fragment = 10}};
    CHECK(bodies(written(writer, etf::binary(std::string(100'000, 'x')))).size() == 1);
    CHECK_FALSE(writer.take_large());
  }
}

TEST_CASE("a long message leaves the buffer, and other packets go between its fragments") {
  packet_writer writer{with_both, {.fragment = 1'000}};
  packet_reader reader{with_both};
  const auto large = etf::tuple("packet_writer_large"_atom, etf::binary(std::string(9'500, 'x')));
  etf::buffer out;
  REQUIRE(dist::encode(out, control::send{theirs, ours}, 1, writer));
  const auto before = out.size();
  REQUIRE(dist::encode(out, control::send{theirs, ours}, large, writer));
  CHECK(out.size() == before);
  auto fragments = writer.take_large();
  REQUIRE(fragments.has_value());
  CHECK_FALSE(writer.take_large());
  CHECK(fragments->left() == 10);
  while (fragments->left() != 0) {
    const auto size = fragments->size();
    fragments->next(out, writer);
    CHECK(fragments->size() < size);
    REQUIRE(dist::encode(out, control::send{theirs, ours}, "packet_writer_large"_atom, writer));
  }
  CHECK(fragments->size() == 0);
  std::vector<etf::term> got;
  for (const auto& body : bodies(out.to_string())) {
    const auto message = reader.read(view(body), nullptr);
    REQUIRE(message.has_value());
    if (*message) got.push_back(understand(**message, with_both)->payload);
  }
  std::vector<etf::term> expected{1};
  expected.insert(expected.end(), 9, "packet_writer_large"_atom);
  expected.insert(expected.end(), {large, "packet_writer_large"_atom});
  CHECK(got == expected);
}

TEST_CASE("a large binary is cut without being copied") {
  packet_writer writer{with_fragments, {.fragment = 64U << 10}};
  const auto large = etf::binary(std::string(1'000'000, 'x'));
  etf::buffer out;
  REQUIRE(dist::encode(out, control::send{theirs, ours}, etf::tuple(large, large), writer, {.gather_from = 1'000}));
  auto fragments = writer.take_large();
  REQUIRE(fragments.has_value());
  while (fragments->left() != 0) fragments->next(out, writer);
  CHECK(out.size() > 2'000'000);
  CHECK(out.bytes().size() < 20'000);
  for (const auto& piece : out.pieces()) {
    CHECK(piece.bytes.data() >= large.bytes().data());
    CHECK(piece.bytes.data() + piece.bytes.size() <= large.bytes().data() + large.bytes().size());
  }
}

TEST_CASE("the old forms of an end have no payload and are never cut") {
  packet_writer writer{with_both.without(flag::exit_payload), {.fragment = 100}};
  etf::buffer out;
  REQUIRE(dist::encode(out, control::exit{theirs, ours}, etf::binary(std::string(1'000, 'x')), writer));
  CHECK_FALSE(writer.take_large());
  CHECK(bodies(out.to_string()).size() == 1);
}

TEST_CASE("in fragments a message may be longer than any packet") {
  packet_writer whole{with_cache};
  packet_writer cut{with_both};
  const std::vector<etf::term> pieces(40, etf::adopt_binary(std::string(64U << 20, 'x')));
  etf::buffer out;
  const auto refused =
      dist::encode(out, control::send{theirs, ours}, etf::make_tuple(pieces), whole, {.gather_from = 1});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error() == dist::encode_errc::too_long);
  CHECK(out.empty());
  CHECK(out.atoms() == nullptr);
  REQUIRE(dist::encode(out, control::send{theirs, ours}, etf::make_tuple(pieces), cut, {.gather_from = 1}));
  const auto fragments = cut.take_large();
  REQUIRE(fragments.has_value());
  CHECK(fragments->size() > (std::size_t{40} << 26));
  CHECK(fragments->left() == (fragments->size() >> 16) + 1);
}

// ----- what is never sent -------------------------------------------------------------------------------------------

TEST_CASE("the forms that kill a VM or close a connection are known") {
  const flags none = dist::pass_through_offer;
  const flags fragments = none.with(flag::fragments);
  const flags cache = none.with(flag::dist_hdr_atom_cache);
  const flags both = fragments.with(flag::dist_hdr_atom_cache);
  const dist::header_plan plain{};
  const dist::header_plan header{.form = packet_form::header};
  const dist::header_plan atoms{.form = packet_form::header, .atoms = 1};
  const dist::header_plan pieces{.form = packet_form::header, .sequence = 1, .fragments = 2};
  const dist::header_plan seq_0{.form = packet_form::header, .sequence = 0, .fragments = 2};
  struct row {
    dist::header_plan plan;
    bool safe[4];  // with nothing, fragments only, cache only, both negotiated
  };
  for (const row& r : {row{plain, {true, false, false, false}}, row{header, {false, true, true, true}},
                       row{atoms, {false, false, true, true}}, row{pieces, {false, true, false, true}},
                       row{seq_0, {false, false, false, false}}}) {
    CHECK(dist::lethal(r.plan, none).empty() == r.safe[0]);
    CHECK(dist::lethal(r.plan, fragments).empty() == r.safe[1]);
    CHECK(dist::lethal(r.plan, cache).empty() == r.safe[2]);
    CHECK(dist::lethal(r.plan, both).empty() == r.safe[3]);
  }
}

TEST_CASE("a pass-through packet is never begun where a header was negotiated, in any build") {
  for (flag f : {flag::fragments, flag::dist_hdr_atom_cache}) {
    CHECK(status_of([&] {
            etf::buffer out;
            (void)dist::begin_packet(out, dist::pass_through_offer.with(f));
          }) == -SIGABRT);
  }
  CHECK(status_of([] {
          etf::buffer out;
          (void)dist::begin_packet(out, dist::pass_through_offer);
        }) == 0);
}
