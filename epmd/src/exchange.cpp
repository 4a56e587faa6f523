// A socket under a deadline, and the steps that all operations of the client take.
#include "exchange.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include <array>
#include <vector>

namespace ergo::inline v0::epmd {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using targets = std::vector<tcp::endpoint>;

/// The addresses of a host; suspends only when a name has to be resolved.
asio::awaitable<answer<targets>> find_host(exchange_ptr with, std::string host, std::uint16_t port) {
  targets found;
  if (host.empty()) {
    found.emplace_back(asio::ip::address_v4::loopback(), port);
    found.emplace_back(asio::ip::address_v6::loopback(), port);
    co_return found;
  }
  error_code failed;
  const auto literal = asio::ip::make_address(host, failed);
  if (!failed) {
    found.emplace_back(literal, port);
    co_return found;
  }
  auto resolved = co_await with->resolver.async_resolve(host, std::string_view{}, keep_error);
  failed = std::get<0>(resolved);
  if (failed) co_return std::unexpected{with->explain(errc::cannot_resolve, failed)};
  for (const auto& entry : std::get<1>(resolved)) found.emplace_back(entry.endpoint().address(), port);
  co_return found;
}

}  // namespace

void exchange::start(std::chrono::milliseconds timeout) {
  timer_.expires_after(timeout);
  timer_.async_wait([self = shared_from_this()](const error_code& cancelled) {
    if (cancelled) return;
    self->expired_ = true;
    self->resolver.cancel();
    error_code ignored;
    self->socket.close(ignored);
  });
}

error exchange::explain(errc otherwise, const error_code& cause) const {
  if (expired_) return {errc::timed_out, {}};
  if (cause == asio::error::operation_aborted) return {errc::cancelled, {}};
  return {otherwise, cause};
}

asio::awaitable<answer<void>> connect(exchange_ptr with, std::string host, std::uint16_t port) {
  auto found = co_await find_host(with, std::move(host), port);
  if (!found) co_return std::unexpected{found.error()};
  error_code failed = asio::error::host_not_found;
  for (const auto& target : *found) {
    error_code ignored;
    with->socket.close(ignored);
    auto connected = co_await with->socket.async_connect(target, keep_error);
    failed = std::get<0>(connected);
    if (!failed) co_return answer<void>{};
    const auto why = with->explain(errc::cannot_connect, failed);
    if (why.code != errc::cannot_connect) co_return std::unexpected{why};
  }
  co_return std::unexpected{error{errc::cannot_connect, failed}};
}

asio::awaitable<answer<std::string>> ask(exchange_ptr with, std::string question, std::size_t limit) {
  auto written = co_await asio::async_write(with->socket, asio::buffer(question), keep_error);
  error_code failed = std::get<0>(written);
  // A server that closed at once may have answered all the same: the read tells.
  if (failed && with->explain(errc::closed_early, failed).code != errc::closed_early)
    co_return std::unexpected{with->explain(errc::closed_early, failed)};
  // Not into a buffer that Asio lets grow: where there is no memory for it, Asio would throw at whoever runs the loop.
  std::string reply;
  std::array<char, 4096> piece{};
  for (failed = {}; !failed;) {
    auto read = co_await with->socket.async_read_some(asio::buffer(piece), keep_error);
    failed = std::get<0>(read);
    reply.append(piece.data(), std::get<1>(read));
    if (reply.size() > limit) co_return std::unexpected{error{errc::bad_answer, {}}};
  }
  if (failed != asio::error::eof) co_return std::unexpected{with->explain(errc::closed_early, failed)};
  co_return reply;
}

asio::awaitable<void> accept_cancellation() {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
}

error explain(const std::exception_ptr& thrown) noexcept {
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& failed) {
    const bool aborted = failed.code() == asio::error::operation_aborted;
    return aborted ? error{errc::cancelled, {}} : error{errc::cannot_connect, failed.code()};
  } catch (...) {
    return {errc::cannot_connect, std::make_error_code(std::errc::not_enough_memory)};
  }
}

}  // namespace ergo::inline v0::epmd
