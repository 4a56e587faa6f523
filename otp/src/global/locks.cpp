#include "locks.hpp"

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
  const auto [place, fresh] = held.holders.try_emplace(holder, 0);
  if (!fresh) return true;
  place->second = context_.watch(holder);
  by_watch_.emplace(place->second, hold{id.resource, holder});
  return true;
}

void lock_table::del(const lock_id& id, const pid& holder) {
  const auto found = locks_.find(id.resource);
  if (found != locks_.end() && found->second.requester == id.requester) take_out(id.resource, holder, cause::let_go);
}

bool lock_table::down(std::uint64_t watch) {
  const auto found = by_watch_.find(watch);
  if (found == by_watch_.end()) return false;
  const auto ended = found->second;
  take_out(ended.resource, ended.holder, cause::died);
  return true;
}

void lock_table::node_down(atom node) {
  std::vector<hold> gone;
  for (const auto& [resource, held] : locks_) {
    for (const auto& [holder, watch] : held.holders) {
      if (holder.node.name() == node) gone.push_back({resource, holder});
    }
  }
  for (const auto& one : gone) take_out(one.resource, one.holder, cause::died);
}

void lock_table::take_out(const term& resource, const pid& holder, cause why) {
  const auto found = locks_.find(resource);
  auto& holders = found->second.holders;
  const auto place = holders.find(holder);
  if (place == holders.end()) return;
  context_.unwatch(place->second);
  by_watch_.erase(place->second);
  holders.erase(place);
  if (!holders.empty()) return;
  if (resource.is(names_resource())) names_holder_died_ = why == cause::died;
  locks_.erase(found);
}

// What comes from a process that has lost the lock since, because its node went and came back, must not be done. Where
// nobody has the lock it may be an old peer's, unless the last one lost it by its end. After lock_still_set.
bool lock_table::names_held_by(const pid& holder) const {
  const auto found = locks_.find(names_resource());
  if (found == locks_.end()) return !names_holder_died_;
  return found->second.holders.contains(holder);
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
