// Packets as they arrive: whole and in fragments, in every order that is allowed, and every way in which they can be
// wrong (attacks S12 and S13).
#include "packet_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>

using namespace ergo::test;
using namespace std::string_literals;

namespace {

std::string first_fragment(std::uint64_t id, std::uint64_t number, std::string_view rest) {
  return "\x83\x45" + big_endian(id, 8) + big_endian(number, 8) + std::string{rest};
}
std::string fragment(std::uint64_t id, std::uint64_t number, std::string_view rest = {}) {
  return "\x83\x46" + big_endian(id, 8) + big_endian(number, 8) + std::string{rest};
}

// What a reader makes of bodies in order: the terms of each complete message, "-" for what waits for more, and the
// error that ends it.
std::vector<std::string> outcomes(packet_reader& reader, const std::vector<std::string>& packets,
                                  const etf::decode_limits& limits = {}) {
  std::vector<std::string> out;
  for (const auto& body : packets) {
    const auto got = reader.read(view(body), nullptr, limits);
    if (!got) {
      out.push_back("! " + std::string{dist::to_string(got.error().code)});
      return out;
    }
    out.push_back(*got ? text_of((*got)->terms) : "-");
  }
  return out;
}
std::vector<std::string> outcomes(flags negotiated, const std::vector<std::string>& packets) {
  packet_reader reader{negotiated};
  return outcomes(reader, packets);
}

using strings = std::vector<std::string>;

}  // namespace

TEST_CASE("a pass-through packet gives out its terms where no header was negotiated") {
  CHECK(outcomes(with_29, {"\x70\x83terms"}) == strings{"terms"});
}

TEST_CASE("terms stand behind the header, and the header says what their atoms are") {
  // As protocol §3.2 has it: one new entry in slot 3, and the empty atom in slot 1 + 2 * 256.
  packet_reader reader{with_cache};
  const auto body = unhex("83 44 02 a8 00 03 05 68656c6c6f 01 00 68 01 52 00");
  const auto got = reader.read(view(body), nullptr);
  REQUIRE(got.has_value());
  REQUIRE(*got);
  CHECK((*got)->form == packet_form::header);
  REQUIRE((*got)->atoms.size() == 2);
  CHECK((*got)->atoms[0].text() == "hello");
  CHECK((*got)->atoms[1] == etf::atom{});
  CHECK(hex(text_of((*got)->terms)) == "68015200");
  // And once more by its slot alone.
  const auto again = unhex("83 44 01 00 03 68 01 52 00");
  const auto second = reader.read(view(again), nullptr);
  REQUIRE(second.has_value());
  CHECK((*second)->atoms[0].text() == "hello");
}

TEST_CASE("every slot can be used, the last one included") {
  packet_reader reader{with_cache};
  for (unsigned slot : {0U, 255U, 256U, 1'024U, 2'038U, 2'047U}) {
    const auto name = "slot_" + std::to_string(slot);
    const auto set =
        "\x83\x44\x01" + big_endian(8 | slot / 256, 1) + big_endian(slot % 256, 1) + big_endian(name.size(), 1) + name;
    REQUIRE(reader.read(view(set), nullptr).has_value());
  }
  for (unsigned slot : {2'047U, 0U, 256U, 255U, 2'038U, 1'024U}) {
    const auto use = "\x83\x44\x01" + big_endian(slot / 256, 1) + big_endian(slot % 256, 1);
    const auto got = reader.read(view(use), nullptr);
    REQUIRE(got.has_value());
    CHECK((*got)->atoms[0].text() == "slot_" + std::to_string(slot));
  }
}

TEST_CASE("the same slot twice in one header names both atoms") {
  packet_reader reader{with_cache};
  const auto body = unhex("83 44 02 88 00 07 01 61 07 01 62");
  const auto got = reader.read(view(body), nullptr);
  REQUIRE(got.has_value());
  CHECK((*got)->atoms[0].text() == "a");
  CHECK((*got)->atoms[1].text() == "b");
  const auto use = unhex("83 44 01 00 07");
  CHECK((*reader.read(view(use), nullptr))->atoms[0].text() == "b");
}

TEST_CASE("texts have lengths of two bytes where the header says so") {
  std::string text;
  for (int i = 0; i < 255; ++i) text += "\xf0\x9f\x98\x80";
  packet_reader reader{with_cache};
  const auto odd = unhex("83 44 01 18 05 03fc") + text;
  const auto got = reader.read(view(odd), nullptr);
  REQUIRE(got.has_value());
  CHECK((*got)->atoms[0].text() == text);
  const auto even = unhex("83 44 02 88 01 05 03fc") + text + unhex("06 0001 61");
  const auto both = reader.read(view(even), nullptr);
  REQUIRE(both.has_value());
  CHECK((*both)->atoms[1].text() == "a");
}

TEST_CASE("each fault of a header is told apart") {
  struct row {
    flags negotiated;
    std::string body;
    packet_errc code;
  };
  const std::string too_long = std::string(256, 'x');
  const std::vector<row> table{
      {with_29, "", packet_errc::wrong_form},
      {with_29, "\x83\x44\0"s, packet_errc::wrong_form},
      {with_29, "p", packet_errc::wrong_form},
      {with_29, "p\x68\x01", packet_errc::wrong_form},
      {with_both, "", packet_errc::wrong_form},
      {with_both, "\x83", packet_errc::wrong_form},
      {with_both, "p\x83\x61\x01", packet_errc::wrong_form},
      {with_both, "\x83p", packet_errc::wrong_form},
      {with_both, "\x83\x43\0"s, packet_errc::wrong_form},
      {with_both, "\x83\x44", packet_errc::truncated},
      {with_both, unhex("83 44 01"), packet_errc::truncated},
      {with_both, unhex("83 44 01 08"), packet_errc::truncated},
      {with_both, unhex("83 44 01 08 00"), packet_errc::truncated},
      {with_both, unhex("83 44 01 08 00 02 61"), packet_errc::truncated},
      {with_both, unhex("83 44 01 18 00 00"), packet_errc::truncated},
      {with_both, unhex("83 44 02 00"), packet_errc::truncated},
      {with_both, unhex("83 44 ff 00"), packet_errc::truncated},
      {with_fragments, unhex("83 44 01 08 00 01 61"), packet_errc::no_atom_cache},
      {with_both, unhex("83 44 01 00 00"), packet_errc::unset_slot},
      {with_both, unhex("83 44 01 07 ff"), packet_errc::unset_slot},
      {with_both, unhex("83 44 02 08 00 00 01 61 01"), packet_errc::unset_slot},
      {with_both, unhex("83 44 01 08 00 01 ff"), packet_errc::bad_atom},
      {with_both, unhex("83 44 01 08 00 02 c080"), packet_errc::bad_atom},
      {with_both, unhex("83 44 01 18 00 0100") + too_long, packet_errc::bad_atom},
      {with_cache, first_fragment(1, 1, "\0"s), packet_errc::no_fragments},
      {with_cache, fragment(1, 1), packet_errc::no_fragments},
      {with_both, "\x83\x45\0\0\0"s, packet_errc::truncated},
      {with_both, "\x83\x46\0\0\0"s, packet_errc::truncated},
      {with_both, first_fragment(1, 2, ""), packet_errc::truncated},
      {with_both, first_fragment(1, 0, "\0"s), packet_errc::wrong_order},
      {with_both, fragment(1, 1), packet_errc::unknown_sequence},
  };
  for (const auto& [negotiated, body, code] : table) {
    INFO(hex(body.substr(0, 40)) << " " << dist::to_string(code));
    packet_reader reader{negotiated};
    const auto got = reader.read(view(body), nullptr);
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error().code == code);
    CHECK((got.error().etf.code == etf::errc::bad_atom) == (code == packet_errc::bad_atom));
    CHECK_FALSE(dist::to_string(got.error()).empty());
  }
}

TEST_CASE("a position that the header does not have is refused with the term") {
  packet_reader reader{with_cache};
  const auto body = unhex("83 44 01 08 00 04 70656572") + unhex("68 02 61 01 52 01");
  const auto got = reader.read(view(body), nullptr);
  REQUIRE(got.has_value());
  const auto control = dist::decode_control(**got, context(with_cache));
  REQUIRE_FALSE(control.has_value());
  CHECK(control.error().code == control_errc::bad_term);
  CHECK(control.error().etf.code == etf::errc::bad_cache_reference);
}

TEST_CASE("new atoms of headers are charged to the peer, and known ones are not") {
  etf::atom_budget two{2};
  packet_reader reader{with_cache};
  const auto set = [](const std::string& name) { return unhex("83 44 01 08 00") + big_endian(name.size(), 1) + name; };
  const etf::decode_limits limits{.budget = &two};
  CHECK(outcomes(reader, {set("reader_budget_1"), set("reader_budget_2"), set("reader_budget_1"), set("ok")}, limits) ==
        strings{"", "", "", ""});
  const auto over = set("reader_budget_3");
  const auto got = reader.read(view(over), nullptr, limits);
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error() == dist::packet_error{packet_errc::bad_atom, {etf::errc::atom_budget_spent}});
  packet_reader strict{with_cache};
  CHECK(outcomes(strict, {set("reader_unknown")}, {.atoms = etf::atom_policy::known_only}) == strings{"! bad_atom"});
}

// ----- fragments ----------------------------------------------------------------------------------------------------

TEST_CASE("fragments are put together, empty ones and single bytes too") {
  CHECK(outcomes(with_both, {first_fragment(7, 4, "\0ab"s), fragment(7, 3), fragment(7, 2, "c"),
                             fragment(7, 1, "de")}) == strings{"-", "-", "-", "abcde"});
  CHECK(outcomes(with_both, {first_fragment(7, 2, "\0"s), fragment(7, 1)}) == strings{"-", ""});
  CHECK(outcomes(with_fragments, {first_fragment(7, 1, "\0whole"s)}) == strings{"whole"});
  CHECK(outcomes(with_both, {first_fragment(0, 2, "\0a"s), fragment(0, 1, "b")}) == strings{"-", "ab"});
}

TEST_CASE("sequences and whole messages are interleaved, and a sequence number is free again at its end") {
  CHECK(outcomes(with_both,
                 {first_fragment(1, 3, "\0a"s), first_fragment(2, 2, "\0x"s), "\x83\x44\0whole"s, fragment(1, 2, "b"),
                  fragment(2, 1, "y"), first_fragment(2, 2, "\0m"s), fragment(1, 1, "c"), fragment(2, 1, "n")}) ==
        strings{"-", "-", "whole", "-", "xy", "-", "abc", "mn"});
}

TEST_CASE("each fault in the order of fragments is told apart") {
  const auto start = first_fragment(5, 3, "\0a"s);
  struct row {
    std::string next;
    std::string_view code;
  };
  for (const auto& [next, code] :
       {row{start, "duplicate_start"}, row{first_fragment(5, 1, "\0a"s), "duplicate_start"},
        row{fragment(6, 2), "unknown_sequence"}, row{fragment(5, 3), "wrong_order"}, row{fragment(5, 1), "wrong_order"},
        row{fragment(5, 0), "wrong_order"}, row{fragment(5, UINT64_MAX), "wrong_order"}})
    CHECK(outcomes(with_both, {start, next}) == strings{"-", "! " + std::string{code}});
  CHECK(outcomes(with_both, {first_fragment(5, 2, "\0a"s), fragment(5, 1), fragment(5, 1)}) ==
        strings{"-", "a", "! unknown_sequence"});
}

TEST_CASE("the atoms of a message in fragments are those of its first packet, whatever comes between") {
  packet_reader reader{with_both};
  const auto start = first_fragment(1, 2, unhex("01 08 07 05") + "early");
  const auto between = unhex("83 44 01 08 07 04") + "late";
  const auto end = fragment(1, 1, unhex("52 00"));
  REQUIRE(reader.read(view(start), nullptr).has_value());
  CHECK((*reader.read(view(between), nullptr))->atoms[0].text() == "late");
  const auto got = reader.read(view(end), nullptr);
  REQUIRE(got.has_value());
  REQUIRE((*got)->atoms.size() == 1);
  CHECK((*got)->atoms[0].text() == "early");
}

TEST_CASE("a huge number of announced fragments costs nothing") {
  packet_reader reader{with_both};
  CHECK(outcomes(reader, {first_fragment(1, UINT64_MAX, "\0abc"s)}) == strings{"-"});
  CHECK(reader.held() < 100);
  for (std::uint64_t number = UINT64_MAX - 1; number > UINT64_MAX - 1'000; --number)
    REQUIRE(outcomes(reader, {fragment(1, number, "x")}) == strings{"-"});
  CHECK(reader.held() < 2'000);
}

TEST_CASE("open sequences and their bytes are limited") {
  packet_reader few{with_both, {.open_sequences = 2}};
  CHECK(outcomes(few, {first_fragment(1, 2, "\0a"s), first_fragment(2, 2, "\0a"s), fragment(1, 1),
                       first_fragment(3, 2, "\0a"s), first_fragment(4, 2, "\0a"s)}) ==
        strings{"-", "-", "a", "-", "! too_many_open"});
  packet_reader whole{with_both, {.open_sequences = 0}};
  CHECK(outcomes(whole, {first_fragment(1, 1, "\0a"s), first_fragment(1, 2, "\0a"s)}) ==
        strings{"a", "! too_many_open"});
  for (const std::size_t cap : {9U, 10U}) {
    packet_reader small{with_both, {.open_bytes = cap}};
    const auto last = cap == 10 ? "-" : "! too_many_bytes";
    CHECK(outcomes(small, {first_fragment(1, 3, "\0abcd"s), first_fragment(2, 3, "\0efg"s), fragment(1, 2, "hij")}) ==
          strings{"-", "-", last});
  }
  packet_reader start{with_both, {.open_bytes = 3}};
  CHECK(outcomes(start, {first_fragment(1, 3, "\0abcd"s)}) == strings{"! too_many_bytes"});
  packet_reader again{with_both, {.open_bytes = 4}};
  for (std::uint64_t id = 0; id < 10; ++id)
    CHECK(outcomes(again, {first_fragment(id, 2, "\0ab"s), fragment(id, 1, "cd")}) == strings{"-", "abcd"});
  CHECK(again.open() == 0);
  CHECK(again.held() == 0);
}

TEST_CASE("memory follows the bytes received, and a complete message is not copied") {
  packet_reader reader{with_both};
  const std::string part(64U << 10, 'x');
  const std::uint64_t count = 3'200;
  const auto start = first_fragment(1, count, "\0"s + part);
  REQUIRE(reader.read(view(start), nullptr).has_value());
  std::size_t received = part.size();
  auto body = fragment(1, 0, part);
  for (std::uint64_t number = count - 1; number > 1; --number) {
    big_endian(number, 8).copy(body.data() + 10, 8);
    REQUIRE(reader.read(view(body), nullptr).has_value());
    received += part.size();
    REQUIRE(reader.held() <= received + received / 2 + (128U << 10));
  }
  big_endian(1, 8).copy(body.data() + 10, 8);
  const auto got = reader.read(view(body), nullptr);
  REQUIRE(got.has_value());
  REQUIRE((*got)->memory != nullptr);
  CHECK((*got)->terms.size() == count * part.size());
  CHECK((*got)->memory.get() == (*got)->terms.data());
  CHECK(reader.held() == 0);
}

TEST_CASE("what messages announce is reserved up to the limit only, and only what has arrived counts") {
  static std::vector<std::size_t> asked;
  static std::vector<std::size_t> returned;
  asked.clear();
  returned.clear();
  const std::string part(1U << 20, 'x');
  packet_reader reader{with_both,
                       {.open_bytes = 8U << 20,
                        .obtain =
                            [](std::size_t size) {
                              asked.push_back(size);
                              return static_cast<std::byte*>(std::malloc(size));
                            },
                        .give_back =
                            [](std::byte* block, std::size_t size) {
                              returned.push_back(size);
                              std::free(block);
                            }}};
  const auto announce = [&](std::uint64_t id, std::uint64_t count) {
    const auto start = first_fragment(id, count, "\0"s + part);
    REQUIRE(reader.read(view(start), nullptr).has_value());
  };
  announce(1, 4);
  announce(2, 4);
  CHECK(reader.held() == 2 * part.size());
  announce(3, 4);  // more than is left of the limit: it grows
  announce(4, UINT64_MAX);
  CHECK(reader.held() <= 4 * part.size());
  for (std::uint64_t number = 3; number > 0; --number) {
    const auto more = fragment(1, number, part);
    const auto got = reader.read(view(more), nullptr);
    REQUIRE(got.has_value());
    CHECK(got->has_value() == (number == 1));
  }
  CHECK(returned == std::vector{4 * part.size()});  // where it was put together, with nothing grown or cut off
  announce(5, 4);                                   // in the place of the first
  CHECK(reader.held() == 4 * part.size());
  CHECK(asked == std::vector(3, 4 * part.size()));
}

TEST_CASE("a message for which there is no memory to reserve grows as it arrives") {
  packet_reader reader{with_both, {.obtain = [](std::size_t) -> std::byte* { return nullptr; }}};
  const std::string part(1U << 20, 'x');
  const auto start = first_fragment(1, 2, "\0"s + part);
  REQUIRE(reader.read(view(start), nullptr).has_value());
  const auto rest = fragment(1, 1, part);
  const auto got = reader.read(view(rest), nullptr);
  REQUIRE(got.has_value());
  REQUIRE(got->has_value());
  CHECK((*got)->terms.size() == 2 * part.size());
}

TEST_CASE("a large binary in fragments refers to the memory in which they were put together") {
  packet_writer writer{with_both, {.fragment = 10'000}};
  packet_reader reader{with_both};
  std::string content(100'000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7);
  etf::term kept;
  const std::byte* where = nullptr;
  for (const auto& body : bodies(written(writer, etf::binary(content)))) {
    const auto got = reader.read(view(body), nullptr);
    REQUIRE(got.has_value());
    if (!*got) continue;
    where = (*got)->terms.data();
    kept = understand(**got, with_both)->payload;
  }
  REQUIRE(where != nullptr);
  const auto* data = reinterpret_cast<const std::byte*>(kept.bytes().data());
  CHECK(data > where);
  CHECK(data < where + 200);
  CHECK(kept.bytes() == content);
}

TEST_CASE("a whole packet is lent by whoever owns its memory") {
  const std::shared_ptr<const void> owner = std::make_shared<int>(1);
  packet_reader reader{with_both};
  const auto whole = "\x83\x44\0x"s;
  CHECK((*reader.read(view(whole), &owner))->owner() == &owner);
  CHECK((*reader.read(view(whole), nullptr))->owner() == nullptr);
  const auto single = first_fragment(1, 1, "\0x"s);
  CHECK((*reader.read(view(single), &owner))->owner() == &owner);
  packet_reader plain{with_29};
  const auto passed = "p\x83x"s;
  CHECK((*plain.read(view(passed), &owner))->owner() == &owner);
}
