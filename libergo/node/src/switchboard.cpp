// The driver of the connection table.
#include "switchboard.hpp"

#include "crypto.hpp"
#include "explain.hpp"
#include "insist.hpp"

#include <ergo/etf/codec.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <list>
#include <utility>

namespace ergo::inline v0::detail {

namespace asio = boost::asio;
namespace peering = dist::peering;

namespace {

class set_while_here {
 public:
  explicit set_while_here(bool& what) noexcept : what_{what} { what_ = true; }
  ~set_while_here() { what_ = false; }
  set_while_here(const set_while_here&) = delete;
  set_while_here& operator=(const set_while_here&) = delete;

 private:
  bool& what_;
};

// A new name of a peer is for the program's own atoms no more than others that peers bring.
std::expected<atom, etf::error> name_of_peer(std::string_view text) {
  etf::atom_budget one{1};
  etf::decode_limits limits;
  limits.budget = &one;
  return etf::make_atom(text, limits);
}

token_rate rate_of(event_rate rate) { return {rate.burst, rate.per_second}; }

// Callers are refused for one of two reasons that have events.
event_rate both(event_rate each) { return {2 * each.burst, 2 * each.per_second}; }

}  // namespace

struct switchboard::observers {
  std::mutex mutex;
  std::list<node_observer> list;
};

switchboard::switchboard(asio::io_context& on, identity who, const node_limits& limits, peer_locator locate,
                         event_handler report)
    : context_{on},
      who_{std::move(who)},
      limits_{limits},
      locate_{std::move(locate)},
      report_{std::move(report)},
      peers_{who_.name},
      gate_{{.most = limits.pending_handshakes, .most_per_address = limits.pending_per_address}},
      names_{limits.spare_names, random_number},
      strangers_{rate_of(limits.events_of_strangers), rate_of(both(limits.events_of_strangers))},
      observers_{std::make_shared<observers>()},
      news_{rate_of(limits.events_of_peer), rate_of(limits.events_of_peers)} {
  constexpr std::size_t usual = 16;
  pending_.reserve(usual);
}

switchboard::~switchboard() {
  wipe(who_.cookie);
  for (auto& [peer, cookie] : who_.peer_cookies) wipe(cookie);
}

// ----- any thread ---------------------------------------------------------------------------------------------------

void switchboard::wanted(connection& by) {
  asio::post(context_, [self = shared_from_this(), &by] {
    const auto name = by.peer().text();
    // A connection needs no good news: it is given the socket when the peer is up.
    self->await(std::string{name}, [&by](result<void> outcome) {
      if (!outcome) by.refuse({dist::peer_errc::unreachable});
    });
  });
}

void switchboard::broke(const connection& by, breach how, std::string_view text) {
  counts_.add(how);
  const auto whom = by.peer().text();
  report(whom, {.what = event::kind::cluster,
                .level = log_level::warning,
                .text = printable(whom) + " broke the protocol: " + printable(text),
                .reason = {}});
}

void switchboard::cut_short(const connection& by, std::size_t bytes) {
  const auto whom = by.peer().text();
  report(whom, {.what = event::kind::cluster,
                .level = log_level::warning,
                .text = printable(whom) + " did not take what was left for it within node_limits::drain: at least " +
                        std::to_string(bytes) + " bytes are lost",
                .reason = {}});
}

void switchboard::refused(atom whom, std::string_view option) {
  const bool nameless = option == "node_limits::names";
  (nameless ? counts_.nameless : counts_.over_quota).fetch_add(1, std::memory_order_relaxed);
  const auto text = nameless ? "there is no room for another node: " : "a peer has reached a limit: ";
  report(nameless ? std::string_view{} : whom.text(),
         {.what = event::kind::limit,
          .level = log_level::warning,
          .text = text + printable(whom.text()) + " (" + std::string{option} + ")",
          .reason = {}});
}

void switchboard::short_of_descriptors(std::size_t turned_away) {
  counts_.shortages.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t one = 0; one < turned_away; ++one) counts_.add(refusal::descriptors);
  if (!strangers_.pass("descriptors", std::chrono::steady_clock::now()))
    return (void)counts_.left_out.fetch_add(1, std::memory_order_relaxed);
  report({}, {.what = event::kind::limit,
              .level = log_level::error,
              .text = "the program has no file descriptor left: " + std::to_string(turned_away) +
                      " caller(s) were sent away (raise its limit, as with ulimit -n)",
              .reason = {}});
}

void switchboard::lost(connection& /*by*/, dist::attempt_id session, const dist::peer_reason& reason) {
  counts_.add(parting_of(reason.code));
  insist([&] {
    asio::post(context_, [self = shared_from_this(), session, reason = dist::peer_reason{reason}]() mutable {
      self->handle(peering::ended{session, std::move(reason)});
      self->forget(session);
    });
  });
}

void switchboard::connect(std::string peer, outcome_handler told) {
  asio::post(context_, [self = shared_from_this(), peer = std::move(peer), told = std::move(told)]() mutable {
    self->await(peer, std::move(told));
  });
}

void switchboard::await(const std::string& peer, outcome_handler told) {
  if (has_lost_name(peer)) return told(fail(errc::not_alive));
  if (!has_room_for(peer)) {
    report({}, {.what = event::kind::limit,
                .level = log_level::warning,
                .text = "there is no room for another connection: " + printable(peer) + " (node_limits::connections)",
                .reason = {}});
    return told(fail(errc::system_limit, etf::binary("node_limits::connections")));
  }
  const dist::waiter_id waiter{++last_waiter_};
  try {
    waiters_[waiter].peer = peer;
    waiters_[waiter].told = std::move(told);
    handle(peering::want{peer, waiter});
  } catch (const std::bad_alloc&) {
    auto lost = waiters_.extract(waiter);
    if (lost && lost.mapped().told) told = std::move(lost.mapped().told);
    told(fail(errc::system_limit));
  }
}

void switchboard::disconnect(std::string peer, dist::attempt_id only) {
  asio::post(context_, [self = shared_from_this(), peer = std::move(peer), only] {
    self->handle(peering::disconnect{peer, only});
  });
}

std::vector<atom> switchboard::nodes(node_set which) const { return router_->local().connected().list(which); }

bool switchboard::is_connected(std::string_view peer) const {
  const auto name = etf::atom::find(peer);
  return name && router_->local().connected().contains(*name);
}

subscription switchboard::subscribe(node_observer observer) {
  const auto all = observers_;
  const std::scoped_lock lock{all->mutex};
  const auto place = all->list.insert(all->list.end(), std::move(observer));
  return subscription{std::shared_ptr<void>{nullptr, [all, place](void*) {
                                              const std::scoped_lock ending{all->mutex};
                                              all->list.erase(place);
                                            }}};
}

void switchboard::stop(std::move_only_function<void()> done) {
  asio::post(context_, [self = shared_from_this(), done = std::move(done)]() mutable {
    self->stopping_ = true;
    self->stopped_ = std::move(done);
    self->handle(peering::stop{});
    for (auto& timer : self->waits_) timer.cancel();
    for (auto& [id, call] : self->attempts_) {
      if (call->up == nullptr) call->cancel(dist::peer_errc::stopping);
    }
    self->finish_stop();
  });
}

void switchboard::finish_stop() {
  if (stopping_ && attempts_.empty() && stopped_) std::exchange(stopped_, nullptr)();
}

// Who is up already may come back: it takes no place of another.
bool switchboard::has_room_for(std::string_view peer) {
  return connected_ < limits_.connections || peers_.up(peer).has_value();
}

// ----- the table ----------------------------------------------------------------------------------------------------

// Carrying out a command may cause the next event; it is handled after the commands that came first. Such events name
// no peer, so that nothing in them dangles.
void switchboard::handle(peering_event event) {
  if (busy_) return pending_.push_back(std::move(event));
  const set_while_here busy{busy_};  // also where memory runs out
  carry_out_all(event);
  for (std::size_t next = 0; next < pending_.size(); ++next) {
    const auto caused = std::move(pending_[next]);
    carry_out_all(caused);
  }
  pending_.clear();
}

// Where there is no memory for a command, that sees to it itself.
void switchboard::carry_out_all(const peering_event& event) {
  for (auto& command : decide(event)) std::visit([this](auto& one) { on(one); }, command);
}

// What somebody wants may fail, what has happened may not.
peering::commands switchboard::decide(const peering_event& event) {
  const bool wish = std::holds_alternative<peering::want>(event) || std::holds_alternative<peering::incoming>(event) ||
                    std::holds_alternative<peering::alive>(event) || std::holds_alternative<peering::proven>(event) ||
                    std::holds_alternative<peering::established>(event);
  if (wish) return peers_.resume(event);
  return insist([&] { return peers_.resume(event); });
}

std::shared_ptr<attempt> switchboard::find(dist::attempt_id id) const {
  const auto found = attempts_.find(id);
  return found == attempts_.end() ? nullptr : found->second;
}

void switchboard::on(peering::dial& command) try {
  const auto call = std::make_shared<attempt>(context_, command.id, limits_);
  call->peer = std::move(command.peer);
  begin(call);
} catch (const std::bad_alloc&) {
  dist::peer_reason reason{dist::peer_errc::unreachable};
  reason.system = std::make_error_code(std::errc::not_enough_memory);
  pending_.emplace_back(peering::ended{command.id, reason});
}

void switchboard::on(peering::admit& command) {
  const auto call = find(command.id);
  if (call == nullptr) return;
  dist::handshake::admission answer;
  answer.verdict = command.decision;
  if (!if_possible([&] { answer.cookie = cookie_for(call->peer); })) return call->cancel(dist::peer_errc::closed);
  call->admitted = std::move(answer);
  call->answered();
}

void switchboard::on(peering::conclude& command) {
  const auto call = find(command.id);
  if (call == nullptr) return;
  call->concluded = command.verdict;
  call->answered();
}

void switchboard::on(peering::close& command) {
  const auto call = find(command.id);
  if (call == nullptr) return;
  if (call->up != nullptr) {
    call->up->close(command.reason);
  } else {
    call->cancel(command.reason);
  }
}

// One that there is no memory for is up for a moment.
void switchboard::on(peering::nodeup& command) {
  ++connected_;
  if (if_possible([&] { bring_up(command); })) return;
  if (const auto name = etf::atom::find(command.peer)) {
    if (auto* const way = router_->find(*name)) way->retract();
  }
  dist::peer_reason reason{dist::peer_errc::closed};
  reason.system = std::make_error_code(std::errc::not_enough_memory);
  handle(peering::ended{command.id, std::move(reason)});
}

void switchboard::bring_up(const peering::nodeup& command) {
  const auto call = find(command.id);
  const auto name = name_of_peer(command.peer);
  auto* const way = name ? router_->find_or_make(*name, acquaintance::proven) : nullptr;
  const auto node = way != nullptr ? way->incarnation(call->result().creation)
                                   : std::unexpected{etf::error{etf::errc::node_table_full}};
  boost::system::error_code failed;
  const bool hidden = !call->result().negotiated.has(dist::flag::published);
  if (way != nullptr) way->announce(command.id);
  if (name) {
    const auto connection = static_cast<std::uint64_t>(command.id);
    router_->local().connected().came({*name, hidden, connection});
    tell({node_event::kind::up, *name, hidden, {}, connection});
  }
  const int descriptor = way != nullptr && node ? call->socket.release(failed) : -1;
  if (descriptor < 0 || failed) {
    if (way != nullptr) way->retract();
    handle(peering::ended{command.id, {dist::peer_errc::stopping}});
    return note(log_level::error,
                printable(command.peer) + " cannot be connected: the table of atoms or nodes is " +
                    "full, node_limits::names or atoms_per_peer is reached, or this node is stopping");
  }
  call->up = way;
  (call->incoming ? counts_.let_in : counts_.reached).fetch_add(1, std::memory_order_relaxed);
  if (call->given) call->given->proven = true;
  way->attach({call->id, descriptor, *node, call->result().negotiated, std::move(call->result().leftover),
               std::move(call->tls)});
}

void switchboard::on(peering::nodedown& command) {
  --connected_;
  if (const auto name = etf::atom::find(command.peer)) {
    const term reason{nodedown_reason(command.reason.code)};
    const auto gone = insist([&] { return router_->local().connected().went(*name, reason); });
    if (gone) {
      node_event news{node_event::kind::down, *name, gone->hidden, {}, gone->connection};
      (void)if_possible([&] { news.reason = dist::to_string(command.reason); });
      tell(news);
    }
  }
  if (command.peer == who_.named_by) lose_name();
}

// The name may be another node's at any moment, so nobody may see two nodes of that name.
void switchboard::lose_name() {
  for (const auto peer : nodes(node_set::all)) disconnect(std::string{peer.text()}, dist::attempt_id::none);
}

bool switchboard::has_lost_name(std::string_view peer) const {
  return !who_.named_by.empty() && peer != who_.named_by && !peers_.up(who_.named_by);
}

void switchboard::on(peering::granted& command) {
  if (auto waiter = waiters_.extract(command.waiter)) waiter.mapped().told({});
}

void switchboard::on(peering::denied& command) {
  auto waiter = waiters_.extract(command.waiter);
  if (!waiter) return;
  result<void> outcome = fail(errc::nodedown);
  (void)if_possible([&] { outcome = fail(errc::nodedown, to_term(explain(waiter.mapped().peer, command.reason))); });
  waiter.mapped().told(std::move(outcome));
}

void switchboard::on(peering::await_peer& command) {
  const auto timer = insist([&] { return waits_.emplace(waits_.end(), context_, limits_.handshake_step); });
  insist([&] {
    timer->async_wait([self = shared_from_this(), timer, peer = command.peer,
                       ticket = command.ticket](const boost::system::error_code& /*cut_short*/) {
      self->waits_.erase(timer);
      if (!self->stopping_) self->handle(peering::waited_out{peer, ticket});
    });
  });
}

// ----- news ---------------------------------------------------------------------------------------------------------

// Whoever observes is told of each node that comes and goes; what is logged of it is left out where there is no memory.
void switchboard::tell(const node_event& news) {
  const auto called = insist([&] {
    const std::scoped_lock lock{observers_->mutex};
    return std::vector<node_observer>(observers_->list.begin(), observers_->list.end());
  });
  if (!if_possible([&] { publish(news); })) counts_.left_out.fetch_add(1, std::memory_order_relaxed);
  for (const auto& observer : called) {
    try {
      observer(news);
    } catch (...) {
      (void)if_possible([&] { note(log_level::error, "an observer of nodes has thrown an exception"); });
    }
  }
}

void switchboard::publish(const node_event& news) {
  const bool up = news.what == node_event::kind::up;
  event happened{.what = event::kind::cluster,
                 .level = log_level::info,
                 .text = printable(news.node.text()) + (up ? " is up" : " is down: " + printable(news.reason)),
                 .reason = {}};
  happened.fields.emplace_back("event", up ? term{"nodeup"_atom} : term{"nodedown"_atom});
  happened.fields.emplace_back("node", term{news.node});
  report(news.node.text(), std::move(happened));
}

void switchboard::note(log_level level, std::string text) {
  report({}, {.what = event::kind::cluster, .level = level, .text = std::move(text), .reason = {}});
}

// What passes says how many about the same node did not.
void switchboard::report(std::string_view whom, event happened) {
  std::optional<std::uint64_t> passed;
  {
    const std::scoped_lock lock{news_mutex_};
    passed = news_.pass(whom, std::chrono::steady_clock::now());
  }
  if (!passed) return (void)counts_.left_out.fetch_add(1, std::memory_order_relaxed);
  if (*passed != 0) happened.text += " (and " + std::to_string(*passed) + " more events were left out)";
  report_(happened);
}

}  // namespace ergo::inline v0::detail
