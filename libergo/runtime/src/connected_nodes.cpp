// Connected nodes and who is told of them.
#include <ergo/connected_nodes.hpp>

#include <ergo/local_node.hpp>

#include <algorithm>
#include <array>

namespace ergo::inline v0 {
namespace {

constexpr bool includes(node_set which, const node_link& link) noexcept {
  return which == node_set::all || link.hidden == (which == node_set::hidden);
}

// `{nodeup, Node, Info}` with the information of net_kernel:monitor_nodes/2 as a map.
term up_news(const node_link& link) {
  const std::array<term, 4> info{term{"node_type"_atom}, term{link.hidden ? "hidden"_atom : "visible"_atom},
                                 term{"connection_id"_atom}, term{static_cast<std::int64_t>(link.connection)}};
  return etf::tuple("nodeup"_atom, link.node, etf::make_map(info));
}

term down_news(const node_link& link, const term& reason) {
  const std::array<term, 6> info{term{"node_type"_atom},       term{link.hidden ? "hidden"_atom : "visible"_atom},
                                 term{"connection_id"_atom},   term{static_cast<std::int64_t>(link.connection)},
                                 term{"nodedown_reason"_atom}, reason};
  return etf::tuple("nodedown"_atom, link.node, etf::make_map(info));
}

}  // namespace

std::vector<atom> connected_nodes::list(node_set which) const {
  const std::scoped_lock lock{mutex_};
  return list_locked(which);
}

std::vector<atom> connected_nodes::list_locked(node_set which) const {
  std::vector<atom> found;
  for (const auto& [name, link] : up_) {
    if (includes(which, link)) found.push_back(link.node);
  }
  return found;
}

bool connected_nodes::contains(atom node) const {
  const std::scoped_lock lock{mutex_};
  return up_.contains(node.text());
}

void connected_nodes::came(const node_link& link) {
  const auto news = up_news(link);
  const std::scoped_lock lock{mutex_};
  if (up_.try_emplace(link.node.text(), link).second) tell(link, news);
}

std::optional<node_link> connected_nodes::went(atom node, const term& reason) {
  const std::scoped_lock lock{mutex_};
  const auto found = up_.find(node.text());
  if (found == up_.end()) return std::nullopt;
  const auto gone = found->second;
  const auto news = down_news(gone, reason);
  up_.erase(found);
  tell(gone, news);
  return gone;
}

void connected_nodes::tell(const node_link& about, const term& news) {
  for (const auto& [who, which] : told_) {
    if (!includes(which, about)) continue;
    auto* const signal = detail::make_signal(detail::signal_kind::node_news, pid{}, news);
    owner_.route_local(who, signal);
  }
}

std::vector<atom> connected_nodes::subscribe(const pid& who, node_set which) {
  const std::scoped_lock lock{mutex_};
  const auto known = std::ranges::find(told_, who, &std::pair<pid, node_set>::first);
  if (known == told_.end()) {
    told_.emplace_back(who, which);
  } else {
    known->second = which;
  }
  return list_locked(which);
}

void connected_nodes::unsubscribe(const pid& who) {
  const std::scoped_lock lock{mutex_};
  std::erase_if(told_, [&](const auto& one) { return one.first == who; });
}

}  // namespace ergo::inline v0
