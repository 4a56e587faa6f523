// Single values: booleans, numbers, texts, atoms, identifiers, time.
#include "convert_fixture.hpp"

#include <ergo/etf/big_integer.hpp>

#include <chrono>
#include <cmath>
#include <limits>

using namespace ergo;
using namespace ergo::etf::literals;
using namespace std::chrono_literals;
using ergo_test::refuses;
using ergo_test::travels;
using etf::errc;

namespace {

enum class color { red, green, default_ };
BOOST_DESCRIBE_ENUM(color, red, green, default_)

}  // namespace

TEST_CASE("booleans are the atoms true and false", "[etf][convert]") {
  travels(true, {"true"});
  travels(false, {"false"});
  refuses<bool>(
      {{"1", errc::wrong_type}, {"yes", errc::wrong_type}, {"\"true\"", errc::wrong_type}, {"[]", errc::wrong_type}});
}

TEST_CASE("integers are range checked for their type", "[etf][convert]") {
  travels(std::int8_t{-128}, {"-128"});
  travels(std::int8_t{127}, {"127"});
  travels(std::uint8_t{255}, {"255"});
  travels(std::int16_t{-32768}, {"-32768"});
  travels(std::uint32_t{4294967295U}, {"4294967295"});
  travels(std::numeric_limits<std::int64_t>::min(), {"-9223372036854775808"});
  travels(std::numeric_limits<std::uint64_t>::max(), {"18446744073709551615"});
  travels(std::uint64_t{1} << 63, {"9223372036854775808"});
  travels('a', {"97", "$a"});
  travels(U'λ', {"955", "$λ"});
  refuses<std::int8_t>(
      {{"128", errc::out_of_range}, {"-129", errc::out_of_range}, {"1.0", errc::wrong_type}, {"a", errc::wrong_type}});
  refuses<std::uint8_t>({{"256", errc::out_of_range}, {"-1", errc::out_of_range}});
  refuses<std::uint32_t>({{"4294967296", errc::out_of_range}, {"-1", errc::out_of_range}});
  refuses<std::int64_t>({{"9223372036854775808", errc::out_of_range}, {"-9223372036854775809", errc::out_of_range}});
  refuses<std::uint64_t>({{"18446744073709551616", errc::out_of_range},
                          {"-1", errc::out_of_range},
                          {"-18446744073709551615", errc::out_of_range}});
}

TEST_CASE("integers out of range do not match", "[etf][convert]") {
  CHECK_FALSE(etf::matches<std::uint8_t>(etf::term{256}));
  CHECK_FALSE(etf::matches<std::uint64_t>(etf::term{-1}));
  CHECK_FALSE(etf::matches<std::int64_t>(etf::term{etf::big_integer{1} << 63}));
  CHECK_FALSE(etf::matches<std::uint64_t>(etf::term{etf::big_integer{1} << 64}));
  CHECK_FALSE(etf::matches<int>(etf::term{1.0}));
}

TEST_CASE("big integers take every integer", "[etf][convert]") {
  travels(etf::big_integer{5}, {"5"});
  travels(etf::big_integer{"-123456789012345678901234567890"}, {"-123456789012345678901234567890"});
  refuses<etf::big_integer>({{"1.0", errc::wrong_type}});
}

TEST_CASE("floats take whole numbers that they can hold", "[etf][convert]") {
  travels(5.0, {"5.0", "5"});
  travels(9007199254740992.0, {"9.007199254740992e15", "9007199254740992"});
  travels(-0.25F, {"-0.25"});
  travels(16777216.0F, {"16777216.0", "16777216"});
  CHECK(etf::from_term<float>(etf::term{0.1}) == 0.1F);
  refuses<double>({{"9007199254740993", errc::out_of_range},
                   {"-9007199254740993", errc::out_of_range},
                   {"36893488147419103232", errc::out_of_range},
                   {"a", errc::wrong_type},
                   {"<<\"1.0\">>", errc::wrong_type}});
  refuses<float>({{"1.0e39", errc::out_of_range}, {"-1.0e39", errc::out_of_range}, {"16777217", errc::out_of_range}});
}

TEST_CASE("floats that Erlang does not have cannot be written", "[etf][convert]") {
  CHECK_THROWS_AS(etf::to_term(std::numeric_limits<double>::quiet_NaN()), std::domain_error);
  CHECK_THROWS_AS(etf::to_term(std::numeric_limits<float>::infinity()), std::domain_error);
}

TEST_CASE("strings are written as binaries, and lists of characters are read too", "[etf][convert]") {
  travels(std::string{"bob"}, {"<<\"bob\">>", "\"bob\"", "[98,111,98]"});
  travels(std::string{"λé"}, {"<<\"λé\"/utf8>>", "\"λé\""});
  travels(std::string{}, {"<<>>", "[]", "\"\""});
  CHECK(etf::from_term<std::string>(etf::binary(std::string_view{"\0\xFF", 2})) == std::string{"\0\xFF", 2});
  refuses<std::string>({{"bob", errc::wrong_type},
                        {"<<5:3>>", errc::wrong_type},
                        {"[98|111]", errc::wrong_type},
                        {"[98,-1]", errc::wrong_type},
                        {"[a]", errc::wrong_type},
                        {"[16#D800]", errc::wrong_type},
                        {"5", errc::wrong_type}});
}

TEST_CASE("views and literals are written only", "[etf][convert]") {
  CHECK(etf::to_text(etf::to_term("abc")) == "<<\"abc\">>");
  CHECK(etf::to_text(etf::to_term(std::string_view{"a\0", 2})) == "<<97,0>>");
  const char* text = "text";
  CHECK(etf::to_text(etf::to_term(text)) == "<<\"text\">>");
  STATIC_REQUIRE(!etf::convertible_from_term<std::string_view>);
  STATIC_REQUIRE(!etf::convertible_from_term<const char*>);
}

TEST_CASE("atoms, identifiers and terms are themselves", "[etf][convert]") {
  travels("ok"_atom, {"ok"});
  refuses<etf::atom>({{"<<\"ok\">>", errc::wrong_type}, {"[]", errc::wrong_type}});
  const etf::pid pid{*etf::node_id::make("n@h"_atom, 1), 5, 6};
  const etf::reference reference{pid.node, 3, {1, 2, 3}};
  const etf::port port{pid.node, 9};
  CHECK(etf::from_term<etf::pid>(etf::to_term(pid)) == pid);
  CHECK(etf::from_term<etf::reference>(etf::to_term(reference)) == reference);
  CHECK(etf::from_term<etf::port>(etf::to_term(port)) == port);
  CHECK(etf::matches<etf::pid>(etf::term{pid}));
  CHECK_FALSE(etf::matches<etf::pid>(etf::term{reference}));
  refuses<etf::pid>({{"ok", errc::wrong_type}});
  refuses<etf::reference>({{"ok", errc::wrong_type}});
  refuses<etf::port>({{"ok", errc::wrong_type}});
  travels(ergo_test::term_of("{a,[b|c]}"), {"{a,[b|c]}"});
}

TEST_CASE("durations count in their own unit", "[etf][convert]") {
  travels(1500ms, {"1500"});
  travels(-3h, {"-3"});
  travels(std::chrono::duration<double>{1.5}, {"1.5"});
  refuses<std::chrono::milliseconds>(
      {{"1.5", errc::wrong_type}, {"infinity", errc::wrong_type}, {"9223372036854775808", errc::out_of_range}});
  refuses<std::chrono::duration<std::int8_t>>({{"128", errc::out_of_range}});
}

TEST_CASE("points in time of the system clock count from 1970", "[etf][convert]") {
  travels(std::chrono::sys_seconds{1'700'000'000s}, {"1700000000"});
  travels(std::chrono::sys_time<std::chrono::milliseconds>{-1ms}, {"-1"});
  travels(std::chrono::system_clock::time_point{5ns}, {"5"});
  STATIC_REQUIRE(!etf::convertible_to_term<std::chrono::steady_clock::time_point>);
}

TEST_CASE("described enums are atoms", "[etf][convert]") {
  travels(color::red, {"red"});
  travels(color::default_, {"default"});
  refuses<color>({{"blue", errc::unknown_atom}, {"0", errc::wrong_type}, {"<<\"red\">>", errc::wrong_type}});
  CHECK_FALSE(etf::matches<color>(etf::term{"blue"_atom}));
  CHECK_THROWS_AS(etf::to_term(static_cast<color>(77)), std::domain_error);
}
