// Many random runs of one scenario, each of which can be repeated by its seed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace ergo::inline v0::testing {

class sim;
struct sim_options;

/// A run that did not hold what it should.
struct failed_run {
  std::uint64_t seed = 0;
  std::string what;     ///< what the scenario returned, or the text of its exception
  std::string history;  ///< the last steps of the run, one a line; only of a run that was asked for by its seed

  /// Seed, reason, and how to run it again.
  [[nodiscard]] std::string message() const;
};

/// What a run does: an empty string if everything held, else the sentence that says what did not.
using scenario = std::function<std::string(sim& world)>;

/// How many runs, and with which seeds.
struct seed_range {
  std::uint64_t first = 1;
  unsigned count = 100;
};

/// Runs `wanted` once for each seed, each time in a fresh simulation, until one fails.
///
/// A run fails when `wanted` returns a sentence or throws, and when the receiving end of a connection refused a packet.
/// The environment overrides: `ERGO_SIM_SEED=17` runs that seed alone, with its history; `ERGO_SIM_SEEDS=2000` sets the
/// number of seeds and `ERGO_SIM_FIRST=1001` the first of them, so that a long set can be run in parts. What is no
/// number is ignored.
[[nodiscard]] std::optional<failed_run> run_seeds(const seed_range& seeds, const scenario& wanted);
/// The same, with options for each simulation; their seed is replaced.
[[nodiscard]] std::optional<failed_run> run_seeds(const seed_range& seeds, const sim_options& options,
                                                  const scenario& wanted);

}  // namespace ergo::inline v0::testing
