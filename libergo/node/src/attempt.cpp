// Actions to sockets, events back.
#include "attempt.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

namespace asio = boost::asio;
namespace handshake = dist::handshake;
using clock = std::chrono::steady_clock;

// Without a frame of its own for each operation.
constexpr auto use_tuple = asio::as_tuple(asio::deferred);

handshake::event ended(const attempt& over) {
  if (over.timed_out) return handshake::timed_out{};
  return handshake::closed{};
}

bool is_over(const attempt& over) { return over.timed_out || over.cancelled; }

asio::awaitable<bool> send(std::shared_ptr<attempt> over, std::span<const std::byte> bytes) {
  const auto data = asio::buffer(bytes.data(), bytes.size());
  const auto done = co_await asio::async_write(over->socket, data, use_tuple);
  co_return !std::get<0>(done) && !is_over(*over);
}

asio::awaitable<bool> send_records(std::shared_ptr<attempt> over) {
  const auto records = over->tls->outgoing();
  if (records.empty()) co_return true;
  const bool done = co_await send(over, records);
  over->tls->sent(records.size());
  co_return done;
}

asio::awaitable<std::size_t> receive(std::shared_ptr<attempt> over, std::span<std::byte> room) {
  const auto done = co_await over->socket.async_read_some(asio::buffer(room.data(), room.size()), use_tuple);
  if (std::get<0>(done) || is_over(*over)) co_return 0;
  co_return std::get<1>(done);
}

asio::awaitable<handshake::event> do_write(std::shared_ptr<attempt> over, dist::bytes_view bytes) {
  bool done = false;
  if (over->tls == nullptr) {
    done = co_await send(over, bytes);
  } else if (over->tls->write(bytes) && over->tls->finish_record()) {
    done = co_await send_records(over);
  }
  if (!done) co_return ended(*over);
  co_return handshake::event{handshake::sent{}};
}

// Two nodes of which only one has TLS do not understand each other; whoever looks at the first bytes does.
bool is_foreign(attempt& over, dist::bytes_view bytes) {
  if (std::exchange(over.heard, true) || !begins_tls(bytes)) return false;
  over.trouble = over.incoming ? "the peer speaks TLS, and this node has none (node_options::tls)"
                               : "the peer asks for TLS, and this node has none (node_options::tls)";
  return true;
}

handshake::event read_in(attempt& over, std::size_t count) {
  const auto bytes = std::span{over.input}.first(count);
  if (count == 0 || is_over(over) || is_foreign(over, bytes)) return ended(over);
  return handshake::received{bytes};
}

// As `receive`, with one frame less: here peers fall silent.
asio::awaitable<handshake::event> do_read(std::shared_ptr<attempt> over) {
  const auto room = asio::buffer(over->input);
  const auto done = co_await over->socket.async_read_some(room, use_tuple);
  co_return read_in(*over, std::get<0>(done) ? 0 : std::get<1>(done));
}

// With TLS 1.3 a peer may refuse us after our part of the handshake: that is read here.
asio::awaitable<handshake::event> do_read_within(std::shared_ptr<attempt> over) {
  for (;;) {
    const auto step = over->tls->read(over->input);
    if (step.how == tls_session::end::progress)
      co_return handshake::event{handshake::received{std::span{over->input}.first(step.count)}};
    if (step.how == tls_session::end::failed) {
      over->trouble = over->tls->reason();
      (void)co_await send_records(over);
    }
    if (step.how != tls_session::end::wanting) co_return ended(*over);
    const bool answered = co_await send_records(over);
    if (!answered) co_return ended(*over);
    const auto count = co_await receive(over, over->tls->room());
    if (count == 0) co_return ended(*over);
    over->tls->received(count);
  }
}

// What a handshake waits with for the answer to its question; known to its attempt as long as it is there.
struct waiting_room {
  explicit waiting_room(attempt& by) : over{by}, timer{by.socket.get_executor()} { over.asking = &timer; }
  waiting_room(const waiting_room&) = delete;
  waiting_room& operator=(const waiting_room&) = delete;
  ~waiting_room() { over.asking = nullptr; }

  attempt& over;
  asio::steady_timer timer;
};

// The answer usually is there already.
template <typename Answer>
asio::awaitable<handshake::event> do_ask(std::shared_ptr<attempt> over, std::optional<Answer> attempt::* where) {
  waiting_room here{*over};
  while (!((*over).*where) && !over->timed_out && !over->cancelled) {
    here.timer.expires_at(clock::time_point::max());
    co_await here.timer.async_wait(use_tuple);
  }
  if (!((*over).*where)) co_return ended(*over);
  handshake::event event{*std::exchange((*over).*where, std::nullopt)};
  co_return event;
}

asio::awaitable<handshake::event> perform(const std::shared_ptr<attempt>& over, const handshake::action& action,
                                          handshake_host& host) {
  if (const auto* const write = std::get_if<handshake::write>(&action)) return do_write(over, write->bytes);
  if (std::holds_alternative<handshake::read>(action))
    return over->tls == nullptr ? do_read(over) : do_read_within(over);
  if (const auto* const question = std::get_if<handshake::ask>(&action)) {
    host.ask(*over, *question);
    return do_ask(over, &attempt::admitted);
  }
  if (std::holds_alternative<handshake::ask_alive>(action)) {
    host.ask_alive(*over);
  } else {
    host.commit(*over);
  }
  return do_ask(over, &attempt::concluded);
}

// Gives the machine what came of its last action, and returns what to await for the next one; nothing when it has
// ended. No coroutine: the frame that a silent peer holds has no room for actions.
template <typename Machine>
asio::awaitable<handshake::event> proceed(const std::shared_ptr<attempt>& over, Machine& machine,
                                          const handshake::event& last, handshake_host& host) {
  const auto before = machine.step();
  handshake::action action = machine.resume(last);
  if (machine.step() != before) {
    over->new_step();
    // Steps that we take by ourselves, the first one above all, are no sign of life of the peer.
    if (std::holds_alternative<handshake::received>(last)) host.progressed(*over);
  }
  if (auto* const done = std::get_if<handshake::done>(&action)) {
    over->end = std::make_unique<handshake_end>(std::move(done->result));
  } else if (auto* const failed = std::get_if<handshake::failed>(&action)) {
    over->end = std::make_unique<handshake_end>(std::move(failed->failure));
  } else {
    return perform(over, action, host);
  }
  return {};
}

template <typename Machine>
asio::awaitable<void> carry_machine(std::shared_ptr<attempt> over, Machine machine, handshake_host& host) {
  co_await asio::this_coro::throw_if_cancelled(false);
  handshake::event event{handshake::started{}};
  for (;;) {
    auto next = proceed(over, machine, event, host);
    if (over->end != nullptr) co_return;
    event = co_await std::move(next);
  }
}

}  // namespace

attempt::attempt(asio::io_context& on, dist::attempt_id number, const node_limits& given)
    : id{number}, limits{given}, socket{on}, deadline{on}, last_moment{clock::now() + given.handshake_total} {}

void attempt::answered() {
  if (asking != nullptr) asking->cancel();
}

void attempt::cancel(dist::peer_errc reason) {
  if (!cancelled) cancelled = reason;
  wake_everything();
}

void attempt::new_step() {
  deadline.expires_at(std::min(clock::now() + limits.handshake_step, last_moment));
  deadline.async_wait([weak = weak_from_this()](const boost::system::error_code& failed) {
    const auto self = weak.lock();
    if (failed || self == nullptr) return;
    self->timed_out = true;
    self->wake_everything();
  });
}

void attempt::wake_everything() {
  boost::system::error_code ignored;
  if (socket.is_open()) socket.cancel(ignored);
  answered();
  stop.emit(asio::cancellation_type::terminal);
}

asio::awaitable<bool> secure(std::shared_ptr<attempt> over) {
  co_await asio::this_coro::throw_if_cancelled(false);
  for (;;) {
    const auto how = over->tls->shake();
    const bool sent = co_await send_records(over);
    if (how == tls_session::end::failed || how == tls_session::end::closed) {
      over->trouble = over->tls->reason();
      co_return false;
    }
    if (how == tls_session::end::progress && sent) break;
    std::size_t count = 0;
    if (sent) count = co_await receive(over, over->tls->room());
    if (count == 0) {
      over->trouble = over->tls->reason_of_silence();
      co_return false;
    }
    over->tls->received(count);
  }
  if (over->incoming) co_return true;
  if (auto objection = over->tls->objection(over->peer)) over->trouble = *std::move(objection);
  const bool believed = over->trouble.empty();
  co_return believed;
}

asio::awaitable<void> carry(std::shared_ptr<attempt> over, dist::connector machine, handshake_host& host) {
  return carry_machine(std::move(over), std::move(machine), host);
}
asio::awaitable<void> carry(std::shared_ptr<attempt> over, dist::acceptor machine, handshake_host& host) {
  return carry_machine(std::move(over), std::move(machine), host);
}

}  // namespace ergo::inline v0::detail
