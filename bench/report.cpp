// The results on the terminal and as JSON, and the words that the page uses, too.
#include "report.hpp"

#include <boost/json/src.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iomanip>
#include <sstream>

namespace ergo_bench {

std::string fixed(double value, int decimals) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(decimals) << value;
  return out.str();
}

std::string minutes_text(std::chrono::duration<double> time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  const auto rest = std::to_string(seconds % 60);
  return std::to_string(seconds / 60) + ":" + std::string(2 - rest.size(), '0') + rest;
}

std::string time_text(double nanoseconds) {
  if (nanoseconds < 10'000) return fixed(nanoseconds, 1) + " ns";
  if (nanoseconds < 10'000'000) return fixed(nanoseconds / 1e3, 1) + " µs";
  return fixed(nanoseconds / 1e6, 1) + " ms";
}

std::string ratio_text(const series& ratio) {
  return fixed(ratio.median(), 2) + " [" + fixed(ratio.quantile(0.25), 2) + " … " + fixed(ratio.quantile(0.75), 2) +
         "]";
}

std::string number_text(double value) {
  const auto size = std::abs(value);
  return fixed(value, size < 10 ? 2 : size < 1'000 ? 1 : 0);
}

std::string title(const workload& row) {
  std::string made{row.id};
  if (!row.variant.empty()) made.append(" ").append(row.variant);
  return made;
}

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

std::string verdict(const figure_series& found) {
  if (!found.at_most) return "";
  return (found.limit_is_met() ? "met: at most " : "MISSED: at most ") + number_text(*found.at_most);
}

void print(const row_result& row) {
  std::printf("%-24s %-24s %12s [%s … %s] %8ld KiB %6.1f s", title(row.row).c_str(), setting(row.row).c_str(),
              time_text(row.ours.median()).c_str(), time_text(row.ours.quantile(0)).c_str(),
              time_text(row.ours.quantile(1)).c_str(), row.ours.peak_rss_kib, row.ours.cpu_seconds);
  for (const auto& beside : row.comparisons) {
    std::printf("\n    %-9s %12s   ratio %s   %s", std::string{to_string(beside.with.which)}.c_str(),
                time_text(beside.times.median()).c_str(), ratio_text(beside.ratio).c_str(), verdict(beside).c_str());
  }
  for (const auto& found : row.figures) {
    std::printf("\n    %s %s %s", found.name.c_str(), number_text(found.ours.median()).c_str(), found.unit.c_str());
    if (!found.beam.values.empty()) std::printf("   beam %s", number_text(found.beam.median()).c_str());
    if (const auto said = verdict(found); !said.empty()) std::printf("   %s", said.c_str());
  }
  std::printf("\n");
  std::fflush(stdout);
}

namespace {

boost::json::object summary(const series& of) {
  return {{"median", of.median()}, {"min", of.quantile(0)}, {"max", of.quantile(1)}};
}

// The figures of ours, or of the reference.
boost::json::object figures_of(const row_result& row, series figure_series::* side) {
  boost::json::object made;
  for (const auto& found : row.figures) {
    if ((found.*side).values.empty()) continue;
    auto one = summary(found.*side);
    one["unit"] = found.unit;
    if (found.at_most && side == &figure_series::ours) one["at_most"] = *found.at_most;
    made[found.name] = std::move(one);
  }
  return made;
}

boost::json::object identity(const workload& row) {
  return {
      {"id", row.id}, {"variant", row.variant}, {"pairing", to_string(row.ends)}, {"placement", to_string(row.where)}};
}

boost::json::object common(const row_result& row, const plan& wanted) {
  auto made = identity(row.row);
  made["cores"] = wanted.cores;
  made["unit"] = "ns/operation";
  made["operations"] = row.operations;
  made["repetitions"] = row.repetitions;
  made["ours"] = summary(row.ours);
  made["rss"] = row.ours.peak_rss_kib;
  made["cpu_seconds"] = row.ours.cpu_seconds;
  if (auto figures = figures_of(row, &figure_series::ours); !figures.empty()) made["figures"] = std::move(figures);
  return made;
}

boost::json::object compared(const row_result& row, const comparison& beside, const results& all) {
  auto line = common(row, all.wanted);
  auto reference = summary(beside.times);
  reference["name"] = to_string(beside.with.which);
  reference["version"] = all.known.at(beside.with.which);
  reference["cpu_seconds"] = beside.times.cpu_seconds;
  if (beside.with.which == ergo_bench::reference::beam) {
    if (auto figures = figures_of(row, &figure_series::beam); !figures.empty())
      reference["figures"] = std::move(figures);
  }
  line["reference"] = std::move(reference);
  line["ratio"] = {
      {"median", beside.ratio.median()}, {"q1", beside.lower_quartile()}, {"q3", beside.ratio.quantile(0.75)}};
  if (beside.with.bar > 0) line["bar"] = beside.with.bar;
  return line;
}

}  // namespace

std::string to_json(const results& all) {
  boost::json::array lines;
  for (const auto& row : all.rows) {
    if (row.comparisons.empty()) lines.push_back(common(row, all.wanted));
    for (const auto& beside : row.comparisons) lines.push_back(compared(row, beside, all));
  }
  for (const auto& [row, why] : all.failed) {
    auto line = identity(row);
    line["failed"] = why;
    lines.push_back(std::move(line));
  }
  return boost::json::serialize(lines);
}

}  // namespace ergo_bench
