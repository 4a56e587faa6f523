// After inform_connection_loss and handle_info({lost_connection, …}) of global.erl.
#include "partitions.hpp"

namespace ergo::inline v0::otp::global_detail {

bool partitions::lost(atom node, std::uint64_t creation) {
  if (members_.take_removing(node) || !enabled_) return false;
  const auto told = etf::tuple("lost_connection"_atom, context_.node(), creation, context_.number(), node);
  members_.multicast(told, node, known_versions_version, reach::known_and_pending);
  return true;
}

// Passed on before anything else, so that a node which the reporter does not reach any more hears of it too.
std::optional<atom> partitions::reported(atom reporter, const term& creation, const term& number, atom lost,
                                         const term& whole) {
  if (!enabled_ || heard(reporter, lost, creation, number)) return std::nullopt;
  members_.multicast(whole, reporter, known_versions_version, reach::known_and_pending);
  remember(reporter, lost, creation, number);
  const auto leaving = lost == context_.node() ? reporter : lost;
  if (!members_.potential(leaving)) return leaving;
  take_out(leaving);
  return std::nullopt;
}

bool partitions::heard(atom reporter, atom lost, const term& creation, const term& number) const {
  const auto found = reports_.find({reporter.index(), lost.index()});
  if (found == reports_.end() || found->second.creation != creation) return false;
  return etf::compare(number, found->second.number) <= 0;
}

void partitions::remember(atom reporter, atom lost, const term& creation, const term& number) {
  const std::pair key{reporter.index(), lost.index()};
  auto& kept = reports_[key];
  context_.stop_timer(kept.timer);
  kept = {creation, number, context_.after(memory_, [this, key] { reports_.erase(key); })};
}

// The other side closes the connection; an old one does not know how.
void partitions::take_out(atom node) {
  if (members_.version(node) < known_versions_version) {
    context_.act(disconnect_action{node});
    warn("disconnected old node ", node);
  } else {
    context_.act(info_action{node, etf::tuple("remove_connection"_atom, context_.node())});
    warn("requested disconnect from node ", node);
  }
  forget_(node);
  members_.set_removing(node);
}

void partitions::asked_to_leave(atom node) {
  if (!members_.potential(node)) return;
  context_.act(disconnect_action{node});
  forget_(node);
  members_.set_removing(node);
  warn("disconnected node ", node);
}

void partitions::warn(std::string_view what, atom node) {
  std::string text{"global: "};
  text.append(what).append(node.text()).append(" in order to prevent overlapping partitions");
  context_.act(warn_action{std::move(text)});
}

}  // namespace ergo::inline v0::otp::global_detail
