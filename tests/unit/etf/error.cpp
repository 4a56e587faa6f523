// What the codes of the codec say of themselves.
#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include "ergo/etf/error.hpp"

using namespace ergo::etf;
using namespace std::string_view_literals;

TEST_CASE("Every error code of the codec has a text of its own") {
  std::set<std::string> texts;
  for (int code = 0; code <= static_cast<int>(errc::wrong_size); ++code) {
    const std::error_code made = make_error_code(static_cast<errc>(code));
    CHECK(made.value() == code);
    CHECK(made.message() != "unknown error");
    texts.insert(made.message());
  }
  CHECK(texts.size() == static_cast<std::size_t>(errc::wrong_size) + 1);
  CHECK(describe(static_cast<errc>(200)) == "unknown error");
  CHECK(category().name() == "ergo.etf"sv);
}
