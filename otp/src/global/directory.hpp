// The names of a cluster as the processes of one node read them: without asking the name server.
#pragma once

#include "context.hpp"

#include <ergo/local_node.hpp>

#include <memory>
#include <optional>
#include <shared_mutex>
#include <utility>
#include <vector>

namespace ergo::inline v0::otp::global_detail {

/// A copy of the name server's table. It is written by the server alone, and read by any thread.
class directory {
 public:
  [[nodiscard]] std::optional<pid> find(const term& name) const;
  [[nodiscard]] std::vector<std::pair<term, pid>> all() const;  ///< in the order of Erlang's map keys
  /// Gives `name` to a process, or to nobody; returns who had it.
  std::optional<pid> change(const term& name, const std::optional<pid>& process);

  /// That of a node whose name server runs; null for others.
  [[nodiscard]] static std::shared_ptr<const directory> of(const local_node& node);

 private:
  mutable std::shared_mutex mutex_;
  std::map<term, pid, term_less> names_;
};

/// A directory that is known as that of a node for as long as this object lives, or until the node has another one.
class published_directory {
 public:
  explicit published_directory(const local_node& node);
  ~published_directory();
  published_directory(const published_directory&) = delete;
  published_directory& operator=(const published_directory&) = delete;

  [[nodiscard]] directory* operator->() const noexcept { return names_.get(); }

 private:
  const local_node* node_;
  std::shared_ptr<directory> names_;
};

}  // namespace ergo::inline v0::otp::global_detail
