// Decoding: what is a term, what is refused and why, and the limits that a peer cannot get past.
#include "wire.hpp"

#include <array>
#include <string>
#include <utility>
#include <vector>

using namespace ergo_test;

namespace {

std::expected<term, etf::error> decode(std::string_view text, const etf::decode_limits& limits = {}) {
  const auto bytes = unhex(text);
  return etf::decode_all(bytes_of(bytes), limits);
}

}  // namespace

TEST_CASE("a stand-alone term begins with 131", "[etf][decode]") {
  CHECK(decode("836105").value() == term{5});
  CHECK(decode("826105").error() == etf::error{errc::bad_version, 0});
  CHECK(decode("").error() == etf::error{errc::truncated, 0});
  CHECK(decode("83").error() == etf::error{errc::truncated, 1});
  CHECK(etf::decode_bare(bytes_of(unhex("6105")))->value == term{5});
}

TEST_CASE("bytes behind a term are counted or refused", "[etf][decode]") {
  const auto bytes = unhex("8361056106");
  const auto result = etf::decode(bytes_of(bytes));
  REQUIRE(result.has_value());
  CHECK(result->consumed == 3);
  CHECK(etf::decode_all(bytes_of(bytes)).error() == etf::error{errc::trailing_bytes, 3});
  CHECK(etf::decode_bare(bytes_of(bytes).subspan(1))->consumed == 2);
}

TEST_CASE("each fault has its code", "[etf][decode]") {
  const std::vector<std::pair<std::string, errc>> table{
      {"61", errc::truncated},
      {"620000", errc::truncated},
      {"46 3ff0", errc::truncated},
      {"6803 6101", errc::truncated},
      {"6c00000001 6101", errc::truncated},
      {"6d00000005 6162", errc::truncated},
      {"6b0005 6162", errc::truncated},
      {"7401", errc::truncated},
      {"7702 61", errc::truncated},
      {"58 7700 00000001", errc::truncated},
      {"5a0001 7700 00000001", errc::truncated},
      {"6e0500 01", errc::truncated},
      {"70 00000000 00", errc::truncated},
      {"43 00000001 00", errc::truncated},
      {"00", errc::unknown_tag},
      {"44", errc::unknown_tag},
      {"75 00000000", errc::unknown_tag},
      {"79 00000000 6a", errc::unknown_tag},
      {"ff", errc::unknown_tag},
      {"7701 c3", errc::bad_atom},
      {"7703 eda080", errc::bad_atom},
      {"640100" + std::string(512, '6'), errc::bad_atom},
      {"5200", errc::bad_cache_reference},
      {"46 7ff0000000000000", errc::bad_float},
      {"46 fff8000000000001", errc::bad_float},
      {"63" + std::string(62, '3'), errc::bad_float},
      {"4d 00000001 00 ff", errc::bad_bit_count},
      {"4d 00000001 09 ff", errc::bad_bit_count},
      {"4d 00000000 03", errc::bad_bit_count},
      {"67 7700 00000001 00000001 04", errc::bad_identifier},
      {"5a0000 7700 00000001", errc::bad_identifier},
      {"5a0006 7700 00000001" + std::string(48, '0'), errc::bad_identifier},
      {"58 6101", errc::bad_identifier},
      {"65 7700 00040000 00", errc::bad_identifier},
      {"66 7700 00000001 04", errc::bad_identifier},
      {"72 0001 7700 04 00000001", errc::bad_identifier},
      {"71 6101 7700 6100", errc::bad_fun},
      {"71 7700 7700 7700", errc::bad_fun},
      {"71 7700 7700 62 00000100", errc::bad_fun},
      {"71 7700 7700 62 ffffffff", errc::bad_fun},
      {"70 00000000 00" + std::string(32, '0') + "00000000 00000100 7700 6100 6100", errc::bad_fun},
      {"70 00000000 00" + std::string(32, '0') + "00000000 00000000 7700 6a", errc::bad_fun},
      {"70 00000000 00" + std::string(32, '0') + "00000000 00000000 7700 6100 6100 6100", errc::bad_fun},
      {"43 00000000 02 7700 7700", errc::bad_record},
      {"43 00000002 00 7700 7700 770161 770161 6101 6102", errc::bad_record},
      {"43 00000001 00 7700 7700 6101 6101", errc::bad_record},
      {"7400000002 6101 6101 6101 6102", errc::duplicate_key},
      {"7400000002 6b000101 6101 6c00000001 6101 6a 6102", errc::duplicate_key},
      {"680150 00000002 00", errc::compressed_refused}};
  for (const auto& [text, code] : table) {
    INFO(text);
    CHECK(fault(text) == code);
  }
}

TEST_CASE("a fault is reported where it was seen", "[etf][decode]") {
  CHECK(decode("83 6802 6101 00").error() == etf::error{errc::unknown_tag, 5});
  CHECK(decode("83 6802 6101").error() == etf::error{errc::truncated, 5});
}

TEST_CASE("a count is checked against the bytes before anything is reserved", "[etf][decode]") {
  for (const auto* text :
       {"69 ffffffff 6a", "69 7fffffff 6a", "69 80000000 6a", "6c ffffffff 6a", "6c 7fffffff 6a 6a",
        "74 ffffffff 6a 6a", "74 80000000 6a", "6d ffffffff 61", "4d ffffffff 01 61", "6b ffff 61", "6f ffffffff 00 01",
        "6f 7fffffff 00", "76 ffff 61", "64 ff00 61", "43 ffffffff 00 7700 7700", "43 55555556 00 7700 7700",
        "70 ffffffff 00 00000000000000000000000000000000 00000000 000000ff 7700 6100 6100 58 7700 00000000 00000000 "
        "00000000 6a"}) {
    INFO(text);
    CHECK(fault(text, {.memory = 4'096}) == errc::truncated);
  }
}

TEST_CASE("forms that only other encoders write are read", "[etf][decode]") {
  const std::vector<std::pair<std::string, term>> table{
      {"6200000005", 5},
      {"6e0000", 0},
      {"6e0001", 0},
      {"6e010907", -7},
      {"6e0c00 010000000000000000000000", 1},
      {"6f00000003 00 010203", 197121},
      {"6f00000010 01 0000000000000000 0100000000000000", term{-(etf::big_integer{1} << 64)}},
      {"6900000002 6101 6102", etf::tuple(1, 2)},
      {"6900000000", etf::tuple()},
      {"6c00000000 6a", etf::list()},
      {"6c00000000 6105", 5},
      {"6b0000", etf::list()},
      {"6c00000001 6101 6b0000", etf::list(1)},
      {"640002 6f6b", "ok"_atom},
      {"7302 6f6b", "ok"_atom},
      {"640001 e5", "\u00e5"_atom},
      {"7301 e5", "\u00e5"_atom},
      {"760002 6f6b", "ok"_atom},
      {"4d 00000000 00", etf::binary("")},
      {"4d 00000001 08 61", etf::binary("a")},
      {"4d 00000001 03 ff", etf::bit_string("\xe0", 3)},
      {"7400000002 6102 6161 6101 6162", read("7400000002 6101 6162 6102 6161")},
      {"7400000002 46 3ff0000000000000 6101 6101 6102", read("7400000002 6101 6102 46 3ff0000000000000 6101")},
      {"71 640001 6d 7301 66 62 00000003", etf::external_fun("m"_atom, "f"_atom, 3)},
      {"63" + hex("1.50000000000000000000e+00") + "0000000000", 1.5},
      {"63" + hex("-2.5e1") + std::string(50, '0'), -25.0}};
  for (const auto& [text, value] : table) {
    INFO(text);
    CHECK(read(text) == value);
  }
}

TEST_CASE("old and new forms of identifiers mean the same", "[etf][decode]") {
  const std::string new_node = "7703784079";
  for (const std::string node : {"7703784079", "640003784079", "7303784079", "760003784079"}) {
    CHECK(read("67" + node + "00000001 00000002 03") == read("58" + new_node + "00000001 00000002 00000003"));
    CHECK(read("66" + node + "00000001 03") == read("59" + new_node + "00000001 00000003"));
    CHECK(read("78" + node + "0000000000000001 00000003") == read("59" + new_node + "00000001 00000003"));
    CHECK(read("65" + node + "00000009 03") == read("5a0001" + new_node + "00000003 00000009"));
    CHECK(read("720002" + node + "03 00000009 00000008") == read("5a0002" + new_node + "00000003 00000009 00000008"));
  }
}

TEST_CASE("identifiers of several nodes in a row keep their nodes", "[etf][decode]") {
  const auto value = read(
      "6805 58 770361 4061 00000001 00000000 00000001 58 7703624062 00000001 00000000 00000001 58 7703624062 00000001 "
      "00000000 00000002"
      "58 7703614061 00000001 00000000 00000001 5a0001 7703614061 00000002 00000001");
  const auto pids = value.elements();
  CHECK(pids[0].as_pid()->node.name() == "a@a"_atom);
  CHECK(pids[1].as_pid()->node.name() == "b@b"_atom);
  CHECK(pids[1].as_pid()->node.creation() == 1);
  CHECK(pids[2].as_pid()->node.creation() == 2);
  CHECK(pids[0] == pids[3]);
  CHECK(pids[4].as_reference()->node.creation() == 2);
}

TEST_CASE("atoms of the distribution header are taken from the cache", "[etf][decode]") {
  const std::array cache{"first"_atom, "x@y"_atom};
  const etf::decode_limits limits{.cache = cache};
  CHECK(read("6802 5200 58 5201 00000001 00000002 00000003", limits) ==
        etf::tuple("first"_atom, etf::pid{*etf::node_id::make("x@y"_atom, 3), 1, 2}));
  CHECK(fault("5202", limits) == errc::bad_cache_reference);
  CHECK(fault("52", limits) == errc::truncated);
}

TEST_CASE("known_only takes known atoms and makes none", "[etf][decode]") {
  const etf::decode_limits limits{.atoms = etf::atom_policy::known_only};
  CHECK(read("77026f6b", limits) == term{"ok"_atom});
  const auto unknown = "7710" + hex("never seen so far");
  CHECK(fault("7711" + hex("never seen so far"), limits) == errc::unknown_atom);
  CHECK_FALSE(etf::atom::find("never seen so far").has_value());
}

TEST_CASE("a peer's share of atoms covers new names and new incarnations of nodes", "[etf][decode]") {
  etf::atom_budget budget{2};
  const etf::decode_limits limits{.budget = &budget};
  CHECK(fault("7709" + hex("budget 01"), limits) == errc::ok);
  CHECK(fault("7709" + hex("budget 01"), limits) == errc::ok);
  CHECK(fault("58 77026f6b 00000001 00000001 000f4240", limits) == errc::ok);
  CHECK(fault("58 77026f6b 00000001 00000001 000f4240", limits) == errc::ok);
  CHECK(fault("7709" + hex("budget 02"), limits) == errc::atom_budget_spent);
  CHECK(fault("58 77026f6b 00000001 00000001 000f4241", limits) == errc::atom_budget_spent);
  CHECK_FALSE(etf::atom::find("budget 02").has_value());
  budget.give_back();
  CHECK(fault("7709" + hex("budget 02"), limits) == errc::ok);
}

TEST_CASE("memory is bounded by the limit, not by the message", "[etf][decode]") {
  const auto text = "6c00010000" + [] {
    std::string items;
    for (int item = 0; item < 0x10000; ++item) items += "6101";
    return items;
  }() + "6a";
  CHECK(fault(text, {.memory = 0x10000 * 16 + 4'096}) == errc::ok);
  CHECK(fault(text, {.memory = 0x10000 * 16 - 4'096}) == errc::too_big);
  CHECK(fault("6801 6a", {.memory = 16}) == errc::too_big);
  CHECK(fault("6d00000010" + std::string(32, '0'), {.memory = 16}) == errc::too_big);
  CHECK(fault("6e0900 ffffffffffffffffff", {.memory = 16}) == errc::too_big);
  CHECK(fault("6b0010" + std::string(32, '0'), {.memory = 16}) == errc::too_big);
  CHECK(fault("5a0005 7700 00000000" + std::string(40, '1'), {.memory = 16}) == errc::too_big);
  CHECK(fault("71 7700 7700 6100", {.memory = 16}) == errc::too_big);
  CHECK(fault("6105", {.memory = 0}) == errc::ok);
}

TEST_CASE("a message of many small parts stays within its limit", "[etf][decode]") {
  std::string parts;
  for (int part = 0; part < 20'000; ++part) parts += "6801 6101";
  const auto text = "6c00004e20" + parts + "6a";
  CHECK(fault(text, {.memory = 20'000 * (16 + 32)}) == errc::too_big);
  CHECK(fault(text, {.memory = 20'000 * (16 + 32) + 200'000}) == errc::ok);
}

TEST_CASE("big integers are capped", "[etf][decode]") {
  CHECK(fault("6f00000100 00" + std::string(512, '1'), {.big_integer_bytes = 256}) == errc::ok);
  CHECK(fault("6f00000101 00" + std::string(514, '1'), {.big_integer_bytes = 256}) == errc::too_big);
}

TEST_CASE("binaries are copied unless they may and should alias the input", "[etf][decode]") {
  const auto head = unhex("83 6802 6d 00001000");
  const auto owner =
      std::make_shared<const std::string>(head + std::string(4'096, 'x') + unhex("6d 00000010") + std::string(16, 'y'));
  const auto within = [&owner](const term& value) {
    return value.bytes().data() >= owner->data() && value.bytes().data() < owner->data() + owner->size();
  };
  const auto copied = etf::decode_all(bytes_of(*owner)).value();
  CHECK_FALSE(within(copied.elements()[0]));
  std::shared_ptr<const void> handle = owner;
  const auto aliased = etf::decode_all(bytes_of(*owner), {.aliased = &handle}).value();
  CHECK(within(aliased.elements()[0]));
  CHECK_FALSE(within(aliased.elements()[1]));
  CHECK(aliased == copied);
  const auto uses = owner.use_count();
  {
    const auto kept = aliased.elements()[0];
  }
  CHECK(owner.use_count() == uses);
}

TEST_CASE("a binary of less than an eighth of the input is copied", "[etf][decode]") {
  const auto make = [](std::size_t rest) {
    std::string bytes = unhex("83 6802 6d 00001000") + std::string(4'096, 'x') + unhex("6d");
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>((rest >> shift) & 0xFF);
    return std::make_shared<const std::string>(bytes + std::string(rest, 'y'));
  };
  for (const auto& [rest, aliases] : {std::pair{std::size_t{20'000}, true}, std::pair{std::size_t{40'000}, false}}) {
    const auto owner = make(rest);
    std::shared_ptr<const void> handle = owner;
    const auto value = etf::decode_all(bytes_of(*owner), {.aliased = &handle}).value();
    const auto* at = value.elements()[0].bytes().data();
    CHECK((at >= owner->data() && at < owner->data() + owner->size()) == aliases);
  }
}

TEST_CASE("an aliased input is let go with the last of its terms, and when decoding fails", "[etf][decode]") {
  auto owner =
      std::make_shared<const std::string>(unhex("83 6802 6d 00002000") + std::string(0x2000, 'x') + unhex("00"));
  std::shared_ptr<const void> handle = owner;
  CHECK(etf::decode_all(bytes_of(*owner), {.aliased = &handle}).error().code == errc::unknown_tag);
  CHECK(owner.use_count() == 2);
  const auto good = std::make_shared<const std::string>(unhex("83 6d 00002000") + std::string(0x2000, 'x'));
  handle = good;
  {
    const auto value = etf::decode_all(bytes_of(*good), {.aliased = &handle}).value();
    CHECK(good.use_count() == 3);
  }
  CHECK(good.use_count() == 2);
}
