// Alternating runs of ours and of the reference, and what is made of them.
#pragma once

#include "workload.hpp"

#include <string>
#include <vector>

namespace ergo_bench {

/// What to compare, and how often.
struct plan {
  std::vector<workload> chosen;
  std::string against;  ///< "beam", "raw" or ""
  unsigned repetitions = 5;
  unsigned cores = 2;
  double scale = 1.0;  ///< multiplies the operations of each run
  std::string json_file;
};

/// Nanoseconds per operation of several runs.
struct series {
  std::vector<double> values;
  long peak_rss_kib = 0;
  double cpu_seconds = 0;

  [[nodiscard]] double quantile(double share) const;
  [[nodiscard]] double median() const { return quantile(0.5); }
};

/// One line of the table.
struct comparison {
  workload work;
  series ours;
  series reference;
  series ratio;  ///< pairwise, above 1 = ours is better
};

/// Runs the plan, prints the table as it grows, writes the JSON. Returns false when a workload failed.
[[nodiscard]] bool run_plan(const plan& wanted);

}  // namespace ergo_bench
