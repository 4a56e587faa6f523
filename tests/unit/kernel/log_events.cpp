// What Erlang nodes log, in every shape in which they send it.
#include "log_events.hpp"

#include <ergo/etf/text.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

using namespace ergo;
using kernel::detail::read_log_event;
using kernel::detail::read_old_event;

namespace {

constexpr std::size_t longest = 1000;

term parsed(std::string_view text) {
  INFO(text);
  const auto read = etf::parse(text);
  REQUIRE(read);
  return *read;
}

std::string_view name_of(log_level level) {
  constexpr std::string_view names[] = {"debug", "info", "notice", "warning", "error", "critical"};
  return names[static_cast<std::size_t>(level)];
}

/// `level: text [field=value …]`, or `nothing`.
std::string shown(const std::optional<event>& read) {
  if (!read) return "nothing";
  if (read->what != event::kind::log) return "no log line";
  std::string line = std::string{name_of(read->level)} + ": " + read->text + " [";
  for (const auto& [key, value] : read->fields) line += key + "=" + etf::to_text(value) + " ";
  if (line.ends_with(' ')) line.pop_back();
  return line + "]";
}

struct row {
  std::string_view message;
  std::string_view event;
};

}  // namespace

TEST_CASE("events for logger_proxy are read with level, text and metadata") {
  const row table[] = {
      {"{log, error, \"~p: ~ts\", [a, <<195, 188>>], #{time => 5, domain => [otp]}}",
       "error: a: ü [domain=[otp] time=5]"},
      {"{log, emergency, \"down\", [], #{}}", "critical: down []"},
      {"{log, alert, <<\"down\">>, [], #{}}", "critical: down []"},
      {"{log, critical, down, [], #{}}", "critical: down []"},
      {"{log, warning, \"plain text\", #{}}", "warning: plain text []"},
      {"{log, notice, <<\"plain ~p\">>, #{}}", "notice: plain ~p []"},
      {"{log, info, [\"deep\", [32 | <<\"text\">>]], #{}}", "info: deep text []"},
      {"{log, debug, #{what => started, id => 1}, #{mfa => {m,f,2}}}",
       "debug: #{id => 1,what => started} [report=#{id => 1,what => started} mfa={m,f,2}]"},
      {"{log, info, [{a, 1}, {b, \"two\"}], #{}}", "info: [{a,1},{b,\"two\"}] [report=[{a,1},{b,\"two\"}]]"},
      {"{log, error, #{label => {error_logger, error_msg}, format => \"~w!\", args => [x]}, #{}}",
       "error: x! [report=#{args => [x],format => \"~w!\",label => {error_logger,error_msg}}]"},
      {"{log, error, \"~p ~p\", [1], #{}}", "error: FORMAT ERROR: \"~p ~p\" - [1] []"},
      {"{log, error, {not_a, format}, [1], #{}}", "error: FORMAT ERROR: {not_a,format} - [1] []"},
      {"{log, error, \"~p\", improper, #{}}", "error: FORMAT ERROR: \"~p\" - improper []"},
      {"{log, error, [], #{}}", "error: [] [report=[]]"},
      {"{log, error, \"x\", [], #{\"key\" => 1, pid => nobody}}", "error: x [pid=nobody]"},
      {"{log, severe, \"x\", [], #{}}", "nothing"},
      {"{log, 1, \"x\", [], #{}}", "nothing"},
      {"{log, error, \"x\", [], []}", "nothing"},
      {"{log, error, \"x\"}", "nothing"},
      {"{log, error, \"x\", [], #{}, more}", "nothing"},
      {"{notify, x}", "nothing"},
      {"log", "nothing"},
      {"[]", "nothing"},
  };
  for (const auto& [message, event] : table) {
    INFO(message);
    CHECK(shown(read_log_event(parsed(message), longest)) == event);
  }
}

TEST_CASE("the pid of an event is that of its process, wherever it runs") {
  const pid stranger{*etf::node_id::make("far@h"_atom, 1), 5, 0};
  const std::array<term, 2> meta{"pid"_atom, stranger};
  const auto told = etf::tuple("log"_atom, "info"_atom, etf::binary("x"), etf::make_map(meta));
  CHECK(read_log_event(told, longest)->process == stranger);
  const auto old = etf::tuple(
      "notify"_atom, etf::tuple("error"_atom, stranger, etf::tuple(stranger, etf::binary("~p"), etf::list(1))));
  const auto event = read_old_event(old, longest);
  CHECK(event->process == stranger);
  CHECK(event->text == "1");
}

TEST_CASE("events for error_logger are read, with formats and with reports") {
  const row table[] = {
      {"{notify, {error, gl, {p, \"~p~n\", [x]}}}", "error: x\n [gl=gl pid=p]"},
      {"{notify, {warning_msg, gl, {p, \"careful\", []}}}", "warning: careful [gl=gl pid=p]"},
      {"{notify, {info_msg, gl, {p, \"hello\", []}}}", "notice: hello [gl=gl pid=p]"},
      {"{notify, {error_report, gl, {p, crash_report, [{a, 1}]}}}",
       "error: [{a,1}] [report=[{a,1}] type=crash_report gl=gl pid=p]"},
      {"{notify, {warning_report, gl, {p, std_warning, x}}}", "warning: x [report=x type=std_warning gl=gl pid=p]"},
      {"{notify, {info_report, gl, {p, std_info, \"up\"}}}",
       "notice: \"up\" [report=\"up\" type=std_info gl=gl pid=p]"},
      {"{notify, {error, gl, {p, \"~p\", []}}}", "error: FORMAT ERROR: \"~p\" - [] [gl=gl pid=p]"},
      {"{notify, {other, gl, {p, \"x\", []}}}", "nothing"},
      {"{notify, {error, gl, {p, \"x\"}}}", "nothing"},
      {"{notify, {error, gl, p}}", "nothing"},
      {"{notify, error}", "nothing"},
      {"{log, error, \"x\", [], #{}}", "nothing"},
      {"notify", "nothing"},
  };
  for (const auto& [message, event] : table) {
    INFO(message);
    CHECK(shown(read_old_event(parsed(message), longest)) == event);
  }
}

TEST_CASE("the text of an event is cut where it is too long, and never within a character") {
  const auto wide =
      etf::tuple("log"_atom, "info"_atom, etf::binary("~ts"), etf::list(etf::binary("aüüü")), etf::make_map({}));
  CHECK(read_log_event(wide, 4)->text == "aü...");
  CHECK(read_log_event(wide, 7)->text == "aüüü");
  const std::vector<term> many(100'000, term{"item"_atom});
  const auto report = etf::tuple("log"_atom, "info"_atom, etf::make_list(many), etf::make_map({}));
  CHECK(read_log_event(report, longest)->text.size() <= longest + 3);
  const auto plain = etf::tuple("log"_atom, "info"_atom, etf::binary(std::string(3'000, 'x')), etf::make_map({}));
  CHECK(read_log_event(plain, longest)->text == std::string(longest, 'x') + "...");
  const auto vast = etf::tuple("log"_atom, "info"_atom, etf::binary("~4000000c"), etf::list(97), etf::make_map({}));
  CHECK(read_log_event(vast, longest)->text == "<<\"~4000000c\">> - \"a\"");
  term deep;
  for (int level = 0; level < 1'000'000; ++level) deep = etf::list(deep);
  const auto nested = etf::tuple("log"_atom, "info"_atom, etf::binary("~p"), etf::list(deep), etf::make_map({}));
  CHECK(read_log_event(nested, longest)->text.size() <= longest + 3);
}
