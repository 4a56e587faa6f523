// What this room prints and reads, compared with what a live Erlang/OTP printed (tests/data/etf/text_vectors.escript).
#include <ergo/etf/codec.hpp>
#include <ergo/etf/text.hpp>

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace ergo;

namespace {

struct vector {
  std::string encoded;
  std::string pretty;  // ~0tp
  std::string plain;   // ~tw
};

std::string from_base64(std::string_view text) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0;
  unsigned collected = 0;
  for (const char c : text.substr(0, text.find('='))) {
    collected = (collected << 6) | static_cast<unsigned>(alphabet.find(c));
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>((collected >> bits) & 0xFF);
  }
  return bytes;
}

std::vector<vector> load() {
  std::ifstream file{ERGO_TEST_DATA_DIR "/etf/text_vectors.txt"};
  std::vector<vector> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const auto first = line.find('\t');
    const auto second = line.find('\t', first + 1);
    rows.push_back(
        {from_base64(line.substr(0, first)), line.substr(first + 1, second - first - 1), line.substr(second + 1)});
  }
  return rows;
}

etf::term term_of(const vector& row) {
  const auto read = etf::decode_all(std::as_bytes(std::span{row.encoded}));
  REQUIRE(read.has_value());
  return *read;
}

}  // namespace

TEST_CASE("terms are printed as Erlang's ~0tp and ~tw print them", "[etf][text]") {
  const auto rows = load();
  REQUIRE(rows.size() > 2000);
  for (const auto& row : rows) {
    const auto value = term_of(row);
    CHECK(etf::to_text(value) == row.pretty);
    CHECK(etf::to_text(value, {.strings = false}) == row.plain);
  }
}

TEST_CASE("what Erlang printed is read back as the same term", "[etf][text]") {
  for (const auto& row : load()) {
    const auto value = term_of(row);
    for (const auto& text : {row.pretty, row.plain, row.plain + ".\n"}) {
      INFO(text);
      const auto read = etf::parse(text);
      REQUIRE(read.has_value());
      CHECK(*read == value);
    }
  }
}

TEST_CASE("a limit cuts the text and changes nothing else", "[etf][text]") {
  for (const auto& row : load()) {
    const auto value = term_of(row);
    for (const std::size_t limit : {0U, 1U, 3U, 10U, 40U}) {
      const auto cut = etf::to_text(value, {.strings = false, .limit = limit});
      if (row.plain.size() <= limit) {
        CHECK(cut == row.plain);
        continue;
      }
      REQUIRE(cut.ends_with("..."));
      REQUIRE(cut.size() <= limit + 3);
      CHECK(row.plain.starts_with(std::string_view{cut}.substr(0, cut.size() - 3)));
    }
  }
}

TEST_CASE("with strings, a text within the limit is whole and a longer one is cut", "[etf][text]") {
  for (const auto& row : load()) {
    const auto value = term_of(row);
    for (const std::size_t limit : {0U, 1U, 3U, 10U, 40U}) {
      const auto cut = etf::to_text(value, {.limit = limit});
      CHECK(cut.size() <= limit + 3);
      if (row.pretty.size() <= limit) CHECK(cut == row.pretty);
    }
  }
}
