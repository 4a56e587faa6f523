// Messages of the server: to standard error in the foreground, to the system log as a daemon.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "options.hpp"

namespace ergo::epmd_program {

/// Who sees a message. Chatter is for people who look on; it never reaches the system log.
enum class audience : std::uint8_t { everybody, terminal };

/// Writes messages up to the debug level, in the form of Erlang's port mapper. Messages of level 0 can be caused by
/// any client, so they are limited to a burst of 100 and then 10 a second; how many were left out is said.
class journal {
 public:
  journal(int debug, attachment attached) : debug_{debug}, attached_{attached} {}

  void say(int level, audience who, std::string_view text);
  /// A failure with the system's reason, for everybody.
  void complain(std::string_view text, int error_number);
  [[nodiscard]] int debug() const noexcept { return debug_; }

 private:
  [[nodiscard]] bool may_speak();
  void write(std::string_view text, std::string_view end) const;

  int debug_;
  attachment attached_;
  double allowance_ = 100;
  std::chrono::steady_clock::time_point refilled_ = std::chrono::steady_clock::now();
  unsigned long suppressed_ = 0;
};

/// A name as it may be printed: control characters, and bytes that are not UTF-8, become \xHH.
[[nodiscard]] std::string printable(std::string_view name);

}  // namespace ergo::epmd_program
