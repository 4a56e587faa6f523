// Children by order, id and process.
#include "child_table.hpp"

namespace ergo::inline v0::otp::detail {

child_table::position child_table::add(child_spec spec) {
  const auto where = next_++;
  by_id_.emplace(spec.id, where);
  children_[where].spec = std::move(spec);
  return where;
}

void child_table::erase(position where) {
  set_stopped(where);
  const auto found = children_.find(where);
  by_id_.erase(found->second.spec.id);
  children_.erase(found);
}

void child_table::set_running(position where, const pid& process) {
  auto& child = children_.at(where);
  set_life(child, child_life::running);
  child.process = process;
  by_process_.insert_or_assign(process, where);
}

void child_table::set_stopped(position where) { set_life(children_.at(where), child_life::stopped); }

void child_table::set_restarting(position where) { set_life(children_.at(where), child_life::restarting); }

void child_table::set_life(child& of, child_life life) {
  if (of.life == child_life::running) by_process_.erase(std::exchange(of.process, pid{}));
  if (of.spec.significant && of.life != child_life::stopped) --significant_;
  if (of.spec.significant && life != child_life::stopped) ++significant_;
  of.life = life;
}

std::vector<child_table::position> child_table::positions() const {
  std::vector<position> all;
  all.reserve(children_.size());
  for (const auto& [where, child] : children_) all.push_back(where);
  return all;
}

std::optional<child_table::position> child_table::find(const term& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? std::nullopt : std::optional{found->second};
}

std::optional<child_table::position> child_table::find(const pid& process) const {
  const auto found = by_process_.find(process);
  return found == by_process_.end() ? std::nullopt : std::optional{found->second};
}

std::vector<child_table::position> child_table::together(position where, strategy under) const {
  if (under == strategy::one_for_all) return positions();
  if (under != strategy::rest_for_one) return {where};
  std::vector<position> later;
  for (auto child = children_.find(where); child != children_.end(); ++child) later.push_back(child->first);
  return later;
}

}  // namespace ergo::inline v0::otp::detail
