// What libergo/TESTING.md says that its program prints: the same lines, whatever the numbers, the city and the fault
// are.
#include "documents.hpp"
#include "programs.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

using namespace ergo_docs;

namespace {

/// The report without what depends on the order of steps.
std::vector<std::string> shape_of(std::string_view report) {
  std::vector<std::string> lines;
  for (auto line : lines_of(report)) {
    line = std::regex_replace(line, std::regex{"(at [0-9]+ us: ).*"}, "$1a fault");
    line = std::regex_replace(line, std::regex{"north|south"}, "city");
    line = std::regex_replace(line, std::regex{"[0-9][0-9,]*"}, "#");
    if (lines.empty() || lines.back() != line) lines.push_back(line);
    if (line == "last steps:") break;
  }
  return lines;
}

}  // namespace

TEST_CASE("the simulator finds the mistake of TESTING.md's hasty shop, and says so as is written there", "[docs]") {
  const char* const program = std::getenv("ERGO_PROGRAM_DOCS_TESTING");
  if (program == nullptr || !std::filesystem::exists(program)) SKIP("docs_testing is not part of this build");
  const auto run = ergo::test::run({program});
  REQUIRE(run.exit_code == 0);
  INFO(run.out);
  const auto shown = block_with(document("libergo/TESTING.md"), "ERGO_SIM_FAULTS=").text;
  CHECK(shape_of(run.out) == shape_of(shown));

  std::smatch printed;
  const std::string said = run.out;
  REQUIRE(std::regex_search(said, printed, std::regex{"ERGO_SIM_SEED=([0-9]+) ERGO_SIM_FAULTS=([0-9,]+)"}));
  const auto again = ergo::test::run({program, "--seed", printed[1], "--faults", printed[2]});
  CHECK(again.exit_code == 0);
  CHECK(lines_of(again.out)[0] == lines_of(said)[0]);
}
