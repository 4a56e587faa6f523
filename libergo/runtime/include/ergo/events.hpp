// What the runtime reports instead of logging: crashes, slow slices, log lines, limits that were hit.
#pragma once

#include <ergo/clock.hpp>
#include <ergo/error.hpp>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace ergo::inline v0 {

/// How serious an event is, in the names of OTP's logger.
enum class log_level : std::uint8_t { debug, info, notice, warning, error, critical };

/// One thing that happened. Delivered on the thread where it happened; a subscriber must not block.
struct event {
  /// What kind of event it is.
  enum class kind : std::uint8_t {
    crash,       ///< a process ended abnormally; `reason` is its exit reason
    slow_slice,  ///< one slice of a process ran longer than `runtime_options::slow_slice`; `took` says how long
    log,         ///< `process::log`
    limit,       ///< a limit of the runtime was reached; `text` names it and its option
    cluster,     ///< nodeup, nodedown and the like; `fields` tells which
    overload,    ///< a mailbox has reached its high-water mark (level `warning`, field `state` = `high`), or no more
                 ///< than half of that wait again (`notice`, `normal`); also fields `waiting` and `high_water`
  };

  kind what = kind::log;
  log_level level = log_level::info;
  pid process{};
  atom name;  ///< the process's registered name, or `''`
  std::string text;
  term reason;                                            ///< of a crash
  duration took{};                                        ///< of a slow slice
  std::vector<std::pair<std::string, term>> fields = {};  ///< structured details
};

/// Receives events; called from any thread, several at once.
using event_handler = std::function<void(const event&)>;

}  // namespace ergo::inline v0
