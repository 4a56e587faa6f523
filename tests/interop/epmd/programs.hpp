// Running programs for these tests: one command to its end, a server in the background, a long-lived Erlang node.
#pragma once

#include <ergo_test/free_port.hpp>

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ergo::test {

using arguments = std::vector<std::string>;
using variables = std::map<std::string, std::string>;

/// What a program printed and how it ended.
struct outcome {
  int exit_code = -1;  ///< 128 + n when signal n ended it
  std::string out;
  std::string err;
  friend bool operator==(const outcome&, const outcome&) = default;
};

/// A running program with its three streams. Ended, by its number, at the latest by the destructor.
class program {
 public:
  /// `set` is added to the environment, from which all of Erlang's own epmd variables were taken.
  /// `descriptor_3` becomes the child's descriptor 3, as systemd does it, with LISTEN_PID and LISTEN_FDS.
  explicit program(const arguments& command, const variables& set = {}, int descriptor_3 = -1);
  program(const program&) = delete;
  ~program();

  void write_line(const std::string& line);
  /// The next line of standard output; empty after `patience` or at the end.
  std::string read_line(std::chrono::milliseconds patience = std::chrono::seconds{20});
  /// Waits for the end.
  outcome finish();
  void send_signal(int number);
  bool is_running();
  pid_t id() const { return id_; }

 private:
  bool pump(std::chrono::steady_clock::time_point end);
  bool reap(int options);

  pid_t id_ = -1;
  int in_ = -1;
  int out_ = -1;
  int err_ = -1;
  outcome seen_;
  std::optional<int> status_;
};

/// Runs a program to its end.
outcome run(const arguments& command, const variables& set = {});

/// The file that a command name means, symbolic links followed; empty when there is none.
std::string find_program(const std::string& name);
/// Erlang's own port mapper, and `erl`; the test case is skipped without them.
const std::string& erlang_epmd();
const std::string& erl();
/// Our program.
const std::string& our_epmd();

/// A port mapper in the foreground at a port of its own, ready when made.
class port_mapper {
 public:
  port_mapper(const std::string& file, const arguments& options, std::uint16_t port = free_port(),
              const variables& set = {});

  std::uint16_t port() const { return port_; }
  program& process() { return process_; }
  /// Runs a command of `file` (its own by default) at this port.
  outcome ask(const arguments& command, const std::string& file = {}) const;

 private:
  std::string file_;
  std::uint16_t port_;
  program process_;
};

/// A live Erlang node that evaluates expressions.
class erlang_node {
 public:
  /// `name` is short; the host is localhost.
  erlang_node(const std::string& name, std::uint16_t epmd_port, const arguments& more = {"-start_epmd", "false"});
  ~erlang_node();

  /// The value as `~0p` prints it; for an exception {'EXIT', …}.
  std::string eval(const std::string& expression);
  /// Evaluates until the value is `wanted`, at most ten seconds; the last value.
  std::string eval_until(const std::string& expression, std::string_view wanted);
  program& process() { return process_; }

 private:
  program process_;
};

}  // namespace ergo::test
