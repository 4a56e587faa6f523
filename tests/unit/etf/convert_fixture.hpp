// Helpers of the conversion tests: terms are written as Erlang text.
#pragma once

#include <ergo/etf/convert.hpp>
#include <ergo/etf/text.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace ergo_test {

namespace etf = ergo::etf;

/// The term of an Erlang text, which must be one.
[[nodiscard]] inline etf::term term_of(std::string_view text) {
  auto made = etf::parse(text);
  INFO(text);
  REQUIRE(made.has_value());
  return *made;
}

/// Texts that are read as `value`; the first one is also what it is written as.
template <typename T>
void travels(const T& value, const std::vector<std::string_view>& texts) {
  CHECK(etf::to_text(etf::to_term(value)) == texts.front());
  for (const auto text : texts) {
    INFO(text);
    const auto term = term_of(text);
    const auto read = etf::from_term<T>(term);
    REQUIRE(read.has_value());
    CHECK((*read == value));
    CHECK(etf::matches<T>(term));
  }
}

/// A text that is no `T`: why, and where in it.
struct refusal {
  std::string_view text;
  etf::errc code;
  std::string_view path = {};
};

template <typename T>
void refuses(const std::vector<refusal>& table) {
  for (const auto& row : table) {
    INFO(row.text);
    const auto read = etf::from_term<T>(term_of(row.text));
    REQUIRE(!read.has_value());
    CHECK(etf::describe(read.error().code) == etf::describe(row.code));
    CHECK(read.error().path() == row.path);
  }
}

}  // namespace ergo_test
