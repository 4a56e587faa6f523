// Every test case has a deadline: a hang is a failure that names the test and says what its processes were doing.
// The main() of the test programs, in main.cpp, starts the watchdog by itself.
#pragma once

#include <functional>
#include <string>

namespace ergo::test {

/// Adds to the report of a hang while it lives: `describe` is called on the watchdog's thread when the running test
/// case has passed its deadline, and what it returns is printed before the program aborts. It must not wait for a
/// lock that the hanging test may hold.
class [[nodiscard]] on_hang {
 public:
  explicit on_hang(std::function<std::string()> describe);
  on_hang(const on_hang&) = delete;
  on_hang& operator=(const on_hang&) = delete;
  ~on_hang();

 private:
  int id_;
};

}  // namespace ergo::test
