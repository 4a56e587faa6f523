// posix_spawn with pipes.
#include "command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <csignal>
#include <stdexcept>

extern char** environ;

namespace ergo_bench {
namespace {

struct started {
  pid_t process;
  int input;
  int output;
};

started start(const std::vector<std::string>& words) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0) throw std::runtime_error{"no pipe"};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t process = -1;
  const int failed = posix_spawnp(&process, words.front().c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  if (failed != 0) throw std::runtime_error{"cannot run " + words.front()};
  return {process, in[1], out[0]};
}

// What an ended program used; its exit status.
int collect(pid_t process, command_result& into) {
  int status = 0;
  rusage used{};
  wait4(process, &status, 0, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  into.cpu_seconds = seconds(used.ru_utime) + seconds(used.ru_stime);
  into.peak_rss_kib = used.ru_maxrss;
  return status;
}

}  // namespace

command_result run_command(std::vector<std::string> words) {
  words.insert(words.begin(), {"timeout", "--kill-after=5", "300"});
  const auto child = start(words);
  close(child.input);
  command_result result;
  std::array<char, 4096> chunk{};
  for (ssize_t count = 0; (count = read(child.output, chunk.data(), chunk.size())) > 0;) {
    result.output.append(chunk.data(), static_cast<std::size_t>(count));
  }
  close(child.output);
  const auto status = collect(child.process, result);
  if (status != 0) {
    const auto* const how = WIFEXITED(status) && WEXITSTATUS(status) == 124 ? " took too long: " : " failed: ";
    throw std::runtime_error{words.at(3) + how + result.output};
  }
  return result;
}

background::background(const std::vector<std::string>& words) {
  const auto child = start(words);
  process_ = child.process;
  input_ = child.input;
  output_ = child.output;
}

background::~background() {
  if (process_ != -1) (void)stop();
}

command_result background::stop() {
  command_result used;
  close(input_);
  kill(process_, SIGKILL);
  collect(process_, used);
  close(output_);
  process_ = -1;
  return used;
}

std::string background::read_line() {
  std::string line;
  pollfd readable{output_, POLLIN, 0};
  constexpr int a_minute = 60'000;
  while (poll(&readable, 1, a_minute) == 1) {
    char letter = 0;
    if (read(output_, &letter, 1) != 1) throw std::runtime_error{"a peer ended before it was ready"};
    if (letter == '\n') return line;
    line += letter;
  }
  throw std::runtime_error{"a peer was not ready within a minute"};
}

void background::wait_for_line(const std::string& expected) {
  while (read_line() != expected) {
  }
}

}  // namespace ergo_bench
