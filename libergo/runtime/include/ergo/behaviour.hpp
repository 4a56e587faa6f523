// What a process runs that is no coroutine: an object that is given its messages.
#pragma once

#include <ergo/message.hpp>
#include <ergo/task.hpp>

#include <cstddef>
#include <new>

namespace ergo::inline v0 {

class process;

/// A process's behaviour when it is no coroutine: an object that is given one message after the other.
class behaviour {
 public:
  behaviour() = default;
  behaviour(const behaviour&) = delete;
  behaviour& operator=(const behaviour&) = delete;
  virtual ~behaviour() = default;

  // Memory of the pool that coroutine frames come from: a behaviour lives as long as one.
  static void* operator new(std::size_t bytes) { return detail::allocate_frame(bytes); }
  static void* operator new(std::size_t bytes, std::align_val_t alignment) { return ::operator new(bytes, alignment); }
  static void operator delete(void* made, std::size_t bytes) noexcept { detail::deallocate_frame(made, bytes); }
  static void operator delete(void* made, std::size_t bytes, std::align_val_t alignment) noexcept {
    ::operator delete(made, bytes, alignment);
  }

  /// The first slice, before any message. May start a task with `process::run`.
  virtual void start(process& self) = 0;
  /// One message; never called while a task runs. May start a task.
  virtual void receive(process& self, message received) = 0;
  /// The task that was started with `process::run` has ended, by return or exception; the behaviour takes the result
  /// and drops the frame.
  virtual void task_ended(process& self) = 0;
  /// No message came within the time set by `process::set_idle_timeout`.
  virtual void idle_timeout(process& self) { (void)self; }
  /// What `sys:get_state/1` and process info show; `[]` where there is nothing to show.
  [[nodiscard]] virtual term state() const { return {}; }
};

}  // namespace ergo::inline v0
