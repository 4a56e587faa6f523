// The page of results.
#include "command.hpp"
#include "report.hpp"

#include <boost/json.hpp>

#include <sys/utsname.h>
#include <algorithm>
#include <array>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

namespace ergo_bench {
namespace {

std::string first_line_of(const char* file, const std::string& beginning) {
  std::ifstream lines{file};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(beginning)) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

// The page itself is a change, too, while it is written: documents do not count.
std::string commit() {
  const auto git = [](std::vector<std::string> command) {
    command.insert(command.begin(), {"git", "-C", ERGO_BENCH_SOURCE});
    return run_command(command).output;
  };
  try {
    const auto found = git({"rev-parse", "--short=12", "HEAD"});
    const auto changes = git({"status", "--porcelain", "--untracked-files=no", "--", ":/", ":(exclude,top)*.md"});
    return found.substr(0, found.find('\n')) + (changes.empty() ? "" : "-dirty");
  } catch (const std::exception&) {
    return "unknown";
  }
}

std::string date() {
  const auto now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &utc);
  return text.data();
}

/// A table of Markdown.
class table {
 public:
  table(std::ostream& out, const std::vector<std::string>& heads) : out_{out} {
    row(heads);
    row(std::vector<std::string>(heads.size(), "---"));
  }
  void row(const std::vector<std::string>& cells) {
    out_ << '|';
    for (const auto& cell : cells) out_ << ' ' << cell << (cell.empty() ? "|" : " |");
    out_ << '\n';
  }

 private:
  std::ostream& out_;
};

void write_head(std::ostream& out, const results& all) {
  out << "# Results\n\n"
         "Written by `ergo-bench`, which `cmake/run bench` runs; how to read it is in [README.md](README.md). Times "
         "are "
         "medians; a ratio is\n"
         "the median of the pairs with its quartiles, and above 1 ours is better. A bar is met when the lower quartile "
         "reaches it, a limit\n"
         "when the upper quartile does not exceed it.\n\n";
  utsname system{};
  uname(&system);
  table about{out, {"", ""}};
  about.row({"date", date()});
  about.row({"commit", commit()});
  about.row({"machine", first_line_of("/proc/cpuinfo", "model name") + ", " + std::to_string(all.wanted.cores) +
                            " cores used, Linux " + system.release});
  about.row({"compiler", std::string{"GCC "} + __VERSION__});
  for (const auto& [which, version] : all.known) about.row({std::string{to_string(which)}, version});
  about.row({"repetitions", "at most " + std::to_string(all.wanted.repetitions) +
                                ", each in fresh processes, alternating; a row's own number stands under runs"});
  if (all.wanted.scale != 1.0) about.row({"scale", number_text(all.wanted.scale) + " of the usual operations"});
  about.row({"rows", std::to_string(all.done()) + " of " + std::to_string(all.wanted.chosen.size()) + " in " +
                         minutes_text(std::chrono::steady_clock::now() - all.begun) + " minutes, " +
                         std::to_string(all.failed.size()) + " of them FAILED"});
}

void write_failures(std::ostream& out, const results& all) {
  if (all.failed.empty()) return;
  out << "\n## Failed\n\n";
  table failures{out, {"work", "setting", "why"}};
  for (const auto& [row, why] : all.failed) failures.row({title(row), setting(row), why.substr(0, why.find('\n'))});
}

using cells = std::vector<std::string>;

// One line for each reference with a bar and each figure with a limit.
std::vector<cells> bars_of(const row_result& row) {
  std::vector<cells> made;
  const auto word = [](bool met) { return met ? "met" : "MISSED"; };
  for (const auto& beside : row.comparisons) {
    if (beside.with.bar <= 0) continue;
    made.push_back({title(row.row), setting(row.row),
                    "ratio to " + std::string{to_string(beside.with.which)} + " at least " + fixed(beside.with.bar, 2),
                    fixed(beside.ratio.median(), 2), fixed(beside.lower_quartile(), 2), word(beside.bar_is_met())});
  }
  for (const auto& found : row.figures) {
    if (!found.at_most) continue;
    made.push_back({title(row.row), setting(row.row),
                    found.name + " at most " + number_text(*found.at_most) + " " + found.unit,
                    number_text(found.ours.median()), number_text(found.upper_quartile()), word(found.limit_is_met())});
  }
  return made;
}

void write_bars(std::ostream& out, const results& all) {
  std::vector<cells> bars;
  for (const auto& row : all.rows) std::ranges::move(bars_of(row), std::back_inserter(bars));
  for (const auto& [row, why] : all.failed) {
    if (has_bar(row)) bars.push_back({title(row), setting(row), "", "", "", "FAILED"});
  }
  if (bars.empty()) return;
  const auto met = std::ranges::count_if(bars, [](const cells& bar) { return bar.back() == "met"; });
  out << "\n## Bars\n\n"
      << met << " of " << bars.size() << " are met. The quartile that decides is the lower one of a ratio, the upper "
      << "one of a figure.\n\n";
  table shown{out, {"work", "setting", "bar", "measured", "quartile", "verdict"}};
  for (const auto& bar : bars) shown.row(bar);
}

void write_times(std::ostream& out, const results& all) {
  out << "\n## Times\n\n";
  table shown{out,
              {"work", "setting", "runs", "ours", "reference", "ratio", "bar", "peak RSS", "CPU s, ours / reference"}};
  for (const auto& row : all.rows) {
    const cells begin{title(row.row), setting(row.row), std::to_string(row.repetitions), time_text(row.ours.median())};
    const auto rss = fixed(static_cast<double>(row.ours.peak_rss_kib) / 1024, 1) + " MiB";
    const auto cpu = fixed(row.ours.cpu_seconds, 1);
    const auto line = [&](const cells& rest) {
      auto whole = begin;
      whole.insert(whole.end(), rest.begin(), rest.end());
      shown.row(whole);
    };
    if (row.comparisons.empty()) line({"", "", "", rss, cpu});
    for (const auto& beside : row.comparisons) {
      line({std::string{to_string(beside.with.which)} + " " + time_text(beside.times.median()),
            ratio_text(beside.ratio), verdict(beside), rss, cpu + " / " + fixed(beside.times.cpu_seconds, 1)});
    }
  }
}

bool is_point(const figure_series& found) { return found.name.contains('@'); }

std::string median_of(const series& found) { return found.values.empty() ? "" : number_text(found.median()); }

void write_figures(std::ostream& out, const results& all) {
  out << "\n## Figures\n\n";
  table shown{out, {"work", "setting", "figure", "unit", "ours", "min … max", "beam", "limit"}};
  for (const auto& row : all.rows) {
    for (const auto& found : row.figures) {
      if (is_point(found)) continue;
      shown.row({title(row.row), setting(row.row), found.name, found.unit, median_of(found.ours),
                 number_text(found.ours.quantile(0)) + " … " + number_text(found.ours.quantile(1)),
                 median_of(found.beam), verdict(found)});
    }
  }
}

/// The figures `what@size` of a row.
struct curve_points {
  std::vector<std::string> whats;  // in the order in which they were found
  std::map<std::uint64_t, std::map<std::string, const figure_series*>> by_size;
};

curve_points points_of(const row_result& row) {
  curve_points made;
  for (const auto& found : row.figures) {
    if (!is_point(found)) continue;
    const auto at = found.name.find('@');
    const auto what = found.name.substr(0, at);
    if (std::ranges::find(made.whats, what) == made.whats.end()) made.whats.push_back(what);
    made.by_size[std::stoull(found.name.substr(at + 1))][what] = &found;
  }
  return made;
}

void write_curves(std::ostream& out, const results& all) {
  for (const auto& row : all.rows) {
    const auto points = points_of(row);
    if (points.whats.empty()) continue;
    out << "\n## " << title(row.row) << ", ours / beam, ns\n\n" << row.row.what << ".\n\n";
    cells heads{"size"};
    heads.insert(heads.end(), points.whats.begin(), points.whats.end());
    table shown{out, heads};
    for (const auto& [size, found] : points.by_size) {
      cells line{std::to_string(size)};
      for (const auto& what : points.whats) {
        const auto at = found.find(what);
        auto& cell = line.emplace_back();
        if (at == found.end()) continue;
        cell = median_of(at->second->ours);
        if (!at->second->beam.values.empty()) cell += " / " + median_of(at->second->beam);
      }
      shown.row(line);
    }
  }
}

// What no run measures: `cmake/run budget` counts it.
void write_budget(std::ostream& out) {
  std::ifstream file{ERGO_BENCH_SOURCE "/budget.json"};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const auto recorded = boost::json::parse(text).as_object();
  out << "\n## Instructions per operation\n\nCounted by `cmake/run budget`, recorded in [budget.json](budget.json) for "
      << recorded.at("compiler").as_string().c_str() << " on " << recorded.at("architecture").as_string().c_str()
      << ".\n\n";
  table shown{out, {"operation", "instructions"}};
  for (const auto& [operation, count] : recorded.at("instructions").as_object())
    shown.row({operation, boost::json::serialize(count)});
}

}  // namespace

std::string to_markdown(const results& all) {
  std::ostringstream out;
  write_head(out, all);
  write_failures(out, all);
  write_bars(out, all);
  write_times(out, all);
  write_figures(out, all);
  write_curves(out, all);
  write_budget(out);
  return out.str();
}

}  // namespace ergo_bench
