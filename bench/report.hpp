// What is shown of the results: lines on the terminal, JSON, and the page bench/RESULTS.md.
#pragma once

#include "compare.hpp"

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace ergo_bench {

/// The references by name and version, as they were found on this machine.
using versions = std::map<reference, std::string>;

/// A row that could not be measured, or whose result was wrong.
struct failed_row {
  workload row;
  std::string why;
};

/// All that a run has found so far.
struct results {
  plan wanted;
  versions known;
  std::vector<row_result> rows{};
  std::vector<failed_row> failed{};
  std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();

  [[nodiscard]] std::size_t done() const noexcept { return rows.size() + failed.size(); }
};

/// `1:05` for 65 seconds.
[[nodiscard]] std::string minutes_text(std::chrono::duration<double> time);
/// Nanoseconds in the unit that reads best.
[[nodiscard]] std::string time_text(double nanoseconds);
/// With as many decimals as read well.
[[nodiscard]] std::string number_text(double value);
[[nodiscard]] std::string fixed(double value, int decimals);
/// The median with its quartiles.
[[nodiscard]] std::string ratio_text(const series& ratio);
/// What a row is called, and where its ends are and who they are; the latter is "" for what needs neither.
[[nodiscard]] std::string title(const workload& row);
[[nodiscard]] std::string setting(const workload& row);
/// Whether the bar of a reference, or the limit of a figure, is met; "" where there is none.
[[nodiscard]] std::string verdict(const comparison& beside);
[[nodiscard]] std::string verdict(const figure_series& found);

/// One line, and one more for each further reference and each figure.
void print(const row_result& row);
/// An array with one object for each row and reference, and for each row that failed.
[[nodiscard]] std::string to_json(const results& all);
/// A page for people: the machine, the date, the commit; the bars; tables of times, of figures and of curves.
[[nodiscard]] std::string to_markdown(const results& all);

}  // namespace ergo_bench
