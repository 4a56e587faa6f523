// Tables of links and monitors.
#include "crossing.hpp"

#include <utility>

namespace ergo::inline v0::detail {
namespace {

// A pid that only says which node it is of, for monitors by name.
pid somebody_on(atom node) {
  const auto identity = etf::node_id::make(node, 0);
  return identity ? pid{*identity, 0, 0} : pid{};
}

signal* down_signal(const reference& ref, const destination& target, const term& reason) {
  const auto from = target.by_name() ? somebody_on(target.node()) : target.process();
  auto* const made = make_signal(signal_kind::down, from, term{ref}, reason);
  if (target.by_name()) made->name = target.name();
  return made;
}

}  // namespace

// News that are not told yet; there is room for all of them before the first.
class crossing::notices {
 public:
  explicit notices(std::size_t most) { all_.reserve(most); }
  ~notices() {
    for (const auto& one : all_) release(one.envelope);
  }
  notices(const notices&) = delete;
  notices& operator=(const notices&) = delete;
  void add(const notice& one) { all_.push_back(one); }
  [[nodiscard]] std::vector<notice> take() noexcept { return std::exchange(all_, {}); }

 private:
  std::vector<notice> all_;
};

void crossing::linked(const pid& local, const pid& remote) { links_.insert_or_assign(pair{local, remote}, 0); }

void crossing::unlinking(const pid& local, const pid& remote, std::uint64_t id) {
  if (const auto found = links_.find(pair{local, remote}); found != links_.end()) found->second = id;
}

void crossing::acknowledged(const pid& local, const pid& remote, std::uint64_t id) {
  if (const auto found = links_.find(pair{local, remote}); found != links_.end() && found->second == id)
    links_.erase(found);
}

void crossing::unlinked_by_peer(const pid& local, const pid& remote) {
  if (const auto found = links_.find(pair{local, remote}); found != links_.end() && found->second == 0)
    links_.erase(found);
}

void crossing::broken(const pid& local, const pid& remote) { links_.erase(pair{local, remote}); }

void crossing::watching(const reference& ref, const own_monitor& made) { own_.insert_or_assign(ref, made); }

std::optional<crossing::own_monitor> crossing::watched_no_more(const reference& ref) {
  const auto found = own_.find(ref);
  if (found == own_.end()) return std::nullopt;
  const auto taken = found->second;
  own_.erase(found);
  return taken;
}

void crossing::watched(const reference& ref, const peer_monitor& made) { theirs_.insert_or_assign(ref, made); }

std::optional<crossing::peer_monitor> crossing::unwatched(const reference& ref) {
  const auto found = theirs_.find(ref);
  if (found == theirs_.end()) return std::nullopt;
  const auto taken = found->second;
  theirs_.erase(found);
  return taken;
}

std::optional<pid> crossing::spawned(const reference& id) {
  const auto found = spawning_.find(id);
  if (found == spawning_.end()) return std::nullopt;
  const auto requester = found->second;
  spawning_.erase(found);
  return requester;
}

void crossing::unwatch_node(const pid& watcher) {
  const auto found = node_watchers_.find(watcher);
  if (found != node_watchers_.end() && --found->second == 0) node_watchers_.erase(found);
}

// All news are made before anything is forgotten: without memory for them nothing is lost yet.
std::vector<crossing::notice> crossing::lost(etf::node_id peer) {
  notices told{links_.size() + own_.size() + theirs_.size() + spawning_.size() + watches()};
  const term reason{"noconnection"_atom};
  for (const auto& [ends, unlink_id] : links_) {
    auto* const news = unlink_id == 0 ? make_signal(signal_kind::link_exit, ends.remote, reason)
                                      : make_signal(signal_kind::unlink_ack, ends.remote, term{unlink_id});
    told.add({ends.local, news});
  }
  for (const auto& [ref, monitor] : own_) told.add({monitor.watcher, down_signal(ref, monitor.target, reason)});
  for (const auto& [ref, monitor] : theirs_) {
    told.add({monitor.target, make_signal(signal_kind::demonitor, monitor.watcher, term{ref}, term{})});
  }
  for (const auto& [id, requester] : spawning_) {
    told.add({requester, make_signal(signal_kind::spawn_reply, pid{}, term{id}, reason)});
  }
  tell_watchers(told, peer.name());
  links_.clear();
  own_.clear();
  theirs_.clear();
  spawning_.clear();
  node_watchers_.clear();
  return told.take();
}

std::vector<crossing::notice> crossing::unreachable(atom peer) {
  notices told{watches()};
  tell_watchers(told, peer);
  node_watchers_.clear();
  return told.take();
}

void crossing::tell_watchers(notices& told, atom peer) const {
  for (const auto& [watcher, count] : node_watchers_) {
    for (unsigned one = 0; one < count; ++one) {
      told.add({watcher, make_signal(signal_kind::node_down, pid{}, term{peer})});
    }
  }
}

std::size_t crossing::watches() const {
  std::size_t all = 0;
  for (const auto& [watcher, count] : node_watchers_) all += count;
  return all;
}

// An unlink that asks for no acknowledgement.
void soften(signal& link_exit) noexcept {
  link_exit.kind = signal_kind::unlink;
  link_exit.payload = term{0};
}

crossing::notice undeliverable(const destination& to, signal* envelope) noexcept {
  const auto asker = envelope->from;
  switch (envelope->kind) {
    case signal_kind::monitor: {
      const auto ref = envelope->tag.as_reference().value_or(reference{});
      release(envelope);
      return {asker, down_signal(ref, to, term{"noconnection"_atom})};
    }
    case signal_kind::link:
      envelope->kind = signal_kind::link_exit;
      envelope->payload = term{"noconnection"_atom};
      break;
    case signal_kind::unlink: envelope->kind = signal_kind::unlink_ack; break;
    case signal_kind::spawn_request:
      envelope->kind = signal_kind::spawn_reply;
      envelope->payload = term{"noconnection"_atom};
      break;
    default: release(envelope); return {asker, nullptr};
  }
  envelope->from = to.process();
  return {asker, envelope};
}

}  // namespace ergo::inline v0::detail
