// What the tests and the extractor see of a document: its code blocks, code spans and tables.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ergo_docs {

/// A fenced block of code.
struct block {
  std::string language;  ///< empty when the fence names none
  std::size_t line = 0;  ///< of its first line of code, from 1
  std::string text;      ///< ends with a line feed
};

/// The text of a file; throws `std::runtime_error` when it cannot be read.
[[nodiscard]] std::string read_file(const std::string& path);

/// All fenced blocks, in order.
[[nodiscard]] std::vector<block> code_blocks(std::string_view document);
/// The block that holds `part`; throws `std::runtime_error` unless there is exactly one.
[[nodiscard]] block block_with(std::string_view document, std::string_view part);

/// What stands between back-quotes on one line, in order; `\|` (a bar inside a table) is read as a bar.
[[nodiscard]] std::vector<std::string> code_spans(std::string_view text);
/// The rows of all tables under the heading `## title`, without their head lines; cells are trimmed.
[[nodiscard]] std::vector<std::vector<std::string>> table_rows(std::string_view document, std::string_view title);
/// The lines of a text, without line feeds.
[[nodiscard]] std::vector<std::string> lines_of(std::string_view text);

}  // namespace ergo_docs
