// Two partitions meet: which names are new, and who keeps a name that both have.
#pragma once

#include "names.hpp"

#include <memory>

namespace ergo::inline v0::otp::global_detail {

/// What has to be done on either side: lists of `{insert, {Name, Pid, Method}}` and `{delete, Name}`.
struct resolution {
  std::vector<term> ours;
  std::vector<term> theirs;
};

/// A comparison of names that may have to ask the node of a process; it ends with `done`, or never when its handle was
/// dropped.
class conflicts {
 public:
  conflicts(context& shared, const name_table& names) : context_{shared}, names_{names} {}

  /// Compares with what `peer` has: `[{Name, Pid, Method}]`. The node with the smaller name decides conflicts.
  [[nodiscard]] std::shared_ptr<void> compare(const term& theirs, atom peer, std::function<void(resolution)> done);

 private:
  struct run;
  void go_on(const std::shared_ptr<run>& on);
  void step(const std::shared_ptr<run>& on);
  void decide(const std::shared_ptr<run>& on, const term& name, const named& ours, const pid& theirs);
  void settle(const std::shared_ptr<run>& on, const term* kept);

  context& context_;
  const name_table& names_;
};

}  // namespace ergo::inline v0::otp::global_detail
