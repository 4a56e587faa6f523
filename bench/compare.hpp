// Alternating runs of ours and of the references, and what is made of them.
#pragma once

#include "runner.hpp"
#include "workload.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace ergo_bench {

/// What to compare, and how often.
struct plan {
  std::vector<workload> chosen;
  std::vector<reference> against;
  unsigned repetitions = 5;  ///< each in fresh processes; rows without a bar have three at most
  unsigned cores = 2;
  double scale = 1.0;  ///< multiplies the operations of each run
};

/// The values of several runs.
struct series {
  std::vector<double> values;
  long peak_rss_kib = 0;
  double cpu_seconds = 0;

  [[nodiscard]] double quantile(double share) const;
  [[nodiscard]] double median() const { return quantile(0.5); }
};

/// One reference of a row, beside ours.
struct comparison {
  rival with;
  series times;  ///< nanoseconds per operation
  series ratio;  ///< pairwise; above 1, ours is better

  [[nodiscard]] double lower_quartile() const { return ratio.quantile(0.25); }
  [[nodiscard]] bool bar_is_met() const { return lower_quartile() >= with.bar; }
};

/// A figure of a row, over the repetitions.
struct figure_series {
  std::string name;
  std::string unit;
  series ours;
  series beam;  ///< empty where the reference prints no such figure
  std::optional<double> at_most{};

  [[nodiscard]] double upper_quartile() const { return ours.quantile(0.75); }
  [[nodiscard]] bool limit_is_met() const { return !at_most || upper_quartile() <= *at_most; }
};

/// All that is known of a row.
struct row_result {
  workload row;
  std::uint64_t operations = 0;
  unsigned repetitions = 0;
  std::chrono::duration<double> took{};
  series ours{};  ///< nanoseconds per operation
  std::vector<comparison> comparisons{};
  std::vector<figure_series> figures{};
};

/// Runs one row: A B C A B C. Throws when a run fails.
[[nodiscard]] row_result run_row(runner& with, const plan& wanted, const workload& row);

}  // namespace ergo_bench
