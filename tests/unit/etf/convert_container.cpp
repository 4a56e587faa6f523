// Containers, products, choices and results.
#include "convert_fixture.hpp"

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include <deque>
#include <list>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

using namespace ergo;
using namespace ergo::etf::literals;
using ergo_test::refuses;
using ergo_test::term_of;
using ergo_test::travels;
using etf::errc;

namespace {

using bytes = std::vector<std::byte>;
using text_or_number = std::variant<std::int64_t, std::string, std::vector<std::int64_t>>;

}  // namespace

TEST_CASE("sequences and sets are lists", "[etf][convert]") {
  travels(std::vector<int>{1, 2, 3}, {"[1,2,3]"});
  travels(std::vector<int>{}, {"[]"});
  travels(std::vector<bool>{true, false}, {"[true,false]"});
  travels(std::vector<std::string>{"a", ""}, {"[<<\"a\">>,<<>>]", "[\"a\",[]]"});
  travels(std::list<etf::atom>{"a"_atom, "b"_atom}, {"[a,b]"});
  travels(std::deque<double>{1.5}, {"[1.5]"});
  travels(std::set<int>{3, 1, 2}, {"[1,2,3]", "[3,2,1,3]"});
  travels(std::multiset<int>{2, 1, 2}, {"[1,2,2]"});
  travels(std::unordered_set<int>{5}, {"[5]"});
  travels(boost::unordered_flat_set<std::string>{"x"}, {"[<<\"x\">>]"});
  travels(std::vector<std::vector<int>>{{1}, {}, {2, 3}}, {"[[1],[],[2,3]]"});
}

TEST_CASE("small numbers stay a list of numbers", "[etf][convert]") {
  travels(std::vector<std::uint8_t>{97, 98}, {"\"ab\"", "[97,98]"});
  refuses<std::vector<std::uint8_t>>({{"<<97,98>>", errc::wrong_type}});
}

TEST_CASE("what is no proper list is no sequence", "[etf][convert]") {
  refuses<std::vector<int>>({{"[1|2]", errc::wrong_type},
                             {"{1,2}", errc::wrong_type},
                             {"a", errc::wrong_type},
                             {"[1,a,3]", errc::wrong_type, "[1]"},
                             {"[1,2,99999999999]", errc::out_of_range, "[2]"}});
  refuses<std::vector<std::vector<int>>>(
      {{"[[1],[2,b]]", errc::wrong_type, "[1][1]"}, {"[[1]|[2]]", errc::wrong_type, "[1]"}});
  refuses<std::set<int>>({{"[a]", errc::wrong_type, "[0]"}});
}

TEST_CASE("arrays are lists of their size", "[etf][convert]") {
  travels(std::array<int, 3>{1, 2, 3}, {"[1,2,3]"});
  travels(std::array<int, 0>{}, {"[]"});
  refuses<std::array<int, 3>>({{"[1,2]", errc::wrong_size},
                               {"[1,2,3,4]", errc::wrong_size},
                               {"[1,2,x]", errc::wrong_type, "[2]"},
                               {"[1,2|3]", errc::wrong_type},
                               {"{1,2,3}", errc::wrong_type}});
  CHECK_FALSE(etf::matches<std::array<int, 3>>(term_of("[1,2]")));
}

TEST_CASE("bytes are binaries", "[etf][convert]") {
  travels(bytes{std::byte{0}, std::byte{255}}, {"<<0,255>>"});
  travels(bytes{}, {"<<>>"});
  travels(std::array<std::byte, 2>{std::byte{1}, std::byte{2}}, {"<<1,2>>"});
  refuses<bytes>({{"[1]", errc::wrong_type}, {"<<1:1>>", errc::wrong_type}});
  refuses<std::array<std::byte, 2>>({{"<<1>>", errc::wrong_size}, {"[1,2]", errc::wrong_type}});
  const bytes some{std::byte{7}};
  CHECK(etf::to_text(etf::to_term(std::span<const std::byte>{some})) == "<<7>>");
}

TEST_CASE("maps are maps", "[etf][convert]") {
  travels(std::map<std::string, int>{{"a", 1}, {"b", 2}},
          {"#{<<\"a\">> => 1,<<\"b\">> => 2}", "#{\"b\" => 2, \"a\" => 1}"});
  travels(
      std::map<etf::atom, int, decltype([](etf::atom l, etf::atom r) { return etf::compare_text(l, r) < 0; })>{
          {"k"_atom, 1}},
      {"#{k => 1}"});
  travels(std::unordered_map<int, std::vector<int>>{{1, {2}}}, {"#{1 => [2]}"});
  travels(boost::unordered_flat_map<int, bool>{{1, true}, {2, false}}, {"#{1 => true,2 => false}"});
  travels(std::map<int, int>{}, {"#{}"});
  refuses<std::map<std::string, int>>({{"[]", errc::wrong_type},
                                       {"#{a => 1}", errc::wrong_type, "[0].key"},
                                       {"#{\"a\" => 1,\"b\" => x}", errc::wrong_type, "[1]"}});
}

TEST_CASE("pairs and tuples are tuples without a tag", "[etf][convert]") {
  travels(std::pair{1, std::string{"x"}}, {"{1,<<\"x\">>}"});
  travels(std::tuple{1, 2.5, "a"_atom, std::vector{1}}, {"{1,2.5,a,[1]}"});
  travels(std::tuple<>{}, {"{}"});
  using three = std::tuple<int, bool, std::pair<int, int>>;
  refuses<three>({{"{1,true}", errc::wrong_size},
                  {"[1,true,{1,2}]", errc::wrong_type},
                  {"{1,2,{1,2}}", errc::wrong_type, "[1]"},
                  {"{1,true,{1,x}}", errc::wrong_type, "[2][1]"}});
  CHECK_FALSE(etf::matches<three>(term_of("{1,true,{1,x}}")));
}

TEST_CASE("an optional is undefined or nil when it is empty", "[etf][convert]") {
  travels(std::optional<int>{}, {"undefined", "nil"});
  travels(std::optional<int>{5}, {"5"});
  travels(std::vector<std::optional<std::string>>{"a", std::nullopt}, {"[<<\"a\">>,undefined]", "[\"a\",nil]"});
  travels(std::monostate{}, {"undefined", "nil"});
  refuses<std::optional<int>>({{"none", errc::wrong_type}});
  refuses<std::monostate>({{"[]", errc::wrong_type}});
}

TEST_CASE("a variant is the first alternative that fits", "[etf][convert]") {
  travels(text_or_number{std::int64_t{5}}, {"5"});
  travels(text_or_number{std::string{"a"}}, {"<<\"a\">>", "\"a\""});
  travels(text_or_number{std::vector<std::int64_t>{-1}}, {"[-1]"});
  travels(std::variant<std::monostate, bool, etf::atom>{true}, {"true"});
  travels(std::variant<std::monostate, bool, etf::atom>{"undefine"_atom}, {"undefine"});
  travels(std::variant<std::monostate, bool, etf::atom>{}, {"undefined"});
}

TEST_CASE("a variant that nothing fits tells the fault of the first that looked right", "[etf][convert]") {
  refuses<text_or_number>({{"a", errc::wrong_type}, {"1.0", errc::wrong_type}});
  using lists = std::variant<int, std::vector<int>, std::vector<std::pair<int, int>>>;
  refuses<lists>({{"[1,a]", errc::wrong_type, "[1]"}});
  CHECK_FALSE(etf::matches<lists>(term_of("a")));
  CHECK(etf::from_term<lists>(term_of("[{1,2}]"))->index() == 2);
}

TEST_CASE("results are ok and error tuples", "[etf][convert]") {
  using result = std::expected<int, etf::atom>;
  travels(result{5}, {"{ok,5}"});
  travels(result{std::unexpected{"noproc"_atom}}, {"{error,noproc}"});
  using nothing = std::expected<void, std::string>;
  travels(nothing{}, {"ok"});
  travels(nothing{std::unexpected{"no"}}, {"{error,<<\"no\">>}"});
  refuses<result>({{"ok", errc::wrong_type},
                   {"{ok}", errc::wrong_size},
                   {"{oops,5}", errc::wrong_tag},
                   {"{ok,a}", errc::wrong_type},
                   {"{ok,1,2}", errc::wrong_size},
                   {"{error,1}", errc::wrong_type}});
  refuses<nothing>({{"{ok,1}", errc::wrong_tag}, {"oops", errc::wrong_type}});
  CHECK_FALSE(etf::matches<result>(term_of("{ok,a}")));
  CHECK_FALSE(etf::matches<nothing>(term_of("{ok,1}")));
}

TEST_CASE("a hundred thousand elements travel both ways", "[etf][convert]") {
  std::vector<std::pair<std::int64_t, std::string>> values;
  for (int at = 0; at < 100'000; ++at) values.emplace_back(at, std::to_string(at));
  CHECK(etf::from_term<decltype(values)>(etf::to_term(values)) == values);
}
