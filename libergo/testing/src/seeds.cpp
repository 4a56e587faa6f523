// Runs by seed, and the search for the smallest run that fails.
#include "span_text.hpp"

#include <ergo/testing/sim.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <exception>

namespace ergo::inline v0::testing {
namespace {

std::optional<std::uint64_t> number_of(std::string_view written) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(written.data(), written.data() + written.size(), value);
  if (failed != std::errc{} || end != written.data() + written.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> number_in(const char* variable) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? std::nullopt : number_of(text);
}

std::optional<failed_run> run_one(const sim_options& options, const scenario& wanted) {
  failed_run failed;
  failed.seed = options.seed;
  failed.choice = options.faults;
  sim world{options};
  try {
    failed.what = wanted(world);
  } catch (const broken_invariant& broken) {
    failed.what = broken.what();
    failed.invariant = broken.name();
  } catch (const std::exception& thrown) {
    failed.what = std::string{"exception: "} + thrown.what();
  } catch (...) {
    failed.what = "exception: something that is no std::exception";
  }
  if (failed.what.empty() && world.refused() != 0) failed.what = "a packet was refused: " + world.refusal();
  if (failed.what.empty()) return std::nullopt;
  failed.steps = world.steps();
  failed.at = world.elapsed();
  failed.faults = world.faults();
  failed.history = world.history();
  return failed;
}

std::vector<unsigned> done_of(const failed_run& run) {
  std::vector<unsigned> numbers;
  for (const auto& one : run.faults) {
    if (one.done) numbers.push_back(one.number);
  }
  return numbers;
}

// Whether two runs failed for what is probably one reason.
bool alike(const failed_run& one, const failed_run& other) {
  const auto begins = [&](std::string_view with) { return one.what.starts_with(with) == other.what.starts_with(with); };
  return one.invariant == other.invariant && begins("exception: ") && begins("a packet was refused: ");
}

/// Leaves out ever smaller parts of the faults of a failing run, and keeps each run that fails without them.
class shrinker {
 public:
  shrinker(sim_options options, const scenario& wanted, failed_run failed)
      : options_{std::move(options)}, wanted_{wanted}, best_{std::move(failed)} {
    options_.history = true;
    best_.whole_faults = static_cast<unsigned>(done_of(best_).size());
    best_.whole_steps = best_.steps;
  }

  failed_run smallest() {
    if (options_.shrink_runs == 0) return std::move(best_);
    if (!fails_with(done_of(best_))) {  // with its history, and to know that it can be repeated
      best_.repeatable = false;
      best_.runs = runs_;
      return std::move(best_);
    }
    if (!done_of(best_).empty() && may_run() && !fails_with({})) leave_out_parts();
    best_.runs = runs_;
    return std::move(best_);
  }

 private:
  [[nodiscard]] bool may_run() const {
    return runs_ < options_.shrink_runs && std::chrono::steady_clock::now() - begun_ < options_.shrink_for;
  }

  void leave_out_parts() {
    for (std::size_t parts = 2; may_run();) {
      const auto kept = done_of(best_).size();
      if (kept < 2) return;
      const auto size = (kept + parts - 1) / parts;
      if (leave_one_part_out(size)) {
        parts = std::max<std::size_t>(parts - 1, 2);
      } else if (size == 1) {
        return;
      } else {
        parts = std::min(parts * 2, kept);
      }
    }
  }

  bool leave_one_part_out(std::size_t size) {
    const auto kept = done_of(best_);
    for (std::size_t from = 0; from < kept.size() && may_run(); from += size) {
      auto rest = kept;
      const auto at = rest.begin() + static_cast<std::ptrdiff_t>(from);
      rest.erase(at, at + static_cast<std::ptrdiff_t>(std::min(size, kept.size() - from)));
      if (fails_with(rest)) return true;
    }
    return false;
  }

  bool fails_with(const std::vector<unsigned>& numbers) {
    ++runs_;
    options_.faults = fault_choice{numbers};
    auto failed = run_one(options_, wanted_);
    if (!failed || !alike(*failed, best_)) return false;
    failed->choice = failed->faults.empty() ? fault_choice{} : fault_choice{done_of(*failed)};
    failed->whole_faults = best_.whole_faults;
    failed->whole_steps = best_.whole_steps;
    best_ = std::move(*failed);
    return true;
  }

  sim_options options_;
  const scenario& wanted_;
  failed_run best_;
  unsigned runs_ = 0;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

// The environment's choice of what `options` begin with; empty where it asks for no one seed.
std::optional<sim_options> one_wanted(const sim_options& options) {
  const auto seed = number_in("ERGO_SIM_SEED");
  if (!seed) return std::nullopt;
  auto one = options;
  one.seed = *seed;
  one.history = true;
  const char* const faults = std::getenv("ERGO_SIM_FAULTS");
  if (const auto choice = faults == nullptr ? std::nullopt : fault_choice::parse(faults)) one.faults = *choice;
  return one;
}

}  // namespace

std::string failed_run::message() const {
  auto text = "seed " + std::to_string(seed) + ": " + what + "\n";
  if (!invariant.empty())
    text += "the invariant \"" + invariant + "\" broke";
  else
    text += "the run failed";
  text += " after " + std::to_string(steps) + " steps, at " + span_text(at);
  text += "\nrun it again with ERGO_SIM_SEED=" + std::to_string(seed);
  if (!choice.all()) text += " ERGO_SIM_FAULTS=" + choice.text();
  if (!repeatable) text += "\nIt held when it was repeated: what happens depends on more than the seed.";
  if (runs > 1) {
    text += "\nmade smaller in " + std::to_string(runs) + " runs; without ERGO_SIM_FAULTS it has " +
            std::to_string(whole_faults) + " faults and fails after " + std::to_string(whole_steps) + " steps";
  }
  bool first = true;
  for (const auto& one : faults) {
    if (!one.done) continue;
    text += std::exchange(first, false) ? "\nfaults:\n" : "\n";
    text += "  " + std::to_string(one.number) + " at " + span_text(one.at) + ": " + one.what;
  }
  if (!history.empty()) text += "\nlast steps:\n" + history;
  return text;
}

std::optional<failed_run> run_seeds(const seed_range& seeds, const scenario& wanted) {
  return run_seeds(seeds, sim_options{}, wanted);
}

std::optional<failed_run> run_seeds(const seed_range& seeds, const sim_options& options, const scenario& wanted) {
  if (const auto one = one_wanted(options)) return run_one(*one, wanted);
  auto each = options;
  each.shrink_runs = static_cast<unsigned>(number_in("ERGO_SIM_SHRINK").value_or(options.shrink_runs));
  const auto first = number_in("ERGO_SIM_FIRST").value_or(seeds.first);
  const auto count = number_in("ERGO_SIM_SEEDS").value_or(seeds.count);
  for (std::uint64_t run = 0; run < count; ++run) {
    each.seed = first + run;
    if (auto failed = run_one(each, wanted)) return shrinker{each, wanted, std::move(*failed)}.smallest();
  }
  return std::nullopt;
}

std::string take_arguments(int& count, char** arguments) {
  struct option {
    std::string_view name;
    const char* variable;
  };
  static constexpr option known[] = {{"--seeds", "ERGO_SIM_SEEDS"},
                                     {"--seed", "ERGO_SIM_SEED"},
                                     {"--first", "ERGO_SIM_FIRST"},
                                     {"--faults", "ERGO_SIM_FAULTS"}};
  int kept = 0;
  std::string wrong;
  for (int index = 0; index < count; ++index) {
    const auto* const meant = std::ranges::find(known, std::string_view{arguments[index]}, &option::name);
    if (meant == std::end(known)) {
      arguments[kept++] = arguments[index];
      continue;
    }
    const char* const value = index + 1 < count ? arguments[++index] : "";
    const bool faults = meant->name == "--faults";
    if (faults ? fault_choice::parse(value).has_value() : number_of(value).has_value()) {
      ::setenv(meant->variable, value, 1);
    } else if (wrong.empty()) {
      wrong = std::string{meant->name} +
              (faults ? " takes `all`, `none` or numbers of faults, as in 3,9" : " takes a number");
    }
  }
  arguments[count = kept] = nullptr;
  return wrong;
}

}  // namespace ergo::inline v0::testing
