// Erlang's term order, exact equality, and the hash that agrees with it.
#include "wire.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace ergo_test;

namespace {

etf::node_id node(std::string_view name = "order@host", std::uint32_t creation = 1) {
  return *etf::node_id::make(etf::atom::of(name), creation);
}

term improper(const term& item, const term& tail) { return etf::make_list(std::span{&item, 1}, tail); }

term map(std::initializer_list<term> pairs) { return etf::make_map(std::span{pairs.begin(), pairs.size()}); }

term power(unsigned bits) { return term{etf::big_integer{1} << bits}; }
term negative_power(unsigned bits) { return term{-(etf::big_integer{1} << bits)}; }

term fun(std::uint32_t index, std::int64_t uniq, std::initializer_list<term> environment = {}) {
  return etf::make_fun({.module = "m"_atom,
                        .index = index,
                        .old_uniq = uniq,
                        .environment = std::span{environment.begin(), environment.size()}});
}

term record(std::string_view name, std::initializer_list<term> names, std::initializer_list<term> values) {
  return etf::make_record({.module = "m"_atom,
                           .name = etf::atom::of(name),
                           .names = std::span{names.begin(), names.size()},
                           .values = std::span{values.begin(), values.size()}});
}

/// One term of each place in Erlang's order, ascending.
std::vector<term> ascending() {
  const auto binary_of = [](unsigned bits) { return etf::bit_string("\xa8\xff", bits); };
  return {negative_power(100),
          negative_power(64),
          term{INT64_MIN},
          -std::numeric_limits<double>::max() / 1e290,
          -1e10,
          -1,
          -0.5,
          0,
          0.5,
          1,
          1.5,
          2,
          255,
          256,
          9007199254740993,
          1e16,
          term{INT64_MAX},
          power(63),
          power(64),
          1e20,
          power(100),
          1e300,
          ""_atom,
          "a"_atom,
          "aa"_atom,
          "b"_atom,
          "\u00e5"_atom,
          etf::reference{node("a@h"), 3, {9, 9, 9}},
          etf::reference{node("b@h"), 1, {7}},
          etf::reference{node("b@h"), 3, {7, 1, 0}},
          etf::reference{node("b@h"), 5, {0, 0, 0, 0, 1}},
          fun(1, 5),
          fun(1, 6),
          fun(1, 6, {1}),
          fun(1, 6, {2}),
          fun(2, 1),
          etf::external_fun("a"_atom, "z"_atom, 9),
          etf::external_fun("b"_atom, "a"_atom, 1),
          etf::external_fun("b"_atom, "a"_atom, 2),
          etf::port{node("a@h"), 9},
          etf::port{node("b@h"), 1},
          etf::port{node("b@h"), 1ULL << 40},
          etf::pid{node("b@h"), 1, 0},
          etf::pid{node("a@h"), 2, 0},
          etf::pid{node("a@h"), 1, 1},
          etf::tuple(),
          etf::tuple(9),
          etf::tuple(1, 1),
          etf::tuple(1, 2),
          etf::tuple(1, etf::list()),
          etf::tuple(0, 0, 0),
          record("a", {"x"_atom}, {5}),
          record("b", {"x"_atom}, {1}),
          record("b", {"x"_atom}, {2}),
          map({}),
          map({9, 1}),
          map({"a"_atom, 1}),
          map({"a"_atom, 2}),
          map({1, 9, 2, 9}),
          map({1, 1, 3, 1}),
          map({1, 1, 3, 2}),
          etf::list(),
          improper(1, 2),
          improper(1, "a"_atom),
          etf::list(1),
          etf::list(1, 1),
          etf::list(1, 2),
          improper(1, etf::binary("x")),
          etf::list(2),
          etf::list(etf::list()),
          etf::list(etf::list(1)),
          etf::binary(""),
          etf::binary("\x20"),
          etf::binary("a"),
          etf::binary("ab"),
          etf::binary("b"),
          etf::bit_string("\x80", 1),
          etf::bit_string("\x80", 2),
          etf::bit_string("\xa0", 3),
          binary_of(1)};
}

}  // namespace

TEST_CASE("terms of all kinds sort as in Erlang", "[etf][order]") {
  const auto sorted = ascending();
  for (std::size_t left = 0; left < sorted.size(); ++left) {
    for (std::size_t right = 0; right < sorted.size(); ++right) {
      INFO(left << " " << written(sorted[left]) << " and " << right << " " << written(sorted[right]));
      CHECK(compare(sorted[left], sorted[right]) == (left <=> right));
      CHECK((sorted[left] == sorted[right]) == (left == right));
    }
  }
}

TEST_CASE("numbers are equivalent by value and equal by kind", "[etf][order]") {
  CHECK(compare(1, 1.0) == 0);
  CHECK(compare_exact(1, 1.0) < 0);
  CHECK(compare_exact(1.0, 1) > 0);
  CHECK(compare_exact(5, 1.0) < 0);
  CHECK(compare_exact(power(100), 0.5) < 0);
  CHECK_FALSE(term{1} == term{1.0});
  CHECK(compare(etf::tuple(1, 2.0), etf::tuple(1.0, 2)) == 0);
  CHECK_FALSE(etf::tuple(1, 2.0) == etf::tuple(1.0, 2));
  CHECK(compare(0.0, -0.0) == 0);
  CHECK_FALSE(term{0.0} == term{-0.0});
  CHECK(compare_exact(-0.0, 0.0) < 0);
  CHECK(compare_exact(0.0, -0.0) > 0);
  CHECK(term{-0.0} == term{-0.0});
}

TEST_CASE("integers and floats compare exactly, however large", "[etf][order]") {
  const double exact_limit = 9007199254740992.0;  // 2^53
  CHECK(compare(9007199254740993, exact_limit) > 0);
  CHECK(compare(9007199254740992, exact_limit) == 0);
  CHECK(compare(-9007199254740993, -exact_limit) < 0);
  const double two_63 = 9223372036854775808.0;
  CHECK(compare(INT64_MAX, two_63) < 0);
  CHECK(compare(power(63), two_63) == 0);
  CHECK(compare(INT64_MIN, -two_63) == 0);
  CHECK(compare(negative_power(63), -two_63) == 0);
  CHECK(compare(negative_power(64), -two_63) < 0);
  for (unsigned bits = 64; bits < 1024; bits += 31) {
    const auto value = std::ldexp(1.0, static_cast<int>(bits));
    const auto plus = term{(etf::big_integer{1} << bits) + 1};
    const auto minus = term{(etf::big_integer{1} << bits) - 1};
    CHECK(compare(power(bits), value) == 0);
    CHECK(compare(plus, value) > 0);
    CHECK(compare(minus, value) < 0);
    CHECK(compare(value, plus) < 0);
    CHECK(compare(negative_power(bits), -value) == 0);
    CHECK(compare(term{-(etf::big_integer{1} << bits) - 1}, -value) < 0);
    CHECK(compare(power(bits), -value) > 0);
  }
  CHECK(compare(power(1'100), std::numeric_limits<double>::max()) > 0);
  CHECK(compare(negative_power(1'100), -std::numeric_limits<double>::max()) < 0);
  CHECK(compare(power(100), 1.5) > 0);
  CHECK(compare(3, 3.5) < 0);
  CHECK(compare(-3, -3.5) > 0);
}

TEST_CASE("map keys are matched exactly and map values by value", "[etf][order]") {
  CHECK(compare(map({1, 1}), map({1, 1.0})) == 0);
  CHECK_FALSE(map({1, 1}) == map({1, 1.0}));
  CHECK(compare(map({1, 1}), map({1.0, 1})) < 0);
  CHECK(compare(map({1, "z"_atom, 2, "a"_atom}), map({1, "z"_atom, 2.0, "a"_atom})) < 0);
  CHECK(compare(map({1, 9, "k"_atom, 1}), map({1, 1, "l"_atom, 1})) < 0);
}

TEST_CASE("lists that were put together in different ways are the same list", "[etf][order]") {
  const auto whole = etf::list(1, 2, 3);
  const auto chained = read("6c00000001 6101 6c00000001 6102 6c00000001 6103 6a");
  const auto mixed = read("6c00000001 6101 6b0002 0203");
  for (const auto& other : {chained, mixed, etf::list(0, 1, 2, 3).drop(1), improper(1, etf::list(2, 3))}) {
    CHECK(whole == other);
    CHECK(compare(whole, other) == 0);
    CHECK(hash_value(whole) == hash_value(other));
    CHECK(written(whole) == written(other));
  }
}

TEST_CASE("bit strings compare by bits, then by length", "[etf][order]") {
  const auto bits = [](std::string_view bytes, unsigned last) { return etf::bit_string(bytes, last); };
  CHECK(compare(bits("\x80", 1), etf::binary("\x80")) < 0);
  CHECK(compare(bits("\x80", 1), etf::binary("\x7f")) > 0);
  CHECK(compare(bits("a\x40", 2), bits("a\x60", 3)) < 0);
  CHECK(compare(bits("a\x60", 3), bits("a\x40", 2)) > 0);
  CHECK(compare(bits("a\x60", 3), etf::binary("a\x60")) < 0);
  CHECK(bits("a\xff", 3) == bits("a\xe0", 3));
  CHECK(hash_value(bits("a\xff", 3)) == hash_value(bits("a\xe0", 3)));
}

TEST_CASE("funs are the same code when module, index, old uniq and environment agree", "[etf][order]") {
  const auto with = [](etf::fun_view parts) {
    parts.module = "m"_atom;
    parts.old_uniq = 9;
    return etf::make_fun(parts);
  };
  CHECK(with({.arity = 1, .old_index = 1, .creator = {node(), 1, 1}}) ==
        with({.arity = 1, .old_index = 2, .creator = {node(), 2, 2}}));
  CHECK(hash_value(with({.old_index = 1})) == hash_value(with({.old_index = 2})));
  CHECK(with({.index = 1}) != with({.index = 2}));
}

TEST_CASE("the hash agrees with equality and tells unequal terms apart", "[etf][order]") {
  const auto terms = ascending();
  std::size_t collisions = 0;
  for (const auto& left : terms) {
    CHECK(hash_value(left) == hash_value(read(written(left))));
    for (const auto& right : terms) {
      if (left == right) CHECK(hash_value(left) == hash_value(right));
      if (left != right && hash_value(left) == hash_value(right)) ++collisions;
    }
  }
  CHECK(collisions == 0);
  CHECK(hash_value(etf::list(1, 2)) != hash_value(improper(1, 2)));
  CHECK(hash_value(etf::tuple(etf::list(), 1)) != hash_value(etf::tuple(etf::list(1))));
}

TEST_CASE("the order is total: any three terms agree", "[etf][order]") {
  const auto terms = ascending();
  std::mt19937 random{20};
  const auto any = [&]() -> const term& { return terms[random() % terms.size()]; };
  std::size_t wrong = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto a = etf::tuple(any(), any());
    const auto b = etf::tuple(any(), any());
    const auto c = etf::tuple(any(), any());
    for (const auto order : {+[](const term& l, const term& r) { return compare(l, r); },
                             +[](const term& l, const term& r) { return compare_exact(l, r); }}) {
      if (order(a, b) != 0 <=> order(b, a)) ++wrong;
      if (order(a, b) <= 0 && order(b, c) <= 0 && order(a, c) > 0) ++wrong;
    }
    if ((compare_exact(a, b) == 0) != (a == b)) ++wrong;
  }
  CHECK(wrong == 0);
}
