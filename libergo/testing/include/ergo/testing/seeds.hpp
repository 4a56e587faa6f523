// Many random runs of one scenario, each of which can be repeated by its seed, and made smaller when it fails.
#pragma once

#include <ergo/testing/plan.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace ergo::inline v0::testing {

class sim;
struct sim_options;

/// Leaves a simulation whose invariant does not hold any more; `what` is the sentence that the invariant gave.
class broken_invariant : public std::runtime_error {
 public:
  broken_invariant(std::string name, const std::string& sentence)
      : std::runtime_error{sentence}, name_{std::move(name)} {}
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  std::string name_;
};

/// A run that did not hold what it should: the smallest that was found.
struct failed_run {
  std::uint64_t seed = 0;
  std::string what;                   ///< what the scenario or invariant returned, or the text of an exception
  std::string invariant;              ///< the name of the one that broke; empty where it was none
  std::uint64_t steps = 0;            ///< that the run took
  duration at{};                      ///< when it ended, since its start
  std::vector<planned_fault> faults;  ///< of the run, those left out too
  fault_choice choice;                ///< all, unless the run was made smaller or asked for
  std::string history;                ///< its last steps, one a line; empty where no run was repeated

  // What it was before it was made smaller.

  unsigned runs = 0;          ///< that were tried for it
  unsigned whole_faults = 0;  ///< that were done
  std::uint64_t whole_steps = 0;
  bool repeatable = true;  ///< false: the seed did not fail again, so the scenario depends on something else

  /// Seed, reason, how to run it again, its faults and last steps.
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
/// A run fails when `wanted` returns a sentence or throws, when an invariant breaks, and when the receiving end of a
/// connection refused a packet. It is then repeated with ever fewer of its faults (see `sim::fault`), for as long as it
/// fails in the same way, and the smallest run is returned with its last steps. So `wanted` may be called many times,
/// and must take nothing along from one call to the next that changes what it does.
///
/// The environment overrides: `ERGO_SIM_SEED=17` runs that seed alone, with its history; `ERGO_SIM_FAULTS=3,9` lets
/// only these of its faults happen, `none` none. `ERGO_SIM_SEEDS=2000` sets the number of seeds and
/// `ERGO_SIM_FIRST=1001` the first of them, so that a long set can be run in parts; `ERGO_SIM_SHRINK=0` returns failing
/// runs as they are. What is not understood is ignored.
[[nodiscard]] std::optional<failed_run> run_seeds(const seed_range& seeds, const scenario& wanted);
/// The same, with options for each simulation; their seed is replaced.
[[nodiscard]] std::optional<failed_run> run_seeds(const seed_range& seeds, const sim_options& options,
                                                  const scenario& wanted);

/// Takes `--seeds N`, `--seed N`, `--first N` and `--faults LIST` out of the arguments of a program and puts them into
/// its environment, for `run_seeds`. Returns what is wrong with them; empty if nothing is. Call it first in `main`.
[[nodiscard]] std::string take_arguments(int& count, char** arguments);

}  // namespace ergo::inline v0::testing
