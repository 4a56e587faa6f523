// Figures of scenarios, from the test that counts them to the table.
#include "figure_table.hpp"

#include <ergo_test/baseline.hpp>
#include <ergo_test/figures.hpp>
#include <ergo_test/sanitizers.hpp>

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace ergo::test;

namespace {

/// A file of figures of this test's own; what ERGO_FIGURES was before is put back.
class own_file {
 public:
  own_file() : path_{std::filesystem::temp_directory_path() / ("figures_" + std::to_string(::getpid()))} {
    if (const char* const before = std::getenv("ERGO_FIGURES")) before_ = before;
    std::filesystem::remove(path_);
    ::setenv("ERGO_FIGURES", path_.c_str(), 1);
  }
  own_file(const own_file&) = delete;
  own_file& operator=(const own_file&) = delete;
  ~own_file() {
    std::filesystem::remove(path_);
    if (before_) {
      ::setenv("ERGO_FIGURES", before_->c_str(), 1);
    } else {
      ::unsetenv("ERGO_FIGURES");
    }
  }
  [[nodiscard]] std::vector<figure_row> rows() const {
    std::ifstream file{path_};
    return read_figures(file);
  }

 private:
  std::filesystem::path path_;
  std::optional<std::string> before_;
};

std::vector<figure_row> rows_of(const std::string& lines) {
  std::istringstream from{lines};
  return read_figures(from);
}

}  // namespace

TEST_CASE("a scenario tells how often it ran, what it measured and what it left behind") {
  const own_file figures;
  for (const double latency : {3.0, 8.5, 2.0}) {
    scenario one{"R99", "three times"};
    one.ran(10);
    one.measured({.name = "p99", .value = latency, .unit = "ms", .at_most = 10});
    one.erlang("exits");
  }
  const auto rows = figures.rows();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].runs == 30);
  CHECK(rows[0].violations == 0);
  CHECK(rows[0].descriptors == 0);
  REQUIRE(rows[0].figures.size() == 1);
  CHECK(rows[0].figures[0].value == 8.5);
  CHECK(as_markdown(rows, {}).find("| R99 | three times | 30 | 0 | p99 8.50 ms (≤ 10) | exits |") != std::string::npos);
}

TEST_CASE("what is counted, above its bound, left open or thrown is a violation") {
  const own_file figures;
  int left_open = -1;
  {
    scenario one{"R90", "counted"};
    one.ran();
    one.violated(2);
  }
  {
    scenario one{"R91", "above"};
    one.ran();
    one.measured({.name = "took", .value = 11, .unit = "s", .at_most = 10});
  }
  {
    scenario one{"R92", "left open"};
    one.ran();
    left_open = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
  ::close(left_open);
  try {
    scenario one{"R93", "thrown"};
    one.ran();
    throw std::runtime_error{"it failed"};
  } catch (const std::runtime_error&) {
  }
  {
    const scenario one{"R94", "never ran"};
  }
  const auto rows = figures.rows();
  REQUIRE(rows.size() == 5);
  CHECK(rows[0].violations == 2);
  for (std::size_t at = 1; at < rows.size(); ++at) CHECK(rows[at].violations == 1);
  CHECK(rows[2].descriptors == 1);
  CHECK(violations_of(rows) == 6);
}

TEST_CASE("memory that stays is a violation, unless the scenario says that it may") {
  if (sanitized) SKIP("a sanitizer has memory of its own");
  constexpr std::size_t kept = std::size_t{64} << 20;
  const own_file figures;
  std::vector<std::vector<char>> held;
  for (const bool allowed : {false, true}) {
    scenario one{"R95", allowed ? "allowed" : "not allowed"};
    one.ran();
    if (allowed) one.may_keep(2 * kept);
    held.emplace_back(kept, 'x');
  }
  const auto rows = figures.rows();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].violations == 1);
  CHECK(rows[0].resident >= static_cast<std::int64_t>(kept));
  CHECK(rows[1].violations == 0);
}

TEST_CASE("a scenario whose program ends before it does is a violation, and an absent one says why") {
  auto rows = rows_of(
      R"({"key":"1","id":"R02","what":"w","state":"begun"}
{"key":"1","id":"R02","what":"w","state":"ended","runs":3,"violations":0}
{"key":"2","id":"R02","what":"w","state":"begun"}
{"key":"3","id":"R01","what":"netns","state":"skipped","why":"not root"}
)");
  add_absent(rows, {"R01", "R48", "R99"}, {{"R48", "cmake/run soak"}});
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].id == "R01");
  CHECK(rows[1].violations == 1);
  CHECK(violations_of(rows) == 1);
  const auto page = as_columns(rows, {{"R02", "loses"}});
  CHECK(page.find("skipped: not root") != std::string::npos);
  CHECK(page.find("its program ended before it did") != std::string::npos);
  CHECK(page.find("skipped: cmake/run soak") != std::string::npos);
  CHECK(page.find("skipped: no test of this build has it") != std::string::npos);
  CHECK(page.find("loses") != std::string::npos);
}

TEST_CASE("what a program holds is seen to come and go") {
  const auto before = held_now();
  const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  CHECK(held_now().descriptors == before.descriptors + 1);
  ::close(file);
  {
    const std::jthread other{[](const std::stop_token& stop) {
      while (!stop.stop_requested()) std::this_thread::yield();
    }};
    CHECK(running_threads() == static_cast<std::size_t>(before.threads) + 1);
  }
  const auto more = grown(before);
  CHECK(more.descriptors == 0);
  CHECK(more.threads == 0);
  CHECK(resident_bytes() > 0);
  forget_peak();
  CHECK(peak_bytes() >= resident_bytes() / 2);
  CHECK_THROWS_AS(resident_bytes(-5), std::runtime_error);
}
