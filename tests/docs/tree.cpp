// What the documents name is there: commands, presets, options, functions of the build, folders, workloads.
#include "documents.hpp"
#include "programs.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <set>
#include <string>
#include <vector>

using namespace ergo_docs;
namespace fs = std::filesystem;

namespace {

/// How each block of code begins; whoever adds one says here that something holds it to the truth.
const std::vector<std::string> blocks_with_a_test{
    "README.md: cmake/run demo",
    "README.md: [c++] cpp@localhost runs the port mapper",
    "README.md: #include <ergo/node.hpp>",
    "README.md: gen_server:call({bank, cpp@localhost}",
    "README.md: ergo::task<> auditor(",
    "README.md: ergo::result<ergo::pid> start_feed(",
    "README.md: ergo::task<> usher(",
    "README.md: ergo::task<> stand_in(",
    "README.md: class window :",
    "README.md: int serve(int argc, char** argv)",
    "README.md: ergo::tls_options certified(",
    "README.md: epmd: erl@localhost should listen",
    "README.md: int operate(",
    "README.md: cmake/run test --only",
    "libergo/ARCHITECTURE.md:         std ",
    "libergo/ARCHITECTURE.md: #include <ergo/otp/call.hpp>",
    "libergo/ASIO.md: #include <ergo/asio.hpp>",
    "libergo/ASIO.md: namespace asio",
    "libergo/ASIO.md: asio::awaitable<std::string> balance_of(",
    "libergo/ASIO.md: ergo::task<> export_lines(",
    "libergo/TESTING.md: #include <ergo/otp/call.hpp>",
    "libergo/TESTING.md: seed ",
    "libergo/TESTING.md: #include <ergo/testing/sim.hpp>",
    "otp/GUIDE.md: class stack {",
    "otp/GUIDE.md: ergo::task<> customer(",
    "otp/GUIDE.md: otp::supervisor_spec kitchen()",
};

/// Everything in all documents that is set as code: the lines of blocks for a shell, and code spans.
std::vector<std::string> commands() {
  std::vector<std::string> all;
  for (const auto name : documents) {
    const auto text = document(name);
    for (const auto& block : code_blocks(text)) {
      if (block.language.empty()) std::ranges::copy(lines_of(block.text), std::back_inserter(all));
    }
    std::ranges::copy(code_spans(text), std::back_inserter(all));
  }
  return all;
}

/// The first group of each match of `pattern` in the code of the documents, each once.
std::set<std::string> named(const char* pattern) {
  std::set<std::string> found;
  const std::regex expression{pattern};
  for (const auto& command : commands()) {
    for (std::sregex_iterator match{command.begin(), command.end(), expression}, end; match != end; ++match)
      found.insert((*match)[1]);
  }
  return found;
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("every block of code in the documents has a test", "[docs]") {
  std::vector<std::string> blocks;
  for (const auto name : documents) {
    for (const auto& block : code_blocks(document(name)))
      blocks.push_back(std::string{name} + ": " + lines_of(block.text).front());
  }
  REQUIRE(blocks.size() == blocks_with_a_test.size());
  for (std::size_t at = 0; at < blocks.size(); ++at) {
    INFO(blocks[at]);
    CHECK(blocks[at].starts_with(blocks_with_a_test[at]));
  }
}

TEST_CASE("every sub-command of cmake/run that a document names exists and is described", "[docs]") {
  const auto script = document("cmake/run");
  const auto help = ergo::test::run({in_tree("cmake/run"), "help"});
  CHECK(help.exit_code == 2);
  const auto words = named("cmake/run ([a-z][a-z-]*)");
  CHECK(words.size() >= 6);
  for (const auto& word : words) {
    INFO(word);
    CHECK(holds(script, "\n  " + word + ") "));
    CHECK(std::regex_search(help.err, std::regex{"cmake/run " + word + "\\b"}));
  }
}

TEST_CASE("every option of cmake/run that a document names exists", "[docs]") {
  const auto scripts =
      document("cmake/run") + document("cmake/run-torture") + document("apps/demo/run") + document("bench/budget.cpp");
  const auto options = named("cmake/run [^#]*(--[a-z]+)");
  CHECK(options.contains("--keep"));
  for (const auto& option : options) {
    INFO(option);
    CHECK((holds(scripts, option + ") ") || holds(scripts, option + "=*) ") || holds(scripts, "= " + option) ||
           holds(scripts, "= \"" + option + '"')));
  }
}

TEST_CASE("every preset, target and build option that a document names exists", "[docs]") {
  const auto presets = document("CMakePresets.json");
  const auto build =
      document("cmake/ergo.cmake") + document("apps/epmd/CMakeLists.txt") + document("tests/docs/CMakeLists.txt");
  for (const auto& preset : named("--preset ([a-z-]+)")) {
    INFO(preset);
    CHECK(holds(presets, "\"name\": \"" + preset + "\""));
  }
  for (const auto& option : named("-D(ERGO_[A-Z_]+)")) {
    INFO(option);
    CHECK((holds(build, "option(" + option + " ") || holds(build, "set(" + option + " ")));
  }
  for (const auto& target : named("--target ([a-z_]+)")) {
    INFO(target);
    CHECK(holds(build, "add_custom_target(" + target));
  }
  for (const auto& function : named("^(ergo_add_[a-z_]+)$")) {
    INFO(function);
    CHECK(holds(build, "function(" + function + ")"));
  }
}

TEST_CASE("every file and folder that a document names exists", "[docs]") {
  auto paths = named("^((?:apps|bench|cmake|epmd|etf|libergo|otp|tests)/[A-Za-z0-9_./-]+)$");
  paths.merge(named("^(\\.ci/[a-z]+|cmake/[a-z-]+)(?: |$)"));
  for (const auto& row : table_rows(document("README.md"), "Map of the house")) paths.insert(code_spans(row[0])[0]);
  CHECK(paths.size() > 10);
  for (const auto& path : paths) {
    INFO(path);
    CHECK(fs::exists(in_tree(path)));
  }
}

TEST_CASE("every example that the README names is there", "[docs]") {
  const auto rows = table_rows(document("README.md"), "Examples");
  CHECK(rows.size() > 12);
  for (const auto& row : rows) {
    INFO(row[0]);
    CHECK(fs::exists(in_tree("apps/examples/" + code_spans(row[0])[0] + "/main.cpp")));
  }
}

TEST_CASE("every test that the table of what proves what names exists", "[docs]") {
  const auto table = document("tests/README.md");
  std::size_t named_tests = 0;
  for (const char* const heading : {"A C++ node in an Erlang cluster", "Promises", "Rooms"}) {
    for (const auto& row : table_rows(table, heading)) {
      INFO(row[0]);
      REQUIRE(row.size() == 3);
      for (const auto& path : code_spans(row[1])) {
        INFO(path);
        if (path.starts_with("cmake/run ") || path == "bench/README.md") continue;
        CHECK(fs::exists(in_tree("tests/" + path)));
        ++named_tests;
      }
    }
  }
  CHECK(named_tests > 100);
}

TEST_CASE("every test of ours that the table of Ergo's names has that name", "[docs]") {
  const std::regex part{R"x(`([^`]+)`|"([^"]+)")x"};
  std::size_t names = 0;
  for (const auto& row : table_rows(document("tests/README.md"), "What Ergo's suites show, and where ours do")) {
    INFO(row[0]);
    REQUIRE(row.size() == 3);
    std::string file;
    for (std::sregex_iterator match{row[2].begin(), row[2].end(), part}, end; match != end; ++match) {
      INFO(match->str());
      if ((*match)[1].matched && !row[2].starts_with("-")) {
        REQUIRE(fs::exists(in_tree("tests/" + (*match)[1].str())));
        file = document("tests/" + (*match)[1].str());
      } else if ((*match)[2].matched) {
        CHECK(holds(file, "TEST_CASE(\"" + (*match)[2].str() + '"'));
        ++names;
      }
    }
  }
  CHECK(names > 80);
}

TEST_CASE("every link of a document leads somewhere", "[docs]") {
  const std::regex link{R"(\]\(([^)#\s]+)\))"};  // and no lambda
  for (const auto name : documents) {
    const auto text = document(name);
    for (std::sregex_iterator match{text.begin(), text.end(), link}, end; match != end; ++match) {
      INFO(name << ": " << (*match)[1]);
      CHECK(fs::exists(fs::path{in_tree(name)}.parent_path() / (*match)[1].str()));
    }
  }
}

TEST_CASE("the map of the architecture shows the rooms that there are", "[docs]") {
  std::set<std::string> rooms;
  for (const auto* parent : {".", "libergo"}) {
    for (const auto& entry : fs::directory_iterator{in_tree(parent)}) {
      if (!fs::exists(entry.path() / "CMakeLists.txt")) continue;
      if (holds(read_file(entry.path() / "CMakeLists.txt"), "ergo_add_room(")) rooms.insert(entry.path().filename());
    }
  }
  const auto map = block_with(document("libergo/ARCHITECTURE.md"), "protocol machines").text;
  CHECK(rooms.size() >= 6);
  for (const auto& room : rooms) {
    INFO(room);
    // A line of the legend: behind a stroke or blanks, with two blanks before its text.
    const auto legend = std::string{"(│|──|  ) +"}.append(room).append("  +\\S");
    CHECK(std::regex_search(map, std::regex{legend}));
  }
}

TEST_CASE("the table of workloads is what ergo-bench runs, with the options that it has", "[docs]") {
  const char* const program = std::getenv("ERGO_PROGRAM_BENCH");
  if (program == nullptr || !fs::exists(program)) SKIP("ergo-bench is not part of this build");
  const auto help = ergo::test::run({program, "--help"});
  REQUIRE(help.exit_code == 0);
  std::vector<std::string> listed;
  for (const auto& line : lines_of(help.out)) {
    std::smatch match;
    if (!std::regex_search(line, match, std::regex{"^  ([a-z][a-zA-Z0-9-]+)(:[^ ]+)?  [^ ]"})) continue;
    if (std::ranges::find(listed, match[1]) == listed.end()) listed.push_back(match[1]);  // once for all its variants
  }
  const auto text = document("bench/README.md");
  std::vector<std::string> described;
  for (const auto& line : lines_of(text)) {
    if (std::smatch match;
        std::regex_search(line, match, std::regex{"^\\| ([a-z][a-zA-Z0-9-]+) \\| "}) && match[1] != "id")
      described.push_back(match[1]);
  }
  std::erase(described, "---");
  CHECK(described == listed);
  const auto usage = code_spans(text).front();
  const std::regex option{"--[a-z]+"};
  for (std::sregex_iterator match{usage.begin(), usage.end(), option}, end; match != end; ++match) {
    INFO(match->str());
    CHECK(holds(help.out, match->str()));
  }
}
