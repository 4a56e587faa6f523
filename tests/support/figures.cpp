#include "ergo_test/figures.hpp"

#include "figures_listener.hpp"

#include "ergo_test/baseline.hpp"
#include "ergo_test/sanitizers.hpp"

#include <boost/json/src.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <utility>
#include <vector>

namespace ergo::test {
namespace {

namespace json = boost::json;
using std::chrono::steady_clock;

/// What the running test case has come to. Assertions belong to the test's thread, and so does this.
struct course {
  std::int64_t failed = 0;
  std::int64_t skipped = 0;
  std::int64_t scenarios = 0;
  std::int64_t runs = 0;
  std::string why_skipped;
  std::string file;                   ///< of figures, when the program began; a test of figures has one of its own
  std::vector<std::string> violated;  ///< what was told to that file
};

course& the_course() {
  static course one;
  return one;
}

const char* file_of_figures() {
  const char* const path = std::getenv("ERGO_FIGURES");
  return path != nullptr && *path != '\0' ? path : nullptr;
}

/// Several programs write at once: a line is one write at the end of the file.
void write_line(const json::object& line) {
  const char* const path = file_of_figures();
  if (path == nullptr) return;
  const auto text = json::serialize(line) + "\n";
  const int file = ::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return;
  [[maybe_unused]] const auto written = ::write(file, text.data(), text.size());
  ::close(file);
}

/// A line of how a scenario ended. Its violations are told by the program's exit code, too.
void write_end(const json::object& line) {
  write_line(line);
  const auto* const count = line.if_contains("violations");
  if (count == nullptr || count->as_int64() == 0 || the_course().file != file_of_figures()) return;
  the_course().violated.push_back(json::serialize(line));
}

std::string fresh_key() {
  return std::to_string(::getpid()) + "-" + std::to_string(steady_clock::now().time_since_epoch().count());
}

double seconds_since(steady_clock::time_point then) {
  return std::chrono::duration<double>(steady_clock::now() - then).count();
}

void add_growth(json::object& line, const holdings& more) {
  line["resident"] = more.resident;
  line["descriptors"] = more.descriptors;
  line["threads"] = more.threads;
}

/// Whether so much may be left behind. Sanitizers keep what is freed, and books of their own.
bool left_behind(const holdings& more, std::int64_t may_keep) {
  return more.descriptors > 0 || more.threads > 0 || (!sanitized && more.resident > may_keep);
}

/// Whether a tag names a scenario: R and digits.
bool is_scenario(std::string_view tag) {
  return tag.size() > 1 && tag.front() == 'R' &&
         std::ranges::all_of(tag.substr(1), [](unsigned char each) { return std::isdigit(each) != 0; });
}

}  // namespace

struct scenario::state {
  std::string key = fresh_key();
  std::string id;
  std::string what;
  std::int64_t runs = 0;
  std::int64_t violations = 0;
  std::int64_t may_keep = usual_remainder;
  std::string erlang;
  std::vector<figure> figures;
  bool asked = file_of_figures() != nullptr;
  int exceptions = std::uncaught_exceptions();
  std::int64_t failed = the_course().failed;
  std::int64_t skipped = the_course().skipped;
  steady_clock::time_point began = steady_clock::now();
  holdings before;

  [[nodiscard]] json::object line(std::string_view how) const {
    return {{"key", key}, {"id", id}, {"what", what}, {"state", how}};
  }
  [[nodiscard]] json::array written_figures() const {
    json::array all;
    for (const auto& [name, value, unit, at_most] : figures) {
      json::object one{{"name", name}, {"value", value}, {"unit", unit}};
      if (at_most) one["at_most"] = *at_most;
      all.push_back(std::move(one));
    }
    return all;
  }
  /// Violations that were counted, and those that show only in how it ended.
  [[nodiscard]] std::int64_t found(const holdings& more) const {
    auto all = violations + std::ranges::count_if(figures, [](const figure& each) {
                 return each.at_most && !(each.value <= *each.at_most);
               });
    if (left_behind(more, may_keep)) ++all;
    if (runs == 0) ++all;  // what never ran shows nothing
    const bool failed_otherwise = the_course().failed > failed || std::uncaught_exceptions() > exceptions;
    return std::max<std::int64_t>(all, failed_otherwise ? 1 : 0);
  }
  void write() const {
    if (the_course().skipped > skipped) {
      auto skip = line("skipped");
      skip["why"] = the_course().why_skipped;
      write_line(skip);
      return;
    }
    const auto more = grown(before, sanitized ? INT64_MAX : may_keep);
    auto made = line("ended");
    made["runs"] = runs;
    made["violations"] = found(more);
    made["figures"] = written_figures();
    if (!erlang.empty()) made["erlang"] = erlang;
    made["seconds"] = seconds_since(began);
    add_growth(made, more);
    write_end(made);
  }
};

scenario::scenario(std::string_view id, std::string_view what) : state_{std::make_unique<state>()} {
  state_->id = id;
  state_->what = what;
  ++the_course().scenarios;
  if (!state_->asked) return;
  write_line(state_->line("begun"));
  state_->before = held_now();
}

scenario::~scenario() {
  if (state_->asked) state_->write();
}

void scenario::ran(std::int64_t times) noexcept { state_->runs += times; }
void scenario::violated(std::int64_t times) noexcept { state_->violations += times; }
void scenario::measured(figure what) { state_->figures.push_back(std::move(what)); }
void scenario::erlang(std::string what) { state_->erlang = std::move(what); }
void scenario::may_keep(std::int64_t bytes) noexcept { state_->may_keep = bytes; }

void count_runs(std::int64_t times) noexcept { the_course().runs += times; }

const std::vector<std::string>& violated_scenarios() { return the_course().violated; }

void figures_listener::testRunStarting(const Catch::TestRunInfo&) {
  if (const char* const path = file_of_figures()) the_course().file = path;
}

void figures_listener::testCaseStarting(const Catch::TestCaseInfo&) {
  auto& now = the_course();
  now.runs = 0;
  scenarios_before_ = now.scenarios;
  failed_before_ = now.failed;
  skipped_before_ = now.skipped;
  began_ = steady_clock::now();
  if (file_of_figures() != nullptr) before_ = held_now();
}

void figures_listener::assertionEnded(const Catch::AssertionStats& stats) {
  const auto& result = stats.assertionResult;
  if (!result.isOk()) ++the_course().failed;
  if (result.getResultType() != Catch::ResultWas::ExplicitSkip) return;
  ++the_course().skipped;
  the_course().why_skipped = std::string{result.getMessage()};
}

void figures_listener::testCaseEnded(const Catch::TestCaseStats& stats) {
  const auto& now = the_course();
  if (file_of_figures() == nullptr || now.scenarios > scenarios_before_) return;
  for (const auto& tag : stats.testInfo->tags) {
    const std::string id{tag.original.data(), tag.original.size()};
    if (!is_scenario(id)) continue;
    json::object line{{"key", fresh_key()}, {"id", id}, {"what", stats.testInfo->name}, {"state", "ended"}};
    if (now.skipped > skipped_before_) {
      line["state"] = "skipped";
      line["why"] = now.why_skipped;
    } else {
      const auto more = grown(before_, sanitized ? INT64_MAX : usual_remainder);
      const bool wrong = now.failed > failed_before_ || stats.totals.testCases.failed > 0;
      line["runs"] = std::max<std::int64_t>(now.runs, 1);
      line["violations"] = (wrong ? 1 : 0) + (left_behind(more, usual_remainder) ? 1 : 0);
      line["seconds"] = seconds_since(began_);
      add_growth(line, more);
    }
    write_end(line);
  }
}

}  // namespace ergo::test
