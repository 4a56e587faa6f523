// What the client's operations have in common: a socket under a deadline, connecting, asking, and handing the result
// to a completion handler. Private to the client.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "ergo/epmd/client.hpp"

namespace ergo::inline v0::epmd {

/// Errors as values, for every await of this room.
inline constexpr auto keep_error = boost::asio::as_tuple(boost::asio::use_awaitable);

/// A socket and its deadline. Shared by the coroutine that uses it and the timer that ends it.
class exchange : public std::enable_shared_from_this<exchange> {
 public:
  explicit exchange(const boost::asio::any_io_executor& executor)
      : socket{executor}, resolver{executor}, timer_{executor} {}

  /// From now on everything ends after `timeout`.
  void start(std::chrono::milliseconds timeout);
  /// The deadline is met; the socket lives on.
  void finish() { timer_.cancel(); }

  /// What a failed operation means: the deadline and the caller's own cancellation come first.
  [[nodiscard]] error explain(errc otherwise, const boost::system::error_code& cause) const;

  boost::asio::ip::tcp::socket socket;
  boost::asio::ip::tcp::resolver resolver;

 private:
  boost::asio::steady_timer timer_;
  bool expired_ = false;
};
using exchange_ptr = std::shared_ptr<exchange>;

/// Connects to the first address of `host` that answers. Suspends.
boost::asio::awaitable<answer<void>> connect(exchange_ptr with, std::string host, std::uint16_t port);

/// Sends `question` and reads at most `limit` bytes, until the other side closes. Suspends.
boost::asio::awaitable<answer<std::string>> ask(exchange_ptr with, std::string question, std::size_t limit);

/// Makes every suspension of the calling operation cancellable, with errors instead of exceptions.
boost::asio::awaitable<void> accept_cancellation();

/// The error behind an exception that ended an operation (out of memory, for one).
[[nodiscard]] error explain(const std::exception_ptr& thrown) noexcept;

/// Registers a node, with patience: the coroutine behind `client::async_register`.
struct registrar {
  static boost::asio::awaitable<answer<registration>> obtain(boost::asio::any_io_executor executor,
                                                             client_options options, node_record node);
};

template <typename T>
void set_failure(answer<T>& result, const error& why) {
  result = std::unexpected{why};
}
inline void set_failure(error& result, const error& why) { result = why; }

/// Runs `work` and gives its result to `handler`, on the handler's executor and never inside the initiating call.
template <typename Result>
void run(const boost::asio::any_io_executor& executor, boost::asio::any_completion_handler<void(Result)> handler,
         boost::asio::awaitable<Result> work) {
  const auto slot = boost::asio::get_associated_cancellation_slot(handler);
  auto deliver = [handler = std::move(handler), executor](const std::exception_ptr& thrown, Result result) mutable {
    if (thrown) set_failure(result, explain(thrown));
    const auto target = boost::asio::get_associated_executor(handler, executor);
    auto call = [handler = std::move(handler), result = std::move(result)]() mutable {
      std::move(handler)(std::move(result));
    };
    // A type-erased handler's executor can only dispatch, so the way there leads over our own.
    boost::asio::post(executor,
                      [target, call = std::move(call)]() mutable { boost::asio::dispatch(target, std::move(call)); });
  };
  boost::asio::co_spawn(executor, std::move(work), boost::asio::bind_cancellation_slot(slot, std::move(deliver)));
}

}  // namespace ergo::inline v0::epmd
