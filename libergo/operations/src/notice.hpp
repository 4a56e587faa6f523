// What other threads tell a coroutine of the server.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <memory>
#include <utility>

namespace ergo::inline v0::detail {

/// A word that comes once, from any thread, at any time: before somebody waits for it, and also when the server is
/// gone. Held by shared pointer.
class notice : public std::enable_shared_from_this<notice> {
 public:
  explicit notice(std::weak_ptr<boost::asio::io_context> of) noexcept : context_{std::move(of)} {}

  void give() {
    const auto context = context_.lock();
    if (context == nullptr) return;
    boost::asio::post(*context, [self = shared_from_this()] {
      self->given_ = true;
      if (self->waiting_ != nullptr) self->waiting_->cancel();
    });
  }

  /// Waits until it is given, at most for `limit`. On the server's thread.
  boost::asio::awaitable<void> wait(std::chrono::steady_clock::duration limit) {
    if (given_) co_return;
    boost::asio::steady_timer timer{*context_.lock(), limit};  // which must not be owned by what waits in it
    waiting_ = &timer;
    boost::system::error_code ended;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ended));
    waiting_ = nullptr;
  }

 private:
  std::weak_ptr<boost::asio::io_context> context_;
  boost::asio::steady_timer* waiting_ = nullptr;  // on the server's thread only, as is the next
  bool given_ = false;
};

}  // namespace ergo::inline v0::detail
