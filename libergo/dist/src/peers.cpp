// The connection table.
//
// Why both ends agree (A11): an end that dials answers a crossing call by the order of names, the same
// on both ends; an end that has admitted a call does not dial before that call has failed or overstayed
// (and is then closed). So of two crossing calls at most one can pass its handshake.
#include <ergo/dist/peers.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <new>
#include <utility>

namespace ergo::inline v0::dist {
namespace {

using handshake::decision;
using handshake::verdict;

// A peer that cannot reach us may still be reached by us once its own attempt has failed.
constexpr int most_dials = 2;
constexpr attempt_id newest_possible{std::numeric_limits<std::uint64_t>::max()};

// In the order of peer_errc.
constexpr std::array<std::string_view, 13> names{
    "unresolved", "unregistered", "unreachable",  "tls",      "handshake",  "no_answer", "closed",
    "silent",     "protocol",     "disconnected", "replaced", "superseded", "stopping"};
constexpr std::array<std::string_view, 13> sentences{
    "where the node listens cannot be found out",
    "the port mapper does not tell where the node listens",
    "the node cannot be reached",
    "TLS failed",
    "the handshake failed",
    "the node wanted to connect to us itself and did not",
    "the connection was closed",
    "the node was silent for the net tick time",
    "the node broke the distribution protocol",
    "the connection was closed on request",
    "the node came back with a new connection",
    "another connection with the node was made first",
    "this node is going down",
};
static_assert(names.size() == static_cast<std::size_t>(peer_errc::stopping) + 1);

// What is known beyond the code is left out where there is no memory for it.
peer_reason as_far_as_possible(const peer_reason& reason) {
  try {
    return reason;
  } catch (const std::bad_alloc&) {
    return {.code = reason.code, .system = reason.system};
  }
}

peer_reason out_of_memory(peer_errc code) {
  return {.code = code, .system = std::make_error_code(std::errc::not_enough_memory)};
}

bool is_nok(const peer_reason& reason) { return reason.handshake && reason.handshake->code == handshake_errc::nok; }

}  // namespace

std::string_view to_string(peer_errc code) { return names[static_cast<std::size_t>(code)]; }

std::string to_string(const peer_reason& reason) {
  std::string text{sentences[static_cast<std::size_t>(reason.code)]};
  if (reason.handshake) text += ": " + to_string(*reason.handshake);
  if (reason.system) text += ": " + reason.system.message();
  if (!reason.detail.empty()) text += ": " + reason.detail;
  return text;
}

// Room for the commands is taken before anything changes.
peering::commands peers::resume(const peering::event& event) {
  out_.reserve(most_commands(event));
  try {
    std::visit([this](const auto& e) { on(e); }, event);
  } catch (...) {
    out_.clear();
    throw;
  }
  return std::exchange(out_, {});
}

// A peer's waiters are answered and its attempts closed, each once; the rest is what one event brings about besides.
std::size_t peers::most_commands(const peering::event& event) const {
  constexpr std::size_t besides = 8;
  if (std::holds_alternative<peering::stop>(event)) {
    std::size_t all = besides + attempts_.size();
    for (const auto& [name, e] : entries_) all += e.waiters.size();
    return all;
  }
  const auto name = std::visit(
      [this](const auto& e) -> std::string_view {
        if constexpr (requires { e.peer; }) {
          return e.peer;
        } else if constexpr (requires { e.id; }) {
          const auto found = attempts_.find(e.id);
          return found == attempts_.end() ? std::string_view{} : found->second.peer;
        }
        return {};
      },
      event);
  const auto found = entries_.find(name);
  return found == entries_.end() ? besides : besides + found->second.waiters.size() + found->second.admitted.size();
}

std::optional<attempt_id> peers::up(std::string_view peer) const {
  const auto found = entries_.find(peer);
  if (found == entries_.end() || !is(found->second.owner, stage::up)) return std::nullopt;
  return found->second.owner;
}

peer_state peers::state(std::string_view peer) const {
  const auto found = entries_.find(peer);
  if (found == entries_.end()) return peer_state::idle;
  const entry& e = found->second;
  if (e.heir != attempt_id::none || is(e.owner, stage::committed)) return peer_state::joining;
  if (e.owner != attempt_id::none) return is(e.owner, stage::up) ? peer_state::up : peer_state::closing;
  if (e.dial != attempt_id::none) return peer_state::dialing;
  if (!e.admitted.empty()) return peer_state::accepting;
  return e.waits == patience::none ? peer_state::idle : peer_state::waiting;
}

std::vector<std::string> peers::nodes() const {
  std::vector<std::string> up;
  for (const auto& [name, e] : entries_)
    if (is(e.owner, stage::up)) up.push_back(name);
  std::ranges::sort(up);
  return up;
}

// ----- events ---------------------------------------------------------------------------------------

void peers::on(const peering::want& event) {
  if (stopping_) {
    out_.emplace_back(peering::denied{event.waiter, {peer_errc::stopping}});
    return;
  }
  slot& peer = *entries_.try_emplace(std::string{event.peer}).first;
  if (is(peer.second.owner, stage::up)) {
    out_.emplace_back(peering::granted{event.waiter, peer.second.owner});
    return;
  }
  try {
    peer.second.waiters.push_back(event.waiter);
  } catch (...) {
    prune(event.peer);
    throw;
  }
  pursue(peer, {peer_errc::unreachable});
  prune(event.peer);
}

void peers::on(const peering::forget& event) {
  const auto found = entries_.find(event.peer);
  if (found == entries_.end()) return;
  entry& e = found->second;
  if (const auto it = std::ranges::find(e.waiters, event.waiter); it != e.waiters.end()) e.waiters.erase(it);
  if (e.waiters.empty()) e.waits = patience::none;
  if (e.waiters.empty() && e.dial == attempt_id::none) e.dials = 0;
  prune(event.peer);
}

void peers::on(const peering::incoming& event) {
  if (stopping_) {
    out_.emplace_back(peering::admit{event.id, decision::not_allowed});
    return;
  }
  slot& peer = *entries_.try_emplace(std::string{event.peer}).first;
  const decision decided = judge(peer);
  if (decided != decision::nok) admit(peer, event.id, decided);
  out_.emplace_back(peering::admit{event.id, decided});
}

void peers::admit(slot& peer, attempt_id id, decision decided) {
  auto& admitted = peer.second.admitted;
  try {
    admitted.push_back(id);
    attempts_.emplace(id, attempt{peer.first, stage::admitted, decided == decision::alive});
  } catch (...) {
    std::erase(admitted, id);
    prune(peer.first);
    throw;
  }
}

void peers::on(const peering::alive& event) {
  const auto found = attempts_.find(event.id);
  if (found == attempts_.end() || found->second.at != stage::dialing) return;
  // A call never goes on beside a connection: it begins when the old one has ended (OTP 23 would hang if our old
  // socket were still open now), and it is closed when a connection is made by the other side.
  out_.emplace_back(peering::conclude{event.id, verdict::proceed});
}

void peers::on(const peering::proven& event) {
  if (!is(event.id, stage::admitted)) return;
  slot& peer = *entries_.find(attempts_.at(event.id).peer);
  entry& e = peer.second;
  std::erase(e.admitted, event.id);
  if (e.owner == attempt_id::none) return commit(peer, event.id);
  const attempt_id rival = e.heir != attempt_id::none ? e.heir : e.owner;
  if (!is(rival, stage::closing) && !outranks(event.id, rival)) {
    attempts_.at(event.id).at = stage::closing;
    out_.emplace_back(peering::conclude{event.id, verdict::drop});
    return;
  }
  if (rival == e.heir) {
    attempts_.at(rival).at = stage::closing;
    out_.emplace_back(peering::conclude{rival, verdict::drop});
  } else {
    drop(e.owner, peer_errc::replaced);
  }
  e.heir = event.id;
  attempts_.at(event.id).at = stage::heir;
}

void peers::on(const peering::established& event) {
  const auto found = attempts_.find(event.id);
  if (found == attempts_.end()) return;
  slot& peer = *entries_.find(found->second.peer);
  if (found->second.at != stage::committed && found->second.at != stage::dialing) return;
  peering::nodeup news{event.id, peer.first};
  if (found->second.at == stage::committed) return announce(peer, std::move(news));
  peer.second.dial = attempt_id::none;
  // A real peer that were still calling us would have refused this call.
  drop_admitted(peer, newest_possible);
  peer.second.owner = event.id;
  announce(peer, std::move(news));
}

void peers::on(const peering::ended& event) {
  const auto found = attempts_.find(event.id);
  if (found == attempts_.end()) return;
  attempt gone = std::move(found->second);
  attempts_.erase(found);
  const auto place = entries_.find(gone.peer);
  if (place == entries_.end()) return;
  slot& peer = *place;
  entry& e = peer.second;
  if (event.id == e.owner) {
    owner_ended(peer, event.id, gone, event.reason);
  } else if (event.id == e.dial) {
    dial_ended(peer, event.reason);
  } else if (event.id == e.heir) {
    e.heir = attempt_id::none;
  } else if (std::erase(e.admitted, event.id) > 0 && e.admitted.empty() && e.waits == patience::for_proof) {
    e.waits = patience::none;
    pursue(peer, event.reason);
  }
  prune(peer.first);
}

void peers::on(const peering::waited_out& event) {
  const auto found = entries_.find(event.peer);
  if (found == entries_.end()) return;
  entry& e = found->second;
  if (e.waits == patience::none || e.ticket != event.ticket) return;
  e.waits = patience::none;
  drop_admitted(*found, newest_possible);
  pursue(*found, {peer_errc::no_answer});
  prune(event.peer);
}

void peers::on(const peering::disconnect& event) {
  const auto found = entries_.find(event.peer);
  if (found == entries_.end()) return;
  if (event.only != attempt_id::none && event.only != found->second.owner) return;
  cut(*found, peer_errc::disconnected);
  prune(event.peer);
}

void peers::on(const peering::stop&) {
  stopping_ = true;
  for (slot& peer : entries_) {
    cut(peer, peer_errc::stopping);
    drop_admitted(peer, newest_possible);
  }
  std::erase_if(entries_, [](const slot& peer) { return is_idle(peer.second); });
}

// ----- decisions ------------------------------------------------------------------------------------

decision peers::judge(const slot& peer) const {
  const entry& e = peer.second;
  if (e.owner != attempt_id::none) return is(e.owner, stage::closing) ? decision::ok : decision::alive;
  if (e.dial == attempt_id::none) return decision::ok;
  return own_name_ > peer.first ? decision::nok : decision::ok_simultaneous;
}

// A proven attempt replaces a connection when the peer itself declared that one dead, or when the peer called again
// before its first call was settled: its later call is the one it believes in. A call of ours that the peer has
// answered in the meantime is safe: everybody who was admitted beside it was thrown out when it was answered.
bool peers::outranks(attempt_id challenger, attempt_id owner) const {
  return attempts_.at(challenger).takes_over || challenger > owner;
}

bool peers::is(attempt_id id, stage at) const {
  const auto found = attempts_.find(id);
  return found != attempts_.end() && found->second.at == at;
}

void peers::commit(slot& peer, attempt_id id) {
  entry& e = peer.second;
  e.owner = id;
  e.waits = patience::none;
  attempts_.at(id).at = stage::committed;
  if (e.dial != attempt_id::none) drop(std::exchange(e.dial, attempt_id::none), peer_errc::superseded);
  drop_admitted(peer, id);
  out_.emplace_back(peering::conclude{id, verdict::proceed});
}

void peers::announce(slot& peer, peering::nodeup&& news) {
  const attempt_id id = news.id;
  attempt& a = attempts_.at(id);
  a.at = stage::up;
  a.announced = true;
  entry& e = peer.second;
  e.waits = patience::none;
  e.dials = 0;
  out_.emplace_back(std::move(news));
  for (waiter_id waiter : std::exchange(e.waiters, {})) out_.emplace_back(peering::granted{waiter, id});
}

void peers::dial_ended(slot& peer, const peer_reason& reason) {
  entry& e = peer.second;
  e.dial = attempt_id::none;
  if (e.owner != attempt_id::none) return;
  if (is_nok(reason) && !e.waiters.empty() && e.dials < most_dials) return wait_for(peer, patience::for_call);
  if (e.admitted.empty()) return deny_all(peer, reason);
  pursue(peer, reason);
}

void peers::owner_ended(slot& peer, attempt_id id, attempt& gone, const peer_reason& reason) {
  entry& e = peer.second;
  e.owner = attempt_id::none;
  if (gone.announced) {
    const bool ours = gone.at == stage::closing;
    const peer_reason our_own{gone.close_reason};
    out_.emplace_back(peering::nodedown{id, std::move(gone.peer), as_far_as_possible(ours ? our_own : reason)});
  }
  if (e.heir != attempt_id::none) return commit(peer, std::exchange(e.heir, attempt_id::none));
  pursue(peer, reason);
}

// Somebody waits: make sure that something is under way, or tell them why not.
void peers::pursue(slot& peer, const peer_reason& reason) {
  entry& e = peer.second;
  const bool under_way = e.owner != attempt_id::none || e.dial != attempt_id::none || e.waits != patience::none;
  if (e.waiters.empty() || under_way) return;
  if (!e.admitted.empty()) return wait_for(peer, patience::for_proof);
  if (e.dials == most_dials) return deny_all(peer, reason);
  try {
    call(peer);
  } catch (const std::bad_alloc&) {
    deny_all(peer, out_of_memory(reason.code));
  }
}

void peers::call(slot& peer) {
  entry& e = peer.second;
  peering::dial command{next_id(), peer.first};
  attempts_.emplace(command.id, attempt{peer.first, stage::dialing, false});
  ++e.dials;
  e.dial = command.id;
  out_.emplace_back(std::move(command));
}

void peers::wait_for(slot& peer, patience what) try {
  peering::await_peer command{peer.first, last_ticket_ + 1};
  peer.second.waits = what;
  peer.second.ticket = ++last_ticket_;
  out_.emplace_back(std::move(command));
} catch (const std::bad_alloc&) {
  deny_all(peer, out_of_memory(peer_errc::no_answer));
}

void peers::deny_all(slot& peer, const peer_reason& reason) {
  entry& e = peer.second;
  e.dials = 0;
  e.waits = patience::none;
  for (waiter_id waiter : std::exchange(e.waiters, {}))
    out_.emplace_back(peering::denied{waiter, as_far_as_possible(reason)});
}

// Closing is remembered in the attempt, so that whatever it still reports is not taken for news.
void peers::drop(attempt_id id, peer_errc reason) {
  attempt& a = attempts_.at(id);
  if (a.at == stage::closing) return;
  a.at = stage::closing;
  a.close_reason = reason;
  out_.emplace_back(peering::close{id, reason});
}

void peers::drop_admitted(slot& peer, attempt_id newest) {
  auto& admitted = peer.second.admitted;
  for (attempt_id id : admitted)
    if (id <= newest) drop(id, peer_errc::superseded);
  std::erase_if(admitted, [&](attempt_id id) { return id <= newest; });
}

void peers::cut(slot& peer, peer_errc reason) {
  entry& e = peer.second;
  if (e.heir != attempt_id::none) drop(std::exchange(e.heir, attempt_id::none), reason);
  if (e.dial != attempt_id::none) drop(std::exchange(e.dial, attempt_id::none), reason);
  if (e.owner != attempt_id::none) drop(e.owner, reason);
  deny_all(peer, {reason});
}

void peers::prune(std::string_view peer) {
  const auto found = entries_.find(peer);
  if (found == entries_.end()) return;
  if (is_idle(found->second)) entries_.erase(found);
}

bool peers::is_idle(const entry& e) {
  const bool busy = e.owner != attempt_id::none || e.heir != attempt_id::none || e.dial != attempt_id::none;
  return !busy && e.admitted.empty() && e.waiters.empty();
}

}  // namespace ergo::inline v0::dist
