// Coroutines of a process: lazy, resumed only by the scheduler, destroyed innermost first.
// Frames come from a per-thread pool; a chain of any depth is unwound on a constant stack.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>
#include <variant>

namespace ergo::inline v0 {

template <typename T = void>
class task;

namespace detail {

[[nodiscard]] void* allocate_frame(std::size_t bytes);
void deallocate_frame(void* frame, std::size_t bytes) noexcept;

/// What all promises share: whom to resume at the end, and who holds the frame.
struct promise_base {
  std::coroutine_handle<> continuation;  // resumed at the end; none for a root
  promise_base* parent = nullptr;        // promise of the awaiting frame; null for a root
  std::coroutine_handle<> self;
  std::coroutine_handle<>* owner = nullptr;  // handle that would destroy this frame; cleared when somebody else does
  promise_base** innermost = nullptr;        // the process's pointer to its innermost frame
  std::exception_ptr failure;

  static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
  static void operator delete(void* frame, std::size_t bytes) noexcept { deallocate_frame(frame, bytes); }

  struct final_awaiter {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      promise_base& promise = ended.promise();
      if (promise.innermost != nullptr) *promise.innermost = promise.parent;
      return promise.continuation ? promise.continuation : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };

  [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
  [[nodiscard]] final_awaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { failure = std::current_exception(); }
};

template <typename T>
struct promise : promise_base {
  std::optional<T> value;

  task<T> get_return_object() noexcept;
  template <typename U = T>
  void return_value(U&& returned) {
    value.emplace(std::forward<U>(returned));
  }
  T take() {
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    return std::move(*value);
  }
};

template <>
struct promise<void> : promise_base {
  task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() {
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
  }
};

/// Destroys the chain of frames that ends in `innermost`, innermost first, iteratively.
void destroy_chain(promise_base* innermost) noexcept;

}  // namespace detail

/// A coroutine that a process awaits or runs as its body. Lazy: nothing happens before it is awaited.
///
/// Move-only; owned by whoever awaits it. Resumed only on the thread that runs the process. Exceptions pass to the
/// awaiting coroutine. When its process dies while it is suspended, its frame is destroyed at that suspension point
/// (destructors run).
template <typename T>
class [[nodiscard]] task {
 public:
  using promise_type = detail::promise<T>;
  using value_type = T;

  task() noexcept = default;
  explicit task(std::coroutine_handle<promise_type> handle) noexcept : handle_{handle} {}
  task(task&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
  task& operator=(task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~task() {
    if (handle_) handle_.destroy();
  }

  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

  /// Holds the frame while it is awaited; lives in the awaiting frame and does not move.
  struct awaiter {
    std::coroutine_handle<> handle;
    std::coroutine_handle<promise_type> typed;

    explicit awaiter(std::coroutine_handle<promise_type> started) noexcept : handle{started}, typed{started} {}
    awaiter(const awaiter&) = delete;
    awaiter& operator=(const awaiter&) = delete;
    ~awaiter() {
      if (handle) handle.destroy();
    }
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
      detail::promise_base& mine = typed.promise();
      mine.continuation = awaiting;
      mine.self = typed;
      mine.owner = &handle;
      mine.parent = &awaiting.promise();
      mine.innermost = mine.parent->innermost;
      if (mine.innermost != nullptr) *mine.innermost = &mine;
      return typed;
    }
    T await_resume() { return typed.promise().take(); }
  };

  [[nodiscard]] awaiter operator co_await() && noexcept { return awaiter{std::exchange(handle_, nullptr)}; }

  /// Gives the frame up, for whoever runs it as a root.
  [[nodiscard]] std::coroutine_handle<promise_type> release() noexcept { return std::exchange(handle_, nullptr); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

template <typename T>
task<T> detail::promise<T>::get_return_object() noexcept {
  return task<T>{std::coroutine_handle<promise<T>>::from_promise(*this)};
}
inline task<void> detail::promise<void>::get_return_object() noexcept {
  return task<void>{std::coroutine_handle<promise<void>>::from_promise(*this)};
}

}  // namespace ergo::inline v0
