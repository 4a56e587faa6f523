// What `co_await self.…` waits with. Each lives in the suspended frame and is asked in the process's slices whether the
// wait is over.
#pragma once

#include <ergo/detail/process_state.hpp>

#include <exception>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>

namespace ergo::inline v0 {

struct monitor_ref;

/// What a selective receive with several types brought: one of them, or nothing because the time was up.
template <typename... T>
class [[nodiscard]] received {
 public:
  received() = default;
  template <typename U>
  explicit received(std::in_place_t /*tag*/, U&& value)
      : value_{std::in_place_type<std::remove_cvref_t<U>>, std::forward<U>(value)} {}

  [[nodiscard]] bool timed_out() const noexcept { return value_.index() == 0; }
  [[nodiscard]] explicit operator bool() const noexcept { return !timed_out(); }
  /// The value if it is a `U`, else null.
  template <typename U>
  [[nodiscard]] U* get() noexcept {
    return std::get_if<U>(&value_);
  }
  template <typename U>
  [[nodiscard]] const U* get() const noexcept {
    return std::get_if<U>(&value_);
  }
  /// The only alternative, when `T` is one type; undefined after a time-out.
  [[nodiscard]] auto& operator*() noexcept
    requires(sizeof...(T) == 1)
  {
    return *std::get_if<1>(&value_);
  }
  [[nodiscard]] const auto& operator*() const noexcept
    requires(sizeof...(T) == 1)
  {
    return *std::get_if<1>(&value_);
  }
  [[nodiscard]] auto* operator->() noexcept
    requires(sizeof...(T) == 1)
  {
    return std::get_if<1>(&value_);
  }
  [[nodiscard]] const auto* operator->() const noexcept
    requires(sizeof...(T) == 1)
  {
    return std::get_if<1>(&value_);
  }
  /// Becomes `value`.
  template <typename U>
  void set(U&& value) {
    value_.template emplace<std::remove_cvref_t<U>>(std::forward<U>(value));
  }
  /// Calls `visitor` with the value, or with `std::monostate` after a time-out.
  template <typename Visitor>
  decltype(auto) visit(Visitor&& visitor) {
    return std::visit(std::forward<Visitor>(visitor), value_);
  }
  template <typename Visitor>
  decltype(auto) visit(Visitor&& visitor) const {
    return std::visit(std::forward<Visitor>(visitor), value_);
  }

 private:
  std::variant<std::monostate, T...> value_;
};

namespace detail {

/// The parts of a wait that need no template: suspend, deadline, the walk over the mailbox.
class waiting : public waiter {
 public:
  waiting(process& self, duration timeout) noexcept : self_{&self}, timeout_{timeout} {}
  waiting(const waiting&) = delete;
  waiting& operator=(const waiting&) = delete;

  void await_suspend(std::coroutine_handle<> suspended) noexcept { suspend(suspended); }

 protected:
  ~waiting() = default;

  void suspend(std::coroutine_handle<> suspended) noexcept;
  /// As `suspend`, and the slice ends: the wait is looked at again after others have run.
  void yield(std::coroutine_handle<> suspended) noexcept;
  [[nodiscard]] bool time_is_up() const noexcept;
  /// The next message that was not looked at in this wait, or null. `take_seen` removes the one that was looked at
  /// last.
  [[nodiscard]] const signal* look() noexcept;
  [[nodiscard]] signal* take_seen() noexcept;
  void overtaken(signal** at) noexcept final;
  void removed(signal** gone, signal** link) noexcept final;
  /// Starts the walk at this link instead of the oldest message.
  void begin_at(signal** link) noexcept { cursor_ = link; }

  process* self_;
  duration timeout_;

 private:
  signal** cursor_ = nullptr;  // link that points to the next message to look at
  signal** seen_ = nullptr;    // link that points to the message looked at last
  signal** left_ = nullptr;    // link where the walk goes on when it has seen what came with priority meanwhile
};

/// Waits for a time; zero means: let others run once.
class [[nodiscard]] sleep_awaiter final : public waiting {
 public:
  sleep_awaiter(process& self, duration delay) noexcept : waiting{self, delay} {}
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> suspended) noexcept {
    timeout_ == duration::zero() ? yield(suspended) : suspend(suspended);
  }
  void await_resume() const noexcept {}
  bool over(process& /*self*/) override { return time_is_up(); }
};

/// Awaits a send: ready at once unless the slice is used up or the connection is busy.
class send_awaiter final : public waiting {
 public:
  /// Ready; or, with `busy_node`, waits until the connection to that node has drained; or lets others run.
  explicit send_awaiter(process& self) noexcept : waiting{self, forever} {}
  send_awaiter(process& self, atom busy_node) noexcept : waiting{self, forever}, busy_node_{busy_node}, waits_{true} {}
  send_awaiter(send_awaiter&& other) noexcept
      : waiting{*other.self_, forever}, busy_node_{other.busy_node_}, waits_{other.waits_} {}
  [[nodiscard]] bool await_ready() const noexcept { return !waits_; }
  void await_suspend(std::coroutine_handle<> suspended) noexcept { yield(suspended); }
  void await_resume() const noexcept {}
  bool over(process& self) override;

 private:
  atom busy_node_;
  bool waits_ = false;
};

/// Waits for any message.
class [[nodiscard]] any_awaiter final : public waiting {
 public:
  explicit any_awaiter(process& self) noexcept : waiting{self, forever} {}
  [[nodiscard]] bool await_ready() noexcept { return look() != nullptr; }
  message await_resume() noexcept { return message{take_seen()}; }
  bool over(process& /*self*/) override { return look() != nullptr; }
};

/// Waits for a message that satisfies a predicate.
template <typename Predicate>
class [[nodiscard]] predicate_awaiter final : public waiting {
 public:
  predicate_awaiter(process& self, Predicate wanted, duration timeout)
      : waiting{self, timeout}, wanted_{std::move(wanted)} {}
  [[nodiscard]] bool await_ready() { return search(); }
  /// The message, or an empty one after a time-out.
  message await_resume() noexcept { return found_ ? message{take_seen()} : message{}; }
  bool over(process& /*self*/) override { return search() || time_is_up(); }

 private:
  bool search() {
    while (const signal* candidate = look()) {
      message borrowed{const_cast<signal*>(candidate)};
      const auto give_back = [&] { (void)borrowed.take(); };
      try {
        found_ = wanted_(std::as_const(borrowed));
      } catch (...) {
        give_back();
        throw;
      }
      give_back();
      if (found_) return true;
    }
    return false;
  }

  Predicate wanted_;
  bool found_ = false;
};

/// Waits for a message that is one of `T`.
template <typename... T>
class [[nodiscard]] receive_awaiter final : public waiting {
 public:
  receive_awaiter(process& self, duration timeout) noexcept : waiting{self, timeout} {}
  [[nodiscard]] bool await_ready() { return search(); }
  received<T...> await_resume() { return std::move(found_); }
  bool over(process& /*self*/) override { return search() || time_is_up(); }

 private:
  bool search() {
    while (const signal* candidate = look()) {
      if ((try_as<T>(candidate) || ...)) return true;
    }
    return false;
  }

  template <typename U>
  bool try_as(const signal* candidate) {
    if constexpr (std::same_as<U, message>) {
      found_.set(message{take_seen()});
      return true;
    } else {
      message borrowed{const_cast<signal*>(candidate)};
      auto converted = borrowed.as<U>();
      (void)borrowed.take();
      if (!converted) return false;
      found_.set(*std::move(converted));
      (void)message{take_seen()};
      return true;
    }
  }

  received<T...> found_;
};

/// Waits for the `down` of one monitor. Where that is the newest monitor of the process, the wait does not look at what
/// was unread when the monitor was made.
class [[nodiscard]] down_awaiter final : public waiting {
 public:
  down_awaiter(process& self, const monitor_ref& watch, duration timeout) noexcept;
  [[nodiscard]] bool await_ready() { return search(); }
  received<down> await_resume() { return std::move(found_); }
  bool over(process& /*self*/) override { return search() || time_is_up(); }

 private:
  bool search();

  std::uint64_t ref_;
  received<down> found_;
};

/// A job for the side pool, type-erased.
class side_job : public external_operation {
 public:
  void start(process& self);  ///< queues the job; throws, and then it is not under way, if no thread can be had for it
  virtual void perform() noexcept = 0;
  void cancel() noexcept override {}  ///< a running job cannot be stopped; the frames wait for it

 private:
  void run() noexcept;
};

/// Waits for a job on the side pool.
template <typename Work>
class [[nodiscard]] blocking_awaiter final : public waiting {
 public:
  using value_type = std::invoke_result_t<Work&>;

  blocking_awaiter(process& self, Work work) : waiting{self, forever}, job_{std::move(work)} {}
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> suspended) {
    job_.start(*self_);
    suspend(suspended);
  }
  value_type await_resume() {
    if (job_.failure) std::rethrow_exception(job_.failure);
    if constexpr (!std::is_void_v<value_type>) return std::move(*job_.value);
  }
  bool over(process& /*self*/) override { return job_.done; }

 private:
  struct job final : side_job {
    explicit job(Work given) : work{std::move(given)} {}
    void perform() noexcept override {
      try {
        if constexpr (std::is_void_v<value_type>) {
          work();
        } else {
          value.emplace(work());
        }
      } catch (...) {
        failure = std::current_exception();
      }
    }
    Work work;
    std::conditional_t<std::is_void_v<value_type>, std::monostate, std::optional<value_type>> value;
    std::exception_ptr failure;
  };

  job job_;
};

}  // namespace detail
}  // namespace ergo::inline v0
