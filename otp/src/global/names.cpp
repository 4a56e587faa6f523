#include "names.hpp"

#include <algorithm>

namespace ergo::inline v0::otp::global_detail {

const named* name_table::find(const term& name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : &found->second;
}

bool name_table::has(const pid& process) const {
  return std::ranges::any_of(names_, [&](const auto& one) { return one.second.process == process; });
}

std::vector<term> name_table::names() const {
  std::vector<term> all;
  for (const auto& [name, entry] : names_) all.push_back(name);
  return all;
}

void name_table::insert(const term& name, const pid& process, const term& method, std::optional<atom> registrar) {
  if (const auto* const before = find(name)) context_.unwatch(before->watch);
  names_.insert_or_assign(name, named{process, method, context_.watch(process), registrar});
  context_.act(name_action{name, process});
}

void name_table::erase(const term& name) {
  const auto found = names_.find(name);
  if (found == names_.end()) return;
  context_.unwatch(found->second.watch);
  context_.act(name_action{found->first, std::nullopt});
  names_.erase(found);
}

bool name_table::down(std::uint64_t watch) {
  const auto ended = std::ranges::find_if(names_, [&](const auto& one) { return one.second.watch == watch; });
  if (ended == names_.end()) return false;
  context_.act(name_action{ended->first, std::nullopt});
  names_.erase(ended);
  return true;
}

void name_table::node_down(atom node) {
  erase_if([node](const named& one) { return one.process.node.name() == node; });
}

void name_table::erase_if(const std::function<bool(const named&)>& gone) {
  std::erase_if(names_, [&](const auto& one) {
    if (!gone(one.second)) return false;
    context_.unwatch(one.second.watch);
    context_.act(name_action{one.first, std::nullopt});
    return true;
  });
}

term name_table::exchanged() const {
  std::vector<term> list;
  for (const auto& [name, entry] : names_) list.push_back(etf::tuple(name, entry.process, entry.method));
  return etf::make_list(list);
}

term name_table::external() const {
  std::vector<term> list;
  for (const auto& [name, entry] : names_) {
    if (entry.registrar) list.push_back(etf::tuple(name, entry.process, *entry.registrar));
  }
  return etf::make_list(list);
}

}  // namespace ergo::inline v0::otp::global_detail
