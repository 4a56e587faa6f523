// What a scenario shows in numbers: how often it ran, what was violated, what was measured against its bound, and what
// was left behind. Each is a line of JSON in the file that ERGO_FIGURES names; `figure_table` makes one table of them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ergo::test {

/// Something that was measured, and the bound that it must keep, if any.
struct figure {
  std::string name;
  double value = 0;
  std::string unit;
  std::optional<double> at_most = std::nullopt;
};

/// Memory that a program may have more at the end of a scenario than before it: the pools of the first nodes, code
/// that was not used before, what `malloc` cannot give back.
inline constexpr std::int64_t usual_remainder = std::int64_t{16} << 20;

/// One scenario, from its first line to its last: constructed before anything that it needs, so that all of that is
/// gone when it looks at memory, descriptors and threads again. Ends as violated when the test has failed meanwhile, by
/// whatever assertion or exception; and as skipped when it was. A program that ends before its scenario does is a
/// violation, too. Belongs to the thread of the test; counting costs nothing where nobody asks for figures.
///
/// Test cases with a tag such as `[R01]` that construct none have a line under their names: with what they told
/// `count_runs`, or one run each.
class [[nodiscard]] scenario {
 public:
  /// `id` as in "R01"; lines of the same id and `what` are one row of the table.
  scenario(std::string_view id, std::string_view what);
  scenario(const scenario&) = delete;
  scenario& operator=(const scenario&) = delete;
  ~scenario();

  /// Adds to how often it ran.
  void ran(std::int64_t times = 1) noexcept;
  /// Adds to what was violated.
  void violated(std::int64_t times = 1) noexcept;
  /// Adds something measured; above its bound it is a violation.
  void measured(figure what);
  /// What Erlang did in the same scenario.
  void erlang(std::string what);
  /// How many bytes may be left behind; `usual_remainder` unless it is said.
  void may_keep(std::int64_t bytes) noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Adds to how often the scenario ran that the running test case is as a whole.
void count_runs(std::int64_t times) noexcept;

}  // namespace ergo::test
