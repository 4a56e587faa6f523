// The children of a supervisor in the order of their start, found by id and by process in constant time.
#pragma once

#include <ergo/otp/supervisor.hpp>

#include <map>
#include <unordered_map>

namespace ergo::inline v0::otp::detail {

/// Whether a child has a process, or is about to get one.
enum class child_life : std::uint8_t { stopped, running, restarting };

/// A child and what has become of it.
struct child {
  child_spec spec;
  pid process{};  ///< meaningful while it runs
  child_life life = child_life::stopped;
  std::uint64_t attempt = 0;  ///< counts the restarts that were put off
};

/// Children under positions, which say the order of their start and are never used again.
class child_table {
 public:
  using position = std::uint64_t;

  /// Adds a child behind all others; its id must be new.
  position add(child_spec spec);
  void erase(position where);
  void set_running(position where, const pid& process);
  void set_stopped(position where);
  void set_restarting(position where);

  [[nodiscard]] child& at(position where) { return children_.at(where); }
  [[nodiscard]] const std::map<position, child>& all() const noexcept { return children_; }
  [[nodiscard]] std::vector<position> positions() const;
  [[nodiscard]] std::optional<position> find(const term& id) const;
  [[nodiscard]] std::optional<position> find(const pid& process) const;
  /// Whether a significant child runs or is being restarted.
  [[nodiscard]] bool has_significant() const noexcept { return significant_ != 0; }
  /// The children that are started again with the one at `where`, in the order of their start.
  [[nodiscard]] std::vector<position> together(position where, strategy under) const;

 private:
  void set_life(child& of, child_life life);

  std::map<position, child> children_;
  std::unordered_map<term, position> by_id_;
  std::unordered_map<pid, position> by_process_;
  position next_ = 0;
  std::size_t significant_ = 0;  // that run or are being restarted
};

}  // namespace ergo::inline v0::otp::detail
