// Each repetition is a fresh process of ours and a fresh process of each reference, alternating.
#include "compare.hpp"

#include <algorithm>
#include <cmath>

namespace ergo_bench {
namespace {

constexpr std::uint64_t fewest_operations = 1;

void add(series& to, const outcome& run) {
  to.values.push_back(run.per_operation);
  to.peak_rss_kib = std::max(to.peak_rss_kib, run.peak_rss_kib);
  to.cpu_seconds += run.cpu_seconds;
}

figure_series& figure_named(row_result& of, const figure& found) {
  const auto at = std::ranges::find(of.figures, found.name, &figure_series::name);
  if (at != of.figures.end()) return *at;
  auto& made = of.figures.emplace_back(found.name, found.unit, series{}, series{});
  const auto set = std::ranges::find(of.row.limits, found.name, &limit::figure);
  if (set != of.row.limits.end()) made.at_most = set->at_most;
  return made;
}

void add_figures(row_result& to, const outcome& run, series figure_series::* side) {
  for (const auto& found : run.more) (figure_named(to, found).*side).values.push_back(found.value);
}

bool is_wanted(const plan& wanted, const rival& one) {
  return std::ranges::find(wanted.against, one.which) != wanted.against.end();
}

// Rows without a bar tell how things stand; three times are enough for that.
unsigned repetitions_of(const workload& row, const plan& wanted) {
  constexpr unsigned without_bar = 3;
  return has_bar(row) ? wanted.repetitions : std::min(wanted.repetitions, without_bar);
}

}  // namespace

double series::quantile(double share) const {
  if (values.empty()) return 0;
  auto sorted = values;
  std::ranges::sort(sorted);
  return sorted[static_cast<std::size_t>(std::lround(share * static_cast<double>(sorted.size() - 1)))];
}

row_result run_row(runner& with, const plan& wanted, const workload& row) {
  const auto scaled = static_cast<std::uint64_t>(static_cast<double>(row.operations) * wanted.scale);
  const auto begun = std::chrono::steady_clock::now();
  row_result made{
      .row = row, .operations = std::max(fewest_operations, scaled), .repetitions = repetitions_of(row, wanted)};
  for (const auto& one : row.rivals) {
    if (is_wanted(wanted, one)) made.comparisons.push_back({one, {}, {}});
  }
  for (unsigned repetition = 0; repetition < made.repetitions; ++repetition) {
    const auto ours = with.ours(row, made.operations);
    add(made.ours, ours);
    add_figures(made, ours, &figure_series::ours);
    for (auto& beside : made.comparisons) {
      const auto other = with.other(beside.with.which, row, made.operations);
      add(beside.times, other);
      if (beside.with.which == reference::beam) add_figures(made, other, &figure_series::beam);
      beside.ratio.values.push_back(other.per_operation / ours.per_operation);
    }
  }
  made.took = std::chrono::steady_clock::now() - begun;
  return made;
}

}  // namespace ergo_bench
