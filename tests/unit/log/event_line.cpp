#include <ergo/event_log.hpp>

#include <ergo/etf/term.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <utility>

using namespace ergo;
using namespace std::chrono_literals;

namespace {

event said(std::string text) {
  event made;
  made.text = std::move(text);
  return made;
}

}  // namespace

TEST_CASE("A line tells kind, process, name, text, reason, time and fields", "[log]") {
  event crash;
  crash.what = event::kind::crash;
  crash.name = atom::of("bank");
  crash.text = "ended";
  crash.reason = etf::tuple(atom::of("badmatch"), 7);
  crash.took = 30ms;
  crash.fields.emplace_back("since", term{3});
  CHECK(to_line(crash) == "crash (bank): ended: {badmatch,7} took 30 ms since=3");
}

TEST_CASE("Nobody begins a new line, turns the writing or speaks to a terminal", "[log]") {
  const std::pair<std::string, std::string> texts[] = {
      {"a\nb\r", "a\\x0ab\\x0d"},
      {"\x1b[2J", "\\x1b[2J"},
      {"\x7f", "\\x7f"},
      {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
      {"\xc2\x85\xc2\x9b", "\\xc2\\x85\\xc2\\x9b"},                    // C1: a new line, a control sequence
      {"\xe2\x80\xae\xe2\x81\xa6", "\\xe2\\x80\\xae\\xe2\\x81\\xa6"},  // from right to left
      {"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},                             // a separator of lines
      {"\xff\xc3", "\\xff\\xc3"},                                      // no UTF-8, and cut short
      {"\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80", "\\xc0\\xaf\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80"},
  };
  for (const auto& [text, line] : texts) CHECK(to_line(said(text)) == "log: " + line);
  auto named = said("");
  named.fields.emplace_back("a\nb", etf::binary("x\ny"));
  CHECK(to_line(named).find('\n') == std::string::npos);
}

TEST_CASE("A long line is cut between two characters", "[log]") {
  CHECK(to_line(said(std::string(10'000, 'x'))).size() == 4096 + 3);
  CHECK(to_line(said("gr\xc3\xbc"), 8) == "log: gr...");
  CHECK(to_line(said("gr\xc3\xbc"), 9) == "log: gr\xc3\xbc");
  CHECK(to_line(said("gr\n"), 10) == "log: gr...");
}
