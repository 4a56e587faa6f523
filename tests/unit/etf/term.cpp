// Terms: what they hold, how they are built, shared and taken apart.
#include "wire.hpp"

#include <array>
#include <atomic>
#include <barrier>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace ergo_test;
using etf::kind;

namespace {

etf::node_id node(std::uint32_t creation = 1) { return *etf::node_id::make("term@host"_atom, creation); }

}  // namespace

TEST_CASE("a default term is the empty list", "[etf][term]") {
  const term value;
  CHECK(value.is_nil());
  CHECK(value.is_list());
  CHECK(value.items().empty());
  CHECK(value.kind() == kind::nil);
  CHECK(value == etf::list());
}

TEST_CASE("C++ values become terms of their kind", "[etf][term]") {
  CHECK(term{true}.is("true"_atom));
  CHECK(term{false}.is("false"_atom));
  CHECK(term{"ok"_atom}.as_atom() == "ok"_atom);
  CHECK(term{-5}.as_integer() == -5);
  CHECK(term{'a'}.as_integer() == 97);
  CHECK(term{INT64_MIN}.as_integer() == INT64_MIN);
  CHECK(term{std::uint64_t{INT64_MAX}}.as_integer() == INT64_MAX);
  CHECK(term{2.5}.as_double() == 2.5);
  CHECK(term{etf::pid{node(), 1, 2}}.as_pid() == etf::pid{node(), 1, 2});
  CHECK(term{etf::port{node(), 1ULL << 60}}.as_port() == etf::port{node(), 1ULL << 60});
}

TEST_CASE("an accessor for another kind finds nothing", "[etf][term]") {
  const std::array values{term{},         term{1},          term{1.0},
                          term{"a"_atom}, term{etf::pid{}}, term{etf::port{}},
                          etf::tuple(1),  etf::list(1),     etf::binary("x")};
  for (const auto& value : values) {
    CHECK(value.as_integer().has_value() == (value.kind() == kind::integer));
    CHECK(value.as_unsigned().has_value() == (value.kind() == kind::integer));
    CHECK(value.as_big_integer().has_value() == (value.kind() == kind::integer));
    CHECK(value.as_double().has_value() == (value.kind() == kind::floating));
    CHECK(value.as_atom().has_value() == (value.kind() == kind::atom));
    CHECK(value.as_pid().has_value() == (value.kind() == kind::pid));
    CHECK(value.as_port().has_value() == (value.kind() == kind::port));
    CHECK_FALSE(value.as_reference().has_value());
    CHECK_FALSE(value.as_fun().has_value());
    CHECK_FALSE(value.as_record().has_value());
    CHECK(value.elements().empty() == (value.kind() != kind::tuple));
    CHECK(value.items().empty() == (value.kind() != kind::list));
    CHECK(value.bytes().empty() == (value.kind() != kind::bitstring));
    CHECK(value.entries().empty());
    CHECK(value.find(1) == nullptr);
  }
}

TEST_CASE("a float that is no number is no term", "[etf][term]") {
  CHECK_THROWS_AS(term{std::numeric_limits<double>::infinity()}, std::domain_error);
  CHECK_THROWS_AS(term{-std::numeric_limits<double>::infinity()}, std::domain_error);
  CHECK_THROWS_AS(term{std::numeric_limits<double>::quiet_NaN()}, std::domain_error);
}

TEST_CASE("integers of every size come back as they went in", "[etf][term]") {
  for (unsigned bit = 0; bit < 300; bit += 7) {
    for (int delta = -1; delta <= 1; ++delta) {
      for (int sign : {1, -1}) {
        const etf::big_integer value = ((etf::big_integer{1} << bit) + delta) * sign;
        const term made{value};
        CHECK(made.kind() == kind::integer);
        CHECK(made.as_big_integer() == value);
        CHECK(made.as_integer().has_value() == (value >= INT64_MIN && value <= INT64_MAX));
        CHECK(made.as_unsigned().has_value() == (value >= 0 && value <= UINT64_MAX));
        if (const auto whole = made.as_unsigned()) CHECK(*whole == value);
      }
    }
  }
  CHECK(term{UINT64_MAX}.as_big_integer() == etf::big_integer{UINT64_MAX});
  CHECK_FALSE(term{UINT64_MAX}.as_integer().has_value());
  CHECK(term{UINT64_MAX}.as_unsigned() == UINT64_MAX);
  CHECK_FALSE(term{etf::big_integer{1} << 64}.as_unsigned().has_value());
  CHECK_FALSE(term{-etf::big_integer{UINT64_MAX}}.as_unsigned().has_value());
}

TEST_CASE("an integer that no Erlang takes is refused", "[etf][term]") {
  const etf::big_integer largest = (etf::big_integer{1} << 4'194'304) - 1;
  CHECK(term{largest}.as_big_integer() == largest);
  CHECK_THROWS_AS(term{largest + 1}, std::length_error);
  CHECK_THROWS_AS(term{-(largest + 1)}, std::length_error);
}

TEST_CASE("references of 1 to 5 words keep words, size and node", "[etf][term]") {
  for (std::uint8_t size = 1; size <= 5; ++size) {
    for (const std::uint32_t first : {0U, 1U, 0x3ffffU, 0xfffffffU, 0x10000000U, 0xffffffffU}) {
      etf::reference value{node(7), size, {}};
      for (std::uint8_t word = 0; word < size; ++word) value.words[word] = word == 0 ? first : 0xfffffff0U + word;
      const auto read = term{value}.as_reference();
      REQUIRE(read.has_value());
      CHECK(*read == value);
      CHECK(read->size == size);
      CHECK(read->node.creation() == 7);
    }
  }
  CHECK_THROWS_AS(term{etf::reference{}}, std::invalid_argument);
  CHECK_THROWS_AS(term(etf::reference{node(), 6, {}}), std::invalid_argument);
}

TEST_CASE("words beyond the size of a reference are no part of its term", "[etf][term]") {
  const term clean{etf::reference{node(), 1, {5}}};
  const term spare{etf::reference{node(), 1, {5, 6, 7, 8, 9}}};
  CHECK(spare == clean);
  CHECK(hash_value(spare) == hash_value(clean));
  CHECK(spare.as_reference()->words == std::array<std::uint32_t, 5>{5});
}

TEST_CASE("references that differ in any bit are different terms", "[etf][term]") {
  const etf::reference base{node(), 3, {5, 6, 7}};
  for (std::size_t word = 0; word < 3; ++word) {
    for (int bit = 0; bit < 32; ++bit) {
      auto other = base;
      other.words[word] ^= 1U << bit;
      CHECK(term{other} != term{base});
      CHECK(compare(term{other}, term{base}) != 0);
    }
  }
  CHECK(term{etf::reference{node(), 2, {5, 6}}} == term{etf::reference{node(), 5, {5, 6}}});
}

TEST_CASE("tuples have elements in order", "[etf][term]") {
  CHECK(etf::tuple().is_tuple(0));
  CHECK(etf::tuple().elements().empty());
  const auto made = etf::tuple("ok"_atom, 1, etf::tuple(2));
  CHECK(made.is_tuple(3));
  CHECK_FALSE(made.is_tuple(2));
  CHECK(made.elements()[0].is("ok"_atom));
  CHECK(made.elements()[2] == etf::tuple(2));
  CHECK(is_tagged(made, "ok"_atom, 3));
  CHECK_FALSE(is_tagged(made, "ok"_atom, 2));
  CHECK_FALSE(is_tagged(made, "error"_atom, 3));
  CHECK_FALSE(is_tagged(etf::tuple(), "ok"_atom, 0));
  CHECK_FALSE(is_tagged(etf::list("ok"_atom), "ok"_atom, 1));
}

TEST_CASE("a tuple has at most 16,777,215 elements", "[etf][term]") {
  const term one;
  CHECK_THROWS_AS(etf::make_tuple(std::span{&one, 16'777'216}), std::length_error);  // refused before it is looked at
}

TEST_CASE("a list is its items and its tail", "[etf][term]") {
  const std::array<term, 2> items{1, 2};
  CHECK(etf::make_list(items) == etf::list(1, 2));
  CHECK(etf::make_list(items).list_tail().is_nil());
  const auto improper = etf::make_list(items, 3);
  CHECK(improper.items().size() == 2);
  CHECK(improper.list_tail() == term{3});
  CHECK(improper.is_list());
  CHECK(improper != etf::list(1, 2, 3));
  CHECK(etf::make_list({}, 5) == term{5});
  CHECK(etf::make_list({}).is_nil());
}

TEST_CASE("a tail that is a list is merged", "[etf][term]") {
  const std::array<term, 1> first{1};
  CHECK(etf::make_list(first, etf::list(2, 3)) == etf::list(1, 2, 3));
  CHECK(etf::make_list(first, etf::list(2, 3).drop(1)) == etf::list(1, 3));
  const std::array<term, 1> second{2};
  const auto improper = etf::make_list(first, etf::make_list(second, "x"_atom));
  CHECK(improper.items().size() == 2);
  CHECK(improper.list_tail().is("x"_atom));
}

TEST_CASE("dropping items shares the rest", "[etf][term]") {
  const auto whole = etf::list(1, 2, 3);
  const auto rest = whole.drop(1);
  CHECK(rest == etf::list(2, 3));
  CHECK(rest.items().data() == whole.items().data() + 1);
  CHECK(rest.drop(1) == etf::list(3));
  CHECK(whole.drop(0) == whole);
  CHECK(whole.drop(3).is_nil());
  const std::array<term, 1> items{1};
  CHECK(etf::make_list(items, 9).drop(1) == term{9});
  CHECK(hash_value(rest) == hash_value(etf::list(2, 3)));
  CHECK(written(rest) == written(etf::list(2, 3)));
}

TEST_CASE("maps are sorted, and of equal keys the last one wins", "[etf][term]") {
  const std::array<term, 8> pairs{2, "b"_atom, 1, "a"_atom, 2, "c"_atom, 1.0, "d"_atom};
  const auto map = etf::make_map(pairs);
  REQUIRE(map.entries().size() == 6);
  CHECK(map.entries()[0] == term{1});
  CHECK(map.entries()[2] == term{2});
  CHECK(map.entries()[4] == term{1.0});
  CHECK(map.find(2)->is("c"_atom));
  CHECK(map.find(1)->is("a"_atom));
  CHECK(map.find(1.0)->is("d"_atom));
  CHECK(map.find(2.0) == nullptr);
  CHECK(etf::make_map({}).is_map());
  CHECK(etf::make_map({}).entries().empty());
}

TEST_CASE("of equal keys in a large map the last one wins, too", "[etf][term]") {
  std::vector<term> pairs;
  for (int at = 0; at < 1'000; ++at) {
    pairs.emplace_back((at * 7'919) % 100);
    pairs.push_back(etf::binary(std::to_string(at)));
  }
  const auto map = etf::make_map(pairs);
  REQUIRE(map.entries().size() == 200);
  for (int at = 900; at < 1'000; ++at) {
    const auto* found = map.find((at * 7'919) % 100);
    REQUIRE(found != nullptr);
    CHECK(*found == etf::binary(std::to_string(at)));
  }
}

TEST_CASE("every key of a large map is found", "[etf][term]") {
  std::vector<term> pairs;
  for (int key = 0; key < 1'000; ++key) {
    pairs.emplace_back((key * 7'919) % 1'000);
    pairs.emplace_back(key);
  }
  const auto map = etf::make_map(pairs);
  REQUIRE(map.entries().size() == 2'000);
  for (int key = 0; key < 1'000; ++key) {
    const auto* found = map.find((key * 7'919) % 1'000);
    REQUIRE(found != nullptr);
    CHECK(*found == term{key});
  }
  CHECK(map.find(1'000) == nullptr);
  CHECK(map.find(-1) == nullptr);
}

TEST_CASE("binaries keep their bytes, copied or adopted", "[etf][term]") {
  for (const std::size_t size : {0U, 1U, 15U, 16U, 256U, 257U, 100'000U}) {
    const std::string text(size, 'x');
    CHECK(etf::binary(text).bytes() == text);
    CHECK(etf::binary(text).is_binary());
    CHECK(etf::adopt_binary(text) == etf::binary(text));
    CHECK(etf::binary(text).last_byte_bits() == (size == 0 ? 0 : 8));
  }
  std::string large(100'000, 'y');
  const auto* memory = large.data();
  const auto adopted = etf::adopt_binary(std::move(large));
  CHECK(adopted.bytes().data() == memory);
}

TEST_CASE("a bit string keeps its bits and clears the others", "[etf][term]") {
  const auto made = etf::bit_string("\xff\xff", 3);
  CHECK(made.bytes() == "\xff\xe0");
  CHECK(made.last_byte_bits() == 3);
  CHECK_FALSE(made.is_binary());
  CHECK(made.kind() == kind::bitstring);
  CHECK(etf::bit_string("ab", 8) == etf::binary("ab"));
  CHECK(etf::bit_string("", 5) == etf::binary(""));
  CHECK_THROWS_AS(etf::bit_string("a", 0), std::invalid_argument);
  CHECK_THROWS_AS(etf::bit_string("a", 9), std::invalid_argument);
}

TEST_CASE("text goes into a list of characters and back", "[etf][term]") {
  for (const std::string_view text : {"", "plain", "\u00e5\u03bb\U0001F600"})
    CHECK(etf::text_list(text).as_text() == std::string{text});
  CHECK(etf::text_list("\u03bb") == etf::list(955));
  CHECK(etf::text_list("a\xff") == etf::list(97, 255));
  CHECK(etf::text_list("\xe5").as_text() == "\u00e5");
  CHECK_FALSE(etf::list(97, "b"_atom).as_text().has_value());
  CHECK_FALSE(etf::list(0xD800).as_text().has_value());
  CHECK_FALSE(etf::list(0x110000).as_text().has_value());
  CHECK_FALSE(etf::list(-1).as_text().has_value());
  const std::array<term, 1> items{97};
  CHECK_FALSE(etf::make_list(items, 98).as_text().has_value());
  CHECK_FALSE(etf::binary("x").as_text().has_value());
}

TEST_CASE("external funs are module, function and arity", "[etf][term]") {
  const auto made = etf::external_fun("lists"_atom, "map"_atom, 2);
  const auto view = made.as_fun();
  REQUIRE(view.has_value());
  CHECK(view->external);
  CHECK(view->module == "lists"_atom);
  CHECK(view->function == "map"_atom);
  CHECK(view->arity == 2);
  CHECK(made.kind() == kind::fun);
  CHECK_THROWS_AS(etf::external_fun("m"_atom, "f"_atom, 256), std::length_error);
}

TEST_CASE("a local fun keeps all of its fields", "[etf][term]") {
  const std::array<term, 2> environment{1, etf::list(2)};
  etf::fun_view parts{.module = "m"_atom,
                      .arity = 3,
                      .index = 0xfffffffe,
                      .old_index = -4,
                      .old_uniq = 5,
                      .creator = {node(), 6, 7},
                      .environment = environment};
  for (std::uint8_t byte = 0; byte < 16; ++byte) parts.uniq[byte] = static_cast<std::uint8_t>(200 + byte);
  const auto made = etf::make_fun(parts);
  const auto view = made.as_fun();
  REQUIRE(view.has_value());
  CHECK_FALSE(view->external);
  CHECK(view->module == parts.module);
  CHECK(view->arity == 3);
  CHECK(view->index == 0xfffffffe);
  CHECK(view->old_index == -4);
  CHECK(view->old_uniq == 5);
  CHECK(view->uniq == parts.uniq);
  CHECK(view->creator == parts.creator);
  REQUIRE(view->environment.size() == 2);
  CHECK(view->environment[1] == etf::list(2));
  CHECK(read(written(made)) == made);
  const std::vector<term> many(256);
  CHECK_THROWS_AS(etf::make_fun({.module = "m"_atom, .arity = 256}), std::length_error);
  CHECK_THROWS_AS(etf::make_fun({.module = "m"_atom, .environment = many}), std::length_error);
}

TEST_CASE("a record keeps its names and values", "[etf][term]") {
  const std::array<term, 2> names{"x"_atom, "y"_atom};
  const std::array<term, 2> values{1, 2.5};
  const auto made = etf::make_record(
      {.module = "geo"_atom, .name = "point"_atom, .exported = true, .names = names, .values = values});
  const auto view = made.as_record();
  REQUIRE(view.has_value());
  CHECK(view->module == "geo"_atom);
  CHECK(view->name == "point"_atom);
  CHECK(view->exported);
  CHECK(view->names[1].is("y"_atom));
  CHECK(view->values[1] == term{2.5});
  CHECK(made.kind() == kind::record);
  const std::array<term, 2> twice{"x"_atom, "x"_atom};
  const std::array<term, 2> numbers{1, 2};
  CHECK_THROWS_AS(etf::make_record({.names = twice, .values = values}), std::invalid_argument);
  CHECK_THROWS_AS(etf::make_record({.names = numbers, .values = values}), std::invalid_argument);
  CHECK_THROWS_AS(etf::make_record({.names = names, .values = std::span{values}.first(1)}), std::invalid_argument);
}

TEST_CASE("the reply reference of a call tag is found in each of its forms", "[etf][term]") {
  const term monitor{etf::reference{node(), 3, {1, 2, 3}}};
  const term alias{etf::reference{node(), 3, {4, 5, 6}}};
  const std::array<term, 1> word{"alias"_atom};
  const auto newer = etf::make_list(word, alias);
  const std::array<term, 1> inner{newer};
  CHECK(reference_in_tag(monitor) == monitor.as_reference());
  CHECK(reference_in_tag(newer) == alias.as_reference());
  CHECK(reference_in_tag(etf::make_list(inner, monitor)) == alias.as_reference());
  CHECK_FALSE(reference_in_tag(etf::list("alias"_atom, alias)).has_value());
  const std::array<term, 1> other{"other"_atom};
  CHECK_FALSE(reference_in_tag(etf::make_list(other, alias)).has_value());
  CHECK_FALSE(reference_in_tag(term{5}).has_value());
}

TEST_CASE("copies, moves and swaps keep the value", "[etf][term]") {
  term first = etf::tuple(1, etf::binary("shared"));
  const auto copy = first;
  CHECK(copy == first);
  CHECK(copy.elements().data() == first.elements().data());
  const auto moved = std::move(first);
  CHECK(moved == copy);
  CHECK(first.is_nil());  // NOLINT: a moved-from term is nil
  term other = 5;
  first = moved;
  swap(first, other);
  CHECK(first == term{5});
  CHECK(other == copy);
  const auto& itself = other;
  other = itself;
  CHECK(other == copy);
}

TEST_CASE("a part of a decoded message outlives the message", "[etf][term]") {
  auto part = read("6c 00000002 68 02 61 01 6d 00000003 616263 6b 0003 010203 6a").items()[0].elements()[1];
  CHECK(part.bytes() == "abc");
  const auto again = part;
  part = term{};
  CHECK(again.bytes() == "abc");
}

TEST_CASE("detach copies what lies in messages and buffers, to an equal term", "[etf][term]") {
  auto owner =
      std::make_shared<const std::string>(unhex("83 6803 6d 00002000") + std::string(0x2000, 'b') +
                                          unhex("6c00000001 6161 6162 74 00000001 6101 6e09000000000000000000ff"));
  const std::weak_ptr<const std::string> alive = owner;
  std::shared_ptr<const void> handle = owner;
  auto message = etf::decode_all(bytes_of(*owner), {.aliased = &handle}).value();
  CHECK(message.elements()[0].bytes().data() == owner->data() + 8);
  const auto* inside = owner->data();
  auto copy = message.detach();
  CHECK(copy == message);
  CHECK(copy.elements()[0].bytes().data() != inside + 8);
  handle.reset();
  owner.reset();
  CHECK_FALSE(alive.expired());
  message = term{};
  CHECK(alive.expired());
  CHECK(copy.elements()[0].bytes() == std::string(0x2000, 'b'));
  CHECK(copy.elements()[1].list_tail() == term{98});
}

TEST_CASE("detach keeps every kind of term", "[etf][term]") {
  for (const auto* text : {"6a", "6101", "77 02 6f6b", "46 3ff0000000000000", "6e 09 01 0000000000000000 ff",
                           "5a 0005 77 03 784079 00000001 00000001 00000002 00000003 00000004 00000005",
                           "6c 00000001 61 01 61 02", "4d 00000002 03 ffff", "71 77 01 6d 77 01 66 61 03",
                           ("70 0000003a 02 00000000000000000000000000000007 00000003 00000001 77016d 6102 6103 58 "
                            "7703784079 00000001 00000002 00000003 6b0001ff"),
                           "43 00000001 01 77016d 77016e 770166 6c00000001 6161 6a"}) {
    const auto value = read(text);
    CHECK(value.detach() == value);
    CHECK(written(value.detach()) == written(value));
  }
  CHECK(read("6c 00000003 6101 6102 770161 6a").drop(1).detach() == etf::list(2, "a"_atom));
}

TEST_CASE("threads may share, copy and drop the same terms", "[etf][term]") {
  const auto decoded = read("6c 00000002 6802 6101 6d00000003616263 6b0003010203 6a");
  const auto built = etf::list(etf::tuple(1, etf::binary("abc")), etf::text_list("\x01\x02\x03"));
  std::atomic<int> wrong = 0;
  std::barrier start{4};
  {
    std::vector<std::jthread> running;
    for (int thread = 0; thread < 4; ++thread) {
      running.emplace_back([&] {
        start.arrive_and_wait();
        for (int round = 0; round < 20'000; ++round) {
          const auto left = decoded.items()[0];
          const auto right = built.items()[0];
          const auto both = etf::tuple(left, right, decoded);
          if (both.elements()[0] != both.elements()[1]) ++wrong;
        }
      });
    }
  }
  CHECK(wrong == 0);
  CHECK(decoded == built);
}

TEST_CASE("terms made on one thread may end on another", "[etf][term]") {
  for (int round = 0; round < 50; ++round) {
    std::vector<term> made;
    std::jthread{[&made] {
      for (int number = 0; number < 1'000; ++number)
        made.push_back(etf::tuple(number, etf::list(number), etf::binary("some bytes")));
    }}.join();
    CHECK(made[999].elements()[0] == term{999});
    std::jthread{[moved = std::move(made)]() mutable { moved.clear(); }}.join();
  }
}
