#include "names.hpp"

namespace ergo::inline v0::otp::global_detail {

const named* name_table::find(const term& name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : &found->second;
}

bool name_table::has(const pid& process) const { return names_of_.contains(process); }

std::vector<term> name_table::names() const {
  std::vector<term> all;
  for (const auto& [name, entry] : names_) all.push_back(name);
  return all;
}

void name_table::insert(const term& name, const pid& process, const term& method, std::optional<atom> registrar) {
  const auto [entry, fresh] = names_.try_emplace(name);
  if (!fresh) {
    context_.unwatch(entry->second.watch);
    forget(entry);
  }
  entry->second = named{process, method, context_.watch(process), registrar};
  by_watch_.emplace(entry->second.watch, entry);
  ++names_of_[process];
  context_.act(name_action{name, process});
}

void name_table::forget(const table::iterator& entry) {
  by_watch_.erase(entry->second.watch);
  const auto count = names_of_.find(entry->second.process);
  if (--count->second == 0) names_of_.erase(count);
}

name_table::table::iterator name_table::remove(const table::iterator& entry) {
  forget(entry);
  context_.act(name_action{entry->first, std::nullopt});
  return names_.erase(entry);
}

void name_table::erase(const term& name) {
  const auto found = names_.find(name);
  if (found == names_.end()) return;
  context_.unwatch(found->second.watch);
  remove(found);
}

bool name_table::down(std::uint64_t watch) {
  const auto ended = by_watch_.find(watch);
  if (ended == by_watch_.end()) return false;
  remove(table::iterator{ended->second});
  return true;
}

void name_table::node_down(atom node) {
  for (auto entry = names_.begin(); entry != names_.end();) {
    if (entry->second.process.node.name() != node) {
      ++entry;
      continue;
    }
    context_.unwatch(entry->second.watch);
    entry = remove(entry);
  }
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
