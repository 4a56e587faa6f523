// Character data, as unicode:characters_to_binary/2 takes it.
#include <ergo/etf/characters.hpp>
#include <ergo/etf/text.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace ergo;

namespace {

std::optional<std::string> read(std::string_view data, etf::text_encoding as) {
  return etf::characters_of(etf::parse(data).value(), as);
}
std::optional<std::string> unicode(std::string_view data) { return read(data, etf::text_encoding::unicode); }
std::optional<std::string> latin1(std::string_view data) { return read(data, etf::text_encoding::latin1); }

}  // namespace

TEST_CASE("nested lists of characters and binaries are one text, in their order") {
  CHECK(unicode("[\"a\",<<\"b\">>,[[99],[]|<<\"d\">>],[[[101]]]]") == "abcde");
  CHECK(unicode("[228,955,128512|<<\"x\">>]") == "äλ😀x");
  CHECK(latin1("[228,<<228>>,[255]]") == "ääÿ");
  CHECK(unicode("[]") == "");
  CHECK(latin1("<<>>") == "");
}

TEST_CASE("a character of UTF-8 may begin in one binary and end in the next") {
  CHECK(unicode("[<<195>>,[],<<164>>]") == "ä");
  CHECK_FALSE(unicode("[<<195>>,97]"));
  CHECK_FALSE(unicode("<<195>>"));
}

TEST_CASE("what is no text is none") {
  for (const auto* const data : {"a", "1", "{}", "[a]", "[-1]", "[1.0]", "[97|98]", "[55296]", "[1114112]", "[[97]|a]",
                                 "<<1:1>>", "[#{}]", "[18446744073709551616]"}) {
    CAPTURE(data);
    CHECK_FALSE(unicode(data));
    CHECK_FALSE(latin1(data));
  }
  CHECK_FALSE(latin1("[256]"));
  CHECK(unicode("[256]") == "Ā");
}

TEST_CASE("character data may be as deep as it likes") {
  auto data = etf::list(97);
  for (int level = 0; level < 1'000'000; ++level) data = etf::list(data, 98);
  CHECK(etf::characters_of(data, etf::text_encoding::latin1)->size() == 1'000'001);
}
