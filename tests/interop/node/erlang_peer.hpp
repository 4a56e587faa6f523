// A live Erlang node of one release, told what to do line by line.
#pragma once

#include <sys/types.h>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace ergo_interop {

/// One Erlang/OTP release that this machine can run.
struct release {
  std::string number;  ///< "25"
  std::string path;    ///< "/" for the installed one, else the folder to change root into

  [[nodiscard]] bool installed() const { return path == "/"; }
};

/// The releases that the tests are to use: ERGO_INTEROP_OTP (`installed`, `others`, or numbers with commas) chooses;
/// the default is all.
[[nodiscard]] std::vector<release> releases();
/// The installed release, also where it was not chosen; nothing where none is installed.
[[nodiscard]] std::optional<release> installed_release();

/// How an Erlang node starts.
struct peer_options {
  release otp;
  std::string name;                ///< with host
  std::string cookie = "interop";  ///< empty: what is in its cookie file
  bool long_names = false;
  unsigned epmd_port = 4369;
  std::vector<std::string> more = {};     ///< further words of the command line
  std::string home = {};                  ///< its home folder; empty: ours
  std::vector<std::string> through = {};  ///< the command that runs it, such as `ip netns exec NAME`
};

/// A program with its input and output in our hands; killed by process id when this object goes.
class program {
 public:
  explicit program(const std::vector<std::string>& words);
  ~program();
  program(const program&) = delete;
  program& operator=(const program&) = delete;

  void write_line(const std::string& text);
  /// The next line of its output; throws `std::runtime_error` after `patience` or at its end.
  std::string read_line(std::chrono::milliseconds patience = std::chrono::seconds{40});
  void kill_now();  ///< SIGKILL, and waits until it is gone
  void signal(int number) const;
  [[nodiscard]] int wait();
  [[nodiscard]] pid_t id() const noexcept { return process_; }

 private:
  pid_t process_ = -1;
  int input_ = -1;
  int output_ = -1;
  std::string unread_;
};

/// An Erlang node that runs interop.erl.
class erlang_peer {
 public:
  explicit erlang_peer(const peer_options& options);

  /// Runs a command of interop.erl, such as `{ping, 'cpp@localhost'}`, and returns its result in Erlang syntax; throws
  /// on `fail`.
  std::string run(const std::string& command);
  /// As `run`, but returns `fail …` instead of throwing.
  std::string attempt(const std::string& command);
  /// Compiles an Erlang source of ours and loads it.
  void load(const std::string& source);
  void kill_now() { program_.kill_now(); }
  void signal(int number) const { program_.signal(number); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  std::string name_;
  release otp_;
  program program_;
};

/// A name that no other test of this run has: `stem` + process id + counter, without host.
[[nodiscard]] std::string fresh_name(const std::string& stem);

}  // namespace ergo_interop
