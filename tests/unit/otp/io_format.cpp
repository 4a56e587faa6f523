// `io_lib:format` compared with what an Erlang printed (tests/data/otp/io_format.escript), and what keeps it bounded.
#include <ergo/otp/io_format.hpp>

#include <ergo/etf/text.hpp>

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <string>
#include <vector>

namespace ergo::test {
namespace {

using otp::io_format;
using otp::io_format_error;
using otp::io_format_options;

/// What `format`, a C++ text, and arguments in Erlang syntax give; the name of the error where they are refused.
std::string formatted(const std::string& format, const std::string& arguments, const io_format_options& options = {}) {
  const auto list = etf::parse(arguments);
  REQUIRE(list.has_value());
  const auto text = io_format(etf::text_list(format), *list, options);
  if (text) return *text;
  return text.error() == io_format_error::badarg ? "badarg" : "too_big";
}

/// `[[[…]]]`
etf::term nested(std::size_t levels) {
  etf::term value;
  for (; levels > 0; --levels) value = etf::list(value);
  return value;
}

}  // namespace

TEST_CASE("every directive prints what OTP 25 prints, or is refused where OTP refuses it") {
  std::ifstream file{ERGO_TEST_DATA_DIR "/otp/io_format.txt"};
  std::size_t rows = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('%')) continue;
    INFO(line);
    const auto row = etf::parse(line);
    REQUIRE(row.has_value());
    const auto parts = row->elements();
    const auto text = io_format(parts[0], parts[1]);
    ++rows;
    CHECK(text.has_value() == parts[2].is_binary());
    if (text) CHECK(*text == parts[2].bytes());
  }
  CHECK(rows > 60);
}

TEST_CASE("a format is a list of characters, a binary in Latin-1, or an atom") {
  const auto arguments = etf::list(1);
  CHECK(io_format(etf::text_list("\xce\xbb ~w"), arguments) == "\xce\xbb 1");
  CHECK(io_format(etf::binary("\xe9 ~w"), arguments) == "\xc3\xa9 1");
  CHECK(io_format(etf::atom::of("a ~w"), arguments) == "a 1");
  CHECK_FALSE(io_format(etf::term{5}, arguments).has_value());
  CHECK_FALSE(io_format(etf::bit_string("~w", 3), arguments).has_value());
  CHECK_FALSE(io_format(etf::text_list("~w"), etf::term{1}).has_value());
  CHECK_FALSE(io_format(etf::text_list("~w"), etf::parse("[1|2]").value()).has_value());
}

TEST_CASE("with a printable range of Unicode ~tp shows strings beyond Latin-1, and ~p does not") {
  io_format_options unicode;
  unicode.unicode = true;
  CHECK(formatted("~tp", "[[955,956]]") == "[955,956]");
  CHECK(formatted("~tp", "[[955,956]]", unicode) == "\"\xce\xbb\xce\xbc\"");
  CHECK(formatted("~p", "[[955,956]]", unicode) == "[955,956]");
  CHECK(formatted("~tp", "[<<\"\xce\xbb\"/utf8>>]", unicode) == "<<\"\xce\xbb\"/utf8>>");
}

TEST_CASE("maps are printed by their keys, with the modifier k too, and K is refused") {
  CHECK(formatted("~kp ~kw", "[#{b => 1, a => 2}, #{b => 1, a => 2}]") == "#{a => 2,b => 1} #{a => 2,b => 1}");
  CHECK(formatted("~Kp", "[a, #{}]") == "badarg");
}

TEST_CASE("a text longer than the limit is refused, however it would become so long") {
  io_format_options small;
  small.characters = 1000;
  for (const auto* const format : {"~1001c", "~*c", "~1000000000000000000000000c", "~.1001c"})
    CHECK(formatted(format, format[1] == '*' ? "[1001,97]" : "[97]", small) == "too_big");
  CHECK(formatted("~1000c", "[97]", small) == std::string(1000, 'a'));
  CHECK(formatted("~600c~600c", "[97,97]", small) == "too_big");
  CHECK(formatted("~1001n", "[]", small) == "too_big");
  CHECK(formatted("~2000w", "[a]", small) == "too_big");
  for (const auto* const long_integer : {"~b", "~.36B", "~w", "~p", "~.2#"})
    CHECK(formatted(long_integer, "[1" + std::string(5'000, '0') + "]", small) == "too_big");
  CHECK(formatted("~2000s", "[a]", small) == "too_big");
  CHECK(formatted("~.2000f", "[1.0]", small) == "too_big");
  CHECK(formatted("~2.2000p", "[[a,b,c]]", small) == "too_big");
  std::vector<etf::term> items(600, etf::term{12});
  const auto numbers = etf::list(etf::make_list(items));
  for (const auto* const format : {"~w", "~p", "~0p", "~10p", "~lp"}) {
    CHECK(io_format(etf::text_list(format), numbers, small).error() == io_format_error::too_big);
    CHECK(io_format(etf::text_list(format), numbers).has_value());
  }
  const auto unprintable = etf::list(etf::binary(std::string(2'000, '\x01')));
  CHECK(io_format(etf::text_list("~80.900p"), unprintable, small).error() == io_format_error::too_big);
  CHECK(io_format(etf::text_list("~80.4000000p"), unprintable).error() == io_format_error::too_big);
  const auto long_text = etf::list(etf::binary(std::string(1001, 'a')));
  CHECK(io_format(etf::text_list("~s"), long_text, small).error() == io_format_error::too_big);
}

TEST_CASE("a huge width is a long line for ~p, not an error") {
  CHECK(formatted("~1000000000000000000000p", "[[a,b]]") == "[a,b]");
}

TEST_CASE("a million nested lists are printed without a deep stack") {
  constexpr std::size_t levels = 1'000'000;
  const auto deep = etf::list(nested(levels));
  const auto brackets = std::string(levels + 1, '[') + std::string(levels + 1, ']');
  for (const auto* const format : {"~w", "~0p", "~W"}) {
    const bool depth = std::string_view{format}.ends_with('W');
    const auto arguments = depth ? etf::list(nested(levels), 1'000'000'000) : deep;
    const auto text = io_format(etf::text_list(format), arguments);
    REQUIRE(text.has_value());
    CHECK(*text == brackets);
  }
  CHECK(io_format(etf::text_list("~p"), deep).has_value());
  CHECK(io_format(etf::text_list("~s"), deep) == "");
}

TEST_CASE("below the nesting limit lines are broken, above it they are not") {
  io_format_options flat;
  flat.nesting = 1;
  const auto arguments = "[[{a,[first,second]}]]";
  CHECK(formatted("~10p", arguments) == "[{a,\n  [first,\n   second]}]");
  CHECK(formatted("~10p", arguments, flat) == "[{a,[first,second]}]");
}

}  // namespace ergo::test
