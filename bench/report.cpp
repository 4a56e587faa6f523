// The three forms of the results.
#include "report.hpp"

#include "command.hpp"

#include <boost/json/src.hpp>

#include <sys/utsname.h>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iomanip>
#include <sstream>

namespace ergo_bench {
namespace {

std::string fixed(double value, int decimals) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(decimals) << value;
  return out.str();
}

// Nanoseconds in the unit that reads best.
std::string time_text(double nanoseconds) {
  if (nanoseconds < 10'000) return fixed(nanoseconds, 1) + " ns";
  if (nanoseconds < 10'000'000) return fixed(nanoseconds / 1e3, 1) + " µs";
  return fixed(nanoseconds / 1e6, 1) + " ms";
}

std::string ratio_text(const series& ratio) {
  return fixed(ratio.median(), 2) + " [" + fixed(ratio.quantile(0.25), 2) + " … " + fixed(ratio.quantile(0.75), 2) +
         "]";
}

std::string number_text(double value) { return fixed(value, std::abs(value) < 1'000 ? 1 : 0); }

std::string title(const workload& row) {
  std::string made{row.id};
  if (!row.variant.empty()) made.append(" ").append(row.variant);
  return made;
}

// Where the ends are and who they are; "" for what needs neither.
std::string setting(const workload& row) {
  std::string made{to_string(row.ends)};
  if (row.where != placement::free || row.ends != pairing::none) {
    if (!made.empty()) made += ", ";
    made += to_string(row.where);
  }
  return made;
}

std::string verdict(const comparison& beside) {
  if (beside.with.bar <= 0) return "";
  return (beside.bar_is_met() ? "met: " : "MISSED: ") + fixed(beside.with.bar, 2);
}

// What is said of a figure that may be so much at most; "" where there is no limit.
std::string verdict(const workload& row, const figure_series& found) {
  const auto set = std::ranges::find(row.limits, found.name, &limit::figure);
  if (set == row.limits.end()) return "";
  return (found.ours.quantile(0.75) <= set->at_most ? "met: at most " : "MISSED: at most ") + fixed(set->at_most, 2);
}

boost::json::object summary(const series& of) {
  return {{"median", of.median()}, {"min", of.quantile(0)}, {"max", of.quantile(1)}};
}

boost::json::object common(const row_result& row, const plan& wanted) {
  boost::json::object made{{"id", row.row.id},
                           {"variant", row.row.variant},
                           {"pairing", to_string(row.row.ends)},
                           {"placement", to_string(row.row.where)},
                           {"cores", wanted.cores},
                           {"unit", "ns/operation"},
                           {"operations", row.operations},
                           {"ours", summary(row.ours)},
                           {"rss", row.ours.peak_rss_kib},
                           {"cpu_seconds", row.ours.cpu_seconds}};
  boost::json::object figures;
  for (const auto& found : row.figures) figures[found.name] = found.ours.median();
  if (!figures.empty()) made["figures"] = std::move(figures);
  return made;
}

std::string first_line_of(const char* file, const std::string& beginning) {
  std::ifstream lines{file};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(beginning)) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

std::string commit() {
  try {
    auto found = run_command({"git", "-C", ERGO_BENCH_SOURCE, "describe", "--always", "--dirty", "--abbrev=12"}).output;
    return found.substr(0, found.find('\n'));
  } catch (const std::exception&) {
    return "unknown";
  }
}

void write_head(std::ostream& out, const plan& wanted, const versions& known) {
  utsname system{};
  uname(&system);
  const auto now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%d %H:%M UTC", &utc);
  out << "# Results\n\n"
      << "Written by `cmake/run bench`; how to read it is in [README.md](README.md). Times are medians; a ratio is the "
         "median of the\n"
      << "pairs with its quartiles, and above 1 ours is better. A bar is met when the lower quartile reaches it.\n\n"
      << "| | |\n| --- | --- |\n"
      << "| date | " << date.data() << " |\n| commit | " << commit() << " |\n| machine | "
      << first_line_of("/proc/cpuinfo", "model name") << ", " << wanted.cores << " cores used, Linux " << system.release
      << " |\n| compiler | GCC " << __VERSION__ << " |\n";
  for (const auto& [which, version] : known) out << "| " << to_string(which) << " | " << version << " |\n";
  out << "| repetitions | " << wanted.repetitions << ", each in fresh processes, alternating |\n";
  if (wanted.scale != 1.0) out << "| scale | " << wanted.scale << " of the usual operations |\n";
}

void write_ratios(std::ostream& out, const std::vector<row_result>& rows) {
  out << "\n## Times\n\n"
      << "| work | setting | ours | reference | ratio | bar | peak RSS | CPU s, ours / reference |\n"
      << "| --- | --- | --- | --- | --- | --- | --- | --- |\n";
  for (const auto& row : rows) {
    const auto begin = "| " + title(row.row) + " | " + setting(row.row) + " | " + time_text(row.ours.median()) + " | ";
    const auto rss = fixed(static_cast<double>(row.ours.peak_rss_kib) / 1024, 1) + " MiB";
    if (row.comparisons.empty()) out << begin << " | | | " << rss << " | " << fixed(row.ours.cpu_seconds, 1) << " |\n";
    for (const auto& beside : row.comparisons) {
      out << begin << to_string(beside.with.which) << ' ' << time_text(beside.times.median()) << " | "
          << ratio_text(beside.ratio) << " | " << verdict(beside) << " | " << rss << " | "
          << fixed(row.ours.cpu_seconds, 1) << " / " << fixed(beside.times.cpu_seconds, 1) << " |\n";
    }
  }
}

void write_figures(std::ostream& out, const std::vector<row_result>& rows) {
  out << "\n## Figures\n\n| work | setting | figure | ours | min … max | beam | limit |\n"
         "| --- | --- | --- | --- | --- | --- | --- |\n";
  for (const auto& row : rows) {
    for (const auto& found : row.figures) {
      out << "| " << title(row.row) << " | " << setting(row.row) << " | " << found.name << " | "
          << number_text(found.ours.median()) << ' ' << found.unit << " | " << number_text(found.ours.quantile(0))
          << " … " << number_text(found.ours.quantile(1)) << " | ";
      if (!found.beam.values.empty()) out << number_text(found.beam.median()) << ' ' << found.unit;
      out << " | " << verdict(row.row, found) << " |\n";
    }
  }
}

}  // namespace

void print(const row_result& row) {
  std::printf("%-24s %-24s %12s [%s … %s] %8ld KiB %6.1f s", title(row.row).c_str(), setting(row.row).c_str(),
              time_text(row.ours.median()).c_str(), time_text(row.ours.quantile(0)).c_str(),
              time_text(row.ours.quantile(1)).c_str(), row.ours.peak_rss_kib, row.ours.cpu_seconds);
  for (const auto& beside : row.comparisons) {
    std::printf("\n    %-6s %12s   ratio %s   %s", std::string{to_string(beside.with.which)}.c_str(),
                time_text(beside.times.median()).c_str(), ratio_text(beside.ratio).c_str(), verdict(beside).c_str());
  }
  for (const auto& found : row.figures) {
    std::printf("\n    %s %s %s", found.name.c_str(), number_text(found.ours.median()).c_str(), found.unit.c_str());
    if (!found.beam.values.empty()) std::printf("   beam %s", number_text(found.beam.median()).c_str());
    if (const auto said = verdict(row.row, found); !said.empty()) std::printf("   %s", said.c_str());
  }
  std::printf("\n");
  std::fflush(stdout);
}

std::string to_json(const std::vector<row_result>& rows, const plan& wanted, const versions& known) {
  boost::json::array lines;
  for (const auto& row : rows) {
    if (row.comparisons.empty()) lines.push_back(common(row, wanted));
    for (const auto& beside : row.comparisons) {
      auto line = common(row, wanted);
      auto reference = summary(beside.times);
      reference["name"] = to_string(beside.with.which);
      reference["version"] = known.at(beside.with.which);
      reference["cpu_seconds"] = beside.times.cpu_seconds;
      line["reference"] = std::move(reference);
      line["ratio"] = {
          {"median", beside.ratio.median()}, {"q1", beside.ratio.quantile(0.25)}, {"q3", beside.ratio.quantile(0.75)}};
      if (beside.with.bar > 0) line["bar"] = beside.with.bar;
      lines.push_back(std::move(line));
    }
  }
  return boost::json::serialize(lines);
}

std::string to_markdown(const std::vector<row_result>& rows, const plan& wanted, const versions& known) {
  std::ostringstream out;
  write_head(out, wanted, known);
  write_ratios(out, rows);
  write_figures(out, rows);
  return out.str();
}

}  // namespace ergo_bench
