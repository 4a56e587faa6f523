#include "application_directory.hpp"

#include <algorithm>
#include <mutex>

namespace ergo::inline v0::otp::detail {
namespace {

// Which nodes of this program have a controller. A node outlives the one that runs on it.
struct publications {
  std::shared_mutex mutex;
  std::unordered_map<const local_node*, std::shared_ptr<application_directory>> by_node;
};

publications& published() {
  static publications all;
  return all;
}

}  // namespace

shared_spec application_directory::loaded(atom name) const {
  const std::shared_lock lock{mutex_};
  const auto found = loaded_.find(name);
  return found == loaded_.end() ? nullptr : found->second;
}

std::vector<shared_spec> application_directory::all_loaded() const {
  const std::shared_lock lock{mutex_};
  std::vector<shared_spec> all;
  for (const auto& [name, spec] : loaded_) all.push_back(spec);
  return all;
}

std::optional<term> application_directory::parameter(atom application, atom key) const {
  const std::shared_lock lock{mutex_};
  const auto of = parameters_.find(application);
  if (of == parameters_.end()) return std::nullopt;
  const auto found = of->second.find(key);
  return found == of->second.end() ? std::nullopt : std::optional{found->second};
}

environment application_directory::parameters(atom application) const {
  const std::shared_lock lock{mutex_};
  const auto of = parameters_.find(application);
  if (of == parameters_.end()) return {};
  environment all{of->second.begin(), of->second.end()};
  std::ranges::sort(all, {}, [](const auto& one) { return one.first.text(); });
  return all;
}

std::optional<pid> application_directory::master(atom application) const {
  const std::shared_lock lock{mutex_};
  const auto found = masters_.find(application);
  return found == masters_.end() ? std::nullopt : std::optional{found->second};
}

std::optional<atom> application_directory::application_of(const pid& master) const {
  const std::shared_lock lock{mutex_};
  const auto found = std::ranges::find_if(masters_, [&](const auto& entry) { return entry.second == master; });
  return found == masters_.end() ? std::nullopt : std::optional{found->first};
}

std::optional<atom> application_directory::application_with(atom module) const {
  const std::shared_lock lock{mutex_};
  const auto found = std::ranges::find_if(loaded_, [&](const auto& entry) {
    return std::ranges::find(entry.second->modules, module) != entry.second->modules.end();
  });
  return found == loaded_.end() ? std::nullopt : std::optional{found->first};
}

void application_directory::load(shared_spec spec, const environment& parameters) {
  const std::scoped_lock lock{mutex_};
  const auto name = spec->name;
  loaded_.insert_or_assign(name, std::move(spec));
  for (const auto& [key, value] : parameters) parameters_[name].insert_or_assign(key, value);
}

void application_directory::unload(atom name) {
  const std::scoped_lock lock{mutex_};
  loaded_.erase(name);
  parameters_.erase(name);
}

void application_directory::set(atom application, atom key, term value) {
  const std::scoped_lock lock{mutex_};
  parameters_[application].insert_or_assign(key, std::move(value));
}

void application_directory::unset(atom application, atom key) {
  const std::scoped_lock lock{mutex_};
  const auto of = parameters_.find(application);
  if (of != parameters_.end()) of->second.erase(key);
}

void application_directory::add_master(atom application, const pid& master) {
  const std::scoped_lock lock{mutex_};
  masters_.insert_or_assign(application, master);
}

void application_directory::remove_master(const pid& master) {
  const std::scoped_lock lock{mutex_};
  std::erase_if(masters_, [&](const auto& entry) { return entry.second == master; });
}

std::shared_ptr<const application_directory> application_directory::of(const local_node& node) {
  auto& all = published();
  const std::shared_lock lock{all.mutex};
  const auto found = all.by_node.find(&node);
  return found == all.by_node.end() ? nullptr : found->second;
}

published_applications::published_applications(const local_node& node)
    : node_{&node}, directory_{std::make_shared<application_directory>()} {
  auto& all = published();
  const std::scoped_lock lock{all.mutex};
  all.by_node.insert_or_assign(node_, directory_);
}

published_applications::~published_applications() {
  auto& all = published();
  const std::scoped_lock lock{all.mutex};
  const auto found = all.by_node.find(node_);
  if (found != all.by_node.end() && found->second == directory_) all.by_node.erase(found);
}

}  // namespace ergo::inline v0::otp::detail
