// Registration, creations and listings.
#include "ergo/epmd/directory.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace ergo::inline v0::epmd {
namespace {

/// Creations below 4 look like those of old nodes.
constexpr std::uint32_t lowest_counter = 4;
constexpr auto highest_counter = std::numeric_limits<std::uint32_t>::max();

std::uint32_t next_counter(std::uint32_t last) noexcept {
  return last == highest_counter ? lowest_counter : std::max(last + 1, lowest_counter);
}

}  // namespace

std::expected<void, errc> directory::admit(const node_record& node) const {
  if (auto good = check_name(node.name); !good) return good;
  if (node.extra.size() > max_name_bytes) return std::unexpected{errc::extra_too_long};
  if (living_by_name_.contains(node.name)) return std::unexpected{errc::name_taken};
  if (living_.size() >= limits_.names) return std::unexpected{errc::too_many_names};
  return {};
}

// All memory is taken before anything changes: no name is half registered when there is none.
std::expected<const directory_entry*, errc> directory::add(node_record node, owner_id owner, int descriptor,
                                                           std::uint32_t now) {
  if (auto good = admit(node); !good) return std::unexpected{good.error()};
  make_room();
  const auto known = unused_by_name_.find(node.name);
  const auto last = known == unused_by_name_.end() ? now : known->second->counter;
  entries fresh;
  fresh.push_front({std::move(node), owner, descriptor, next_counter(last)});
  by_name named;
  named.emplace(fresh.front().node.name, fresh.begin());
  by_owner owned;
  owned.emplace(owner, fresh.begin());

  if (known != unused_by_name_.end()) {
    const auto old = known->second;
    unused_by_name_.erase(known);
    unused_.erase(old);
  } else {
    forget_oldest();
  }
  living_.splice(living_.begin(), fresh);
  living_by_name_.insert(named.extract(named.begin()));
  living_by_owner_.insert(owned.extract(owned.begin()));
  return &living_.front();
}

/// Makes the tables large enough for one more name, living and, later, unused: its end must not need memory.
void directory::make_room() {
  living_by_name_.reserve(living_.size() + 1);
  living_by_owner_.reserve(living_.size() + 1);
  unused_by_name_.reserve(unused_.size() + living_.size() + 1);
}

/// Keeps the memory within its limit. As in Erlang's daemon that happens when a new name comes, not when one goes.
void directory::forget_oldest() {
  if (unused_.size() <= limits_.unused) return;
  unused_by_name_.erase(unused_.front().node.name);
  unused_.pop_front();
}

const directory_entry* directory::remove(owner_id owner) {
  const auto found = living_by_owner_.find(owner);
  return found == living_by_owner_.end() ? nullptr : retire(found->second);
}

const directory_entry* directory::remove(std::string_view name) {
  const auto found = living_by_name_.find(name);
  return found == living_by_name_.end() ? nullptr : retire(found->second);
}

const directory_entry* directory::retire(entries::iterator entry) noexcept {
  living_by_owner_.erase(entry->owner);
  unused_by_name_.insert(living_by_name_.extract(entry->node.name));
  unused_.splice(unused_.end(), living_, entry);
  return &*entry;
}

const directory_entry* directory::find(std::string_view name) const {
  const auto found = living_by_name_.find(name);
  return found == living_by_name_.end() ? nullptr : &*found->second;
}

std::string directory::names_answer(std::uint32_t epmd_port) const {
  std::string out = encode_listing_head(epmd_port);
  for (const auto& entry : living_)
    out += "name " + entry.node.name + " at port " + std::to_string(entry.node.port) + '\n';
  return out;
}

std::string directory::dump_answer(std::uint32_t epmd_port) const {
  std::string out = encode_listing_head(epmd_port);
  const auto numbers = [&out](const directory_entry& entry, std::string_view before_port) {
    out += entry.node.name;
    out += before_port;
    out += std::to_string(entry.node.port) + ", fd = " + std::to_string(entry.descriptor);
  };
  for (const auto& entry : living_) {
    out += "active name     <";
    numbers(entry, "> at port ");
    out += '\n';
    out += '\0';
  }
  for (const auto& entry : unused_) {
    out += "old/unused name <";
    numbers(entry, ">, port = ");
    out += " \n";
    out += '\0';
  }
  return out;
}

}  // namespace ergo::inline v0::epmd
