// What is shown of the results: lines on the terminal, JSON, and the page bench/RESULTS.md.
#pragma once

#include "compare.hpp"

#include <map>
#include <string>
#include <vector>

namespace ergo_bench {

/// The references by name and version, as they were found on this machine.
using versions = std::map<reference, std::string>;

/// One line, and one more for each further reference and each figure.
void print(const row_result& row);
/// An array with one object for each row and reference.
[[nodiscard]] std::string to_json(const std::vector<row_result>& rows, const plan& wanted, const versions& known);
/// A page for people: the machine, the date, the commit, a table of ratios with their bars, a table of figures.
[[nodiscard]] std::string to_markdown(const std::vector<row_result>& rows, const plan& wanted, const versions& known);

}  // namespace ergo_bench
