// A look at processes and connections from outside, which the run does not notice.
#include "network.hpp"

#include <extras.hpp>
#include <runtime_state.hpp>

#include <algorithm>
#include <tuple>

namespace ergo::inline v0::testing {
namespace {

// Tables by hash have an order that depends on what the program did before.
void sort(std::vector<pid>& found) {
  std::ranges::sort(found, [](const pid& left, const pid& right) {
    return std::tuple{left.id, left.serial, left.node.index()} < std::tuple{right.id, right.serial, right.node.index()};
  });
}

}  // namespace

const process* sim::look(const pid& process) const {
  const auto* const one = owner_of(process);
  return one != nullptr && one->runtime->alive(process) ? one->runtime->state().slots.at(process.id) : nullptr;
}

std::vector<pid> sim::links(const pid& of) const {
  std::vector<pid> found;
  const auto* const self = look(of);
  if (self == nullptr || !self->extras_) return found;
  for (const auto& [other, link] : self->extras_->links) {
    if (link.active) found.push_back(other);
  }
  sort(found);
  return found;
}

std::vector<destination> sim::watching(const pid& who) const {
  std::vector<destination> found;
  const auto* const self = look(who);
  if (self == nullptr || !self->extras_) return found;
  self->extras_->watching.visit([&](const auto& entry) { found.push_back(entry.second); });
  return found;
}

std::vector<pid> sim::watchers(const pid& of) const {
  std::vector<pid> found;
  const auto* const self = look(of);
  if (self == nullptr) return found;
  if (self->watcher_ != nullptr) found.push_back(self->watcher_->from);
  if (self->extras_) {
    for (const auto& [ref, asked] : self->extras_->watchers) found.push_back(asked->from);
  }
  sort(found);
  return found;
}

bool sim::settled(const pid& process) const {
  const auto* const self = look(process);
  const detail::signal none{};
  return self == nullptr || self->signals.holds_at_most(none);
}

bool sim::quiet(std::string_view left, std::string_view right) const {
  const auto* const one = find(left);
  const auto* const other = find(right);
  return one == nullptr || other == nullptr || one == other || network_->quiet(*one, *other);
}

std::size_t sim::remembered(std::string_view left, std::string_view right) const {
  const auto* const one = find(left);
  const auto* const other = find(right);
  return one == nullptr || other == nullptr ? 0 : network_->remembered(*one, *other);
}

}  // namespace ergo::inline v0::testing
