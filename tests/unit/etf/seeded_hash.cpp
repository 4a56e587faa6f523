// Attack S23: keys that are made to collide.
#include <ergo/etf/seeded_hash.hpp>
#include <ergo/etf/term.hpp>

#include <boost/unordered/unordered_flat_map.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

using namespace ergo;
using namespace ergo::etf;

namespace {

constexpr std::uint32_t number_of_keys = 4'096;

// The bits of a node go where those of the serial are, or the first word: whoever knows that takes them out again.
pid colliding_pid(std::uint32_t number) { return {node_id::from_index(number), 7, (number << 8) ^ 0x5A5A5A}; }
port colliding_port(std::uint32_t number) {
  return {node_id::from_index(number), (std::uint64_t{number} << 40) ^ 0x5A5A5A};
}
reference colliding_reference(std::uint32_t number) {
  return {node_id::from_index(number), 5, {number ^ 0x5A5A5A, 2, 3, 4, 5}};
}

template <typename Make>
auto keys_of(Make make) {
  std::vector<decltype(make(0U))> keys;
  for (std::uint32_t number = 1; number <= number_of_keys; ++number) keys.push_back(make(number));
  return keys;
}

// Of so many buckets as there are keys, the fullest, when they are chosen by the lowest bits or by the highest.
template <typename Keys, typename Hash>
std::size_t fullest_bucket(const Keys& keys, Hash hash) {
  std::vector<std::size_t> low(number_of_keys);
  std::vector<std::size_t> high(number_of_keys);
  for (const auto& key : keys) {
    const std::uint64_t value = hash(key);
    ++low[value % number_of_keys];
    ++high[value >> 52];
  }
  return std::max(std::ranges::max(low), std::ranges::max(high));
}

template <typename Keys>
void check_spread(const Keys& keys) {
  using key = typename Keys::value_type;
  CHECK(fullest_bucket(keys, std::hash<key>{}) == number_of_keys);  // they are an attack
  CHECK(fullest_bucket(keys, seeded_hash{}) <= 16);                 // of 4,096 random ones: 7 or so
  CHECK(fullest_bucket(keys, [](const key& one) { return hash_value(term{one}); }) <= 16);
  std::set<std::size_t> different;
  for (const auto& one : keys) different.insert(seeded_hash{}(one));
  CHECK(different.size() == number_of_keys);
}

}  // namespace

TEST_CASE("pids, ports and references that collide by design are spread like random ones", "[etf][S23]") {
  check_spread(keys_of(colliding_pid));
  check_spread(keys_of(colliding_port));
  check_spread(keys_of(colliding_reference));
}

TEST_CASE("each word of a key counts, and keys that follow each other are spread", "[etf][S23]") {
  const auto at = node_id::from_index(3);
  for (std::size_t word = 0; word < 5; ++word) {
    std::vector<reference> keys;
    for (std::uint32_t number = 0; number < number_of_keys; ++number) {
      reference one{at, 5, {1, 2, 3, 4, 5}};
      one.words[word] = number << (word * 4);
      keys.push_back(one);
    }
    CHECK(fullest_bucket(keys, seeded_hash{}) <= 16);
  }
  CHECK(fullest_bucket(keys_of([at](std::uint32_t number) { return pid{at, number, 0}; }), seeded_hash{}) <= 16);
  CHECK(fullest_bucket(keys_of([at](std::uint32_t number) { return pid{at, 0, number}; }), seeded_hash{}) <= 16);
  CHECK(fullest_bucket(keys_of([at](std::uint32_t number) { return port{at, number}; }), seeded_hash{}) <= 16);
}

TEST_CASE("equal references have equal hashes, missing words count as 0", "[etf][S23]") {
  const auto at = node_id::from_index(3);
  const reference two{at, 2, {1, 2}};
  const reference three{at, 3, {1, 2, 0}};
  REQUIRE(two == three);
  CHECK(seeded_hash{}(two) == seeded_hash{}(three));
  boost::unordered_flat_map<reference, int, seeded_hash> table{{two, 7}};
  CHECK(table.contains(three));
  CHECK_FALSE(table.contains(reference{at, 2, {2, 1}}));
}

TEST_CASE("texts are found by any kind of string, and spread", "[etf][S23]") {
  std::unordered_set<std::string, seeded_hash, std::equal_to<>> names{"a@h", "b@h"};
  CHECK(names.contains(std::string_view{"a@h"}));
  CHECK_FALSE(names.contains("c@h"));
  const auto texts = keys_of([](std::uint32_t number) { return "node" + std::to_string(number) + "@host"; });
  CHECK(fullest_bucket(texts, seeded_hash{}) <= 16);
}
