// After handle_nodeup, init_connect, exchange and resolved of global.erl.
#include "sessions.hpp"

#include <algorithm>

namespace ergo::inline v0::otp::global_detail {
namespace {

struct versions {
  int spoken;
  int his;
  term tag;
};

// `{Version, Tag, …}`; what a later version puts behind is left to it.
std::optional<versions> read_versions(const term& version) {
  const auto parts = version.elements();
  if (parts.size() < 2) return std::nullopt;
  const auto number = parts[0].as_integer();
  if (!number || *number < oldest_version || *number > 1000) return std::nullopt;
  const auto his = static_cast<int>(*number);
  return versions{std::min(his, own_version), his, parts[1]};
}

term member_list(const std::vector<member>& nodes, int version) {
  std::vector<term> list;
  for (const auto& [node, its] : nodes)
    list.push_back(version < known_versions_version ? term{node} : etf::tuple(node, its));
  return etf::make_list(list);
}

}  // namespace

bool sessions::is_current(atom node, const term& my_tag) const {
  const auto found = open_.find(node);
  return found != open_.end() && found->second.my_tag == my_tag;
}

void sessions::node_up(atom node) {
  if (members_.known(node)) return;
  auto& mine = open_[node];
  if (mine.my_tag) return;
  mine.my_tag = term{context_.number()};
  const auto locker = etf::tuple("locker"_atom, "no_longer_a_pid"_atom, members_.known_map(), context_.self());
  const auto version = etf::tuple(own_version, *mine.my_tag);
  context_.act(cast_action{node, etf::tuple("init_connect"_atom, version, context_.node(), locker)});
  if (const auto early = std::exchange(mine.early, std::nullopt)) connect(node, *early);
}

void sessions::init_connect(const term& version, atom node, const term& content) {
  const auto read = read_versions(version);
  if (!read || !is_tagged(content, "locker"_atom, 4) || !content.elements()[3].as_pid()) return;
  if (members_.pending(node)) {
    if (read->his < verified_connect_version) return context_.act(disconnect_action{node});
    begin_again(open_[node], node);
  }
  const first_message first{read->spoken, read->his, content, read->tag};
  auto& mine = open_[node];
  if (mine.my_tag) return connect(node, first);
  mine.early = first;
  // An `in_sync` of his that was under way when he lost us has ended ours: without a new one he would wait for ever.
  if (members_.connected(node)) node_up(node);
}

void sessions::connect(atom node, const first_message& first) {
  auto& mine = open_[node];
  mine.version = first.version;
  mine.his_tag = first.his_tag;
  locker_.meet({node, *first.content.elements()[3].as_pid(), first.version, *mine.my_tag, first.his_tag});
  if (first.his_version >= verified_connect_version) {
    context_.act(info_action{node, etf::tuple("init_connect_ack"_atom, context_.node(), first.his_tag, *mine.my_tag)});
  }
  members_.set_pending(node, first.his_version);
}

void sessions::send_cancel(atom node, const term& his_tag) {
  context_.act(info_action{node, etf::tuple("cancel_connect"_atom, context_.node(), his_tag)});
}

// He has begun anew. What we sent him under our tag still holds if it reached him after that; if it did not, our
// acknowledgement shows him a tag that he does not know, and he cancels. OTP cancels here itself, which two nodes can
// go on answering each other for a long time.
void sessions::begin_again(session& mine, atom node) {
  locker_.cancel(node, mine.my_tag, {});
  session fresh;
  fresh.my_tag = std::move(mine.my_tag);
  mine = std::move(fresh);
}

// The two sides do not mean the same session: both begin anew.
void sessions::restart(atom node) {
  const auto found = open_.find(node);
  const bool up = found != open_.end() && found->second.my_tag;
  cancel(node);
  if (up) node_up(node);
}

// One that is about an older session of ours is followed by his answer to the present one.
void sessions::init_connect_ack(atom node, const term& my_tag, const term& his_tag) {
  if (!is_current(node, my_tag) || open_[node].his_tag == his_tag) return;
  send_cancel(node, his_tag);
  restart(node);
}

void sessions::cancel_connect(atom node, const term& my_tag) {
  if (!is_current(node, my_tag)) return;
  members_.clear_pending(node);  // he knows already
  restart(node);
}

void sessions::cancel(atom node) {
  const auto found = open_.find(node);
  if (found != open_.end()) {
    const auto& mine = found->second;
    const bool tell = members_.pending(node) && members_.version(node) >= verified_connect_version;
    if (tell && mine.my_tag && mine.his_tag) send_cancel(node, *mine.his_tag);
  }
  members_.clear_pending(node);
  close(node, {});
}

void sessions::close(atom node, std::function<void()> before_unlock) {
  const auto closed = open_.extract(node);
  if (closed) locker_.cancel(node, closed.mapped().my_tag, std::move(before_unlock));
}

// What was begun under a tag that is not ours any more must not hold the lock.
void sessions::end_old(atom node, const term& my_tag) { locker_.cancel(node, my_tag, {}); }

void sessions::lock_is_set(atom node, const term& my_tag, const lock_id& id) {
  if (!is_current(node, my_tag)) return end_old(node, my_tag);
  auto& mine = open_[node];
  const auto nothing_external = term{};
  context_.act(cast_action{
      node, etf::tuple("exchange"_atom, context_.node(), names_.exchanged(), nothing_external, *mine.his_tag)});
  mine.lock = id;
  resolve_if_ready(node);
}

void sessions::exchange(atom node, const term& names, const term& my_tag) {
  if (!is_current(node, my_tag)) return end_old(node, my_tag);
  open_[node].names = names;
  resolve_if_ready(node);
}

void sessions::resolve_if_ready(atom node) {
  auto& mine = open_[node];
  if (!mine.lock || !mine.names || mine.resolving) return;
  mine.resolving = conflicts_.compare(*mine.names, node, [this, node, tag = *mine.my_tag](resolution made) {
    resolution_made(node, tag, std::move(made));
  });
}

void sessions::resolution_made(atom node, const term& my_tag, resolution made) {
  if (!is_current(node, my_tag)) return end_old(node, my_tag);
  auto& mine = open_[node];
  const auto theirs = etf::make_list(made.theirs);
  context_.act(cast_action{
      node, etf::tuple("resolved"_atom, context_.node(), theirs, members_.known_term(members_.version(node)),
                       "unused"_atom, names_.external(), *mine.his_tag)});
  mine.ours = std::move(made.ours);
  finish_if_ready(node);
}

void sessions::resolved(atom node, const term& operations, const term& known, const term& external,
                        const term& my_tag) {
  if (!is_current(node, my_tag)) return end_old(node, my_tag);
  open_[node].theirs = result{operations, known, external};
  finish_if_ready(node);
}

void sessions::finish_if_ready(atom node) {
  const auto found = open_.find(node);
  if (!found->second.ours || !found->second.theirs || !found->second.lock) return;
  const auto done = found->second;  // which the end of the session takes away
  finish(node, done);
}

// Without insertions of processes whose node was lost meanwhile: the peer has dropped their names, and nobody would
// tell it of them again.
std::vector<term> sessions::merged_operations(const session& done) {
  auto operations = *done.ours;
  const auto more = done.theirs->operations.items();
  operations.insert(operations.end(), more.begin(), more.end());
  std::erase_if(operations, [&](const term& operation) {
    if (!etf::is_tagged(operation, "insert"_atom, 2) || !operation.elements()[1].is_tuple(3)) return false;
    const auto process = operation.elements()[1].elements()[1].as_pid();
    return process && std::ranges::find(done.gone, process->node.name()) != done.gone.end();
  });
  return operations;
}

void sessions::member_lost(atom node) {
  for (auto& [peer, mine] : open_) {
    if (mine.names && peer != node) mine.gone.push_back(node);
  }
}

// The new nodes are announced by the locker before it gives the lock back, so that nobody changes a name in between.
void sessions::finish(atom node, const session& done) {
  const auto& theirs = *done.theirs;
  const auto operations = merged_operations(done);
  const auto his_known = read_members(theirs.known);
  std::vector<member> fresh{{node, 0}};
  fresh.insert(fresh.end(), his_known.begin(), his_known.end());
  fresh = with_versions(std::move(fresh));
  const auto announce = announcement(operations, theirs.external, fresh, done);
  std::vector<atom> others;
  for (const auto& one : his_known) others.push_back(one.node);

  greet(others);
  effects_.apply(operations, theirs.external, done.lock->requester);
  effects_.synced(node);
  for (const auto other : others) {
    members_.clear_pending(other);  // they learn of us from `node`: this is no cancellation
    close(other, {});
  }
  members_.clear_pending(node);
  close(node, announce);
  (void)members_.add(fresh);
  members_.set_synced(node);
}

std::function<void()> sessions::announcement(const std::vector<term>& operations, const term& external,
                                             const std::vector<member>& fresh, const session& done) const {
  const auto extra = etf::list(etf::tuple("vsn"_atom, done.version), etf::tuple("lock"_atom, done.lock->to_term()));
  const auto list = etf::make_list(operations);
  return [this, old = members_.list(), list, external, fresh, extra] {
    for (const auto& [known, version] : old) {
      const auto nodes = member_list(fresh, version);
      context_.act(cast_action{known, etf::tuple("new_nodes"_atom, context_.node(), list, external, nodes, extra)});
    }
  };
}

std::vector<member> sessions::with_versions(std::vector<member> nodes) const {
  for (auto& one : nodes) {
    if (one.version == 0) one.version = members_.version(one.node);
  }
  return nodes;
}

void sessions::in_sync(atom node) {
  members_.set_synced(node);
  members_.clear_pending(node);
  effects_.synced(node);
  close(node, {});
}

void sessions::greet(const std::vector<atom>& nodes) {
  for (const auto node : nodes) {
    if (node == context_.node()) continue;
    context_.act(connect_action{node});
    context_.act(cast_action{node, etf::tuple("in_sync"_atom, context_.node(), true)});
  }
}

}  // namespace ergo::inline v0::otp::global_detail
