// Prints the table of scenarios and fails when anything in it was violated.
//
//   figure_table FIGURES [--markdown FILE] [--erlang FILE] [--absent FILE] [--wanted "R01 R02 …"]
#include "figure_table.hpp"

#include <boost/json/src.hpp>

#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

std::ifstream opened(const std::string& path) {
  std::ifstream file{path};
  if (!file) throw std::runtime_error{"cannot read " + path};
  return file;
}

ergo::test::texts_by_id texts(const std::string& path) {
  if (path.empty()) return {};
  auto file = opened(path);
  return ergo::test::read_texts(file);
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream from{text};
  std::vector<std::string> all;
  for (std::string word; from >> word;) all.push_back(word);
  return all;
}

int print_table(const std::string& path, std::map<std::string, std::string>& options) {
  auto file = opened(path);
  auto rows = ergo::test::read_figures(file);
  ergo::test::add_absent(rows, words(options["--wanted"]), texts(options["--absent"]));
  const auto erlang = texts(options["--erlang"]);
  const auto violations = ergo::test::violations_of(rows);
  std::fputs(ergo::test::as_columns(rows, erlang).c_str(), stdout);
  std::printf("%zu rows, %lld violations\n", rows.size(), static_cast<long long>(violations));
  if (!options["--markdown"].empty()) {
    std::ofstream page{options["--markdown"]};
    page << ergo::test::as_markdown(rows, erlang) << "\n" << rows.size() << " rows, " << violations << " violations\n";
    if (!page) throw std::runtime_error{"cannot write " + options["--markdown"]};
  }
  return violations == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char* argv[]) {
  try {
    const std::vector<std::string> given(argv + 1, argv + argc);
    if (given.size() % 2 == 0) throw std::runtime_error{"a file of figures, and options with values"};
    std::map<std::string, std::string> options;
    for (std::size_t at = 1; at < given.size(); at += 2) options[given[at]] = given[at + 1];
    return print_table(given.front(), options);
  } catch (const std::exception& wrong) {
    std::fprintf(stderr, "figure_table: %s\n", wrong.what());
    return 2;
  }
}
