// From a name to a socket.
#include "calling.hpp"

#include "crypto.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace ergo::inline v0::detail {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

// Calls one peer once: there is no other connection that could be alive.
class lone_caller final : public handshake_host {
 public:
  void ask(attempt& by, const dist::handshake::ask& /*question*/) override { by.admitted.emplace(); }
  void ask_alive(attempt& by) override { by.concluded = dist::handshake::verdict::drop; }
  void commit(attempt& by) override { by.concluded = dist::handshake::verdict::drop; }
  void progressed(attempt& /*by*/) override {}
};

}  // namespace

asio::awaitable<std::optional<dist::peer_reason>> reach(std::shared_ptr<attempt> call, peer_locator locate) {
  co_await asio::this_coro::throw_if_cancelled(false);
  std::string peer = call->peer;
  auto places = co_await locate(std::move(peer));
  std::optional<dist::peer_reason> failed;
  if (!places) {
    failed = std::move(places.error());
    if (call->timed_out) failed->system = std::make_error_code(std::errc::timed_out);
    co_return failed;
  }
  failed.emplace(dist::peer_errc::unreachable);
  failed->system = std::make_error_code(std::errc::host_unreachable);
  for (const auto& place : *places) {
    if (call->timed_out || call->cancelled) break;
    boost::system::error_code ignored;
    call->socket.close(ignored);
    const auto done = co_await call->socket.async_connect(place, use_tuple);
    failed->system = std::get<0>(done);
    if (!failed->system && !call->timed_out && !call->cancelled) {
      failed.reset();
      co_return failed;
    }
  }
  if (call->timed_out) failed->system = std::make_error_code(std::errc::timed_out);
  co_return failed;
}

dist::handshake_config handshake_as(std::string name, std::uint32_t creation, dist::naming naming, dist::flags offer) {
  dist::handshake_config config;
  config.name = std::move(name);
  config.creation = creation;
  config.offer = offer;
  config.names = naming;
  config.challenge = random_number();
  config.md5 = &md5;
  return config;
}

dist::peer_reason trouble_of(const attempt& call) {
  if (call.cancelled) return {*call.cancelled};
  dist::peer_reason reason{dist::peer_errc::tls};
  reason.detail = call.trouble;
  if (call.timed_out) reason.system = std::make_error_code(std::errc::timed_out);
  return reason;
}

asio::awaitable<std::optional<dist::peer_reason>> call_alone(std::shared_ptr<attempt> call, dist::handshake_config as,
                                                             std::string cookie) {
  co_await asio::this_coro::throw_if_cancelled(false);
  set_up(call->socket);
  call->new_step();
  std::optional<dist::peer_reason> failed;
  if (call->tls != nullptr) {
    const bool encrypted = co_await secure(call);
    if (!encrypted) {
      call->deadline.cancel();
      failed = trouble_of(*call);
      co_return failed;
    }
    call->new_step();
    as.prefix = dist::length_prefix::four_bytes;
  }
  lone_caller host;
  dist::connector machine{std::move(as), call->peer, std::move(cookie)};
  co_await carry(call, std::move(machine), host);
  call->deadline.cancel();
  const auto* const failure = call->failure();
  if (failure != nullptr && !call->trouble.empty()) {
    failed = trouble_of(*call);
  } else if (failure != nullptr) {
    failed.emplace(dist::peer_errc::handshake);
    failed->handshake = *failure;
  }
  co_return failed;
}

void set_up(tcp::socket& socket) {
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay{true}, ignored);
  socket.set_option(asio::socket_base::keep_alive{true}, ignored);
}

}  // namespace ergo::inline v0::detail
