// Starting processes that are no servers and whose starter waits until they are ready: what `proc_lib:start_link` and
// `proc_lib:init_ack` are in OTP.
//
//   ergo::task<> listener(ergo::process& self, ergo::otp::init_ack starter, std::uint16_t port) {
//     if (port == 0) starter.fail(self, "no_port"_atom);
//     starter.ready(self);
//     …
//   }
//   auto started = co_await ergo::otp::proc_lib::start_link(self, {}, listener, std::uint16_t{80});
#pragma once

#include <ergo/otp/start.hpp>

#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ergo::inline v0::otp {

/// How a new process tells its starter what came of it: once, by one of these. A process that ends before has failed
/// with its exit reason.
class init_ack {
 public:
  explicit init_ack(std::shared_ptr<detail::start_ticket> ticket) noexcept : ticket_{std::move(ticket)} {}

  /// The start has succeeded: `init_ack({ok, self()})`. A second time nothing happens.
  void ready(process& self);
  /// There is nothing to do: start fails with `ignored`, and the process ends.
  [[noreturn]] void ignore(process& self);
  /// Start fails with `reason`, as an expected outcome without crash report, and the process ends: `init_fail`.
  [[noreturn]] void fail(process& self, term reason);

 private:
  std::shared_ptr<detail::start_ticket> ticket_;
};

namespace detail {

/// A function `task<exit_reason | void>(process&, init_ack, Argument...)` with its arguments, as a behaviour.
template <typename Body, typename... Argument>
class acknowledging_body final : public behaviour, public acknowledging {
 public:
  using value_type = typename std::invoke_result_t<Body&, process&, init_ack, Argument...>::value_type;
  static_assert(std::same_as<value_type, exit_reason> || std::same_as<value_type, void>,
                "ergo::otp::proc_lib: a process body must return ergo::task<ergo::exit_reason> or ergo::task<>");

  explicit acknowledging_body(Body body, Argument... argument)
      : body_{std::move(body)}, arguments_{std::move(argument)...} {}

  void started_by(std::shared_ptr<start_ticket> ticket) override { ticket_ = std::move(ticket); }
  void start(process& self) override {
    const auto begin = [&](Argument&... argument) {
      return body_(self, init_ack{std::move(ticket_)}, std::move(argument)...);
    };
    root_.start(self, std::apply(begin, arguments_));
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
  std::shared_ptr<start_ticket> ticket_;
  root_task<value_type> root_;
};

template <typename Body, typename... Argument>
[[nodiscard]] std::unique_ptr<behaviour> make_acknowledging(Body body, Argument&&... argument) {
  static_assert(std::invocable<Body&, process&, init_ack, std::decay_t<Argument>...>,
                "ergo::otp::proc_lib: the body takes (process&, otp::init_ack, arguments of start…)");
  return std::make_unique<acknowledging_body<Body, std::decay_t<Argument>...>>(std::move(body),
                                                                               std::forward<Argument>(argument)...);
}

}  // namespace detail

namespace proc_lib {

/// Starts a coroutine as a process and waits until it has acknowledged; otherwise as `otp::start` of a server.
template <typename Body, typename... Argument>
start_awaiter start(process& self, const start_options& options, Body body, Argument&&... argument) {
  return start_awaiter{self, options, tie::none,
                       detail::make_acknowledging(std::move(body), std::forward<Argument>(argument)...)};
}
/// As `start`, and links the process from its first moment.
template <typename Body, typename... Argument>
start_awaiter start_link(process& self, const start_options& options, Body body, Argument&&... argument) {
  return start_awaiter{self, options, tie::link,
                       detail::make_acknowledging(std::move(body), std::forward<Argument>(argument)...)};
}
/// As `start`, and monitors the process; after a failed start no `down` arrives.
template <typename Body, typename... Argument>
start_monitor_awaiter start_monitor(process& self, const start_options& options, Body body, Argument&&... argument) {
  return start_monitor_awaiter{self, options,
                               detail::make_acknowledging(std::move(body), std::forward<Argument>(argument)...)};
}

}  // namespace proc_lib
}  // namespace ergo::inline v0::otp
