// A program at a terminal of its own: what a person sees who types.
#pragma once

#include <sys/types.h>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace ergo_interop {

/// A program whose input and output are a pseudo-terminal of 200 columns; killed, with what it has started in that
/// session, when this object goes.
class terminal {
 public:
  explicit terminal(const std::vector<std::string>& words);
  ~terminal();
  terminal(const terminal&) = delete;
  terminal& operator=(const terminal&) = delete;

  /// Presses these keys; `\r` is Return.
  void type(std::string_view keys) const;
  /// Types a line.
  void enter(std::string_view line) const { type(std::string{line} + "\r"); }
  /// Waits until `text` is seen behind what was waited for last; returns what came before it, both without the
  /// terminal's control sequences. Throws `std::runtime_error` with the transcript after `patience` or at the end.
  std::string wait_for(std::string_view text, std::chrono::milliseconds patience = std::chrono::seconds{40});
  /// Waits until the program has ended; its exit status, or 128 + signal. Throws as above.
  int wait_for_end(std::chrono::milliseconds patience = std::chrono::seconds{40});
  /// Everything that was seen so far.
  [[nodiscard]] const std::string& transcript() const noexcept { return seen_; }

 private:
  /// Reads what comes within `patience`; false at the end, or when nothing came.
  bool read_more(std::chrono::milliseconds patience);
  [[noreturn]] void fail(const std::string& what) const;

  pid_t process_ = -1;
  int keyboard_and_screen_ = -1;
  std::string raw_;  // a control sequence that has not ended
  std::string seen_;
  std::size_t passed_ = 0;  // what was waited for already
};

}  // namespace ergo_interop
