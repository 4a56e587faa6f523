// As much of Markdown as our documents use.
#include "markdown.hpp"

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace ergo_docs {
namespace {

constexpr std::string_view fence = "```";

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return std::string{text.substr(first, text.find_last_not_of(' ') - first + 1)};
}

/// The cells of a line of a table; a bar behind a backslash separates nothing.
std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> cells;
  std::size_t begin = 1;
  for (std::size_t at = 1; at < line.size(); ++at) {
    if (line[at] != '|' || line[at - 1] == '\\') continue;
    cells.push_back(trimmed(line.substr(begin, at - begin)));
    begin = at + 1;
  }
  return cells;
}

}  // namespace

std::string read_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file) throw std::runtime_error{"cannot read " + path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

std::vector<block> code_blocks(std::string_view document) {
  std::vector<block> blocks;
  bool inside = false;
  std::size_t number = 0;
  for (const auto& line : lines_of(document)) {
    ++number;
    if (line.starts_with(fence)) {
      inside = !inside;
      if (inside) blocks.push_back({line.substr(fence.size()), number + 1, {}});
    } else if (inside) {
      blocks.back().text += line + '\n';
    }
  }
  if (inside) throw std::runtime_error{"a block of code has no end"};
  return blocks;
}

block block_with(std::string_view document, std::string_view part) {
  std::vector<block> found;
  for (auto& one : code_blocks(document)) {
    if (one.text.find(part) != std::string::npos) found.push_back(std::move(one));
  }
  if (found.size() != 1) throw std::runtime_error{"not exactly one block of code holds " + std::string{part}};
  return found.front();
}

std::vector<std::string> code_spans(std::string_view text) {
  std::vector<std::string> spans;
  for (const auto& line : lines_of(text)) {
    if (line.starts_with(fence)) continue;
    for (std::size_t open = 0; (open = line.find('`', open)) != std::string::npos;) {
      const auto close = line.find('`', open + 1);
      if (close == std::string::npos) break;
      auto span = line.substr(open + 1, close - open - 1);
      for (std::size_t bar = 0; (bar = span.find("\\|", bar)) != std::string::npos;) span.erase(bar, 1);
      spans.push_back(std::move(span));
      open = close + 1;
    }
  }
  return spans;
}

std::vector<std::vector<std::string>> table_rows(std::string_view document, std::string_view title) {
  std::vector<std::vector<std::string>> rows;
  bool here = false;
  std::size_t line_of_table = 0;
  for (const auto& line : lines_of(document)) {
    if (line.starts_with('#')) here = line == "## " + std::string{title};
    line_of_table = line.starts_with('|') ? line_of_table + 1 : 0;
    if (here && line_of_table > 2) rows.push_back(cells_of(line));
  }
  if (rows.empty()) throw std::runtime_error{"there is no table under " + std::string{title}};
  return rows;
}

}  // namespace ergo_docs
