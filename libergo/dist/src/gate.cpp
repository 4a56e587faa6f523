// Caps on unfinished handshakes.
#include <ergo/dist/gate.hpp>

namespace ergo::inline v0::dist {

// Where there is no memory, nobody has come and nobody goes.
gate::verdict gate::arrive(attempt_id id, std::string_view address, time_point now) {
  attempt_id leaves = attempt_id::none;
  const bool crowded_address = count(address) >= options_.most_per_address;
  if (crowded_address || guests_.size() >= options_.most) {
    leaves = longest_silent(crowded_address ? std::optional{address} : std::nullopt, now);
    if (leaves == attempt_id::none) return {false, leaves};
  }
  const auto counted = per_address_.try_emplace(std::string{address}).first;
  try {
    guests_.emplace(id, guest{std::string{address}, now});
  } catch (...) {
    if (counted->second == 0) per_address_.erase(counted);
    throw;
  }
  ++counted->second;
  leave(leaves);
  return {true, leaves};
}

void gate::progress(attempt_id id, time_point now) {
  const auto found = guests_.find(id);
  if (found == guests_.end()) return;
  found->second.heard = now;
  found->second.spoke = true;
}

void gate::leave(attempt_id id) {
  const auto found = guests_.find(id);
  if (found == guests_.end()) return;
  const auto counted = per_address_.find(found->second.address);
  if (--counted->second == 0) per_address_.erase(counted);
  guests_.erase(found);
}

std::size_t gate::count(std::string_view address) const {
  const auto found = per_address_.find(address);
  return found == per_address_.end() ? 0 : found->second;
}

attempt_id gate::longest_silent(std::optional<std::string_view> address, time_point now) const {
  attempt_id worst = attempt_id::none;
  time_point since = time_point::max();
  for (const auto& [id, who] : guests_) {
    if (address && who.address != *address) continue;
    if (who.spoke && now - who.heard < options_.grace) continue;
    // Equal times are broken by number, so that the verdict does not depend on the hash.
    if (who.heard < since || (who.heard == since && id < worst)) {
      worst = id;
      since = who.heard;
    }
  }
  return worst;
}

}  // namespace ergo::inline v0::dist
