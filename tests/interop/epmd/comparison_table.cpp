#include "comparison_table.hpp"

#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>

#include <algorithm>
#include <cstdio>
#include <map>

namespace ergo::test {
namespace {

struct board {
  std::vector<std::string> rows;
  std::map<std::pair<std::string, std::string>, std::string> cells;
};

board& the_board() {
  static board one;
  return one;
}

std::string padded(const std::string& text, std::size_t width) {
  return text + std::string(text.size() < width ? width - text.size() : 1, ' ');
}

void print(const board& of) {
  constexpr std::size_t row_width = 46;
  constexpr std::size_t cell_width = 52;
  std::string line = padded("epmd", row_width);
  for (const auto& one : contenders()) line += padded(one.name, cell_width);
  std::printf("\n%s\n", line.c_str());
  for (const auto& row : of.rows) {
    line = padded(row, row_width);
    for (const auto& one : contenders()) {
      const auto found = of.cells.find({row, one.name});
      line += padded(found == of.cells.end() ? "-" : found->second, cell_width);
    }
    std::printf("%s\n", line.c_str());
  }
  std::printf("\n");
  std::fflush(stdout);
}

class table_listener : public Catch::EventListenerBase {
 public:
  using EventListenerBase::EventListenerBase;
  void testRunEnded(const Catch::TestRunStats&) override {
    if (!the_board().rows.empty()) print(the_board());
  }
};

}  // namespace

void record(const std::string& scenario, const contender& of, const std::string& text) {
  auto& board = the_board();
  if (std::ranges::find(board.rows, scenario) == board.rows.end()) board.rows.push_back(scenario);
  board.cells[{scenario, of.name}] = text;
}

}  // namespace ergo::test

CATCH_REGISTER_LISTENER(ergo::test::table_listener)
