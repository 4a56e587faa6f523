// A core's sleep in an io_context: sockets, timers and wake-ups end it.
#pragma once

#include <ergo/parker.hpp>
#include <ergo/runtime.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

namespace ergo::inline v0::detail {

/// Counts the sockets of a reactor while it lives, so that a core without any does not poll.
class reactor_use;

/// The reactor of one core. The lease holder runs it; posting and `unpark` are for any thread.
class reactor_parker final : public parker {
 public:
  reactor_parker();
  ~reactor_parker() override;

  void park(time_point until) override;
  void poll() override;
  void unpark() noexcept override;
  [[nodiscard]] bool worth_polling() const noexcept override { return users_.load(std::memory_order_relaxed) != 0; }

  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
  /// Keeps `held` until the reactor ends, when no thread runs any more.
  void keep(std::shared_ptr<void> held);

 private:
  friend class reactor_use;
  struct keeper;
  void arm(time_point until);

  std::atomic<int> users_{0};  // before the context, whose end may still end users
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer alarm_;
  time_point armed_ = time_point::max();
  std::atomic<bool> woken_{false};
  alignas(std::max_align_t) std::array<std::byte, 256> wake_memory_{};
  std::shared_ptr<keeper> kept_;
};

class reactor_use {
 public:
  explicit reactor_use(reactor_parker& of) noexcept : of_{&of} { of.users_.fetch_add(1, std::memory_order_relaxed); }
  reactor_use(const reactor_use&) = delete;
  reactor_use& operator=(const reactor_use&) = delete;
  ~reactor_use() { of_->users_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  reactor_parker* of_;
};

/// The reactor of core `index`, or null where the runtime sleeps otherwise.
[[nodiscard]] reactor_parker* find_reactor(runtime& of, unsigned index) noexcept;

}  // namespace ergo::inline v0::detail
