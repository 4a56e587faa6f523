// Attack S32: floods of events and texts that strangers choose.
#include "news.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace ergo_test {
namespace {

using namespace std::chrono_literals;
using ergo::detail::news_limit;
using ergo::detail::printable;

const ergo::time_point start = ergo::time_point{} + 24h;

// How many of `count` events about `whom` at one moment pass.
int passing(news_limit& through, std::string_view whom, int count, ergo::time_point now) {
  int passed = 0;
  for (int one = 0; one < count; ++one) passed += through.pass(whom, now) ? 1 : 0;
  return passed;
}

TEST_CASE("events about one node pass up to its burst, then at its rate, and others are not held up by it") {
  news_limit through{{10, 2}, {1'000, 100}};
  CHECK(passing(through, "a@h", 5'000, start) == 10);
  CHECK(passing(through, "b@h", 10, start) == 10);
  CHECK(passing(through, "a@h", 5'000, start + 1s) == 2);
  CHECK(passing(through, "a@h", 5'000, start + 1s + 400ms) == 0);
  CHECK(passing(through, "a@h", 5'000, start + 1h) == 10);
}

TEST_CASE("what passes again tells how many about the same node were left out, once") {
  news_limit through{{1, 1}, {1'000, 100}};
  CHECK(through.pass("a@h", start) == 0U);
  CHECK(passing(through, "a@h", 41, start) == 0);
  CHECK(through.pass("b@h", start) == 0U);
  CHECK(through.pass("a@h", start + 1s) == 41U);
  CHECK(through.pass("a@h", start + 2s) == 0U);
}

TEST_CASE("events about ever new nodes pass at the rate of all, and little is remembered") {
  news_limit through{{10, 1}, {500, 50}};
  int passed = 0;
  for (int node = 0; node < 100'000; ++node) passed += passing(through, "n" + std::to_string(node) + "@h", 1, start);
  CHECK(passed == 500);
  CHECK(through.size() <= news_limit::most_nodes + 1);
  CHECK(passing(through, "late@h", 100, start + 2s) == 10);
  CHECK(through.size() <= news_limit::most_nodes + 1);
}

TEST_CASE("a clock that stands still or goes back lets nothing more through") {
  news_limit through{{3, 1}, {10, 10}};
  CHECK(passing(through, "a@h", 10, start) == 3);
  CHECK(passing(through, "a@h", 10, start - 1h) == 0);
}

TEST_CASE("a text of strangers is one line of printable ASCII of bounded length") {
  CHECK(printable("node@host: a clause") == "node@host: a clause");
  CHECK(printable("a\nb\r\x1B[31m\x7F") == R"(a\x0ab\x0d\x1b[31m\x7f)");
  CHECK(printable("\xE2\x80\xAE"
                  "moc") == R"(\xe2\x80\xaemoc)");  // an override of the direction of writing
  CHECK(printable("\xC2\x85 C1") == R"(\xc2\x85 C1)");
  CHECK(printable(R"(\x0a)") == R"(\\x0a)");
  CHECK(printable(std::string(5'000, 'x')).size() == 258);
  CHECK(printable(std::string(5'000, '\0')).size() == 4 * 255 + 3);
}

}  // namespace
}  // namespace ergo_test
