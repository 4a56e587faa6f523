// Memory that runs out: each allocation of the codec in turn fails, and nothing is lost or left half done.
#include "wire.hpp"

#include <ergo/etf/detail/thread_cache.hpp>
#include <ergo_test/allocations.hpp>
#include <ergo_test/sanitizers.hpp>

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

using namespace ergo_test;
using ergo::test::allocations;
using ergo::test::fail_everywhere;
using ergo::test::held_allocations;

namespace {

/// A term with every kind of node, large enough to take several blocks of memory.
term sample() {
  const std::array<term, 4> pairs{"k"_atom, etf::binary(std::string(5'000, 'b')), 2, etf::tuple(1, 2.5)};
  const std::array<term, 1> item{etf::list(1'000, 2'000)};
  term nested = etf::make_list(item, "tail"_atom);
  for (int level = 0; level < 100; ++level) nested = etf::tuple(nested, level);
  return etf::tuple(nested, etf::make_map(pairs), etf::make_fun({.module = "m"_atom, .environment = item}),
                    etf::external_fun("m"_atom, "f"_atom, 1), term{etf::big_integer{1} << 900},
                    etf::reference{{}, 5, {1, 2, 3, 4, 5}}, etf::text_list(std::string(3'000, 't')));
}

}  // namespace

TEST_CASE("decoding survives the failure of each allocation", "[R50][etf][memory]") {
  const auto value = sample();
  const auto bytes = etf::encode_to_string(value);
  term decoded;
  CHECK(fail_everywhere([&] { decoded = etf::decode_all(bytes_of(bytes)).value(); }) >= 2);
  CHECK(decoded == value);
  const auto owner = std::make_shared<const std::string>(bytes);
  const std::shared_ptr<const void> handle = owner;
  static_cast<void>(
      fail_everywhere([&] { decoded = etf::decode_all(bytes_of(*owner), {.aliased = &handle}).value(); }));
  CHECK(decoded == value);
}

TEST_CASE("encoding survives the failure of each allocation and leaves no half term", "[R50][etf][memory]") {
  const auto value = sample();
  const auto expected = etf::encode_to_string(value);
  etf::buffer out;
  bool is_whole = true;
  const auto failures = fail_everywhere([&] {
    out = {};
    out.append("head");
    try {
      encode(out, value, {.gather_from = 4'000});
    } catch (const std::bad_alloc&) {
      is_whole = is_whole && out.size() == 4 && out.pieces().empty();
      throw;
    }
  });
  CHECK(failures >= 3);
  CHECK(is_whole);
  CHECK(out.to_string() == "head" + expected);
}

TEST_CASE("building and detaching survive the failure of each allocation", "[R50][etf][memory]") {
  const auto expected = sample();
  term built;
  CHECK(fail_everywhere([&] { built = sample(); }) >= 1);
  CHECK(built == expected);
  const auto decoded = etf::decode_all(bytes_of(etf::encode_to_string(expected))).value();
  term copy;
  CHECK(fail_everywhere([&] { copy = decoded.detach(); }) >= 1);
  CHECK(copy == expected);
}

TEST_CASE("copying and comparing shallow terms allocates nothing", "[R50][etf][memory]") {
  const auto value = etf::tuple(1, etf::list(2, 3), etf::binary("x"));
  const auto other = etf::tuple(1, etf::list(2, 3), etf::binary("y"));
  const auto before = allocations();
  const auto copy = value;  // NOLINT: the copy is what is measured
  auto assigned = copy;
  assigned = other;
  const auto less = compare(value, other) < 0;
  const auto same = copy == value;
  const auto hashes = hash_value(copy) == hash_value(value);
  const auto after = allocations();
  CHECK(after == before);
  CHECK((less && same && hashes));
}

TEST_CASE("encoding into a buffer that is large enough allocates nothing", "[R50][etf][memory]") {
  const auto value =
      etf::tuple("ok"_atom, etf::list(1'000, 2'000), etf::pid{}, etf::text_list("text"), etf::binary("bytes"));
  etf::buffer out;
  encode(out, value);
  out.clear();
  const auto before = allocations();
  encode(out, value);
  CHECK(allocations() == before);
}

TEST_CASE("a thread that gives up its cache keeps none of the memory of terms that have ended", "[etf][memory]") {
  const auto bytes = etf::encode_to_string(sample());
  etf::detail::drain_thread_cache();
  const auto before = held_allocations();
  for (int round = 0; round < 3; ++round) {
    const auto built = etf::tuple(1, etf::binary("bytes"), etf::list(1'000, 2'000));
    const auto decoded = etf::decode_all(bytes_of(bytes)).value();
  }
  etf::detail::drain_thread_cache();
  CHECK(held_allocations() == before);
}

TEST_CASE("a thread gives back what it keeps bit by bit, but for a little that the next terms need", "[etf][memory]") {
  if (ergo::test::sanitized) SKIP("a sanitizer sees all memory come back at once");
  etf::detail::drain_thread_cache();
  const auto before = held_allocations();
  {
    std::vector<term> all;
    for (std::size_t size = 1; size < 1'000; size += 16) {
      for (int count = 0; count < 100; ++count) all.push_back(etf::binary(std::string(size, 'x')));
    }
    const auto decoded = etf::decode_all(bytes_of(etf::encode_to_string(etf::make_list(all)))).value();
  }
  auto kept = held_allocations() - before;
  const auto most = kept;
  for (int round = 0; round < 2; ++round) {
    etf::detail::shrink_thread_cache();
    const auto left = held_allocations() - before;
    CHECK(left < kept * 3 / 4);
    CHECK(left > kept / 3);
    kept = left;
  }
  for (int round = 0; round < 10; ++round) etf::detail::shrink_thread_cache();
  CHECK(held_allocations() - before < most / 4);
  const auto allocated = allocations();
  for (int count = 0; count < 1'000; ++count) static_cast<void>(etf::tuple(count, etf::binary("bytes")));
  CHECK(allocations() == allocated);
  etf::detail::drain_thread_cache();
  CHECK(held_allocations() == before);
}
