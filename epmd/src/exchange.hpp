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

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>

#include "ergo/epmd/client.hpp"

namespace ergo::inline v0::epmd {

/// Errors as values, for every await of this room.
inline constexpr auto keep_error = boost::asio::as_tuple(boost::asio::use_awaitable);

class exchange;
using exchange_ptr = std::shared_ptr<exchange>;

/// A socket and its deadline. Shared by the coroutine that uses it and the timer that ends it.
class exchange : public std::enable_shared_from_this<exchange> {
 public:
  explicit exchange(const boost::asio::any_io_executor& executor)
      : socket{executor}, resolver{executor}, timer_{executor} {}

  /// While it lives, everything ends after `timeout`. The socket outlives it.
  class deadline {
   public:
    deadline(exchange_ptr of, std::chrono::milliseconds timeout) : of_{std::move(of)} { of_->start(timeout); }
    deadline(const deadline&) = delete;
    deadline& operator=(const deadline&) = delete;
    ~deadline() { of_->timer_.cancel(); }

   private:
    exchange_ptr of_;
  };

  /// What a failed operation means: the deadline and the caller's own cancellation come first.
  [[nodiscard]] error explain(errc otherwise, const boost::system::error_code& cause) const;

  boost::asio::ip::tcp::socket socket;
  boost::asio::ip::tcp::resolver resolver;

 private:
  void start(std::chrono::milliseconds timeout);

  boost::asio::steady_timer timer_;
  bool expired_ = false;
};

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

/// Somebody who waits for a result, and the result. Everything that telling takes is there before the work begins.
template <typename Result>
class delivery : public std::enable_shared_from_this<delivery<Result>> {
 public:
  using handler = boost::asio::any_completion_handler<void(Result)>;

  /// Throws `std::bad_alloc`.
  delivery(boost::asio::any_io_executor executor, handler waiting)
      : executor_{std::move(executor)},
        target_{boost::asio::get_associated_executor(waiting, executor_)},
        waiting_{std::move(waiting)} {
    if (!target_) throw std::bad_alloc{};  // Asio's sign of it for executors
  }

  /// Gives `result` to the handler, on its executor and never inside this call.
  void tell(Result result) {
    result_ = std::move(result);
    // A type-erased handler's executor can only dispatch, so the way there leads over our own.
    insist([this] {
      boost::asio::post(executor_, [self = this->shared_from_this()] {
        self->insist([&self] { boost::asio::dispatch(self->target_, [self] { self->call(); }); });
      });
    });
  }

 private:
  /// What has happened is told, however long memory for it is lacking. What the handler throws is its own.
  template <typename Step>
  void insist(const Step& step) {
    constexpr std::chrono::milliseconds pause{1};
    for (;;) {
      try {
        return step();
      } catch (const std::bad_alloc&) {
        if (called_) throw;
        std::this_thread::sleep_for(pause);
      }
    }
  }

  void call() {
    called_ = true;
    std::move(waiting_)(std::move(result_));
  }

  boost::asio::any_io_executor executor_;
  boost::asio::associated_executor_t<handler, boost::asio::any_io_executor> target_;
  handler waiting_;
  Result result_;
  bool called_ = false;
};

/// Runs `work` and gives its result to `handler`, on the handler's executor and never inside the initiating call.
/// Throws `std::bad_alloc` where the work cannot begin; then nobody is told anything.
template <typename Result>
void run(const boost::asio::any_io_executor& executor, boost::asio::any_completion_handler<void(Result)> handler,
         boost::asio::awaitable<Result> work) {
  const auto slot = boost::asio::get_associated_cancellation_slot(handler);
  const auto waiting = std::make_shared<delivery<Result>>(executor, std::move(handler));
  auto deliver = [waiting](const std::exception_ptr& thrown, Result result) {
    if (thrown) set_failure(result, explain(thrown));
    waiting->tell(std::move(result));
  };
  boost::asio::co_spawn(executor, std::move(work), boost::asio::bind_cancellation_slot(slot, std::move(deliver)));
}

}  // namespace ergo::inline v0::epmd
