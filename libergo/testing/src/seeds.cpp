// Runs by seed.
#include <ergo/testing/sim.hpp>

#include <charconv>
#include <cstdlib>
#include <exception>

namespace ergo::inline v0::testing {
namespace {

std::optional<std::uint64_t> number_in(const char* variable) {
  const char* const text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  const std::string_view whole{text};
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(whole.data(), whole.data() + whole.size(), value);
  if (failed != std::errc{} || end != whole.data() + whole.size()) return std::nullopt;
  return value;
}

std::optional<failed_run> run_one(sim_options options, const scenario& wanted) {
  failed_run failed{.seed = options.seed, .what = {}, .history = {}};
  sim world{std::move(options)};
  try {
    failed.what = wanted(world);
  } catch (const std::exception& thrown) {
    failed.what = std::string{"exception: "} + thrown.what();
  }
  if (failed.what.empty() && world.refused() != 0) failed.what = "a packet was refused: " + world.refusal();
  if (failed.what.empty()) return std::nullopt;
  failed.history = world.history();
  return failed;
}

}  // namespace

std::string failed_run::message() const {
  auto text =
      "seed " + std::to_string(seed) + ": " + what + "\nrun it again with ERGO_SIM_SEED=" + std::to_string(seed);
  if (!history.empty()) text += "\nlast steps:\n" + history;
  return text;
}

std::optional<failed_run> run_seeds(const seed_range& seeds, const scenario& wanted) {
  return run_seeds(seeds, sim_options{}, wanted);
}

std::optional<failed_run> run_seeds(const seed_range& seeds, const sim_options& options, const scenario& wanted) {
  auto each = options;
  if (const auto only = number_in("ERGO_SIM_SEED")) {
    each.seed = *only;
    each.history = true;
    return run_one(std::move(each), wanted);
  }
  const auto first = number_in("ERGO_SIM_FIRST").value_or(seeds.first);
  const auto count = number_in("ERGO_SIM_SEEDS").value_or(seeds.count);
  for (std::uint64_t run = 0; run < count; ++run) {
    each.seed = first + run;
    if (auto failed = run_one(each, wanted)) return failed;
  }
  return std::nullopt;
}

}  // namespace ergo::inline v0::testing
