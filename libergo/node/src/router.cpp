// Routing to other nodes.
#include "router.hpp"

#include "news.hpp"

#include <ergo/dist/node_name.hpp>

#include <algorithm>

namespace ergo::inline v0::detail {

struct router::chunk {
  std::array<std::atomic<connection*>, chunk_size> cells{};
};

router::router(connection_terms& terms)
    : terms_{terms}, chunks_{std::make_unique<std::atomic<chunk*>[]>(most_chunks)} {}

router::~router() {
  for (std::uint32_t index = 0; index < most_chunks; ++index) delete chunks_[index].load(std::memory_order_relaxed);
}

connection* router::find(atom peer) const noexcept {
  const auto* const place = chunks_[peer.index() / chunk_size].load(std::memory_order_acquire);
  return place == nullptr ? nullptr : place->cells[peer.index() % chunk_size].load(std::memory_order_acquire);
}

bool router::has_room(acquaintance by) const noexcept {
  const auto most = terms_.limits.names;
  return all_.size() < (by == acquaintance::proven ? most : most - most / 4);
}

connection* router::find_or_make(atom peer, acquaintance by) noexcept try {
  if (auto* const found = find(peer)) return found;
  if (!dist::valid_node_name(peer.text()) || peer == terms_.local.name()) return nullptr;
  const std::scoped_lock lock{mutex_};
  if (auto* const found = find(peer)) return found;
  if (retired_) return nullptr;
  if (!has_room(by)) {
    terms_.owner.refused(peer, "node_limits::names");
    return nullptr;
  }
  auto& place = chunks_[peer.index() / chunk_size];
  if (place.load(std::memory_order_relaxed) == nullptr) place.store(new chunk, std::memory_order_release);
  auto& runtime = terms_.local.owner();
  const auto core = next_core_++ % runtime.cores();
  auto* const reactor = find_reactor(runtime, core);
  all_.push_back(std::make_unique<connection>(terms_, peer, *reactor, core_at(runtime, core)));
  auto* const made = all_.back().get();
  place.load(std::memory_order_relaxed)->cells[peer.index() % chunk_size].store(made, std::memory_order_release);
  return made;
} catch (const std::bad_alloc&) {
  return nullptr;
}

void router::deliver(const destination& to, signal* envelope) noexcept {
  const auto node = to.by_name() ? to.node() : to.process().node.name();
  if (envelope->kind == signal_kind::spawn_request && node == terms_.local.name()) return spawn_here(envelope);
  auto* const way = find_or_make(node);
  if (terms_.trace.on(trace_category::node)) {
    const auto* const decision = way == nullptr ? "decision=unreachable"
                                 : way->is_up() ? "decision=connection"
                                                : "decision=connect";
    terms_.trace.routing(*envelope, to, decision);
  }
  if (way != nullptr) return way->accept(to, envelope);
  const auto news = undeliverable(to, envelope);
  if (news.envelope != nullptr) terms_.local.route_local(news.to, news.envelope);
}

// As for another node: the reply comes first, then the process is tied to whoever asked, then it runs.
void router::spawn_here(signal* request) {
  const auto requester = request->from;
  const auto id = request->tag;
  const auto asked = request->payload;
  const auto parts = asked.elements();
  release(request);
  const auto wish = read_spawn_options(parts[4]);
  remote_job job{terms_.functions, right::all, *parts[1].as_atom(), *parts[2].as_atom(), parts[3]};
  const auto started = start_runner(terms_.local, wish, parts[0].as_pid().value_or(pid{}), std::move(job));
  const auto* const made = std::get_if<pid>(&started);
  auto* const reply = make_signal(signal_kind::spawn_reply, pid{}, id, term{});
  if (made == nullptr) {
    reply->payload = term{std::get<atom>(started)};
    return terms_.local.route_local(requester, reply);
  }
  reply->payload = term{*made};
  if (wish.link) reply->flags |= signal::linked;
  if (wish.monitor) reply->flags |= signal::watched;
  terms_.local.route_local(requester, reply);
  if (wish.link) terms_.local.route_local(*made, make_signal(signal_kind::link, requester, term{}));
  if (wish.monitor) terms_.local.route_local(*made, make_signal(signal_kind::monitor, requester, id, term{}));
  terms_.local.route_local(*made, make_signal(signal_kind::message, requester, term{"go"_atom}));
}

bool router::busy(atom node, const pid& sender) const noexcept {
  const auto* const way = find(node);
  return way != nullptr && way->busy(sender);
}

void router::wake_when_drained(atom node, const pid& waiting) noexcept {
  if (auto* const way = find(node)) return way->wake_when_drained(waiting);
  terms_.local.route_local(waiting, make_signal(signal_kind::wake));
}

void router::monitor_node(const pid& watcher, atom node) noexcept {
  if (auto* const way = find_or_make(node)) return way->watch_node(watcher);
  if (node == terms_.local.name()) return;  // it goes with its watcher
  terms_.local.route_local(watcher, make_signal(signal_kind::node_down, pid{}, term{node}));
}

void router::demonitor_node(const pid& watcher, atom node) noexcept {
  if (auto* const way = find(node)) way->unwatch_node(watcher);
}

void router::write_to(node_figures& shown) {
  const std::scoped_lock lock{mutex_};
  shown.names = all_.size();
  for (const auto& one : all_) {
    const auto moved = one->total();
    const auto waiting = one->waiting();
    shown.queued += waiting;
    shown.unfinished += one->unfinished();
    shown.busy += waiting > terms_.limits.busy ? 1 : 0;
    shown.moved.bytes_in += moved.bytes_in;
    shown.moved.bytes_out += moved.bytes_out;
    shown.moved.packets_in += moved.packets_in;
    shown.moved.packets_out += moved.packets_out;
    shown.moved.ticks_in += moved.ticks_in;
    shown.moved.ticks_out += moved.ticks_out;
  }
}

void router::relieve() {
  const std::scoped_lock lock{mutex_};
  const auto most = std::ranges::max_element(all_, {}, [](const auto& one) { return one->unfinished(); });
  if (most != all_.end()) (*most)->relieve();
}

std::string router::still_up() {
  constexpr std::size_t most = 1'000;
  const std::scoped_lock lock{mutex_};
  std::string names;
  for (const auto& one : all_) {
    if (!one->is_up()) continue;
    if (names.size() > most) return names + " and more";
    names += (names.empty() ? "" : ", ") + printable(one->peer().text());
  }
  return names.empty() ? "handshakes only" : names;
}

void router::retire() {
  const std::scoped_lock lock{mutex_};
  retired_ = true;
  for (auto& one : all_) one->retire();
}

}  // namespace ergo::inline v0::detail
