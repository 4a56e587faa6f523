#include "locks.hpp"

#include <algorithm>

namespace ergo::inline v0::otp::global_detail {

std::optional<lock_id> lock_id::from(const term& id) {
  if (!id.is_tuple(2)) return std::nullopt;
  return lock_id{id.elements()[0], id.elements()[1]};
}

bool lock_table::can_set(const lock_id& id) const {
  const auto found = locks_.find(id.resource);
  return found == locks_.end() || found->second.requester == id.requester;
}

bool lock_table::set(const lock_id& id, const pid& holder) {
  if (!can_set(id)) return false;
  auto& held = locks_[id.resource];
  held.requester = id.requester;
  const auto same = [&](const auto& one) { return one.process == holder; };
  if (std::ranges::none_of(held.holders, same)) held.holders.push_back({holder, context_.watch(holder)});
  return true;
}

void lock_table::del(const lock_id& id, const pid& holder) {
  const auto found = locks_.find(id.resource);
  if (found == locks_.end() || found->second.requester != id.requester) return;
  remove(id.resource, [&](const auto& one) { return one.process == holder; }, cause::let_go);
}

bool lock_table::down(std::uint64_t watch) {
  const auto held = [&](const auto& one) { return one.watch == watch; };
  const bool ours =
      std::ranges::any_of(locks_, [&](const auto& one) { return std::ranges::any_of(one.second.holders, held); });
  if (ours) remove_everywhere(held);
  return ours;
}

void lock_table::node_down(atom node) {
  remove_everywhere([node](const holder& one) { return one.process.node.name() == node; });
}

void lock_table::remove_everywhere(const std::function<bool(const holder&)>& gone) {
  std::vector<term> resources;
  for (const auto& [resource, held] : locks_) resources.push_back(resource);
  for (const auto& resource : resources) remove(resource, gone, cause::died);
}

void lock_table::remove(const term& resource, const std::function<bool(const holder&)>& gone, cause why) {
  auto& held = locks_[resource].holders;
  for (const auto& one : held) {
    if (gone(one)) context_.unwatch(one.watch);
  }
  if (std::erase_if(held, gone) == 0 || !held.empty()) return;
  if (resource.is(names_resource())) names_holder_died_ = why == cause::died;
  locks_.erase(resource);
}

// What comes from a process that has lost the lock since, because its node went and came back, must not be done. Where
// nobody has the lock it may be an old peer's, unless the last one lost it by its end. After lock_still_set.
bool lock_table::names_held_by(const pid& holder) const {
  const auto found = locks_.find(names_resource());
  if (found == locks_.end()) return !names_holder_died_;
  return std::ranges::any_of(found->second.holders, [&](const auto& one) { return one.process == holder; });
}

bool lock_table::names_held_for(const term& requester) const {
  const auto found = locks_.find(names_resource());
  if (found == locks_.end()) return !names_holder_died_;
  return found->second.requester == requester;
}

std::vector<lock_id> lock_table::all() const {
  std::vector<lock_id> ids;
  for (const auto& [resource, held] : locks_) ids.push_back({resource, held.requester});
  return ids;
}

}  // namespace ergo::inline v0::otp::global_detail
