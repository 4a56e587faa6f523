// SECURITY.md against the headers: each limit of a node is in the table, with its default, and no other.
#include "documents.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <map>
#include <regex>
#include <set>
#include <string>

using namespace ergo_docs;

namespace {

std::string grouped(std::uint64_t number) {
  auto digits = std::to_string(number);
  for (auto at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

/// The ways in which a document may write a default such as `128U << 20` or `15'000` (milliseconds).
std::set<std::string> ways_to_write(std::string initializer, bool is_time) {
  std::erase(initializer, '\'');
  std::smatch parts;
  static const std::regex rate{R"((\d+), (\d+))"};
  if (std::regex_match(initializer, parts, rate))
    return {grouped(std::stoull(parts[1])) + " at once, " + grouped(std::stoull(parts[2])) + " a second"};
  static const std::regex form{R"((\d+)U?L*(?: << (\d+))?)"};
  if (!std::regex_match(initializer, parts, form)) return {initializer};
  const auto shift = parts[2].matched ? std::stoul(parts[2]) : 0;
  const std::uint64_t value = std::stoull(parts[1]) << shift;
  if (is_time) return {grouped(value / 1'000) + " s", grouped(value) + " ms"};
  std::set<std::string> ways{grouped(value)};
  if (shift >= 30) return {grouped(value >> 30) + " GiB"};
  if (shift != 0) ways.insert(value % (1U << 20) == 0 ? grouped(value >> 20) + " MiB" : grouped(value >> 10) + " KiB");
  return ways;
}

/// The members of `node_limits`, with the ways to write what they are.
std::map<std::string, std::set<std::string>> limits_of_a_node() {
  const auto header = document("libergo/node/include/ergo/node_options.hpp");
  const auto begin = header.find("struct node_limits {");
  REQUIRE(begin != std::string::npos);
  const auto body = header.substr(begin, header.find("\n};", begin) - begin);
  std::map<std::string, std::set<std::string>> found;
  static const std::regex member{R"(\n  ([\w:<>]+) (\w+)(?: = |\{)([^;}]+)\}?;)"};
  for (std::sregex_iterator each{body.begin(), body.end(), member}; each != std::sregex_iterator{}; ++each)
    found[(*each)[2]] = ways_to_write((*each)[3], (*each)[1].str().find("milliseconds") != std::string::npos);
  return found;
}

}  // namespace

TEST_CASE("Each limit of a node is in SECURITY.md, with its default, and no other") {
  auto limits = limits_of_a_node();
  REQUIRE(limits.size() > 15);
  for (const auto& row : table_rows(document("SECURITY.md"), "Limits")) {
    const auto spans = code_spans(row[0]);
    REQUIRE(spans.size() == 1);
    if (!spans[0].starts_with("node_limits::")) continue;
    const auto name = spans[0].substr(13);
    INFO(name << " = " << row[1]);
    REQUIRE(limits.contains(name));
    CHECK(limits[name].contains(row[1]));
    limits.erase(name);
  }
  for (const auto& [name, ways] : limits) FAIL_CHECK("SECURITY.md lacks node_limits::" << name);
}
