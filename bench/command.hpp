// Running other programs: the reference, and ourselves in a fresh process.
#pragma once

#include <sys/types.h>
#include <string>
#include <vector>

namespace ergo_bench {

/// What a finished program printed and used.
struct command_result {
  std::string output;
  double cpu_seconds = 0;
  long peak_rss_kib = 0;
};

/// Runs a program to its end and returns its standard output; throws `std::runtime_error` when it fails or takes longer
/// than five minutes.
[[nodiscard]] command_result run_command(std::vector<std::string> words);

/// A program that runs beside us until this object is destroyed; its standard input is a pipe that closes then.
class background {
 public:
  explicit background(const std::vector<std::string>& words);
  background(const background&) = delete;
  background& operator=(const background&) = delete;
  ~background();

  /// Reads its standard output until a line is `expected`; throws when it ends first.
  void wait_for_line(const std::string& expected);
  /// The next line; throws when it ends first, or says nothing for a minute.
  [[nodiscard]] std::string read_line();
  /// Ends it; what it used until then. Once.
  command_result stop();

 private:
  pid_t process_ = -1;
  int input_ = -1;
  int output_ = -1;
};

}  // namespace ergo_bench
