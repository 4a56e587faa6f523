// Words, pids and tables.
#include "console_text.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/runtime.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <optional>

namespace ergo::inline v0::kernel::detail {
namespace {

constexpr std::string_view blanks = " \t\r\n";

std::optional<std::uint32_t> read_number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Cuts what follows the last full stop off.
std::string_view take_last_part(std::string_view& text) {
  const auto stop = text.rfind('.');
  const auto part = stop == std::string_view::npos ? text : text.substr(stop + 1);
  text = stop == std::string_view::npos ? std::string_view{} : text.substr(0, stop);
  return part;
}

std::string quoted(std::string_view text) { return "\"" + std::string{text} + "\""; }

/// Node.Id.Serial or Id.Serial; empty where it is anything else.
std::optional<std::expected<pid, std::string>> read_pid(const local_node& on, std::string_view typed) {
  auto rest = typed;
  if (rest.starts_with('<') && rest.ends_with('>')) rest = rest.substr(1, rest.size() - 2);
  const auto serial = read_number(take_last_part(rest));
  const auto id = read_number(take_last_part(rest));
  if (!serial || !id) return std::nullopt;
  const auto own = on.name();
  if (!rest.empty() && rest != "0" && rest != own.text() && rest != etf::to_text(own))
    return std::unexpected{quoted(typed) + " is no process of this node."};
  return pid{on.identity(), *id, *serial};
}

/// Columns as a terminal counts them, nearly: characters.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char one) { return (static_cast<unsigned char>(one) & 0xC0) != 0x80; }));
}

}  // namespace

std::string_view trimmed(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string_view take_word(std::string_view& line) noexcept {
  line = trimmed(line);
  bool inside = false;
  std::size_t end = 0;
  for (; end < line.size() && (inside || blanks.find(line[end]) == std::string_view::npos); ++end) {
    if (inside && line[end] == '\\') {
      ++end;
    } else if (line[end] == '\'') {
      inside = !inside;
    }
  }
  end = std::min(end, line.size());
  const auto word = line.substr(0, end);
  line = trimmed(line.substr(end));
  return word;
}

std::string_view without_erlang_ends(std::string_view line) noexcept {
  auto rest = trimmed(line);
  if (rest.ends_with('.')) rest = trimmed(rest.substr(0, rest.size() - 1));
  if (rest.ends_with("()")) rest = trimmed(rest.substr(0, rest.size() - 2));
  return rest;
}

std::expected<pid, std::string> find_process(const local_node& on, std::string_view typed) {
  const auto word = trimmed(typed);
  if (auto numbered = read_pid(on, word)) {
    if (*numbered && !on.owner().alive(**numbered)) return std::unexpected{quoted(word) + " is not alive."};
    return *numbered;
  }
  const bool in_quotes = word.size() > 2 && word.front() == '\'' && word.back() == '\'';
  const auto known = etf::atom::find(in_quotes ? word.substr(1, word.size() - 2) : word);  // makes no atoms
  const auto found = known ? on.whereis(*known) : std::nullopt;
  if (!found) return std::unexpected{"No process is registered as " + quoted(word) + "."};
  return *found;
}

term fact_of(const term& facts, atom key) {
  for (const auto& fact : facts.items()) {
    if (fact.is_tuple(2) && fact.elements()[0].is(key)) return fact.elements()[1];
  }
  return {};
}

std::string as_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t column = 0; column < row.size(); ++column)
      widths[column] = std::max(widths[column], width(row[column]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t column = 0; column < row.size(); ++column) {
      line += row[column];
      if (column + 1 < row.size()) line.append(widths[column] - width(row[column]) + 2, ' ');
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string as_size(std::int64_t bytes) {
  static constexpr std::array<const char*, 5> units{"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text.data();
}

std::string counted(std::size_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string{count == 1 ? one : many};
}

}  // namespace ergo::inline v0::kernel::detail
