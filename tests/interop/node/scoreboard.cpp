// The table scenario × release that the program prints at its end.
#include "scoreboard.hpp"

#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>

#include <algorithm>
#include <cstdio>
#include <map>

namespace ergo_interop {
namespace {

struct cell {
  int passed = 0;
  int all = 0;
  std::chrono::milliseconds took{};
};

struct board {
  std::vector<std::string> rows;
  std::vector<std::string> columns;
  std::map<std::pair<std::string, std::string>, cell> cells;
  std::vector<std::string> remarks;
  std::map<std::pair<std::string, meeting>, std::unique_ptr<world>> worlds;
};

board& the_board() {
  static board one;
  return one;
}

void remember(std::vector<std::string>& in, const std::string& name) {
  if (std::find(in.begin(), in.end(), name) == in.end()) in.push_back(name);
}

void print(board& of) {
  if (of.rows.empty()) return;
  constexpr std::size_t width = 11;  // of a column
  std::string line = "OTP" + std::string(59, ' ');
  std::sort(of.columns.begin(), of.columns.end());
  for (const auto& column : of.columns) {
    const auto name = column.starts_with("OTP ") ? column.substr(4) : column;
    line += " " + name + std::string(name.size() < width ? width - name.size() : 0, ' ');
  }
  std::printf("\n%s     ms\n", line.c_str());
  int passed = 0;
  int all = 0;
  for (const auto& row : of.rows) {
    line = row.substr(0, 61) + std::string(row.size() < 62 ? 62 - row.size() : 1, ' ');
    std::chrono::milliseconds took{};
    for (const auto& column : of.columns) {
      const auto found = of.cells.find({row, column});
      std::string text = "-";
      if (found != of.cells.end()) {
        const auto& [good, count, spent] = found->second;
        text = good == count ? "ok" : "FAILED";
        if (count > 1) text += " " + std::to_string(good) + "/" + std::to_string(count);
        passed += good;
        all += count;
        took += spent;
      }
      line += " " + text + std::string(text.size() < width ? width - text.size() : 0, ' ');
    }
    std::printf("%s %6lld\n", line.c_str(), static_cast<long long>(took.count()));
  }
  std::printf("%d of %d passed\n", passed, all);
  for (const auto& said : of.remarks) std::printf("%s\n", said.c_str());
  std::printf("\n");
  std::fflush(stdout);
}

class table_listener : public Catch::EventListenerBase {
 public:
  using EventListenerBase::EventListenerBase;
  void testRunEnded(const Catch::TestRunStats&) override {
    the_board().worlds.clear();
    print(the_board());
  }
};

}  // namespace

void note(const std::string& scenario, const std::string& column, bool passed, std::chrono::milliseconds took) {
  auto& board = the_board();
  remember(board.rows, scenario);
  remember(board.columns, column);
  auto& one = board.cells[{scenario, column}];
  one.passed += passed ? 1 : 0;
  ++one.all;
  one.took += took;
}

void remark(const std::string& line) { remember(the_board().remarks, line); }

world& shared_world(const release& otp, meeting over) {
  auto& kept = the_board().worlds[{otp.number, over}];
  if (!kept) kept = std::make_unique<world>(otp, ergo::node_options{}, std::vector<std::string>{}, over);
  return *kept;
}

void end_world(const release& otp, meeting over) { the_board().worlds.erase({otp.number, over}); }

}  // namespace ergo_interop

CATCH_REGISTER_LISTENER(ergo_interop::table_listener)
