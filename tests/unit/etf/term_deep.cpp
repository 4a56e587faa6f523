// Depth and width: everything that walks a term does it on a stack of 64 KiB.
#include "wire.hpp"

#include <array>
#include <vector>

using namespace ergo_test;

namespace {

constexpr std::size_t depth = 5'000'000;

std::string repeat(std::string_view part, std::size_t count) {
  std::string bytes;
  bytes.reserve(part.size() * count);
  for (std::size_t at = 0; at < count; ++at) bytes += part;
  return bytes;
}

/// What must hold of a deep term, checked on a small stack.
struct outcome {
  bool decoded = false;
  bool equal = false;
  bool same_hash = false;
  bool same_size = false;
  bool same_bytes = false;
  bool detached = false;
};

outcome walk(const std::string& bytes) {
  outcome seen;
  on_small_stack([&] {
    const auto first = etf::decode_all(bytes_of(bytes));
    const auto second = etf::decode_all(bytes_of(bytes));
    seen.decoded = first.has_value() && second.has_value();
    if (!seen.decoded) return;
    seen.equal = compare(*first, *second) == 0;
    seen.same_hash = hash_value(*first) == hash_value(*second);
    seen.same_size = etf::encoded_size(*first) + 1 == bytes.size();
    seen.same_bytes = etf::encode_to_string(*first) == bytes;
    seen.detached = first->detach() == *second;
  });
  return seen;
}

void check(const outcome& seen) {
  CHECK(seen.decoded);
  CHECK(seen.equal);
  CHECK(seen.same_hash);
  CHECK(seen.same_size);
  CHECK(seen.same_bytes);
  CHECK(seen.detached);
}

}  // namespace

TEST_CASE("five million nested lists are boring", "[etf][deep]") {
  check(walk(unhex("83") + repeat(unhex("6c00000001"), depth) + unhex("6a") + repeat(unhex("6a"), depth)));
}

TEST_CASE("five million nested tuples are boring", "[etf][deep]") {
  check(walk(unhex("83") + repeat(unhex("6801"), depth) + unhex("6a")));
}

TEST_CASE("two million tuples nested in first place are boring", "[etf][deep]") {
  check(walk(unhex("83") + repeat(unhex("6802"), 2'000'000) + unhex("6a") + repeat(unhex("6101"), 2'000'000)));
}

TEST_CASE("maps nested as values and as keys are boring", "[etf][deep]") {
  constexpr std::size_t levels = 1'000'000;
  check(walk(unhex("83") + repeat(unhex("74000000016101"), levels) + unhex("6a")));
  check(walk(unhex("83") + repeat(unhex("7400000001"), levels) + unhex("6a") + repeat(unhex("6101"), levels)));
}

TEST_CASE("funs nested in their environments are boring", "[etf][deep]") {
  constexpr std::size_t levels = 100'000;
  // Each size counts all that follows, so they are different: only the value is compared.
  term value;
  for (std::size_t level = 0; level < levels; ++level) {
    const std::array<term, 1> environment{value};
    value = etf::make_fun({.module = "m"_atom, .arity = 1, .environment = environment});
  }
  check(walk(etf::encode_to_string(value)));
}

TEST_CASE("a deep term that was built, not decoded, ends on a small stack", "[etf][deep]") {
  auto done = false;
  on_small_stack([&done] {
    for (const auto wrap :
         {+[](const term& inner) { return etf::list(inner); }, +[](const term& inner) { return etf::tuple(inner, 1); },
          +[](const term& inner) { return etf::tuple(inner, etf::binary("leaf"), inner); }}) {
      term value;
      for (std::size_t level = 0; level < 1'000'000; ++level) value = wrap(value);
    }
    done = true;
  });
  CHECK(done);
}

TEST_CASE("a chain of five million list tails is read in linear time and compares as one list", "[etf][deep]") {
  const auto bytes = unhex("83") + repeat(unhex("6c000000016101"), depth) + unhex("6a");
  auto same = false;
  on_small_stack([&] {
    const auto chain = etf::decode_all(bytes_of(bytes));
    const std::vector<term> items(depth, term{1});
    const auto whole = etf::make_list(items);
    same = chain.has_value() && chain->items().size() == depth && *chain == whole &&
           hash_value(*chain) == hash_value(whole);
  });
  CHECK(same);
}

TEST_CASE("empty lists with tails, five million of them, are their last tail", "[etf][deep]") {
  const auto bytes = unhex("83") + repeat(unhex("6c00000000"), depth) + unhex("6105");
  CHECK(etf::decode_all(bytes_of(bytes)) == term{5});
  const auto behind_item = unhex("83 6c00000001 6101") + repeat(unhex("6c00000000"), depth) + unhex("6a");
  CHECK(etf::decode_all(bytes_of(behind_item)) == etf::list(1));
}

TEST_CASE("alternating tails of strings and lists are merged into one list", "[etf][deep]") {
  constexpr std::size_t pieces = 200'000;
  const auto bytes = unhex("83") + repeat(unhex("6c00000002 6101 6102"), pieces) + unhex("6b0003030405");
  const auto value = etf::decode_all(bytes_of(bytes));
  REQUIRE(value.has_value());
  CHECK(value->items().size() == 2 * pieces + 3);
  CHECK(value->items().back() == term{5});
}

TEST_CASE("nesting beyond the limit is refused where it is passed", "[etf][deep]") {
  const etf::decode_limits limits{.depth = 3};
  CHECK(fault("6801 6801 6801 6a", limits) == errc::ok);
  CHECK(fault("6801 6801 6801 6801 6a", limits) == errc::too_deep);
  CHECK(fault("6c00000001 6c00000001 7400000001 6101 6801 6a 6a 6a", limits) == errc::too_deep);
  CHECK(fault("6804 6101 6801 6801 6a 6101 6801 6a", limits) == errc::ok);
}
