#include "loggers.hpp"

#include "log_events.hpp"

#include <ergo/kernel.hpp>

#include <chrono>
#include <utility>

namespace ergo::inline v0::kernel::detail {
namespace {

using reader = std::optional<event> (*)(const term& told, std::size_t longest);

/// Counts the events of one second; what is too much is counted for the report.
class event_meter {
 public:
  explicit event_meter(std::size_t per_second) noexcept : per_second_{per_second} {}

  /// Whether one more may pass; a new second begins with the first that comes after the old one.
  bool admit(time_point now) noexcept {
    if (now >= ends_) {
      ends_ = now + std::chrono::seconds{1};
      passed_ = 0;
    }
    if (per_second_ == 0 || passed_ < per_second_) {
      ++passed_;
      return true;
    }
    ++dropped_;
    return false;
  }
  /// How long its report may wait for the next event.
  [[nodiscard]] duration patience() const noexcept {
    return dropped_ > 0 ? duration{std::chrono::seconds{1}} : forever;
  }
  [[nodiscard]] std::size_t take_dropped() noexcept { return std::exchange(dropped_, 0); }

 private:
  std::size_t per_second_;
  time_point ends_{};
  std::size_t passed_ = 0;
  std::size_t dropped_ = 0;
};

void report_dropped(process& self, std::size_t count) {
  if (count > 0) self.log(log_level::warning, "log events of other nodes were dropped", {{"count", term{count}}});
}

// What is no event is dropped: no peer can end this process with a message.
task<> log_what_comes(process& self, reader read, log_options options) {
  event_meter meter{options.per_second};
  for (;;) {
    const auto limit = meter.patience();
    const auto received = co_await self.receive<message>(limit);
    if (received.timed_out()) {
      report_dropped(self, meter.take_dropped());
      continue;
    }
    if (received->kind() != ergo::detail::signal_kind::message || !meter.admit(self.now())) continue;
    report_dropped(self, meter.take_dropped());
    if (const auto happened = read(received->payload(), options.longest)) self.runtime().report(*happened);
  }
}

otp::child_spec logger(atom name, reader read, const log_options& options) {
  auto made = otp::child_process(name, log_what_comes, read, options).registered();
  made.options.mailbox_bound = options.waiting;
  return made;
}

}  // namespace

otp::child_spec logger_proxy_child(const log_options& options) {
  return logger("logger_proxy"_atom, read_log_event, options);
}

otp::child_spec error_logger_child(const log_options& options) {
  return logger("error_logger"_atom, read_old_event, options);
}

}  // namespace ergo::inline v0::kernel::detail
