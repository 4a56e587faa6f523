// Starting and talking to Erlang nodes.
#include "erlang_peer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>

extern char** environ;

namespace ergo_interop {
namespace {

std::vector<release> found_releases() {
  program list{{ERGO_SOURCE_DIR "/cmake/otp-releases", "list"}};
  std::vector<release> found;
  for (;;) {
    std::string line;
    try {
      line = list.read_line();
    } catch (const std::runtime_error&) {
      return found;
    }
    std::istringstream words{line};
    std::string wanted;
    std::string version;
    release one;
    if (words >> wanted >> one.number >> version >> one.path) found.push_back(one);
  }
}

bool chosen(const release& one) {
  const char* const choice = std::getenv("ERGO_INTEROP_OTP");
  const std::string wanted = choice == nullptr ? "all" : choice;
  if (wanted == "all") return true;
  if (wanted == "installed") return one.installed();
  if (wanted == "others") return !one.installed();
  return ("," + wanted + ",").find("," + one.number + ",") != std::string::npos;
}

/// Where a node of that release finds a file.
std::string placed(const release& otp, const std::string& file) {
  if (otp.installed()) return file;
  std::filesystem::create_directories(ERGO_INTEROP_DIR);
  const auto copy = std::filesystem::path{ERGO_INTEROP_DIR} / std::filesystem::path{file}.filename();
  std::filesystem::copy_file(file, copy, std::filesystem::copy_options::overwrite_existing);
  return copy.string();
}

std::vector<std::string> command_of(const peer_options& options) {
  auto words = options.through;
  words.insert(words.end(), {"env", "ERL_EPMD_PORT=" + std::to_string(options.epmd_port)});
  if (!options.home.empty()) words.push_back("HOME=" + options.home);
  if (!options.otp.installed()) {
    const std::string unpacked{ERGO_SOURCE_DIR "/cmake/otp-releases"};
    words.insert(words.end(), {unpacked, "run", options.otp.number, "--work", ERGO_INTEROP_DIR, "--"});
  }
  const auto source = placed(options.otp, ERGO_SOURCE_DIR "/tests/interop/node/interop.erl");
  const std::vector<std::string> erl{
      "erl",   "-noshell", options.long_names ? "-name" : "-sname", options.name, "-start_epmd",
      "false", "-kernel",  "prevent_overlapping_partitions",        "false"};
  words.insert(words.end(), erl.begin(), erl.end());
  if (!options.cookie.empty()) words.insert(words.end(), {"-setcookie", options.cookie});
  words.insert(words.end(), options.more.begin(), options.more.end());
  words.insert(words.end(),
               {"-eval", "{ok, M, B} = compile:file(\"" + source +
                             "\", [binary]), {module, M} = code:load_binary(M, \"interop\", B), interop:main()."});
  return words;
}

}  // namespace

namespace {

const std::vector<release>& present_releases() {
  static const auto found = found_releases();
  return found;
}

}  // namespace

std::vector<release> releases() {
  std::vector<release> wanted;
  for (const auto& one : present_releases()) {
    if (chosen(one)) wanted.push_back(one);
  }
  return wanted;
}

std::optional<release> installed_release() {
  for (const auto& one : present_releases()) {
    if (one.installed()) return one;
  }
  return std::nullopt;
}

program::program(const std::vector<std::string>& words) {
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
  const int failed = posix_spawnp(&process_, words.front().c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  input_ = in[1];
  output_ = out[0];
  if (failed != 0) throw std::runtime_error{"cannot run " + words.front()};
}

program::~program() {
  kill_now();
  close(input_);
  close(output_);
}

void program::write_line(const std::string& text) {
  const auto line = text + "\n";
  if (write(input_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    throw std::runtime_error{"the program has gone"};
}

std::string program::read_line(std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (const auto end = unread_.find('\n'); end != std::string::npos) {
      auto line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd wait{output_, POLLIN, 0};
    if (left.count() <= 0 || poll(&wait, 1, static_cast<int>(left.count())) <= 0)
      throw std::runtime_error{"no answer in time; so far: " + unread_};
    std::array<char, 4096> chunk{};
    const auto count = read(output_, chunk.data(), chunk.size());
    if (count <= 0) throw std::runtime_error{"the program has ended: " + unread_};
    unread_.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

void program::signal(int number) const {
  if (process_ > 0) kill(process_, number);
}

void program::kill_now() {
  if (process_ <= 0) return;
  kill(process_, SIGKILL);
  (void)wait();
}

int program::wait() {
  int status = 0;
  waitpid(process_, &status, 0);
  process_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

erlang_peer::erlang_peer(const peer_options& options)
    : name_{options.name}, otp_{options.otp}, program_{command_of(options)} {
  for (;;) {
    const auto line = program_.read_line();
    if (line == "ready " + options.otp.number) return;
  }
}

std::string erlang_peer::attempt(const std::string& command) {
  program_.write_line(command + ".");
  for (;;) {
    auto line = program_.read_line();
    if (line.starts_with("ok ")) return line.substr(3);
    if (line.starts_with("fail ")) return line;
  }
}

void erlang_peer::load(const std::string& source) { run("{load, \"" + placed(otp_, source) + "\"}"); }

std::string erlang_peer::run(const std::string& command) {
  auto result = attempt(command);
  if (result.starts_with("fail ")) throw std::runtime_error{command + ": " + result};
  return result;
}

std::string fresh_name(const std::string& stem) {
  static std::atomic<unsigned> count{0};
  return stem + std::to_string(getpid()) + "x" + std::to_string(++count);
}

}  // namespace ergo_interop
