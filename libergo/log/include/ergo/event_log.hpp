// Events as lines of a log: bounded, escaped, and not more of them than somebody can read.
#pragma once

#include <ergo/clock.hpp>
#include <ergo/events.hpp>

#include <spdlog/logger.h>

#include <cstddef>
#include <memory>
#include <string>

namespace ergo::inline v0 {

struct event_log_options {
  std::size_t burst = 100;              ///< so many lines of one kind of event may come at once
  std::size_t per_second = 10;          ///< and then so many a second, of each kind; 0: no limit
  std::size_t longest = 4096;           ///< bytes of a line; the rest is cut, and `...` stands for it
  const clock_source* clock = nullptr;  ///< not owned; null: the steady clock
};

/// Makes a handler (`runtime_options::on_event`) that writes each event as one line to a logger of spdlog:
///
///     crash <0.812.0> (bank): the process has ended: {badmatch,7} since=3
///
/// Whatever a peer or a process can choose is escaped: a line stays one line, and control characters, bytes that are
/// no UTF-8 and marks that turn the direction of writing become `\xHH`. What is over the limit is counted, and the
/// next line of that kind that may come says how many there were. Levels are spdlog's (`notice` is its `info`).
///
/// Any thread, several at once: the logger must be one of spdlog's `_mt` kinds, or an asynchronous one when its sink
/// may be slow, because an event is told on the thread where it happened. What the logger throws is swallowed; a full
/// disk costs lines, nothing else. Holds the logger.
[[nodiscard]] event_handler log_events(std::shared_ptr<spdlog::logger> to, const event_log_options& options = {});

/// The line of an event, as `log_events` writes it.
[[nodiscard]] std::string to_line(const event& happened, std::size_t longest = 4096);

}  // namespace ergo::inline v0
