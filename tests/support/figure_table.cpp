#include "figure_table.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <set>

namespace ergo::test {
namespace {

namespace json = boost::json;

constexpr std::size_t columns = 9;
using cells = std::array<std::string, columns>;

const cells titles{"scenario", "what", "runs", "violations", "measured (bound)", "Erlang", "RSS", "fd/thr", "s"};

std::string text_in(const json::object& line, std::string_view name) {
  const auto* const found = line.if_contains(name);
  return found != nullptr && found->is_string() ? std::string{found->get_string()} : std::string{};
}

std::int64_t number_in(const json::object& line, std::string_view name) {
  const auto* const found = line.if_contains(name);
  return found != nullptr && found->is_number() ? found->to_number<std::int64_t>() : 0;
}

double real_in(const json::object& line, std::string_view name) {
  const auto* const found = line.if_contains(name);
  return found != nullptr && found->is_number() ? found->to_number<double>() : 0;
}

/// By id; rows of one id stay as they began. (clang 19 finds libstdc++'s stable_sort deprecated.)
void order(std::vector<figure_row>& rows) {
  for (auto next = rows.begin(); next != rows.end(); ++next)
    std::rotate(std::ranges::upper_bound(rows.begin(), next, next->id, {}, &figure_row::id), next, next + 1);
}

figure_row& row_for(std::vector<figure_row>& rows, const json::object& line) {
  const auto id = text_in(line, "id");
  const auto what = text_in(line, "what");
  const auto found =
      std::ranges::find_if(rows, [&](const figure_row& each) { return each.id == id && each.what == what; });
  if (found != rows.end()) return *found;
  rows.push_back({.id = id, .what = what});
  return rows.back();
}

void add_figure(figure_row& row, const json::object& one) {
  const auto name = text_in(one, "name");
  const auto value = real_in(one, "value");
  const auto found = std::ranges::find(row.figures, name, &worst_figure::name);
  if (found == row.figures.end()) {
    row.figures.push_back({name, value, text_in(one, "unit"), real_in(one, "at_most"), one.contains("at_most")});
  } else {
    found->value = std::max(found->value, value);
  }
}

void add_run(figure_row& row, const json::object& line) {
  row.runs += number_in(line, "runs");
  row.violations += number_in(line, "violations");
  row.seconds += real_in(line, "seconds");
  row.resident = std::max(row.resident, number_in(line, "resident"));
  row.descriptors = std::max(row.descriptors, number_in(line, "descriptors"));
  row.threads = std::max(row.threads, number_in(line, "threads"));
  if (auto erlang = text_in(line, "erlang"); !erlang.empty()) row.erlang = std::move(erlang);
  const auto* const figures = line.if_contains("figures");
  if (figures == nullptr || !figures->is_array()) return;
  for (const auto& one : figures->get_array())
    if (one.is_object()) add_figure(row, one.get_object());
}

/// With as many digits as a reader can use.
std::string number_text(double value) {
  std::array<char, 48> text{};
  const int digits = value == std::floor(value) || std::abs(value) >= 100 ? 0 : std::abs(value) >= 10 ? 1 : 2;
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

std::string figures_text(const figure_row& row) {
  if (row.skipped > 0 && row.runs == 0) return "skipped: " + row.why_skipped;
  std::string text;
  for (const auto& [name, value, unit, at_most, bounded] : row.figures) {
    if (!text.empty()) text += "; ";
    text += name + " " + number_text(value) + " " + unit;
    if (bounded) text += " (≤ " + number_text(at_most) + ")";
  }
  return text;
}

std::string mebibytes(std::int64_t bytes) {
  return (bytes > 0 ? "+" : "") + number_text(static_cast<double>(bytes) / (1 << 20)) + " MiB";
}

cells cells_of(const figure_row& row, const texts_by_id& erlang) {
  const bool ran = row.runs > 0 || row.violations > 0;
  const auto known = erlang.find(row.id);
  auto beside = row.erlang.empty() && known != erlang.end() ? known->second : row.erlang;
  return {row.id,
          row.what,
          ran ? std::to_string(row.runs) : "-",
          ran ? std::to_string(row.violations) : "-",
          figures_text(row),
          std::move(beside),
          ran ? mebibytes(row.resident) : "-",
          ran ? std::to_string(row.descriptors) + "/" + std::to_string(row.threads) : "-",
          ran ? number_text(row.seconds) : "-"};
}

std::vector<cells> all_cells(const std::vector<figure_row>& rows, const texts_by_id& erlang) {
  std::vector<cells> all;
  all.reserve(rows.size());
  for (const auto& row : rows) all.push_back(cells_of(row, erlang));
  return all;
}

/// Characters of UTF-8 text.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char each) { return (static_cast<unsigned char>(each) & 0xC0U) != 0x80U; }));
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string{text.substr(first, text.find_last_not_of(" \t") - first + 1)};
}

}  // namespace

std::vector<figure_row> read_figures(std::istream& lines) {
  std::vector<figure_row> rows;
  std::set<std::string> open;
  std::vector<json::object> begun;
  for (std::string text; std::getline(lines, text);) {
    if (text.empty()) continue;
    const auto line = json::parse(text).as_object();
    const auto state = text_in(line, "state");
    auto& row = row_for(rows, line);
    if (state == "begun") {
      open.insert(text_in(line, "key"));
      begun.push_back(line);
      continue;
    }
    open.erase(text_in(line, "key"));
    if (state == "skipped") {
      ++row.skipped;
      row.why_skipped = text_in(line, "why");
    } else {
      add_run(row, line);
    }
  }
  for (const auto& line : begun) {
    if (!open.contains(text_in(line, "key"))) continue;
    auto& row = row_for(rows, line);
    ++row.violations;
    row.figures.push_back({.name = "its program ended before it did", .value = 1});
  }
  order(rows);
  return rows;
}

texts_by_id read_texts(std::istream& lines) {
  texts_by_id all;
  for (std::string line; std::getline(lines, line);) {
    const auto bar = line.find('|');
    if (line.starts_with('#') || bar == std::string::npos) continue;
    all[trimmed(std::string_view{line}.substr(0, bar))] = trimmed(std::string_view{line}.substr(bar + 1));
  }
  return all;
}

void add_absent(std::vector<figure_row>& rows, const std::vector<std::string>& wanted, const texts_by_id& reasons) {
  for (const auto& id : wanted) {
    if (std::ranges::find(rows, id, &figure_row::id) != rows.end()) continue;
    const auto known = reasons.find(id);
    rows.push_back({.id = id,
                    .skipped = 1,
                    .why_skipped = known != reasons.end() ? known->second : "no test of this build has it"});
  }
  order(rows);
}

std::int64_t violations_of(const std::vector<figure_row>& rows) {
  std::int64_t sum = 0;
  for (const auto& row : rows) sum += row.violations;
  return sum;
}

std::string as_markdown(const std::vector<figure_row>& rows, const texts_by_id& erlang) {
  const auto written = [](const cells& of) {
    std::string line = "|";
    for (auto text : of) {
      for (auto at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) text.insert(at, "\\");
      line += " " + text + " |";
    }
    return line + "\n";
  };
  auto page = written(titles) + "|";
  for (std::size_t column = 0; column < columns; ++column) page += " --- |";
  page += "\n";
  for (const auto& each : all_cells(rows, erlang)) page += written(each);
  return page;
}

std::string as_columns(const std::vector<figure_row>& rows, const texts_by_id& erlang) {
  auto all = all_cells(rows, erlang);
  all.insert(all.begin(), titles);
  std::array<std::size_t, columns> widths{};
  for (const auto& each : all)
    for (std::size_t column = 0; column < columns; ++column)
      widths[column] = std::max(widths[column], width_of(each[column]));
  std::string page;
  for (const auto& each : all) {
    std::string line;
    for (std::size_t column = 0; column < columns; ++column)
      line += each[column] + std::string(widths[column] - width_of(each[column]) + 2, ' ');
    page += trimmed(line) + "\n";
  }
  return page;
}

}  // namespace ergo::test
