#include "directory.hpp"

#include <mutex>

namespace ergo::inline v0::otp::global_detail {
namespace {

// Which nodes of this program have a name server. A node outlives the server that runs on it.
struct publications {
  std::shared_mutex mutex;
  std::map<const local_node*, std::shared_ptr<directory>> by_node;
};

publications& published() {
  static publications all;
  return all;
}

}  // namespace

std::optional<pid> directory::find(const term& name) const {
  const std::shared_lock lock{mutex_};
  const auto found = names_.find(name);
  return found == names_.end() ? std::nullopt : std::optional{found->second};
}

std::vector<std::pair<term, pid>> directory::all() const {
  const std::shared_lock lock{mutex_};
  return {names_.begin(), names_.end()};
}

std::optional<pid> directory::change(const term& name, const std::optional<pid>& process) {
  const std::scoped_lock lock{mutex_};
  const auto found = names_.find(name);
  const auto before = found == names_.end() ? std::nullopt : std::optional{found->second};
  if (process) {
    names_.insert_or_assign(name, *process);
  } else if (before) {
    names_.erase(found);
  }
  return before;
}

std::shared_ptr<const directory> directory::of(const local_node& node) {
  auto& all = published();
  const std::shared_lock lock{all.mutex};
  const auto found = all.by_node.find(&node);
  return found == all.by_node.end() ? nullptr : found->second;
}

published_directory::published_directory(const local_node& node) : node_{&node}, names_{std::make_shared<directory>()} {
  auto& all = published();
  const std::scoped_lock lock{all.mutex};
  all.by_node.insert_or_assign(node_, names_);
}

published_directory::~published_directory() {
  auto& all = published();
  const std::scoped_lock lock{all.mutex};
  const auto found = all.by_node.find(node_);
  if (found != all.by_node.end() && found->second == names_) all.by_node.erase(found);
}

}  // namespace ergo::inline v0::otp::global_detail
