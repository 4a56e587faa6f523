// Messages that take more than one slab: they are read like others, what is kept of them keeps little beside itself,
// and a failure at any point leaves nothing behind.
#include "wire.hpp"

#include <ergo_test/allocations.hpp>

#include <array>
#include <memory>
#include <string>
#include <vector>

using namespace ergo_test;
using ergo::test::fail_everywhere;
using ergo::test::held_allocations;

namespace {

term decoded(std::string_view bytes, const etf::decode_limits& limits = {}) {
  return etf::decode_all(bytes_of(bytes), limits).value();
}

/// `count` tuples that take 96 bytes each.
term rows(int count) {
  std::vector<term> items;
  for (int number = 0; number < count; ++number) items.push_back(etf::tuple("row"_atom, number, number * 1'000'000LL));
  return etf::make_list(items);
}

term map_of(int count, const term& value) {
  std::vector<term> pairs;
  for (int number = 0; number < count; ++number) pairs.insert(pairs.end(), {term{number}, etf::tuple(number, value)});
  return etf::make_map(pairs);
}

term nested(int levels, const term& inside) {
  auto made = inside;
  for (int level = 0; level < levels; ++level) made = etf::tuple(level, made, etf::binary("beside"));
  return made;
}

/// A list whose items come in several lists, each the tail of the one before, up to an improper end.
std::string chained_lists(int lists, int items) {
  etf::buffer out;
  out.append_u8(131);
  for (int list = 0; list < lists; ++list) {
    out.append_u8(108);
    out.append_u32(static_cast<std::uint32_t>(items));
    for (int item = 0; item < items; ++item) etf::encode_bare(out, etf::tuple(list, item));
  }
  etf::encode_bare(out, "end"_atom);
  return out.to_string();
}

std::vector<term> messages() {
  const auto text = [](std::size_t size) { return etf::binary(std::string(size, 't')); };
  std::vector<term> all;
  for (const int count : {600, 680, 690, 2'045, 2'047, 2'049, 4'096, 30'000}) all.push_back(rows(count));
  for (const std::size_t size : {30'000, 32'700, 32'800, 65'440, 65'520, 70'000, 1'000'000})
    all.push_back(
        etf::tuple("put"_atom, text(10), text(size), etf::list(text(size), text(2'000), rows(700), text(size))));
  all.push_back(map_of(3'000, etf::list(1'000, 2'000)));
  all.push_back(map_of(100, text(5'000)));
  all.push_back(nested(200, rows(5'000)));
  all.push_back(nested(3'000, rows(5'000)));
  all.push_back(etf::tuple(nested(20'000, rows(2'000)), rows(3'000), nested(900, text(100'000))));
  all.push_back(etf::make_fun({.module = "m"_atom, .environment = std::array<term, 2>{rows(3'000), text(80'000)}}));
  all.push_back(etf::list(rows(2'000), term{etf::big_integer{1} << 300'000}, rows(2'000),
                          etf::text_list(std::string(60'000, 'x'))));
  return all;
}

/// How many pieces of memory more are held once a part of a message is all that is left of it.
template <typename Pick>
std::size_t pieces_kept(const std::string& bytes, const Pick& pick) {
  {
    const auto filling_pools = decoded(bytes);
  }
  const auto before = held_allocations();
  term kept;
  {
    const auto whole = decoded(bytes);
    kept = pick(whole);
  }
  return held_allocations() - before;
}

}  // namespace

TEST_CASE("messages of any shape and size are read as they were written", "[etf][slabs]") {
  for (const auto& message : messages()) {
    const auto bytes = etf::encode_to_string(message);
    CHECK(decoded(bytes) == message);
    const auto owner = std::make_shared<const std::string>(bytes);
    const std::shared_ptr<const void> handle = owner;
    CHECK(decoded(*owner, {.aliased = &handle}) == message);
  }
}

TEST_CASE("a list that comes in pieces grows beyond one slab", "[etf][slabs]") {
  const auto bytes = chained_lists(40, 150);
  const auto list = decoded(bytes);
  REQUIRE(list.items().size() == 40 * 150);
  CHECK(list.items().front() == etf::tuple(0, 0));
  CHECK(list.items()[3'001] == etf::tuple(20, 1));
  CHECK(list.items().back() == etf::tuple(39, 149));
  CHECK(list.list_tail().is("end"_atom));
  CHECK(decoded(etf::encode_to_string(list)) == list);
}

TEST_CASE("a part that is kept keeps one slab of a large message", "[etf][slabs]") {
  // One piece for the slab, and one each for what is large in it.
  const auto many_rows = etf::encode_to_string(rows(40'000));
  CHECK(pieces_kept(many_rows, [](const term& list) { return list.items()[0]; }) <= 1);
  CHECK(pieces_kept(many_rows, [](const term& list) { return list.items()[20'000]; }) <= 1);
  CHECK(pieces_kept(many_rows, [](const term& list) { return list.items().back(); }) <= 1);

  const auto large = etf::binary(std::string(1'000'000, 'l'));
  const auto put = etf::encode_to_string(etf::tuple("put"_atom, etf::binary("key"), large, etf::tuple("from"_atom, 1)));
  CHECK(pieces_kept(put, [](const term& whole) { return whole.elements()[1]; }) <= 1);
  CHECK(pieces_kept(put, [](const term& whole) { return whole.elements()[2]; }) <= 1);
  CHECK(pieces_kept(put, [](const term& whole) { return whole.elements()[3]; }) <= 1);

  const auto beside =
      etf::encode_to_string(etf::tuple(etf::tuple("from"_atom, 1), rows(40'000), etf::tuple("last"_atom, 1)));
  CHECK(pieces_kept(beside, [](const term& whole) { return whole.elements()[0]; }) <= 1);
  CHECK(pieces_kept(beside, [](const term& whole) { return whole.elements()[2]; }) <= 1);

  const auto within = etf::encode_to_string(nested(300, map_of(20'000, etf::list(1'000))));
  CHECK(pieces_kept(within, [](const term& whole) { return whole.elements()[1].elements()[2]; }) <= 1);
}

TEST_CASE("a part that is kept does not keep a large receive buffer", "[etf][slabs]") {
  const auto message = etf::tuple("put"_atom, etf::binary("key"), etf::binary(std::string(200'000, 'v')));
  auto owner = std::make_shared<const std::string>(etf::encode_to_string(message));
  std::shared_ptr<const void> handle = owner;
  auto whole = decoded(*owner, {.aliased = &handle});
  const std::weak_ptr<const std::string> buffer = owner;
  handle.reset();
  owner.reset();
  const auto key = whole.elements()[1];
  auto value = whole.elements()[2];
  whole = {};
  CHECK_FALSE(buffer.expired());
  CHECK(value.bytes().size() == 200'000);
  value = {};
  CHECK(buffer.expired());
  CHECK(key.bytes() == "key");
}

TEST_CASE("a large message that breaks off leaves nothing behind", "[etf][slabs]") {
  for (const auto& message : messages()) {
    const auto bytes = etf::encode_to_string(message);
    constexpr std::size_t tries = 60;
    const auto all_truncated = [&bytes] {
      std::size_t truncated = 0;
      for (std::size_t cut = 1; cut <= tries; ++cut) {
        const auto read = etf::decode_all(bytes_of(bytes).first(bytes.size() - bytes.size() * cut / (tries + 1)));
        if (!read && read.error().code == errc::truncated) ++truncated;
      }
      return truncated;
    };
    static_cast<void>(all_truncated());  // fills the pools
    const auto before = held_allocations();
    const auto truncated = all_truncated();
    const auto after = held_allocations();
    CHECK(truncated == tries);
    CHECK(after <= before);
  }
}

TEST_CASE("a large message survives the failure of each allocation", "[etf][slabs]") {
  for (const auto& bytes :
       {etf::encode_to_string(nested(50, etf::tuple(rows(4'000), map_of(60, etf::binary(std::string(4'000, 'x')))))),
        chained_lists(30, 100)}) {
    term read;
    CHECK(fail_everywhere([&] { read = decoded(bytes); }) >= 1);
    CHECK(etf::encode_to_string(read).size() >= bytes.size() / 2);
  }
}

TEST_CASE("the memory limit holds for messages of several slabs", "[etf][slabs]") {
  const auto bytes = etf::encode_to_string(rows(30'000));
  CHECK(etf::decode_all(bytes_of(bytes), {.memory = 1U << 20}).error().code == errc::too_big);
  CHECK(etf::decode_all(bytes_of(bytes), {.memory = 8U << 20}).has_value());
}
