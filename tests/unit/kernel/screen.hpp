// A terminal in a test: a group leader that keeps what is printed, gives the lines that the test types, and starts a
// shell as OTP's group.erl does.
#pragma once

#include <ergo/kernel.hpp>

#include <ergo/etf/text.hpp>
#include <ergo/rpc.hpp>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace ergo_test {

using namespace ergo;
using namespace std::chrono_literals;

constexpr auto patience = 20s;

/// What is seen at a terminal; shared by the test and the terminal's process.
class screen {
 public:
  void show(std::string_view text) {
    const std::lock_guard lock{mutex_};
    text_ += text;
    changed_.notify_all();
  }
  void started(const pid& shell) {
    const std::lock_guard lock{mutex_};
    shell_ = shell;
  }
  [[nodiscard]] pid shell() const {
    const std::lock_guard lock{mutex_};
    return shell_;
  }
  void ended(const exit_reason& why) {
    const std::lock_guard lock{mutex_};
    end_ = etf::to_text(why.value());
    changed_.notify_all();
  }
  /// Waits for `text` behind what was waited for last; what came before it, or everything unseen with `(not seen)`.
  [[nodiscard]] std::string wait_for(std::string_view text) {
    std::unique_lock lock{mutex_};
    auto place = std::string::npos;
    changed_.wait_for(lock, patience, [&] { return (place = text_.find(text, passed_)) != std::string::npos; });
    if (place == std::string::npos) return text_.substr(passed_) + "(not seen)";
    auto before = text_.substr(passed_, place - passed_);
    passed_ = place + text.size();
    return before;
  }
  /// Why the shell has ended; `(alive)` if it does not.
  [[nodiscard]] std::string wait_for_end() {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, patience, [&] { return end_.has_value(); });
    return end_.value_or("(alive)");
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
  std::size_t passed_ = 0;
  std::optional<std::string> end_;
  pid shell_{};
};

/// The process of a terminal. It is told `{line, Text}`, `eof` and `interrupt`.
class keyboard {
 public:
  keyboard(screen* shown, pid shell) : screen_{shown}, shell_{shell} {}

  /// False when the shell has ended, or the node stops.
  bool handle(process& self, const message& got) {
    if (const auto ended = got.as<exit_message>()) {
      if (ended->from == shell_) screen_->ended(ended->reason);
      return ended->from != shell_ && ended->from != pid{};
    }
    if (got.kind() == ergo::detail::signal_kind::message) told(self, got.payload());
    return true;
  }

 private:
  void told(process& self, const term& what) {
    if (etf::is_tagged(what, "io_request"_atom, 4)) return request(self, what.elements());
    if (!what.is("interrupt"_atom)) {
      typed_.push_back(etf::is_tagged(what, "line"_atom, 2) ? what.elements()[1] : what);
      return give(self);
    }
    if (!reader_) return self.exit(shell_, exit_reason{"interrupt"_atom});
    answer(self, etf::tuple("error"_atom, "interrupted"_atom));
  }
  void request(process& self, std::span<const term> parts) {
    const auto from = parts[1].as_pid().value();
    const auto what = parts[3].elements();
    screen_->show(etf::from_term<std::string>(what[2]).value_or("(no text)"));
    if (what[0].is("put_chars"_atom)) return void(self.send(from, etf::tuple("io_reply"_atom, parts[2], "ok"_atom)));
    reader_ = from;
    ref_ = parts[2];
    give(self);
  }
  void give(process& self) {
    if (!reader_ || typed_.empty()) return;
    const auto next = typed_.front();
    typed_.erase(typed_.begin());
    answer(self, next);
  }
  void answer(process& self, const term& what) {
    self.send(*reader_, etf::tuple("io_reply"_atom, ref_, what));
    reader_.reset();
  }

  screen* screen_;
  pid shell_;
  std::optional<pid> reader_;
  term ref_;
  std::vector<term> typed_;
};

/// Starts a shell on `at` as its group leader and serves it; reports the shell's end to the screen.
inline task<> sit_down(process& self, atom at, screen* shown) {
  self.trap_exits(exits::trapped);
  self.group_leader(self.id());
  const rpc::at where{at, patience};
  const auto shell = co_await rpc::call<pid>(self, where, "shell", "start");
  if (!shell) {
    shown->ended(exit_reason::from(shell.error()));
    co_return;
  }
  shown->started(*shell);
  self.link(*shell);
  keyboard keys{shown, *shell};
  for (;;) {
    const auto got = co_await self.receive_any();
    if (!keys.handle(self, got)) co_return;
  }
}

/// A terminal of `on` with a shell of the node `at`.
class seat {
 public:
  seat(node& on, atom at) : on_{&on}, leader_{on.spawn(sit_down, at, &screen_).value()} {}
  ~seat() {
    on_->runtime().exit(leader_, "kill"_atom);
    (void)on_->runtime().wait(leader_, patience);  // it writes on the screen
  }
  seat(const seat&) = delete;
  seat& operator=(const seat&) = delete;

  void enter(std::string_view line) {
    on_->send(leader_, etf::tuple("line"_atom, etf::binary(std::string{line} + "\n")));
  }
  void press(atom key) { on_->send(leader_, term{key}); }
  [[nodiscard]] std::string wait_for(std::string_view text) { return screen_.wait_for(text); }
  [[nodiscard]] std::string wait_for_end() { return screen_.wait_for_end(); }
  /// What is printed after this line was entered at a prompt, up to the next prompt.
  [[nodiscard]] std::string answer_to(std::string_view line, std::string_view prompt) {
    enter(line);
    return wait_for(prompt);
  }
  /// The shell's process, once it has printed something.
  [[nodiscard]] pid shell() const { return screen_.shell(); }

 private:
  node* on_;
  screen screen_;
  pid leader_;
};

}  // namespace ergo_test
