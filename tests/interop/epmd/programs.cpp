// Processes, pipes and patience.
#include "programs.hpp"

#include <catch2/catch_test_macros.hpp>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace ergo::test {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::seconds longest_run{60};

void prepare_environment(const variables& set) {
  for (const auto* name :
       {"ERL_EPMD_PORT", "ERL_EPMD_ADDRESS", "ERL_EPMD_RELAXED_COMMAND_CHECK", "NOTIFY_SOCKET", "LISTEN_FDS"})
    ::unsetenv(name);
  for (const auto& [name, value] : set) ::setenv(name.c_str(), value.c_str(), 1);
}

[[noreturn]] void become(const arguments& command, const variables& set, int descriptor_3) {
  prepare_environment(set);
  if (descriptor_3 >= 0) {
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "1", 1);
    if (descriptor_3 == 3)
      ::fcntl(3, F_SETFD, 0);
    else
      ::dup2(descriptor_3, 3);
  }
  std::vector<char*> words;
  for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execv(words.front(), words.data());
  ::_exit(127);
}

/// Appends what is there; false at the end of the stream.
bool take(int& stream, std::string& into) {
  std::array<char, 4096> piece{};
  const auto got = ::read(stream, piece.data(), piece.size());
  if (got > 0) {
    into.append(piece.data(), static_cast<std::size_t>(got));
    return true;
  }
  ::close(stream);
  stream = -1;
  return false;
}

const std::string& required(const std::string& file, const char* name) {
  if (file.empty()) SKIP(std::string{name} + " is not installed");
  return file;
}

}  // namespace

program::program(const arguments& command, const variables& set, int descriptor_3) {
  int in[2], out[2], err[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0)
    throw std::runtime_error{"no pipe"};
  id_ = ::fork();
  if (id_ == 0) {
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    ::dup2(err[1], 2);
    become(command, set, descriptor_3);
  }
  ::close(in[0]);
  ::close(out[1]);
  ::close(err[1]);
  in_ = in[1];
  out_ = out[0];
  err_ = err[0];
}

program::~program() {
  if (is_running()) {
    ::kill(id_, SIGKILL);
    reap(0);
  }
  for (const int stream : {in_, out_, err_})
    if (stream >= 0) ::close(stream);
}

void program::write_line(const std::string& line) {
  const auto text = line + "\n";
  if (::write(in_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw std::runtime_error{"the program does not read"};
}

/// Waits for output; false when the time is up or both streams have ended.
bool program::pump(steady_clock::time_point end) {
  if (out_ < 0 && err_ < 0) return false;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - steady_clock::now());
  if (left.count() <= 0) return false;
  std::array<pollfd, 2> streams{pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0}};
  if (::poll(streams.data(), streams.size(), static_cast<int>(left.count())) < 0) return errno == EINTR;
  if (streams[0].revents) take(out_, seen_.out);
  if (streams[1].revents) take(err_, seen_.err);
  return true;
}

std::string program::read_line(std::chrono::milliseconds patience) {
  const auto end = steady_clock::now() + patience;
  auto at = seen_.out.find('\n');
  while (at == std::string::npos && pump(end)) at = seen_.out.find('\n');
  if (at == std::string::npos) return {};
  auto line = seen_.out.substr(0, at);
  seen_.out.erase(0, at + 1);
  return line;
}

outcome program::finish() {
  if (in_ >= 0) ::close(std::exchange(in_, -1));
  const auto end = steady_clock::now() + longest_run;
  while (pump(end)) {
  }
  while (!reap(WNOHANG)) {
    if (steady_clock::now() > end) throw std::runtime_error{"the program does not end"};
    ::poll(nullptr, 0, 5);
  }
  seen_.exit_code = WIFSIGNALED(*status_) ? 128 + WTERMSIG(*status_) : WEXITSTATUS(*status_);
  return seen_;
}

void program::send_signal(int number) {
  if (is_running()) ::kill(id_, number);
}

bool program::is_running() { return !reap(WNOHANG); }

bool program::reap(int options) {
  int status = 0;
  if (!status_ && ::waitpid(id_, &status, options) == id_) status_ = status;
  return status_.has_value();
}

outcome run(const arguments& command, const variables& set) { return program{command, set}.finish(); }

std::string find_program(const std::string& name) {
  std::istringstream folders{std::getenv("PATH") ? std::getenv("PATH") : ""};
  for (std::string folder; std::getline(folders, folder, ':');) {
    const auto file = folder + "/" + name;
    std::error_code failed;
    if (::access(file.c_str(), X_OK) == 0) return std::filesystem::canonical(file, failed).string();
  }
  return {};
}

const std::string& erlang_epmd() {
  static const std::string file = find_program("epmd");
  return required(file, "Erlang's epmd");
}

const std::string& erl() {
  static const std::string file = find_program("erl");
  return required(file, "erl");
}

const std::string& our_epmd() {
  static const std::string file = std::getenv("ERGO_EPMD") ? std::getenv("ERGO_EPMD") : "";
  return required(file, "ERGO_EPMD (the program under test)");
}

port_mapper::port_mapper(const std::string& file, const arguments& options, std::uint16_t port, const variables& set)
    : file_{file},
      port_{port},
      process_{[&] {
                 arguments command{file, "-port", std::to_string(port)};
                 command.insert(command.end(), options.begin(), options.end());
                 return command;
               }(),
               set} {
  const auto end = steady_clock::now() + std::chrono::seconds{10};
  while (ask({"-started"}).exit_code != 0)
    if (!process_.is_running() || steady_clock::now() > end)
      throw std::runtime_error{"the port mapper does not start: " + process_.finish().err};
}

outcome port_mapper::ask(const arguments& command, const std::string& file) const {
  arguments all{file.empty() ? file_ : file, "-port", std::to_string(port_)};
  all.insert(all.end(), command.begin(), command.end());
  return run(all);
}

erlang_node::erlang_node(const std::string& name, std::uint16_t epmd_port, const arguments& more)
    : process_{
          [&] {
            const std::string loop =
                "L = fun(F) -> case io:get_line(\"\") of eof -> halt(); T -> {ok, W, _} = erl_scan:string(T), "
                "{ok, E} = erl_parse:parse_exprs(W), io:format(\"~0p~n\", [catch element(2, erl_eval:exprs(E, []))]), "
                "F(F) end end, L(L).";
            arguments command{erl(), "-noshell", "-sname", name + "@localhost", "-setcookie", "ergo-epmd-test"};
            command.insert(command.end(), more.begin(), more.end());
            command.insert(command.end(), {"-eval", loop});
            return command;
          }(),
          {{"ERL_EPMD_PORT", std::to_string(epmd_port)}}} {
  if (eval("node()").empty()) throw std::runtime_error{"erl does not start: " + process_.finish().err};
}

erlang_node::~erlang_node() { process_.send_signal(SIGKILL); }

std::string erlang_node::eval(const std::string& expression) {
  process_.write_line(expression + ".");
  return process_.read_line();
}

std::string erlang_node::eval_until(const std::string& expression, std::string_view wanted) {
  const auto end = steady_clock::now() + std::chrono::seconds{10};
  auto value = eval(expression);
  while (value != wanted && steady_clock::now() < end) {
    ::poll(nullptr, 0, 20);
    value = eval(expression);
  }
  return value;
}

}  // namespace ergo::test
