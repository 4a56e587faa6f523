// Processor time of processes and of their behaviours, where it is measured.
#pragma once

#include <ergo/behaviour.hpp>
#include <ergo/usage.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ergo::inline v0::detail {

/// Of all processes of one behaviour; never freed while the runtime lives.
struct behaviour_account {
  std::atomic<duration::rep> run_time{0};
  std::atomic<std::uint64_t> slices{0};
  std::atomic<std::uint64_t> started{0};

  void add(duration took) noexcept {
    run_time.fetch_add(took.count(), std::memory_order_relaxed);
    slices.fetch_add(1, std::memory_order_relaxed);
  }
};

/// Of one process; its own slices only.
struct run_account {
  behaviour_account* behaviour;
  duration own{};
};

/// The accounts of a runtime. Any thread.
class behaviour_accounts {
 public:
  /// For a new process with that body and initial call (`[]` for none).
  [[nodiscard]] std::unique_ptr<run_account> open(const behaviour& body, const term& initial_call);
  [[nodiscard]] std::vector<behaviour_usage> all() const;

 private:
  // Other nodes choose the initial call of what they spawn.
  static constexpr std::size_t most = 4'096;

  mutable std::mutex mutex_;
  std::map<std::string, behaviour_account, std::less<>> by_name_;
};

}  // namespace ergo::inline v0::detail
