// Actions to sockets, events back.
#include "attempt.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

namespace asio = boost::asio;
namespace handshake = dist::handshake;
using clock = std::chrono::steady_clock;

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

handshake::event ended(const attempt& over) {
  if (over.timed_out) return handshake::timed_out{};
  return handshake::closed{};
}

asio::awaitable<handshake::event> do_write(std::shared_ptr<attempt> over, dist::bytes_view bytes) {
  const auto data = asio::buffer(bytes.data(), bytes.size());
  const auto done = co_await asio::async_write(over->socket, data, use_tuple);
  if (std::get<0>(done) || over->timed_out || over->cancelled) co_return ended(*over);
  co_return handshake::event{handshake::sent{}};
}

asio::awaitable<handshake::event> do_read(std::shared_ptr<attempt> over) {
  const auto room = asio::buffer(over->input.data(), over->input.size());
  const auto done = co_await over->socket.async_read_some(room, use_tuple);
  if (std::get<0>(done) || over->timed_out || over->cancelled) co_return ended(*over);
  const dist::bytes_view bytes{over->input.data(), std::get<1>(done)};
  co_return handshake::event{handshake::received{bytes}};
}

// The answer usually is there already.
template <typename Answer>
asio::awaitable<handshake::event> do_ask(std::shared_ptr<attempt> over, std::optional<Answer> attempt::* where) {
  while (!((*over).*where) && !over->timed_out && !over->cancelled) {
    over->answer.expires_at(clock::time_point::max());
    co_await over->answer.async_wait(use_tuple);
  }
  if (!((*over).*where)) co_return ended(*over);
  handshake::event event{*std::exchange((*over).*where, std::nullopt)};
  co_return event;
}

template <typename Machine>
asio::awaitable<handshake_end> carry_machine(std::shared_ptr<attempt> over, Machine machine, handshake_host& host) {
  co_await asio::this_coro::throw_if_cancelled(false);
  handshake::event event{handshake::started{}};
  auto step = machine.step();
  for (;;) {
    // Steps that we take by ourselves, the first one above all, are no sign of life of the peer.
    const bool heard = std::holds_alternative<handshake::received>(event);
    handshake::action action = machine.resume(event);
    if (machine.step() != step) {
      step = machine.step();
      over->new_step();
      if (heard) host.progressed(*over);
    }
    if (auto* const write = std::get_if<handshake::write>(&action)) {
      event = co_await do_write(over, write->bytes);
    } else if (std::holds_alternative<handshake::read>(action)) {
      event = co_await do_read(over);
    } else if (auto* const question = std::get_if<handshake::ask>(&action)) {
      host.ask(*over, *question);
      event = co_await do_ask(over, &attempt::admitted);
    } else if (std::holds_alternative<handshake::ask_alive>(action)) {
      host.ask_alive(*over);
      event = co_await do_ask(over, &attempt::concluded);
    } else if (std::holds_alternative<handshake::commit>(action)) {
      host.commit(*over);
      event = co_await do_ask(over, &attempt::concluded);
    } else if (auto* const done = std::get_if<handshake::done>(&action)) {
      handshake_end end{std::move(done->result)};
      co_return end;
    } else {
      handshake_end end{std::move(std::get<handshake::failed>(action).failure)};
      co_return end;
    }
  }
}

}  // namespace

attempt::attempt(asio::io_context& on, dist::attempt_id number, const node_limits& given)
    : id{number},
      limits{given},
      socket{on},
      deadline{on},
      answer{on},
      last_moment{clock::now() + given.handshake_total} {}

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
  answer.cancel();
  stop.emit(asio::cancellation_type::terminal);
}

asio::awaitable<handshake_end> carry(std::shared_ptr<attempt> over, dist::connector machine, handshake_host& host) {
  return carry_machine(std::move(over), std::move(machine), host);
}
asio::awaitable<handshake_end> carry(std::shared_ptr<attempt> over, dist::acceptor machine, handshake_host& host) {
  return carry_machine(std::move(over), std::move(machine), host);
}

}  // namespace ergo::inline v0::detail
