// Encoding: the exact bytes, the exact size, gathering, and the pieces that need no term.
#include "wire.hpp"

#include <array>
#include <utility>
#include <vector>

using namespace ergo_test;
using etf::buffer;

namespace {

etf::node_id node() { return *etf::node_id::make("x@y"_atom, 7); }

constexpr std::string_view node_hex = "7703784079";

std::string encoded(void (*write)(buffer&)) {
  buffer out;
  write(out);
  return hex(out.to_string());
}

}  // namespace

TEST_CASE("terms are written in the shortest form that every release reads", "[etf][encode]") {
  const std::array<term, 1> one{1};
  const std::array<term, 2> pair{"a"_atom, 1};
  const std::vector<std::pair<term, std::string>> table{
      {0, "6100"},
      {255, "61ff"},
      {256, "6200000100"},
      {-1, "62ffffffff"},
      {INT32_MAX, "627fffffff"},
      {INT32_MIN, "6280000000"},
      {2147483648, "6e040000000080"},
      {-2147483649, "6e040101000080"},
      {INT64_MAX, "6e0800ffffffffffffff7f"},
      {INT64_MIN, "6e08010000000000000080"},
      {UINT64_MAX, "6e0800ffffffffffffffff"},
      {term{etf::big_integer{1} << 64}, "6e0900000000000000000001"},
      {1.0, "463ff0000000000000"},
      {-0.0, "468000000000000000"},
      {"ok"_atom, "77026f6b"},
      {""_atom, "7700"},
      {"\u00e5"_atom, "7702c3a5"},
      {"\u03bb"_atom, "7702cebb"},
      {etf::list(), "6a"},
      {etf::list(256), "6c00000001620000 01006a"},
      {etf::text_list("ab"), "6b00026162"},
      {etf::make_list(one, 2), "6c0000000161016102"},
      {etf::list(1, "a"_atom), "6c0000000261017701616a"},
      {etf::list(0), "6b000100"},
      {etf::list(-1), "6c0000000162ffffffff6a"},
      {etf::tuple(), "6800"},
      {etf::tuple(1), "68016101"},
      {etf::binary("\x01\x02"), "6d000000020102"},
      {etf::binary(""), "6d00000000"},
      {etf::bit_string("\xa0", 3), "4d0000000103a0"},
      {etf::make_map({}), "7400000000"},
      {etf::make_map(pair), "74000000017701616101"},
      {etf::external_fun("lists"_atom, "map"_atom, 2), "7177056c6973747377036d61706102"},
      {etf::pid{node(), 1, 2}, "58" + std::string{node_hex} + "000000010000000200000007"},
      {etf::reference{node(), 3, {1, 2, 3}}, "5a0003" + std::string{node_hex} + "00000007000000010000000200000003"},
      {etf::reference{node(), 1, {1}}, "5a0001" + std::string{node_hex} + "0000000700000001"},
      {etf::port{node(), 0xfffffff}, "59" + std::string{node_hex} + "0fffffff00000007"},
      {etf::port{node(), 0x10000000}, "78" + std::string{node_hex} + "000000001000000000000007"}};
  for (const auto& [value, text] : table) {
    const auto expected = hex(unhex(text));
    CHECK(written(value) == expected);
    CHECK(read(expected) == value);
  }
}

TEST_CASE("sizes change form where they must", "[etf][encode]") {
  const std::vector<term> many(70'000, term{7});
  const auto list = [&many](std::size_t count) { return etf::make_list(std::span{many}.first(count)); };
  const auto tuple = [&many](std::size_t count) { return etf::make_tuple(std::span{many}.first(count)); };
  const auto atom = [](std::size_t count) {
    return term{etf::atom::of(std::string(count * 2, ' ').replace(0, count * 2, [count] {
      std::string text;
      for (std::size_t at = 0; at < count; ++at) text += "\u00e5";
      return text;
    }()))};
  };
  CHECK(written(tuple(255)).starts_with("68ff"));
  CHECK(written(tuple(256)).starts_with("6900000100"));
  CHECK(written(list(65'535)).starts_with("6bffff07"));
  CHECK(written(list(65'536)).starts_with("6c000100006107"));
  CHECK(written(atom(127)).starts_with("77fe"));
  CHECK(written(atom(128)).starts_with("760100"));
  CHECK(written(term{(etf::big_integer{1} << 2040) - 1}).starts_with("6eff00"));
  CHECK(written(term{etf::big_integer{1} << 2040}).starts_with("6f0000010000"));
  for (const std::size_t count : {255U, 256U, 65'535U, 65'536U}) {
    CHECK(read(written(tuple(count))) == tuple(count));
    CHECK(read(written(list(count))) == list(count));
  }
}

TEST_CASE("maps are written sorted by key, of any size", "[etf][encode]") {
  for (const int size : {2, 32, 33, 500}) {
    std::vector<term> pairs;
    for (int key = size; key > 0; --key) pairs.insert(pairs.end(), {term{key}, term{0}});
    const auto text = written(etf::make_map(pairs));
    CHECK(text.substr(10, 8) == "61016100");
    CHECK(text.ends_with(written(size) + "6100"));
  }
}

TEST_CASE("the encoded size is exact for every length of text and bytes", "[etf][encode]") {
  for (std::size_t size = 0; size < 600; ++size) {
    const std::string bytes(size, 'b');
    const auto value = etf::tuple(etf::binary(bytes), etf::text_list(bytes), etf::bit_string(bytes, 3));
    REQUIRE(etf::encoded_size(value) + 1 == etf::encode_to_string(value).size());
    REQUIRE(read(written(value)) == value);
  }
}

TEST_CASE("encoding appends to what a buffer holds", "[etf][encode]") {
  buffer out;
  out.append("head");
  encode(out, 5);
  encode_bare(out, 6);
  CHECK(hex(out.to_string()) == hex("head") + "8361056106");
}

TEST_CASE("large binaries are referred to and everything else is copied", "[etf][encode]") {
  const auto large = etf::binary(std::string(1'000, 'L'));
  const auto value =
      etf::tuple(etf::binary("small"), large, etf::list(large), 1, etf::bit_string(std::string(1'000, '\xff'), 7));
  buffer out;
  encode(out, value, {.gather_from = 500});
  REQUIRE(out.pieces().size() == 3);
  CHECK(out.pieces()[0].bytes.data() == large.bytes().data());
  CHECK(out.bytes().size() < 200);
  CHECK(out.size() == etf::encoded_size(value) + 1);
  CHECK(out.to_string() == etf::encode_to_string(value));
}

TEST_CASE("the size of a fun counts what was gathered in it", "[etf][encode]") {
  const auto large = etf::binary(std::string(1'000, 'L'));
  const std::array<term, 2> inner{large, 1};
  const auto nested = etf::make_fun({.module = "m"_atom, .environment = inner});
  const std::array<term, 3> outer{nested, large, nested};
  const auto value = etf::tuple(large, etf::make_fun({.module = "m"_atom, .environment = outer}), 1);
  buffer out;
  encode(out, value, {.gather_from = 500});
  CHECK(out.pieces().size() == 4);
  CHECK(out.to_string() == etf::encode_to_string(value));
  CHECK(read(written(value)) == value);
  const auto bytes = etf::encode_to_string(value);
  const auto fun_at = bytes.find('p', 1'000);
  const auto size = etf::decode_bare(bytes_of(bytes.substr(fun_at)))->consumed;
  CHECK(hex(bytes.substr(fun_at + 1, 4)) ==
        hex({std::array{'\0', '\0', static_cast<char>((size - 1) >> 8), static_cast<char>(size - 1)}.data(), 4}));
}

TEST_CASE("pieces of terms are written as the terms would be", "[etf][encode]") {
  CHECK(encoded([](buffer& out) { etf::encode_atom(out, "ok"_atom); }) == written("ok"_atom));
  CHECK(encoded([](buffer& out) { etf::encode_integer(out, -70'000'000'000); }) == written(-70'000'000'000));
  CHECK(encoded([](buffer& out) { etf::encode_pid(out, {node(), 1, 2}); }) == written(etf::pid{node(), 1, 2}));
  CHECK(encoded([](buffer& out) { etf::encode_reference(out, {node(), 2, {1, 2}}); }) ==
        written(etf::reference{node(), 2, {1, 2}}));
  CHECK(encoded([](buffer& out) { etf::encode_tuple_header(out, 3); }) == "6803");
  CHECK(encoded([](buffer& out) { etf::encode_tuple_header(out, 256); }) == "6900000100");
  buffer out;
  CHECK_THROWS_AS(etf::encode_reference(out, {}), std::invalid_argument);
}

TEST_CASE("a long atom is written whole at the end of a full buffer", "[etf][encode]") {
  const auto long_atom = etf::atom::of(std::string(255, 'a'));
  for (std::size_t used = 0; used < 300; ++used) {
    buffer out;
    out.append(std::string(used, '.'));
    etf::encode_atom(out, long_atom);
    etf::encode_pid(out, {*etf::node_id::make(long_atom, 1), 1, 2});
    REQUIRE(out.size() == used + 257 + 1 + 257 + 12);
    REQUIRE(out.to_string().substr(used + 2, 255) == long_atom.text());
  }
}

TEST_CASE("values are scanned from the front and leave the rest", "[etf][scan]") {
  const auto bytes = unhex(
      "6803 61ff 62ffffffff 6e0301010000 77026f6b 640002 6f6b 58 7703784079 000000010000000200000007 5a0001 7703784079 "
      "0000000700000001 68");
  auto input = bytes_of(bytes);
  std::size_t arity = 0;
  std::int64_t number = 0;
  etf::atom atom;
  etf::pid pid;
  etf::reference reference;
  const etf::decode_limits limits;
  CHECK_FALSE(etf::scan_integer(input, number));
  CHECK_FALSE(etf::scan_pid(input, pid, limits));
  REQUIRE(etf::scan_tuple_header(input, arity));
  CHECK(arity == 3);
  CHECK_FALSE(etf::scan_tuple_header(input, arity));
  REQUIRE(etf::scan_integer(input, number));
  CHECK(number == 255);
  REQUIRE(etf::scan_integer(input, number));
  CHECK(number == -1);
  REQUIRE(etf::scan_integer(input, number));
  CHECK(number == -1);
  REQUIRE(etf::scan_atom(input, atom, limits));
  CHECK(atom == "ok"_atom);
  REQUIRE(etf::scan_atom(input, atom, limits));
  CHECK_FALSE(etf::scan_reference(input, reference, limits));
  REQUIRE(etf::scan_pid(input, pid, limits));
  CHECK(pid == etf::pid{node(), 1, 2});
  REQUIRE(etf::scan_reference(input, reference, limits));
  CHECK(reference == etf::reference{node(), 1, {1}});
  CHECK_FALSE(etf::scan_tuple_header(input, arity));
  CHECK(input.size() == 1);
  input = {};
  CHECK_FALSE(etf::scan_atom(input, atom, limits));
}

TEST_CASE("identifiers whose node is named in the header are scanned like those that spell it", "[etf][scan]") {
  const std::array<etf::atom, 1> atoms{etf::atom::of("x@y")};
  const etf::decode_limits limits{.cache = atoms};
  const auto bytes = unhex("58 5200 0000000100000002 00000007 5a0003 5200 00000007 000000010000000200000003 5200");
  auto input = bytes_of(bytes);
  etf::pid pid;
  etf::reference reference;
  etf::atom atom;
  CHECK_FALSE(etf::scan_reference(input, reference, limits));
  REQUIRE(etf::scan_pid(input, pid, limits));
  CHECK(pid == etf::pid{etf::node_id::make(atoms[0], 7).value(), 1, 2});
  CHECK_FALSE(etf::scan_pid(input, pid, limits));
  REQUIRE(etf::scan_reference(input, reference, limits));
  CHECK(reference == etf::reference{pid.node, 3, {1, 2, 3}});
  REQUIRE(etf::scan_atom(input, atom, limits));
  CHECK(atom == atoms[0]);
  CHECK(input.empty());
}

TEST_CASE("a reference to no atom of the header is no identifier, and the input stays", "[etf][scan]") {
  const std::array<etf::atom, 1> atoms{"ok"_atom};
  const etf::decode_limits limits{.cache = atoms};
  etf::reference reference;
  etf::atom atom;
  etf::pid pid;
  for (const auto* const text :
       {"58 5201 0000000100000002 00000007", "5a0003 5201 00000007 000000010000000200000003", "5201"}) {
    const auto bytes = unhex(text);
    auto input = bytes_of(bytes);
    CHECK_FALSE(etf::scan_pid(input, pid, limits));
    CHECK_FALSE(etf::scan_reference(input, reference, limits));
    CHECK_FALSE(etf::scan_atom(input, atom, limits));
    CHECK(input.size() == bytes.size());
  }
}

TEST_CASE("a scan that fails leaves its input and its result", "[etf][scan]") {
  const auto bytes = unhex("6e0900ffffffffffffffff01");
  auto input = bytes_of(bytes);
  std::int64_t number = 77;
  CHECK_FALSE(etf::scan_integer(input, number));
  CHECK(number == 77);
  CHECK(input.size() == bytes.size());
  const auto lie = unhex("6900ffffff");
  input = bytes_of(lie);
  std::size_t arity = 0;
  CHECK_FALSE(etf::scan_tuple_header(input, arity));
  CHECK(input.size() == lie.size());
  etf::atom atom;
  const auto unknown = unhex("7709") + "not known";
  input = bytes_of(unknown);
  CHECK_FALSE(etf::scan_atom(input, atom, {.atoms = etf::atom_policy::known_only}));
}

TEST_CASE("an encoding that fails leaves the buffer as it was", "[etf][encode]") {
  // The pages of this string are never touched, so the 4 GiB exist as addresses only.
  std::string huge;
  try {
    huge.resize_and_overwrite(std::size_t{4} << 30, [](char*, std::size_t size) { return size; });
  } catch (const std::bad_alloc&) {
    SKIP("no 4 GiB of addresses");
  }
  const auto value = etf::tuple(etf::binary(std::string(1'000, 'x')), etf::adopt_binary(std::move(huge)));
  buffer out;
  out.append("before");
  CHECK_THROWS_AS(encode(out, value), std::length_error);
  CHECK_THROWS_AS(encode(out, value, {.gather_from = 100}), std::length_error);
  CHECK_THROWS_AS(encode_bare(out, value), std::length_error);
  CHECK(out.to_string() == "before");
  CHECK(out.pieces().empty());
}
