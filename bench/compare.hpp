// Alternating runs of ours and of the references, and what is made of them.
#pragma once

#include "runner.hpp"
#include "workload.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ergo_bench {

/// What to compare, and how often.
struct plan {
  std::vector<workload> chosen;
  std::vector<reference> against;
  unsigned repetitions = 5;  ///< each in fresh processes
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

  [[nodiscard]] bool bar_is_met() const { return ratio.quantile(0.25) >= with.bar; }
};

/// A figure of a row, over the repetitions.
struct figure_series {
  std::string name;
  std::string unit;
  series ours;
  series beam;  ///< empty where the reference prints no such figure
};

/// All that is known of a row.
struct row_result {
  workload row;
  std::uint64_t operations = 0;
  series ours;  ///< nanoseconds per operation
  std::vector<comparison> comparisons;
  std::vector<figure_series> figures;
};

/// Runs one row: A B C A B C. Throws when a run fails.
[[nodiscard]] row_result run_row(runner& with, const plan& wanted, const workload& row);

}  // namespace ergo_bench
