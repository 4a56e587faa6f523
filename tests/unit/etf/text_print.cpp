// How terms are printed: what the vectors of a live Erlang cannot show, such as identifiers, limits and depth.
#include <ergo/etf/big_integer.hpp>
#include <ergo/etf/digits.hpp>
#include <ergo/etf/text.hpp>
#include <ergo_test/sanitizers.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace ergo;
using namespace ergo::etf::literals;
using etf::term;

namespace {

etf::node_id node_of(std::string_view name) { return *etf::node_id::make(etf::atom::of(name), 7); }

struct printed {
  term value;
  std::string_view text;
};

}  // namespace

TEST_CASE("pids, references and ports show their node by name", "[etf][text]") {
  const auto bank = node_of("bank@host.example.com");
  const std::vector<printed> table{
      {etf::pid{{}, 12, 0}, "<0.12.0>"},
      {etf::pid{bank, 12, 34}, "<bank@host.example.com.12.34>"},
      {etf::pid{node_of("web-1@h"), 1, 0}, "<web-1@h.1.0>"},
      {etf::pid{node_of("we b@h"), 1, 0}, "<'we b@h'.1.0>"},
      {etf::pid{node_of("a\nb@h"), 1, 0}, "<'a\\nb@h'.1.0>"},
      {etf::pid{node_of("å@h"), 1, 0}, "<å@h.1.0>"},
      {etf::reference{bank, 3, {1, 2, 3}}, "#Ref<bank@host.example.com.3.2.1>"},
      {etf::reference{{}, 5, {1, 2, 3, 4, 5}}, "#Ref<0.5.4.3.2.1>"},
      {etf::port{bank, 1ULL << 40}, "#Port<bank@host.example.com.1099511627776>"},
      {etf::port{{}, 5}, "#Port<0.5>"},
  };
  for (const auto& row : table) CHECK(etf::to_text(row.value) == row.text);
}

TEST_CASE("funs and native records are shown as Erlang shows them", "[etf][text]") {
  CHECK(etf::to_text(etf::external_fun("lists"_atom, "map"_atom, 2)) == "fun lists:map/2");
  CHECK(etf::to_text(etf::external_fun("Mod"_atom, "end"_atom, 255)) == "fun 'Mod':'end'/255");
  const auto local = etf::make_fun({.module = "erl_eval"_atom, .arity = 1, .old_index = 42, .old_uniq = 3316493});
  CHECK(etf::to_text(local) == "#Fun<erl_eval.42.3316493>");
  const std::vector<term> names{"cents"_atom, "Owner"_atom};
  const std::vector<term> values{term{500}, etf::list("a"_atom, "b"_atom)};
  const auto record =
      etf::make_record({.module = "bank"_atom, .name = "account"_atom, .names = names, .values = values});
  CHECK(etf::to_text(etf::tuple(record, 1)) == "{#bank:account{cents = 500,'Owner' = [a,b]},1}");
  CHECK(etf::to_text(etf::make_record({.module = "bank"_atom, .name = "none"_atom})) == "#bank:none{}");
}

TEST_CASE("atoms are quoted where Erlang needs it", "[etf][text]") {
  const std::vector<std::pair<std::string_view, std::string_view>> table{
      {"ok", "ok"},
      {"", "''"},
      {"Ok", "'Ok'"},
      {"a b", "'a b'"},
      {"a@b_C1", "a@b_C1"},
      {"bank@host.com", "'bank@host.com'"},
      {"end", "'end'"},
      {"maybe", "'maybe'"},
      {"else", "'else'"},
      {"ends", "ends"},
      {"été", "été"},
      {"λ", "'λ'"},
      {"it's", R"('it\'s')"},
      {"a\\b", R"('a\\b')"},
      {"a\"b", "'a\"b'"},
      {"\n\x01\x7F", R"('\n\001\d')"},
      {"\xC2\x85", R"('\205')"},
  };
  for (const auto& [name, text] : table) CHECK(etf::to_text(etf::atom::of(name)) == text);
}

TEST_CASE("strings are shown as strings only when asked to", "[etf][text]") {
  const etf::text_options plain{.strings = false};
  const auto text = etf::text_list("hé\n");
  CHECK(etf::to_text(text) == R"("hé\n")");
  CHECK(etf::to_text(text, plain) == "[104,233,10]");
  CHECK(etf::to_text(etf::binary("ab")) == R"(<<"ab">>)");
  CHECK(etf::to_text(etf::binary("ab"), plain) == "<<97,98>>");
}

TEST_CASE("characters above 255 make no string when unicode is off", "[etf][text]") {
  const etf::text_options latin1{.unicode = false};
  CHECK(etf::to_text(etf::text_list("λ"), latin1) == "[955]");
  CHECK(etf::to_text(etf::text_list("é"), latin1) == R"("é")");
  CHECK(etf::to_text(etf::binary("λ"), latin1) == "<<206,187>>");
  CHECK(etf::to_text(etf::binary("é"), latin1) == R"(<<"é"/utf8>>)");
}

TEST_CASE("a limit ends the text between two characters and says so", "[etf][text]") {
  const auto list = etf::list(1, 2, 3);
  CHECK(etf::to_text(list, {.limit = 7}) == "[1,2,3]");
  CHECK(etf::to_text(list, {.limit = 6}) == "[1,2,3...");
  CHECK(etf::to_text(list, {.limit = 0}) == "...");
  CHECK(etf::to_text(etf::binary("λλλ"), {.limit = 6}) == "<<\"λ...");
  CHECK(etf::to_text(etf::binary("λλλ"), {.limit = 7}) == "<<\"λλ...");
  CHECK(etf::to_text(etf::text_list(std::string(1000, 'x')), {.limit = 5}) == "\"xxxx...");
}

TEST_CASE("a limit bounds the work, whatever the size of the term", "[etf][text]") {
  const auto large = etf::binary(std::string(8 << 20, 'x'));
  const auto nested = etf::list(large, large, large, large);
  CHECK(etf::to_text(nested, {.limit = 20}) == "[<<\"xxxxxxxxxxxxxxxx...");
  CHECK(etf::to_text(etf::binary(std::string(8 << 20, '\0')), {.limit = 6}) == "<<0,0,...");
}

namespace {

/// Digit by digit.
std::string slow_digits(etf::big_integer value, unsigned base) {
  std::string reversed;
  for (; !value.is_zero(); value /= base) {
    reversed += "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[static_cast<std::size_t>(value % base)];
  }
  return {reversed.rbegin(), reversed.rend()};
}

unsigned bits_of(const etf::big_integer& value) { return static_cast<unsigned>(msb(value)) + 1; }

}  // namespace

TEST_CASE("the digits of an integer are those of its magnitude in each base, zeros inside of it too", "[etf][text]") {
  CHECK(etf::digits_of(0, 10) == "0");
  CHECK(etf::digits_of(-255, 16) == "FF");
  std::uint64_t state = 7;
  for (unsigned base = 2; base <= 36; ++base) {
    INFO("base " << base);
    const etf::big_integer root = base;
    for (const unsigned exponent : {1U, 11U, 58U, 116U, 233U, 2000U}) {
      const etf::big_integer power = pow(root, exponent);
      CHECK(etf::digits_of(power, base) == "1" + std::string(exponent, '0'));
      CHECK(etf::digits_of(power - 1, base) == slow_digits(power - 1, base));
      etf::big_integer other = power;
      for (unsigned part = 0; part < exponent / 8 && part < 60; ++part) {
        state = state * 6364136223846793005 + 1442695040888963407;
        other = other * base * 3 + state;
      }
      const auto digits = etf::digits_of(-other, base);
      CHECK(digits == slow_digits(other, base));
      const auto guessed = etf::digit_count(other, base);
      CHECK((guessed + 1 >= digits.size() && guessed <= digits.size() + 1));
    }
  }
}

TEST_CASE("the digits of a long integer take less time than digit by digit", "[etf][text]") {
  using clock = std::chrono::steady_clock;
  etf::big_integer value = 1;
  for (std::uint64_t state = 7; bits_of(value) < 8 * 65'000; state = state * 6364136223846793005 + 1) {
    value = (value << 61) + (state >> 3);
  }
  auto ours = clock::duration::max();
  auto others = clock::duration::max();
  constexpr int attempts = test::sanitized ? 1 : 3;  // with sanitizers the times mean nothing
  for (int attempt = 0; attempt < attempts; ++attempt) {
    const auto start = clock::now();
    const auto text = etf::digits_of(value, 10);
    const auto middle = clock::now();
    REQUIRE(text == value.str());
    others = std::min(others, clock::now() - middle);
    ours = std::min(ours, middle - start);
  }
  CHECK((test::sanitized || 3 * ours < 2 * others));
}
