// Faults of a simulated run: each has a number, so that a run can be repeated with some of them left out.
#pragma once

#include <ergo/clock.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ergo::inline v0::testing {

/// One fault of a run, in the order in which they came.
struct planned_fault {
  unsigned number = 0;  ///< from 1; the same fault has the same number in each run of a seed
  duration at{};        ///< since the start of the run
  std::string what;     ///< what it did, or would have done
  bool done = false;    ///< false: it was left out
};

/// Which faults of a plan are done. All, unless some are named.
class fault_choice {
 public:
  fault_choice() = default;
  /// Only those with these numbers; none where there are none.
  explicit fault_choice(std::vector<unsigned> only);
  /// Reads what `text` writes: `all`, `none`, or numbers with commas between them. Empty for anything else.
  [[nodiscard]] static std::optional<fault_choice> parse(std::string_view written);

  [[nodiscard]] bool contains(unsigned number) const;
  [[nodiscard]] bool all() const noexcept { return !only_; }
  [[nodiscard]] std::string text() const;

 private:
  std::optional<std::vector<unsigned>> only_;  // sorted
};

/// How often `sim::random_fault` does what, relative to the rest; 0 is never.
struct fault_mix {
  unsigned cut = 4;        ///< a connection is lost
  unsigned partition = 2;  ///< a connection is lost and none can be made
  unsigned mute = 2;       ///< one direction of a connection falls silent
  unsigned heal = 4;       ///< a pair of nodes can reach each other again
  unsigned slow = 1;       ///< a node reads slowly from now on, or at full speed again
  unsigned restart = 2;    ///< a node crashes and comes back
  unsigned kill = 2;       ///< a process is killed

  duration longest_absence = std::chrono::milliseconds{30};  ///< of a node that is restarted
  duration slowest_reading = std::chrono::milliseconds{2};   ///< between two packets that a slow node reads
  std::vector<std::string> spared;  ///< nodes that are not restarted and whose processes are not killed
};

}  // namespace ergo::inline v0::testing
