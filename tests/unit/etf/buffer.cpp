// The encode buffer: growing, numbers in network order, pieces that are referred to.
#include "wire.hpp"

using namespace ergo_test;
using etf::buffer;

TEST_CASE("a buffer keeps what was appended while it grows", "[etf][buffer]") {
  buffer out;
  CHECK(out.empty());
  std::string expected;
  for (int number = 0; number < 10'000; ++number) {
    out.append("some bytes");
    expected += "some bytes";
  }
  CHECK(out.size() == expected.size());
  CHECK(out.to_string() == expected);
}

TEST_CASE("appending nothing to an empty buffer leaves it empty", "[etf][buffer]") {
  buffer out;
  out.append({});
  CHECK(out.empty());
  CHECK(out.to_string().empty());
}

TEST_CASE("numbers stand in network order", "[etf][buffer]") {
  buffer out;
  out.append_u8(1);
  out.append_u16(0x0203);
  out.append_u32(0x04050607);
  out.append_u64(0x08090a0b0c0d0e0fULL);
  CHECK(hex(out.to_string()) == "0102030405060708090a0b0c0d0e0f");
  out.patch_u32(1, 0xdeadbeef);
  CHECK(hex(out.to_string()) == "01deadbeef060708090a0b0c0d0e0f");
}

TEST_CASE("reserved room is written and committed", "[etf][buffer]") {
  buffer out;
  auto* to = out.reserve(1'000);
  CHECK(out.room() >= 1'000);
  CHECK(out.empty());
  to[0] = std::byte{'a'};
  to[1] = std::byte{'b'};
  out.commit(2);
  CHECK(out.to_string() == "ab");
  CHECK(out.bytes().size() == 2);
}

TEST_CASE("a gathered binary takes its place without being copied", "[etf][buffer]") {
  buffer out;
  const auto piece = etf::binary("piece");
  out.append("<");
  out.gather(piece);
  out.gather(etf::binary(""));
  out.append("|");
  out.gather(piece);
  out.append(">");
  CHECK(out.to_string() == "<piece|piece>");
  CHECK(out.size() == 13);
  CHECK(out.bytes().size() == 3);
  REQUIRE(out.pieces().size() == 2);
  CHECK(out.pieces()[0].bytes.data() == piece.bytes().data());
  CHECK(out.pieces()[1].offset == 2);
}

TEST_CASE("a gathered binary lives as long as the buffer refers to it", "[etf][buffer]") {
  buffer out;
  out.gather(etf::binary(std::string(10'000, 'x')));
  CHECK(out.to_string() == std::string(10'000, 'x'));
}

TEST_CASE("clear forgets bytes and pieces and keeps the memory", "[etf][buffer]") {
  buffer out;
  out.append(std::string(1'000, 'x'));
  out.gather(etf::binary("piece"));
  const auto* memory = out.bytes().data();
  out.clear();
  CHECK(out.empty());
  CHECK(out.pieces().empty());
  out.append("again");
  CHECK(out.bytes().data() == memory);
}

TEST_CASE("a buffer goes back to a mark", "[etf][buffer]") {
  buffer out;
  out.append("kept");
  out.gather(etf::binary("piece"));
  const auto before = out.here();
  out.append(std::string(10'000, 'x'));
  out.gather(etf::binary("gone"));
  out.rewind(before);
  CHECK(out.to_string() == "keptpiece");
  CHECK(out.size() == 9);
  out.append("!");
  CHECK(out.to_string() == "keptpiece!");
}

TEST_CASE("a part of a binary is gathered, and keeps the binary alive", "[etf][buffer]") {
  buffer out;
  {
    const auto whole = etf::binary("0123456789");
    out.append("<");
    out.gather(whole, whole.bytes().substr(2, 3));
    out.gather(whole, {});
    out.append(">");
  }
  CHECK(out.to_string() == "<234>");
  CHECK(out.size() == 5);
  CHECK(out.pieces().size() == 1);
}

TEST_CASE("a gap is made in front of others, and pieces move with what they stand before", "[etf][buffer]") {
  const std::string whole = "ab[one]cd[two][three]ef";
  for (std::size_t offset = 0; offset <= 6; ++offset) {
    buffer out;
    out.append("ab");
    out.gather(etf::binary("[one]"));
    out.append("cd");
    out.gather(etf::binary("[two]"));
    out.gather(etf::binary("[three]"));
    out.append("ef");
    static_cast<void>(out.make_gap(offset, 0, 0));
    CHECK(out.to_string() == whole);
    constexpr std::size_t places[] = {0, 1, 2, 8, 9, 22, 23};
    const auto at = places[offset];
    INFO(offset);
    std::size_t old = 0;
    for (const std::string text : {"NEW", "LONGER", "SHORT", "", "X"}) {
      std::ranges::copy(bytes_of(text), out.make_gap(offset, old, text.size()));
      CHECK(out.to_string() == whole.substr(0, at) + text + whole.substr(at));
      CHECK(out.size() == whole.size() + text.size());
      old = text.size();
    }
  }
}

TEST_CASE("much is put in front of little", "[etf][buffer]") {
  buffer out;
  out.append("tail");
  const std::string large(100'000, 'x');
  std::ranges::copy(bytes_of(large), out.make_gap(0, 0, large.size()));
  CHECK(out.to_string() == large + "tail");
}

TEST_CASE("what was added since a mark is taken out", "[etf][buffer]") {
  for (const bool all : {false, true}) {
    buffer out;
    if (!all) {
      out.append("kept");
      out.gather(etf::binary("[kept]"));
    }
    const auto before = out.here();
    out.append("taken");
    out.gather(etf::binary("[one]"));
    out.append("more");
    out.gather(etf::binary("[two]"));
    const auto taken = out.split(before);
    CHECK(taken.to_string() == "taken[one]more[two]");
    CHECK(taken.size() == 19);
    CHECK(out.to_string() == (all ? "" : "kept[kept]"));
    out.append("!");
    CHECK(out.to_string() == (all ? "!" : "kept[kept]!"));
  }
}

TEST_CASE("everything is taken out without a copy", "[etf][buffer]") {
  buffer out;
  out.append(std::string(1'000, 'x'));
  const auto* memory = out.bytes().data();
  const auto taken = out.split({});
  CHECK(taken.bytes().data() == memory);
  CHECK(out.empty());
}

TEST_CASE("the atoms of a packet belong to the buffer that it is written to", "[etf][buffer]") {
  etf::packet_atoms atoms;
  buffer out;
  CHECK(out.atoms() == nullptr);
  out.set_atoms(&atoms);
  out.append("x");
  const auto taken = out.split({});
  CHECK(out.atoms() == &atoms);
  CHECK(taken.atoms() == nullptr);
}
