// Calls in both directions: sockets and handshakes.
#include "crypto.hpp"
#include "listening.hpp"
#include "switchboard.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace ergo::inline v0::detail {
namespace {

namespace asio = boost::asio;
namespace handshake = dist::handshake;
namespace peering = dist::peering;
using asio::ip::tcp;
using clock = std::chrono::steady_clock;

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);
constexpr auto penalty = std::chrono::seconds{1};  // after a wrong cookie

}  // namespace

// ----- questions of the machines ------------------------------------------------------------------------------------

const std::string& switchboard::cookie_for(std::string_view peer) const {
  const auto found = who_.peer_cookies.find(peer);
  return found == who_.peer_cookies.end() ? who_.cookie : found->second;
}

dist::handshake_config switchboard::config_for(attempt& call) {
  auto challenge = random_number();
  while (!book_.issue(challenge)) challenge = random_number();
  call.challenge = challenge;
  auto config = handshake_as(who_.name, who_.creation, who_.naming, who_.offer);
  if (call.tls != nullptr) config.prefix = dist::length_prefix::four_bytes;
  config.challenge = challenge;
  config.issued_here = [weak = weak_from_this()](std::uint32_t number) {
    const auto self = weak.lock();
    return self != nullptr && self->book_.contains(number);
  };
  return config;
}

// Whether a peer may call itself so, judged by its certificate.
bool switchboard::is_believed(attempt& by, std::string_view node) {
  if (by.tls == nullptr) return true;
  auto objection = by.tls->objection(node);
  if (!objection) return true;
  by.trouble = *std::move(objection);
  by.refused = refusal::not_allowed;
  return false;
}

void switchboard::ask(attempt& by, const handshake::ask& question) {
  if (question.wants_name) return give_name(by, question.name);
  by.peer = question.name;
  if (stopping_ || !who_.allow.permits(question.name) || !is_believed(by, question.name)) {
    by.admitted.emplace();
    return;
  }
  if (!has_room_for(question.name)) {
    by.refused = refusal::connections;
    by.trouble = "this node has as many peers as node_limits::connections says";
    by.admitted.emplace();
    return;
  }
  handle(peering::incoming{by.id, by.peer});
}

// As OTP: a name that its last owner has left, else a new one. A node may have come back by itself under a free one.
void switchboard::give_name(attempt& by, std::string_view host) {
  auto given = names_.give(host);
  while (peers_.state(given.text) != dist::peer_state::idle) given = names_.give(host);
  by.peer = given.text;
  by.given = given;
  if (stopping_ || !who_.allow.permits(given.text) || !is_believed(by, "@" + std::string{host})) {
    by.admitted.emplace();
    return;
  }
  handle(peering::incoming{by.id, by.peer});
  if (!by.admitted || by.admitted->verdict != handshake::decision::ok) return;
  by.admitted->verdict = handshake::decision::named;
  by.admitted->given_name = given.text;
  by.admitted->given_creation = given.creation;
}

// Who has given us our name takes it away when the connection ends. It is ours again if nobody else has it by then;
// but we never say that the one who has it is dead.
void switchboard::ask_alive(attempt& by) {
  if (by.peer == who_.named_by) {
    by.concluded = handshake::verdict::drop;
    return by.answered();
  }
  handle(peering::alive{by.id});
}
// The last place may have been taken while the peer proved itself.
void switchboard::commit(attempt& by) {
  if (has_room_for(by.peer)) return handle(peering::proven{by.id});
  by.refused = refusal::connections;
  by.concluded = handshake::verdict::drop;
  by.answered();
}
void switchboard::progressed(attempt& by) {
  if (by.incoming) gate_.progress(by.id, clock::now());
}

// ----- outgoing -----------------------------------------------------------------------------------------------------

asio::awaitable<void> switchboard::dial(std::shared_ptr<attempt> call) {
  const auto self = shared_from_this();
  co_await asio::this_coro::throw_if_cancelled(false);
  if (made_ != nullptr && made_->peer == call->peer) {
    const auto made = std::exchange(made_, nullptr);
    co_await asio::post(context_, use_tuple);  // the table is not done with asking for this call
    call->socket = std::move(made->socket);
    call->tls = std::move(made->tls);
    call->end = std::move(made->end);
    finish(call);
    co_return;
  }
  call->new_step();
  auto unreached = co_await reach(call, locate_);
  if (unreached) {
    give_up(call, *unreached);
    co_return;
  }
  set_up(call->socket);
  call->new_step();
  const bool encrypted = co_await encrypt(call);
  if (!encrypted) co_return;
  dist::connector machine{config_for(*call), call->peer, cookie_for(call->peer)};
  co_await carry(call, std::move(machine), *this);
  finish(call);
}

// ----- incoming -----------------------------------------------------------------------------------------------------

void switchboard::accepted(tcp::socket socket) {
  boost::system::error_code failed;
  const auto from = socket.remote_endpoint(failed);
  if (failed || stopping_) return;
  const auto id = peers_.next_id();
  const auto verdict = gate_.arrive(id, counted_as(from.address()), clock::now());
  if (!verdict.enter) {
    counts_.add(refusal::turned_away);
    return report_refusal(from.address().to_string(), {}, "too many handshakes are under way");
  }
  if (const auto leaving = find(verdict.leaves)) {
    leaving->refused = refusal::pushed_out;
    leaving->cancel(dist::peer_errc::superseded);
  }
  try {
    const auto call = std::make_shared<attempt>(context_, id, limits_);
    call->socket = std::move(socket);
    call->incoming = true;
    begin(call);
  } catch (...) {
    gate_.leave(id);
    throw;
  }
}

void switchboard::short_of_memory() { counts_.add(refusal::other); }

// Runs the handshake. Memory may run out before, within or after it: then nothing is left of the attempt, and whoever
// waits for it is told.
void switchboard::begin(const std::shared_ptr<attempt>& call) {
  add(call);
  const auto ended = [self = shared_from_this(), call](const std::exception_ptr& thrown) {
    if (thrown) self->break_off(call);
  };
  try {
    const auto slot = call->stop.slot();  // Asio uses it until it has called `ended`, which keeps the attempt
    asio::co_spawn(context_, call->incoming ? answer(call) : dial(call), asio::bind_cancellation_slot(slot, ended));
  } catch (...) {
    settle(*call);
    attempts_.erase(call->id);
    throw;
  }
}

void switchboard::break_off(const std::shared_ptr<attempt>& call) {
  if (find(call->id) == nullptr || call->up != nullptr) return;  // a connection ends by itself
  dist::peer_reason reason{dist::peer_errc::closed};
  reason.system = std::make_error_code(std::errc::not_enough_memory);
  give_up(call, reason);
}

asio::awaitable<void> switchboard::answer(std::shared_ptr<attempt> call) {
  const auto self = shared_from_this();
  co_await asio::this_coro::throw_if_cancelled(false);
  set_up(call->socket);
  call->new_step();
  const bool encrypted = co_await encrypt(call);
  if (!encrypted) co_return;
  co_await judge(call);
  const auto* const failure = call->failure();
  if (failure == nullptr || failure->code != dist::handshake_errc::wrong_cookie || call->cancelled) {
    finish(call);
    co_return;
  }
  // Whoever guesses gets no answer, and a place at the gate for a while; nobody else waits for that.
  report_failure(*call, *failure);
  call->deadline.expires_after(penalty);
  co_await call->deadline.async_wait(use_tuple);
  refuse(call, *failure);
}

// No coroutine, so that the machine is in the frame of `carry` alone.
asio::awaitable<void> switchboard::judge(const std::shared_ptr<attempt>& call) {
  return carry(call, dist::acceptor{config_for(*call)}, *this);
}

void switchboard::refuse(const std::shared_ptr<attempt>& call, const dist::handshake_failure& failure) {
  dist::peer_reason reason{dist::peer_errc::handshake};
  reason.handshake = failure;
  give_up(call, reason);
}

// ----- TLS ----------------------------------------------------------------------------------------------------------

asio::awaitable<bool> switchboard::encrypt(std::shared_ptr<attempt> call) {
  const auto self = shared_from_this();
  co_await asio::this_coro::throw_if_cancelled(false);
  if (who_.tls == nullptr) co_return true;
  const auto role = call->incoming ? tls_role::callee : tls_role::caller;
  call->tls = std::make_unique<tls_session>(who_.tls->get(), role, call->peer, limits_.unread_tls);
  const bool done = co_await secure(call);
  if (!done) {
    if (call->incoming) report_refusal(*call, {}, call->trouble);
    give_up(call, trouble_of(*call));
    co_return false;
  }
  progressed(*call);
  call->new_step();
  co_return true;
}

// ----- ends ---------------------------------------------------------------------------------------------------------

void switchboard::finish(const std::shared_ptr<attempt>& call) {
  if (const auto* const failure = call->failure()) {
    if (!call->trouble.empty()) {
      if (call->incoming) report_refusal(*call, failure->peer, call->trouble);
      return give_up(call, trouble_of(*call));
    }
    if (call->incoming) report_failure(*call, *failure);
    dist::peer_reason reason{dist::peer_errc::handshake};
    reason.handshake = *failure;
    if (failure->code == dist::handshake_errc::duplicate && call->peer == who_.named_by)
      reason.detail = "it has given our name to another node since; start this node again for a new one";
    if (call->cancelled) reason = {*call->cancelled};
    return give_up(call, reason);
  }
  settle(*call);
  if (call->challenge) book_.settle(*std::exchange(call->challenge, std::nullopt));
  call->peer = call->result().peer;
  handle(peering::established{call->id});
  // The table did not want it any more: it was cancelled when the last message was on its way.
  if (call->up == nullptr) give_up(call, {call->cancelled.value_or(dist::peer_errc::superseded)});
}

void switchboard::give_up(const std::shared_ptr<attempt>& call, const dist::peer_reason& reason) {
  boost::system::error_code ignored;
  call->socket.close(ignored);
  count_failure(*call, reason);
  settle(*call);
  if (call->challenge) book_.settle(*std::exchange(call->challenge, std::nullopt));
  handle(peering::ended{call->id, reason});
  forget(call->id);
}

void switchboard::add(const std::shared_ptr<attempt>& call) {
  attempts_.emplace(call->id, call);
  counts_.handshakes.fetch_add(1, std::memory_order_relaxed);
}

// The end of a handshake.
void switchboard::settle(attempt& call) noexcept {
  if (std::exchange(call.settled, true)) return;
  counts_.handshakes.fetch_sub(1, std::memory_order_relaxed);
  call.deadline.cancel();
  if (call.incoming) gate_.leave(call.id);
}

void switchboard::count_failure(const attempt& call, const dist::peer_reason& reason) noexcept {
  const auto why = call.refused.value_or(reason.handshake ? refusal_of(*reason.handshake) : refusal_of(reason.code));
  if (call.incoming) {
    counts_.add(why);
  } else if (why != refusal::crossing) {
    counts_.unreached.fetch_add(1, std::memory_order_relaxed);
  }
}

void switchboard::forget(dist::attempt_id id) {
  const auto gone = attempts_.extract(id);
  if (!gone.empty() && gone.mapped()->given) names_.take_back(*std::move(gone.mapped()->given));
  finish_stop();
}

void switchboard::report_failure(const attempt& call, const dist::handshake_failure& failure) {
  using dist::handshake_errc;
  if (failure.code == handshake_errc::yielded || failure.code == handshake_errc::superseded) return;
  report_refusal(call, failure.peer, dist::to_string(failure));
}

void switchboard::report_refusal(const attempt& call, std::string_view peer, std::string_view why) {
  if (call.cancelled) return;
  boost::system::error_code ignored;
  report_refusal(call.socket.remote_endpoint(ignored).address().to_string(), peer, why);
}

// One line per second: a flood of strangers must not become a flood of lines.
void switchboard::report_refusal(std::string_view from, std::string_view peer, std::string_view why) {
  const auto passed = strangers_.pass("refused", clock::now());
  if (!passed) return (void)counts_.left_out.fetch_add(1, std::memory_order_relaxed);
  auto text = "refused a connection from " + std::string{from} + (peer.empty() ? "" : " as " + printable(peer)) + ": " +
              printable(why);
  if (*passed != 0) text += " (and " + std::to_string(*passed) + " more)";
  note(log_level::warning, std::move(text));
}

}  // namespace ergo::inline v0::detail
