// What the parser takes, and where it stops at what it does not take.
#include <ergo/etf/big_integer.hpp>
#include <ergo/etf/text.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

using namespace ergo;
using namespace ergo::etf::literals;
using etf::term;

namespace {

struct parsed {
  std::string_view text;
  term value;
};

struct refused {
  std::string_view text;
  etf::errc code;
  std::size_t offset;
};

void check(const std::vector<parsed>& table) {
  for (const auto& row : table) {
    INFO(row.text);
    const auto read = etf::parse(row.text);
    REQUIRE(read.has_value());
    CHECK(*read == row.value);
    CHECK(read->kind() == row.value.kind());
  }
}

void check(const std::vector<refused>& table) {
  for (const auto& row : table) {
    INFO(row.text);
    const auto read = etf::parse(row.text);
    REQUIRE(!read.has_value());
    CHECK(etf::describe(read.error().code) == etf::describe(row.code));
    CHECK(read.error().offset == row.offset);
  }
}

}  // namespace

TEST_CASE("integers are read in any base and of any size", "[etf][text]") {
  const etf::big_integer big{"-123456789012345678901234567890"};
  check({{"0", term{0}},
         {"-1", term{-1}},
         {"+ 5", term{5}},
         {"-%sign\n7", term{-7}},
         {"1_000_000", term{1000000}},
         {"16#ff", term{255}},
         {"16#Ff_fF", term{65535}},
         {"-2#101", term{-5}},
         {"36#Zz", term{35 * 36 + 35}},
         {"007", term{7}},
         {"9223372036854775807", term{std::numeric_limits<std::int64_t>::max()}},
         {"-9223372036854775808", term{std::numeric_limits<std::int64_t>::min()}},
         {"9223372036854775808", term{etf::big_integer{1} << 63}},
         {"16#100000000000000000000", term{etf::big_integer{1} << 80}},
         {"36#1000000000000000", term{etf::big_integer{pow(etf::big_integer{36}, 15)}}},
         {"-123456789012345678901234567890", term{big}}});
}

TEST_CASE("characters stand for their code points", "[etf][text]") {
  check({{"$a", term{97}},
         {"$ ", term{32}},
         {"$\\n", term{10}},
         {"$\\s", term{32}},
         {"$\\d", term{127}},
         {"$\\x41", term{65}},
         {"$\\x{1F600}", term{0x1F600}},
         {"$\\101", term{65}},
         {"$\\0", term{0}},
         {"$\\^A", term{1}},
         {"$\\^[", term{27}},
         {"$\\\\", term{92}},
         {"$\"", term{34}},
         {"$λ", term{955}},
         {"-$a", term{-97}},
         {"$%", term{37}},
         {"$.", term{46}},
         {"[$a,$,|$]]", etf::make_list(std::vector<term>{97, 44}, term{93})}});
}

TEST_CASE("floats are read as Erlang reads them", "[etf][text]") {
  check({{"1.0", term{1.0}},
         {"-0.0", term{-0.0}},
         {"1.5e10", term{1.5e10}},
         {"1.5E-3", term{1.5e-3}},
         {"1.0e+3", term{1000.0}},
         {"1_0.0_1", term{10.01}},
         {"1.7976931348623157e308", term{std::numeric_limits<double>::max()}},
         {"5.0e-324", term{std::numeric_limits<double>::denorm_min()}},
         {"1.0e-400", term{0.0}},
         {"0.0e99999999999999999999", term{0.0}},
         {"1.0e-99999999999999999999", term{0.0}}});
  CHECK(std::signbit(*etf::parse("-0.0")->as_double()));
  CHECK(etf::parse("0." + std::string(400, '0') + "1") == term{0.0});
}

TEST_CASE("atoms are read with and without quotes", "[etf][text]") {
  check({{"ok", term{"ok"_atom}},
         {"a@B_1", term{"a@B_1"_atom}},
         {"'hello world'", term{"hello world"_atom}},
         {"''", term{etf::atom{}}},
         {"'it\\'s'", term{"it's"_atom}},
         {"'two\nlines'", term{"two\nlines"_atom}},
         {"'\\x{3bb}'", term{"λ"_atom}},
         {"'end'", term{"end"_atom}},
         {"été", term{"été"_atom}},
         {"maybe", term{"maybe"_atom}},
         {"funny", term{"funny"_atom}},
         {"true", term{true}}});
}

TEST_CASE("adjacent strings are one string", "[etf][text]") {
  check({{"\"\"", term{}},
         {"\"abc\"", etf::text_list("abc")},
         {"\"a\" \"b\"%c\n\"d\"", etf::text_list("abd")},
         {"\"\\\"\\t\\x{3bb}\\^a\"", etf::text_list("\"\tλ\x01")},
         {"[\"a\"\"b\"]", etf::list(etf::text_list("ab"))},
         {"[97,98]", etf::text_list("ab")}});
}

TEST_CASE("lists, tuples and maps nest in any way", "[etf][text]") {
  const std::vector<term> one_two{1, 2};
  const std::vector<term> three{1, 2, 3};
  const std::vector<term> pairs{term{"a"_atom}, term{1}, etf::binary("k"), etf::make_map({})};
  check({{"[]", term{}},
         {" [ ] ", term{}},
         {"{}", etf::make_tuple({})},
         {"#{}", etf::make_map({})},
         {"#{ }", etf::make_map({})},
         {"[1,2|x]", etf::make_list(one_two, "x"_atom)},
         {"[1,2|[]]", etf::make_list(one_two)},
         {"[1|[2|[3]]]", etf::make_list(three)},
         {"[1|[2|[3|[]]]]", etf::make_list(three)},
         {"[1,2|\"\"]", etf::make_list(one_two)},
         {"[1|[2|x]]", etf::make_list(one_two, "x"_atom)},
         {"[[1|2]|{}]",
          etf::make_list(std::vector<term>{etf::make_list(std::vector<term>{1}, term{2})}, etf::make_tuple({}))},
         {"{a,{1,[]},\"b\"}", etf::tuple("a"_atom, etf::tuple(1, term{}), etf::text_list("b"))},
         {"#{a=>1,<<\"k\">> => #{}}", etf::make_map(pairs)},
         {"#{a=>0,a=>1}", etf::make_map(std::vector<term>{term{"a"_atom}, term{1}})},
         {"{% comment }\n1 % more\n,2}% end", etf::tuple(1, 2)},
         {"{ok,\xC2\xA0[1]}\t\r\n.\n", etf::tuple("ok"_atom, etf::list(1))},
         {"1.", term{1}},
         {"[1].%", etf::list(1)}});
}

TEST_CASE("binaries are read segment by segment", "[etf][text]") {
  check({{"<<>>", etf::binary("")},
         {"<<1,2,255>>", etf::binary("\x01\x02\xFF")},
         {"<<300,-1>>", etf::binary("\x2C\xFF")},
         {"<<\"abc\">>", etf::binary("abc")},
         {"<<\"a\" \"b\",$c>>", etf::binary("abc")},
         {"<<\"\">>", etf::binary("")},
         {"<<\"é\">>", etf::binary("\xE9")},
         {"<<\"λ\"/utf8>>", etf::binary("λ")},
         {"<<955/utf8>>", etf::binary("λ")},
         {"<<5:3>>", etf::bit_string("\xA0", 3)},
         {"<<1,5:3>>", etf::bit_string("\x01\xA0", 3)},
         {"<<5:3,1:5>>", etf::binary("\xA1")},
         {"<<5:3,\"a\">>", etf::bit_string("\xAC\x20", 3)},
         {"<<258:16>>", etf::binary("\x01\x02")},
         {"<<-2:16>>", etf::binary("\xFF\xFE")},
         {"<<16#FFFFFFFFFFFFFFFF:64>>", etf::binary("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF")},
         {"<<-36893488147419103233:8>>", etf::binary("\xFF")},
         {"<<7:0>>", etf::binary("")},
         {"<< 1 : 8 , 2 /utf8 >>", etf::binary("\x01\x02")}});
}

TEST_CASE("external funs are read, local ones are not", "[etf][text]") {
  check({{"fun lists:map/2", etf::external_fun("lists"_atom, "map"_atom, 2)},
         {"fun 'A b' : 'end' / 16#f", etf::external_fun("A b"_atom, "end"_atom, 15)}});
  check({{"fun lists:map/256", etf::errc::bad_fun, 0},
         {"fun lists:map", etf::errc::syntax, 13},
         {"fun lists:Map/1", etf::errc::syntax, 10},
         {"fun lists.map/1", etf::errc::syntax, 9},
         {"fun (X) -> X end", etf::errc::syntax, 4},
         {"fun a:b/1.0", etf::errc::bad_fun, 0},
         {"#Fun<a.1.2>", etf::errc::syntax, 0}});
}

TEST_CASE("what is no term is refused where it goes wrong", "[etf][text]") {
  const auto syntax = etf::errc::syntax;
  check({{"", syntax, 0},
         {"  ", syntax, 2},
         {"% only a comment", syntax, 16},
         {".", syntax, 0},
         {"1 2", syntax, 2},
         {"1..", syntax, 1},
         {"1.a", syntax, 1},
         {"12abc", syntax, 2},
         {"X", syntax, 0},
         {"_", syntax, 0},
         {"end", syntax, 0},
         {"[1,receive]", syntax, 3},
         {"<0.1.2>", syntax, 0},
         {"#Ref<0.1.2.3>", syntax, 0},
         {"#Port<0.1>", syntax, 0},
         {"[1,]", syntax, 3},
         {"[,1]", syntax, 1},
         {"[1", syntax, 2},
         {"[1|2,3]", syntax, 4},
         {"[1|2|3]", syntax, 4},
         {"[|1]", syntax, 1},
         {"[1|]", syntax, 3},
         {"[1|[2]", syntax, 6},
         {"[1|[2],3]", syntax, 6},
         {"{1,2]", syntax, 4},
         {"{1 2}", syntax, 3},
         {"#{a}", syntax, 3},
         {"#{a:=1}", syntax, 3},
         {"#{a=>1", syntax, 6},
         {"#{a=>1,}", syntax, 7},
         {"]", syntax, 0},
         {"\"abc", syntax, 4},
         {"'abc", syntax, 4},
         {"\"abc\\", syntax, 5},
         {"\"\\x{D800}\"", syntax, 2},
         {"\"\\x{110000}\"", syntax, 2},
         {"\"\\x4\"", syntax, 2},
         {"\"\\x{}\"", syntax, 2},
         {"$", syntax, 1},
         {"$\\", syntax, 2},
         {"\xFF", syntax, 0},
         {"\"\xC3\"", syntax, 1},
         {"'a\xED\xA0\x80'", syntax, 2},
         {"-", syntax, 1},
         {"--1", syntax, 1},
         {"-a", syntax, 1},
         {"1__0", syntax, 1},
         {"1_", syntax, 1},
         {"16#", syntax, 3},
         {"16#_f", syntax, 3},
         {"37#1", syntax, 0},
         {"1#0", syntax, 0},
         {"99999999999999999999#1", syntax, 0},
         {"2#12", syntax, 3},
         {"1.0e", syntax, 4},
         {"1.0e+", syntax, 5},
         {"1e5", syntax, 1},
         {"<<1", syntax, 3},
         {"<<1,>>", syntax, 4},
         {"<<a>>", syntax, 2},
         {"<<1.0>>", syntax, 2},
         {"<<1:x>>", syntax, 4},
         {"<<1:-1>>", syntax, 4},
         {"<<\"a\":16>>", syntax, 5},
         {"<<16#D800/utf8>>", syntax, 2},
         {"<<-1/utf8>>", syntax, 2},
         {"<1>", syntax, 0},
         {"\xC2\x81]", syntax, 2},
         {std::string_view{"ok\0x", 4}, syntax, 3},
         {"#", syntax, 0}});
}

TEST_CASE("what is a term but too large says so", "[etf][text]") {
  check({{"{1.0e400}", etf::errc::out_of_range, 1},
         {"[-1.0e99999999999999999999]", etf::errc::out_of_range, 2},
         {"<<1:65>>", etf::errc::too_big, 4}});
  const std::string digits(500'000, '7');
  CHECK(etf::parse("[" + digits).error() == etf::error{etf::errc::too_big, 1});
  CHECK(etf::parse("16#" + digits).error() == etf::error{etf::errc::too_big, 0});
  const std::string name(256, 'a');
  CHECK(etf::parse("{" + name + "}").error() == etf::error{etf::errc::bad_atom, 1});
  CHECK(etf::parse("'" + name + "'").error() == etf::error{etf::errc::bad_atom, 0});
}

TEST_CASE("an integer of 64 KiB is read and printed", "[etf][text]") {
  const auto value = (etf::big_integer{1} << (65536 * 8)) - 1;
  const auto text = etf::to_text(term{value});
  CHECK(etf::parse(text) == term{value});
  CHECK(etf::parse("16#" + std::string(65536 * 2, 'F')) == term{value});
}

TEST_CASE("every front part of a text is refused or is a term of its own", "[etf][text]") {
  const std::string_view text =
      R"({a,'b c',[1,2.5e3|x],#{k => <<1,"é"/utf8,5:3>>},"s\x{3bb}" "t",fun m:f/1,$\n,-16#fF}.)";
  REQUIRE(etf::parse(text).has_value());
  for (std::size_t size = 0; size + 1 < text.size(); ++size) {
    const auto read = etf::parse(text.substr(0, size));
    REQUIRE(!read.has_value());
    CHECK(read.error().offset <= size);
  }
}

TEST_CASE("no change of one byte breaks the parser", "[etf][text]") {
  const std::string text = R"({a,'b',[1,2.5e3|x],#{k => <<1,"é"/utf8,5:3>>},"s\x{3bb}",fun m:f/1,$\n,-16#fF}.)";
  std::size_t refused_count = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      auto changed = text;
      changed[at] = static_cast<char>(byte);
      const auto read = etf::parse(changed);
      if (!read) {
        ++refused_count;
        REQUIRE(read.error().offset <= changed.size());
      } else {
        const auto again = etf::parse(etf::to_text(*read));
        REQUIRE(again.has_value());
        REQUIRE(*again == *read);
      }
    }
  }
  CHECK(refused_count > text.size() * 100);
}
