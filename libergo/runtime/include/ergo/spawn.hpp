// Spawning a coroutine as a process.
#pragma once

#include <ergo/process.hpp>

#include <tuple>
#include <type_traits>

namespace ergo::inline v0 {
namespace detail {

/// A function `task<exit_reason | void>(process&, Argument...)` with its arguments, as a behaviour.
template <typename Body, typename... Argument>
class coroutine_body final : public behaviour {
 public:
  using task_type = std::invoke_result_t<Body&, process&, Argument...>;
  using value_type = typename task_type::value_type;
  static_assert(std::same_as<value_type, exit_reason> || std::same_as<value_type, void>,
                "a process body must return ergo::task<ergo::exit_reason> or ergo::task<>");

  explicit coroutine_body(Body body, Argument... argument) : body_{std::move(body)}, arguments_{std::move(argument)...} {}
  ~coroutine_body() override {
    if (frame_) frame_.destroy();
  }
  coroutine_body(const coroutine_body&) = delete;
  coroutine_body& operator=(const coroutine_body&) = delete;

  void start(process& self) override {
    frame_ = std::apply([&](Argument&... argument) { return body_(self, std::move(argument)...); }, arguments_).release();
    frame_.promise().owner = &raw_;
    raw_ = frame_;
    self.run(frame_);
  }
  void receive(process& /*self*/, message /*received*/) override {}
  void task_ended(process& self) override {
    if constexpr (std::same_as<value_type, void>) {
      frame_.promise().take();
      self.exit(exit_reason::normal());
    } else {
      self.exit(frame_.promise().take());
    }
  }

 private:
  Body body_;
  [[no_unique_address]] std::tuple<Argument...> arguments_;
  std::coroutine_handle<promise<value_type>> frame_;
  std::coroutine_handle<> raw_;
};

}  // namespace detail

/// Makes a behaviour of a coroutine function and its arguments, which are copied or moved into it.
template <typename Body, typename... Argument>
[[nodiscard]] std::unique_ptr<behaviour> make_body(Body body, Argument... argument) {
  return std::make_unique<detail::coroutine_body<Body, Argument...>>(std::move(body), std::move(argument)...);
}

template <typename Body, typename... Argument>
pid process::spawn(Body body, Argument... argument) {
  return spawn(spawn_options{}, make_body(std::move(body), std::move(argument)...));
}

template <typename Body, typename... Argument>
pid process::spawn_link(Body body, Argument... argument) {
  return spawn(spawn_options{.to_parent = tie::link}, make_body(std::move(body), std::move(argument)...));
}

template <typename Body, typename... Argument>
std::pair<pid, monitor_ref> process::spawn_monitor(Body body, Argument... argument) {
  const auto child = spawn(spawn_options{}, make_body(std::move(body), std::move(argument)...));
  return {child, monitor(child)};
}

}  // namespace ergo::inline v0
