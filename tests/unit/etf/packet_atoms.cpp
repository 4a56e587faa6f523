// The atoms of a packet: positions in the order of first use, and references to them in what is encoded.
#include <ergo/etf/packet_atoms.hpp>

#include "wire.hpp"

#include <array>
#include <map>
#include <random>
#include <string>
#include <vector>

using namespace ergo_test;
using etf::atom;
using etf::packet_atoms;

namespace {

atom numbered(int number) { return atom::of("packet_atom_" + std::to_string(number)); }

std::string encoded(const term& value, packet_atoms& atoms) {
  etf::buffer out;
  out.set_atoms(&atoms);
  etf::encode_bare(out, value);
  return out.to_string();
}

}  // namespace

TEST_CASE("atoms get positions in the order of their first use", "[etf][packet_atoms]") {
  packet_atoms atoms;
  CHECK(atoms.atoms().empty());
  CHECK(atoms.place("one"_atom) == 0);
  CHECK(atoms.place("two"_atom) == 1);
  CHECK(atoms.place("one"_atom) == 0);
  CHECK(atoms.place(atom{}) == 2);
  REQUIRE(atoms.atoms().size() == 3);
  CHECK(atoms.atoms()[1] == "two"_atom);
}

TEST_CASE("a header has room for 255 atoms, and no room for more", "[etf][packet_atoms]") {
  packet_atoms atoms;
  for (int number = 0; number < 255; ++number) REQUIRE(atoms.place(numbered(number)) == number);
  CHECK_FALSE(atoms.place(numbered(255)));
  for (int number = 0; number < 255; ++number) REQUIRE(atoms.place(numbered(number)) == number);
  CHECK_FALSE(atoms.place(numbered(255)));
  CHECK(atoms.atoms().size() == 255);
}

TEST_CASE("a packet knows nothing of the atoms of the one before", "[etf][packet_atoms]") {
  packet_atoms atoms;
  std::mt19937 random{3};
  for (int packet = 0; packet < 2'000; ++packet) {
    atoms.clear();
    std::map<int, std::size_t> places;
    const auto count = random() % 300;
    for (std::size_t use = 0; use < count; ++use) {
      const int number = static_cast<int>(random() % 500);
      const auto place = atoms.place(numbered(number));
      const auto known = places.find(number);
      if (known == places.end() && places.size() < packet_atoms::most) {
        REQUIRE(place == places.size());
        places.emplace(number, places.size());
      } else {
        REQUIRE(place.has_value() == (known != places.end()));
        if (place) REQUIRE(*place == known->second);
      }
    }
    REQUIRE(atoms.atoms().size() == places.size());
  }
}

TEST_CASE("sixteen million packets later nothing of the first is left", "[etf][packet_atoms]") {
  packet_atoms atoms;
  REQUIRE(atoms.place("first"_atom) == 0);
  for (std::uint32_t packet = 0; packet < (1U << 24) + 10; ++packet) {
    atoms.clear();
    if (packet % 4'096 != 0 && packet < (1U << 24) - 20) continue;
    REQUIRE(atoms.place("second"_atom) == 0);
    REQUIRE(atoms.place("first"_atom) == 1);
    REQUIRE(atoms.atoms().size() == 2);
  }
}

TEST_CASE("atoms are written as references wherever they stand", "[etf][packet_atoms]") {
  const auto at = *etf::node_id::make("x@y"_atom, 7);
  const std::array<term, 2> pair{"key"_atom, "value"_atom};
  struct row {
    term value;
    std::string expected;
  };
  const std::vector<row> table{
      {"a"_atom, "5200"},
      {etf::tuple("a"_atom, "b"_atom, "a"_atom), "6803520052015200"},
      {etf::pid{at, 1, 2}, "585200000000010000000200000007"},
      {etf::reference{at, 1, {9}}, "5a0001520000000007 00000009"},
      {etf::port{at, 1}, "5952000000000100000007"},
      {etf::external_fun("lists"_atom, "map"_atom, 2), "71520052016102"},
      {etf::make_map(pair), "740000000152005201"},
      {etf::list("a"_atom, etf::list("a"_atom)), "6c0000000252006c0000000152006a6a"},
  };
  for (const auto& [value, expected] : table) {
    packet_atoms atoms;
    const auto bytes = encoded(value, atoms);
    CHECK(hex(bytes) == hex(unhex(expected)));
    const auto back = etf::decode_bare(bytes_of(bytes), {.cache = atoms.atoms()});
    REQUIRE(back.has_value());
    CHECK(back->value == value);
    CHECK(back->consumed == bytes.size());
  }
}

TEST_CASE("the 256th atom of a packet is written in full", "[etf][packet_atoms]") {
  std::vector<term> many;
  for (int number = 0; number < 600; ++number) many.emplace_back(numbered(number));
  const auto value = etf::make_list(many);
  packet_atoms atoms;
  const auto bytes = encoded(value, atoms);
  const auto first_in_full = bytes.find("packet_atom_");
  REQUIRE(first_in_full != std::string::npos);
  CHECK(bytes.substr(first_in_full, 15) == "packet_atom_255");
  const auto back = etf::decode_bare(bytes_of(bytes), {.cache = atoms.atoms()});
  REQUIRE(back.has_value());
  CHECK(back->value == value);
  const auto without_atoms = etf::decode_bare(bytes_of(bytes));
  REQUIRE_FALSE(without_atoms.has_value());
  CHECK(without_atoms.error().code == errc::bad_cache_reference);
}

TEST_CASE("a text from outside of a term becomes an atom within policy and budget", "[etf][packet_atoms]") {
  etf::atom_budget one{1};
  const etf::decode_limits limits{.budget = &one};
  CHECK(etf::make_atom("packet_atom_budget_1", limits).value().text() == "packet_atom_budget_1");
  CHECK(etf::make_atom("packet_atom_budget_1", limits).has_value());
  CHECK(etf::make_atom("packet_atom_budget_2", limits).error().code == errc::atom_budget_spent);
  CHECK(etf::make_atom("packet_atom_policy", {.atoms = etf::atom_policy::known_only}).error().code ==
        errc::unknown_atom);
  CHECK(etf::make_atom("\xff", {}).error().code == errc::bad_atom);
  CHECK(etf::make_atom(std::string(256, 'x'), {}).error().code == errc::bad_atom);
}
