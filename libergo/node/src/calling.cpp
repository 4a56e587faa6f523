// From a name to a socket.
#include "calling.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace ergo::inline v0::detail {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

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

void set_up(tcp::socket& socket) {
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay{true}, ignored);
  socket.set_option(asio::socket_base::keep_alive{true}, ignored);
}

}  // namespace ergo::inline v0::detail
