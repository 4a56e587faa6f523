// etf/FORMAT.md against the codec: worked bytes, tags, limits.
#include "documents.hpp"

#include <ergo/etf/codec.hpp>
#include <ergo/etf/text.hpp>

#include <catch2/catch_test_macros.hpp>

#include <charconv>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace ergo_docs;
using namespace ergo;  // NOLINT: terms read better
using etf::term;
using namespace ergo::etf::literals;  // NOLINT

namespace {

std::string unhex(std::string_view text) {
  std::string digits;
  for (const char letter : text) {
    if (letter != ' ') digits += letter;
  }
  std::string bytes;
  for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
    unsigned value = 0;
    const auto read = std::from_chars(digits.data() + at, digits.data() + at + 2, value, 16);
    if (read.ptr != digits.data() + at + 2) throw std::runtime_error{"no hexadecimal bytes: " + digits};
    bytes += static_cast<char>(value);
  }
  return bytes;
}

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

std::string bare(const term& value) {
  etf::buffer out;
  etf::encode_bare(out, value);
  return out.to_string();
}

/// Identifiers have no syntax; these are the ones that the document describes in words.
std::vector<term> described(const std::string& words) {
  const auto node = etf::node_id::make("x@y"_atom, 7).value();
  if (words == "pid 1.2 of `x@y`, creation 7") return {etf::pid{node, 1, 2}};
  if (words == "its reference 1.2.3") return {etf::reference{node, 3, {1, 2, 3}}};
  if (words == "its ports 1 and 2^28") return {etf::port{node, 1}, etf::port{node, 1U << 28}};
  throw std::runtime_error{"what is " + words + "?"};
}

std::vector<term> terms_of(const std::string& cell) {
  if (!cell.starts_with('`')) return described(cell);
  std::vector<term> terms;
  for (const auto& text : code_spans(cell)) {
    auto value = etf::parse(text);
    if (!value) throw std::runtime_error{"no term: " + text};
    terms.push_back(*std::move(value));
  }
  return terms;
}

/// The tag of each row of the table of tags, and whether the document says that it is written. The last row is about
/// all other tags.
std::map<unsigned, bool> documented_tags() {
  std::map<unsigned, bool> tags;
  for (const auto& row : table_rows(document("etf/FORMAT.md"), "Tags")) {
    unsigned tag = 0;
    const auto& cell = row[0];
    if (std::from_chars(cell.data(), cell.data() + cell.size(), tag).ptr == cell.data() + cell.size())
      tags[tag] = row[3] != "never";
  }
  return tags;
}

/// The tags that are written for the golden vectors, at the top and inside.
std::set<unsigned> written_tags() {
  std::set<unsigned> tags;
  std::ifstream file{in_tree("tests/data/etf/vectors.txt")};
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const auto input = unhex(line.substr(0, line.find('\t')));
    if (const auto value = etf::decode_all(bytes_of(input))) tags.insert(static_cast<unsigned char>(bare(*value)[0]));
  }
  return tags;
}

/// A number such as `10,000,000 containers`, `512 MiB` or `4 GiB - 1`.
std::uint64_t number_in(const std::string& cell) {
  std::uint64_t number = 0;
  for (const char letter : cell) {
    if (letter >= '0' && letter <= '9')
      number = number * 10 + static_cast<std::uint64_t>(letter - '0');
    else if (letter != ',')
      break;
  }
  if (cell.find("KiB") != std::string::npos) return number << 10;
  if (cell.find("MiB") != std::string::npos) return number << 20;
  return number;
}

}  // namespace

TEST_CASE("the worked bytes of FORMAT.md are what is written, and read as the terms beside them", "[docs]") {
  std::size_t compared = 0;
  for (const auto& row : table_rows(document("etf/FORMAT.md"), "Worked bytes")) {
    const auto terms = terms_of(row[0]);
    const auto bytes = code_spans(row[1]);
    INFO(row[0]);
    REQUIRE(terms.size() == bytes.size());
    for (std::size_t at = 0; at < terms.size(); ++at, ++compared) {
      INFO(bytes[at]);
      const auto expected = unhex(bytes[at]);
      CHECK(bare(terms[at]) == expected);
      const auto read = etf::decode_bare(bytes_of(expected));
      REQUIRE(read.has_value());
      CHECK(read->consumed == expected.size());
      CHECK(read->value == terms[at]);
    }
  }
  CHECK(compared >= 27);
}

TEST_CASE("the tags of FORMAT.md are those that are read", "[docs]") {
  const auto tags = documented_tags();
  CHECK(tags.size() >= 28);
  for (unsigned tag = 0; tag < 256; ++tag) {
    INFO(tag);
    const auto bytes = "\x83" + std::string(1, static_cast<char>(tag));
    const auto read = etf::decode_all(bytes_of(bytes));
    const bool unknown = !read && read.error().code == etf::errc::unknown_tag;
    CHECK(unknown != tags.contains(tag));
  }
}

TEST_CASE("the tags that FORMAT.md says are written are those that are written", "[docs]") {
  auto written = written_tags();
  // What OTP 25, which wrote the vectors, has not.
  const auto record = etf::decode_bare(bytes_of(unhex("43 00000001 00 7701 6d 7701 72 7701 66 6101")));
  REQUIRE(record.has_value());
  written.insert(static_cast<unsigned char>(bare(record->value)[0]));
  // What is written behind a distribution header only.
  etf::packet_atoms atoms;
  etf::buffer packet;
  packet.set_atoms(&atoms);
  etf::encode_bare(packet, etf::atom{});
  written.insert(static_cast<unsigned char>(packet.to_string()[0]));
  std::set<unsigned> documented;
  for (const auto& [tag, is_written] : documented_tags()) {
    if (is_written) documented.insert(tag);
  }
  CHECK(written == documented);
}

TEST_CASE("the limits of FORMAT.md are the defaults", "[docs]") {
  const etf::decode_limits defaults;
  const std::map<std::string, std::uint64_t> actual{
      {"decode_limits::depth", defaults.depth},
      {"decode_limits::memory", defaults.memory},
      {"decode_limits::big_integer_bytes", defaults.big_integer_bytes},
      {"decode_limits::inflated", defaults.inflated},
      {"decode_limits::inflate_ratio", defaults.inflate_ratio},
      {"set_atom_table_capacity", etf::atom_table_usage().capacity},
  };
  std::size_t compared = 0;
  for (const auto& row : table_rows(document("etf/FORMAT.md"), "Limits")) {
    const auto names = code_spans(row[2]);
    if (names.empty() || !actual.contains(names[0])) continue;
    INFO(row[0]);
    CHECK(number_in(row[1]) == actual.at(names[0]));
    ++compared;
  }
  CHECK(compared == actual.size());
}
