// Pseudo-terminals.
#include "terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <stdexcept>

extern char** environ;

namespace ergo_interop {
namespace {

constexpr char escape = '\x1b';

/// How long the control sequence is that begins at the front of `text`, if it has ended: ESC [ … letter, ESC ] … BEL,
/// ESC and one more.
std::optional<std::size_t> sequence_length(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  if (text[1] == '[') {
    const auto end = text.find_first_not_of("0123456789;?>= ", 2);
    return end == std::string_view::npos ? std::nullopt : std::optional{end + 1};
  }
  if (text[1] == ']') {
    const auto end = text.find('\a', 2);
    return end == std::string_view::npos ? std::nullopt : std::optional{end + 1};
  }
  if (text[1] == '(' || text[1] == ')') return text.size() < 3 ? std::nullopt : std::optional<std::size_t>{3};
  return 2;
}

/// Moves the text of `from` to `to`, without control characters but line ends; leaves a sequence that goes on.
void append_text(std::string& to, std::string& from) {
  std::size_t at = 0;
  while (at < from.size()) {
    if (from[at] == escape) {
      const auto length = sequence_length(std::string_view{from}.substr(at));
      if (!length) break;
      at += *length;
      continue;
    }
    if (from[at] == '\n' || static_cast<unsigned char>(from[at]) >= 0x20) to += from[at];
    ++at;
  }
  from.erase(0, at);
}

std::chrono::milliseconds left_until(std::chrono::steady_clock::time_point end) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
}

}  // namespace

terminal::terminal(const std::vector<std::string>& words)
    : keyboard_and_screen_{posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)} {
  std::array<char, 128> other_end{};
  if (keyboard_and_screen_ < 0 || grantpt(keyboard_and_screen_) != 0 || unlockpt(keyboard_and_screen_) != 0 ||
      ptsname_r(keyboard_and_screen_, other_end.data(), other_end.size()) != 0) {
    throw std::runtime_error{"no pseudo-terminal"};
  }
  winsize size{};
  size.ws_row = 50;
  size.ws_col = 200;
  ioctl(keyboard_and_screen_, TIOCSWINSZ, &size);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, other_end.data(), O_RDWR, 0);  // which makes it the session's terminal
  posix_spawn_file_actions_adddup2(&actions, 0, 1);
  posix_spawn_file_actions_adddup2(&actions, 0, 2);
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const int failed = posix_spawnp(&process_, words.front().c_str(), &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed == 0) return;
  close(keyboard_and_screen_);
  throw std::runtime_error{"cannot run " + words.front()};
}

terminal::~terminal() {
  if (process_ > 0) {
    kill(-process_, SIGKILL);  // the session's first group
    waitpid(process_, nullptr, 0);
  }
  close(keyboard_and_screen_);  // hangs up on the rest
}

void terminal::type(std::string_view keys) const {
  if (write(keyboard_and_screen_, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size())) fail("cannot type");
}

std::string terminal::wait_for(std::string_view text, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (const auto found = seen_.find(text, passed_); found != std::string::npos) {
      auto before = seen_.substr(passed_, found - passed_);
      passed_ = found + text.size();
      return before;
    }
    if (!read_more(left_until(end))) fail("not seen: " + std::string{text});
  }
}

int terminal::wait_for_end(std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  int status = 0;
  while (waitpid(process_, &status, WNOHANG) == 0) {
    if (left_until(end).count() <= 0) fail("has not ended");
    if (!read_more(std::chrono::milliseconds{20})) poll(nullptr, 0, 20);
  }
  process_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// The other end reads as an error when the last program has closed it.
bool terminal::read_more(std::chrono::milliseconds patience) {
  pollfd wait{keyboard_and_screen_, POLLIN, 0};
  if (patience.count() <= 0 || poll(&wait, 1, static_cast<int>(patience.count())) <= 0) return false;
  std::array<char, 4096> chunk{};
  const auto count = read(keyboard_and_screen_, chunk.data(), chunk.size());
  if (count <= 0) return false;
  raw_.append(chunk.data(), static_cast<std::size_t>(count));
  append_text(seen_, raw_);
  return true;
}

void terminal::fail(const std::string& what) const {
  throw std::runtime_error{what + "\n--- terminal ---\n" + seen_ + "\n----------------"};
}

}  // namespace ergo_interop
