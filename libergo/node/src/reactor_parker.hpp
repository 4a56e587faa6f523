// A core's sleep in an io_context: sockets, timers and wake-ups end it.
#pragma once

#include <ergo/carried_parker.hpp>
#include <ergo/runtime.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>

namespace ergo::inline v0::detail {

/// The io_context of one core, and what lives as long. The lease holder runs it; posting is for any thread.
class reactor {
 public:
  explicit reactor(std::unique_ptr<boost::asio::io_context> own);
  explicit reactor(boost::asio::io_context& lent);
  reactor(const reactor&) = delete;
  reactor& operator=(const reactor&) = delete;
  virtual ~reactor();

  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
  [[nodiscard]] bool lent() const noexcept { return own_ == nullptr; }
  /// Keeps `held` until the reactor ends, when no thread runs any more.
  void keep(std::shared_ptr<void> held);

 protected:
  [[nodiscard]] bool has_users() const noexcept { return users_.load(std::memory_order_relaxed) != 0; }

 private:
  friend class reactor_use;
  struct keeper;

  std::atomic<int> users_{0};  // before the context, whose end may still end users
  std::unique_ptr<boost::asio::io_context> own_;
  boost::asio::io_context& context_;
  std::shared_ptr<keeper> kept_;
};

/// Counts the sockets of a reactor while it lives, so that a core without any does not poll.
class reactor_use {
 public:
  explicit reactor_use(reactor& of) noexcept : of_{&of} { of.users_.fetch_add(1, std::memory_order_relaxed); }
  reactor_use(const reactor_use&) = delete;
  reactor_use& operator=(const reactor_use&) = delete;
  ~reactor_use() { of_->users_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  reactor* of_;
};

/// A core that sleeps in an io_context of its own.
class reactor_parker final : public reactor, public parker {
 public:
  reactor_parker();
  ~reactor_parker() override;

  void park(time_point until) override;
  void poll() override;
  void unpark() noexcept override;
  [[nodiscard]] bool worth_polling() const noexcept override { return has_users(); }

 private:
  void arm(time_point until);

  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer alarm_;
  time_point armed_ = time_point::max();
  std::atomic<bool> woken_{false};
  alignas(std::max_align_t) std::array<std::byte, 256> wake_memory_{};
};

/// A core that an io_context of the program carries.
class lent_parker final : public reactor, public carried_parker {
 public:
  explicit lent_parker(boost::asio::io_context& lent);
  ~lent_parker() override;

  void carry(turn work) override;
  /// Exceptions of the program's handlers wait: they leave its next `run`.
  void park(time_point until) override;
  void throw_later();  ///< hands those exceptions on
  void poll() override {}
  void unpark() noexcept override;
  [[nodiscard]] bool worth_polling() const noexcept override { return false; }

 private:
  struct loop;
  std::shared_ptr<loop> loop_;  // handlers in the program's context may be left when this ends
};

/// The reactor of core `index`, or null where the runtime sleeps otherwise.
[[nodiscard]] reactor* find_reactor(runtime& of, unsigned index) noexcept;

/// Runs blocking `work`; where the context of `on` is lent, on a thread of its own, while the calling one runs the
/// context, for which the work may wait.
void run_beside(reactor& on, const std::function<void()>& work);
/// Runs a lent context until what it had to do now is done.
void settle(reactor& on);

}  // namespace ergo::inline v0::detail
