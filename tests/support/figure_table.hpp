// The table of scenarios, made of the lines that test programs have left in a file.
#pragma once

#include <cstdint>
#include <istream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ergo::test {

/// The worst of one measurement over all runs of a row.
struct worst_figure {
  std::string name;
  double value = 0;
  std::string unit;
  double at_most = 0;
  bool bounded = false;
};

/// All runs of one scenario under one description.
struct figure_row {
  std::string id;
  std::string what;
  std::int64_t runs = 0;
  std::int64_t violations = 0;
  std::int64_t skipped = 0;
  std::string why_skipped;
  std::vector<worst_figure> figures;
  std::string erlang;
  double seconds = 0;
  std::int64_t resident = 0;  ///< bytes more than before, where there were most
  std::int64_t descriptors = 0;
  std::int64_t threads = 0;
};

/// Rows by id, in the order in which they began; a scenario that began and did not end is a violation of its row.
/// Throws `boost::system::system_error` for a line that is no JSON.
[[nodiscard]] std::vector<figure_row> read_figures(std::istream& lines);

/// What a file of lines `R34 | text` says of scenarios.
using texts_by_id = std::map<std::string, std::string, std::less<>>;
[[nodiscard]] texts_by_id read_texts(std::istream& lines);

/// Adds rows for the ids in `wanted` that have none: they did not run, and `reasons` may say why.
void add_absent(std::vector<figure_row>& rows, const std::vector<std::string>& wanted, const texts_by_id& reasons);

[[nodiscard]] std::int64_t violations_of(const std::vector<figure_row>& rows);

/// The table as markdown, and as columns of text.
[[nodiscard]] std::string as_markdown(const std::vector<figure_row>& rows, const texts_by_id& erlang);
[[nodiscard]] std::string as_columns(const std::vector<figure_row>& rows, const texts_by_id& erlang);

}  // namespace ergo::test
