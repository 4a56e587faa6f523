#include "application_runs.hpp"

#include <algorithm>

namespace ergo::inline v0::otp::detail {
namespace {

auto find_in(auto& list, atom name) {
  return std::ranges::find(list, name, [](const auto& entry) { return entry.name; });
}

bool contains_name(const auto& list, atom name) { return find_in(list, name) != list.end(); }

// Keeps its place where there is one of that name; otherwise it is the first.
template <typename Entry>
void put(std::vector<Entry>& list, Entry entry) {
  const auto found = find_in(list, entry.name);
  if (found != list.end()) {
    *found = std::move(entry);
  } else {
    list.insert(list.begin(), std::move(entry));
  }
}

void drop(auto& list, atom name) {
  std::erase_if(list, [&](const auto& entry) { return entry.name == name; });
}

bool is_optional(const application_spec& spec, atom name) {
  return std::ranges::find(spec.optional_applications, name) != spec.optional_applications.end();
}

term error_of(const term& why) { return etf::tuple("error"_atom, why); }

// {{'EXIT', normal}, Call}: the start function has ended of its own will.
bool left_normally(const term& failure) {
  if (!failure.is_tuple(2)) return false;
  const auto& first = failure.elements()[0];
  return etf::is_tagged(first, "EXIT"_atom, 2) && first.elements()[1].is("normal"_atom);
}

}  // namespace

atom word_of(start_type type) noexcept {
  if (type == start_type::permanent) return "permanent"_atom;
  return type == start_type::transient ? "transient"_atom : "temporary"_atom;
}

std::optional<start_type> start_type_of(const term& word) noexcept {
  for (const auto type : {start_type::permanent, start_type::transient, start_type::temporary}) {
    if (word.is(word_of(type))) return type;
  }
  return std::nullopt;
}

bool application_runs::is_running(atom name) const noexcept { return contains_name(running_, name); }
bool application_runs::is_started(atom name) const noexcept { return contains_name(started_, name); }

// An application that has ended by itself counts as started: what needs it is refused later, in its own start.
std::optional<term> application_runs::obstacle(atom name, const application_spec* spec) const {
  if (spec == nullptr) return etf::tuple("not_loaded"_atom, name);
  if (is_running(name)) return etf::tuple("already_started"_atom, name);
  for (const auto needed : spec->applications) {
    if (!is_started(needed) && !is_optional(*spec, needed)) return etf::tuple("not_started"_atom, needed);
  }
  return std::nullopt;
}

application_runs::verdict application_runs::ask(atom name, const term& type, const application_spec* spec,
                                                const from& caller) {
  using what = verdict::what;
  const bool begun = contains_name(requests_, name);
  if (!begun) {
    const auto known = start_type_of(type);
    if (!known) return {what::refuse, etf::tuple("invalid_restart_type"_atom, type)};
    if (auto why = obstacle(name, spec)) return {what::refuse, *std::move(why)};
    starting_.insert(starting_.begin(), {name, *known});
  }
  requests_.insert(requests_.begin(), {name, caller});
  return {begun ? what::wait : what::begin};
}

std::optional<atom> application_runs::missing_for(const application_spec& spec) const {
  for (const auto needed : spec.applications) {
    if (!is_running(needed) && !is_optional(spec, needed)) return needed;
  }
  return std::nullopt;
}

application_runs::settlement application_runs::started(atom name, const outcome& how) {
  settlement todo;
  const auto found = find_in(starting_, name);
  if (found == starting_.end()) return todo;
  const auto type = found->type;
  todo.type = type;
  todo.answer = how.failure ? error_of(*how.failure) : term{"ok"_atom};
  for (const auto& asked : requests_) {
    if (asked.name == name) todo.waiting.push_back(asked.caller);
  }
  drop(requests_, name);
  drop(starting_, name);
  if (!how.failure) {
    put(running_, {name, how.master});
    put(started_, {name, type});
    return todo;
  }
  const bool harmless = type == start_type::temporary || (type == start_type::transient && left_normally(*how.failure));
  if (!harmless) todo.end = etf::tuple("application_start_failure"_atom, name, *how.failure);
  return todo;
}

std::optional<application_runs::loss> application_runs::ended(const pid& master, const exit_reason& reason) {
  const auto found = std::ranges::find_if(running_, [&](const running& one) { return one.master == master; });
  if (found == running_.end()) return std::nullopt;
  loss seen{.name = found->name};
  running_.erase(found);
  const auto known = find_in(started_, seen.name);
  if (known != started_.end()) seen.type = known->type;
  const bool harmless =
      seen.type == start_type::temporary || (seen.type == start_type::transient && reason.is_normal());
  if (!harmless) seen.end = etf::tuple("application_terminated"_atom, seen.name, reason.value());
  return seen;
}

std::optional<application_runs::stopping> application_runs::stop(atom name) {
  const auto known = find_in(started_, name);
  if (known == started_.end()) return std::nullopt;
  stopping todo{.what = std::nullopt, .type = known->type};
  const auto found = find_in(running_, name);
  if (found != running_.end()) todo.what = *found;
  drop(running_, name);
  drop(started_, name);
  return todo;
}

}  // namespace ergo::inline v0::otp::detail
