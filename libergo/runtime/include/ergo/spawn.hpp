// Spawning a coroutine as a process.
#pragma once

#include <ergo/process.hpp>

#include <tuple>
#include <type_traits>

namespace ergo::inline v0 {

/// A task that runs as the root of a process, for behaviours: owns the frame, and gives it up when the process destroys
/// it.
///
/// Start it from a callback of the behaviour; `behaviour::task_ended` follows, where `take` returns the value or throws
/// what was thrown.
template <typename T>
class root_task {
 public:
  root_task() noexcept = default;
  root_task(const root_task&) = delete;
  root_task& operator=(const root_task&) = delete;
  ~root_task() { drop(); }

  /// Makes `work` the running task of `self`; it begins when the present callback has returned.
  void start(process& self, task<T> work) {
    drop();
    typed_ = work.release();
    frame_ = typed_;
    typed_.promise().owner = &frame_;
    self.run(typed_);
  }
  /// The result of the task that has ended; drops its frame.
  T take() {
    struct dropper {
      root_task& self;
      ~dropper() { self.drop(); }
    } at_end{*this};
    return typed_.promise().take();
  }
  /// Whether a task was started and its result not taken yet.
  [[nodiscard]] bool active() const noexcept { return static_cast<bool>(frame_); }

 private:
  void drop() noexcept {
    if (frame_) std::exchange(frame_, nullptr).destroy();
  }

  std::coroutine_handle<> frame_;
  std::coroutine_handle<detail::promise<T>> typed_;
};

namespace detail {

/// A function `task<exit_reason | void>(process&, Argument...)` with its arguments, as a behaviour.
template <typename Body, typename... Argument>
class coroutine_body final : public behaviour {
 public:
  using task_type = std::invoke_result_t<Body&, process&, Argument...>;
  using value_type = typename task_type::value_type;
  static_assert(std::same_as<value_type, exit_reason> || std::same_as<value_type, void>,
                "a process body must return ergo::task<ergo::exit_reason> or ergo::task<>");

  explicit coroutine_body(Body body, Argument... argument)
      : body_{std::move(body)}, arguments_{std::move(argument)...} {}

  void start(process& self) override {
    root_.start(self,
                std::apply([&](Argument&... argument) { return body_(self, std::move(argument)...); }, arguments_));
  }
  void receive(process& /*self*/, message /*received*/) override {}
  void task_ended(process& self) override {
    if constexpr (std::same_as<value_type, void>) {
      root_.take();
      self.stop(exit_reason::normal());
    } else {
      self.stop(root_.take());
    }
  }

 private:
  Body body_;
  [[no_unique_address]] std::tuple<Argument...> arguments_;
  root_task<value_type> root_;
};

}  // namespace detail

/// Makes a behaviour of a coroutine function and its arguments, which are copied or moved into it.
template <typename Body, typename... Argument>
[[nodiscard]] std::unique_ptr<behaviour> make_body(Body body, Argument... argument) {
  return std::make_unique<detail::coroutine_body<Body, Argument...>>(std::move(body), std::move(argument)...);
}

template <typename Body, typename... Argument>
  requires std::invocable<Body&, process&, Argument...>
pid process::spawn(Body body, Argument... argument) {
  return spawn(spawn_options{}, make_body(std::move(body), std::move(argument)...));
}

template <typename Body, typename... Argument>
  requires std::invocable<Body&, process&, Argument...>
pid process::spawn_link(Body body, Argument... argument) {
  return spawn(spawn_options{.to_parent = tie::link}, make_body(std::move(body), std::move(argument)...));
}

template <typename Body, typename... Argument>
  requires std::invocable<Body&, process&, Argument...>
std::pair<pid, monitor_ref> process::spawn_monitor(Body body, Argument... argument) {
  return spawn_watched(make_body(std::move(body), std::move(argument)...));
}

}  // namespace ergo::inline v0
