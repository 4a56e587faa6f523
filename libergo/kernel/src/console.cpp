// The console is two processes, as OTP's shell is: one that is linked to the group leader and obeys exit signals, and
// one that reads lines and runs commands, which may be killed at any time.
#include "console.hpp"

#include "console_text.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/otp/io.hpp>
#include <ergo/runtime.hpp>

#include <atomic>
#include <exception>
#include <utility>

namespace ergo::inline v0::kernel::detail {
namespace {

/// What both processes know.
struct terminal {
  std::shared_ptr<console_hall> hall;
  right held;
  std::atomic<bool> reading{false};  ///< a line is awaited, so there is no command to interrupt
};

constexpr auto not_found = "Unknown command \"";

std::string greeting_of(const process& self, const terminal& at) {
  const auto own = etf::to_text(self.node().name());
  if (contains(at.held, right::manage)) return "Console of " + own + ". Type help for its commands, q to leave.";
  if (contains(at.held, right::observe))
    return "Console of " + own + ", which your node may observe only. Type help for its commands, q to leave.";
  return "Your node has no right to observe or manage " + own + ".";
}

bool may_look(const terminal& at) noexcept {
  return contains(at.held, right::manage) || contains(at.held, right::observe);
}

task<std::string> run_command(process& self, std::shared_ptr<const terminal> at, std::string line) {
  std::string_view rest{line};
  std::string word{take_word(rest)};
  if (word == "help") co_return at->hall->commands.help(rest, at->held);
  const auto* const command = at->hall->commands.find(word, at->held);
  if (command == nullptr) co_return not_found + word + "\". Type help for those that there are.";
  std::string failure;
  try {
    auto work = command->run(self, std::string{rest});
    auto text = co_await std::move(work);
    co_return text;
  } catch (const std::exception& failed) {
    failure = failed.what();
  }
  co_return "The command has failed: " + failure;
}

/// The user has interrupted the line instead of ending it.
bool is_interrupted(const error& why) { return why.context().is("interrupted"_atom); }

task<bool> print(process& self, std::string text) {
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  auto printing = otp::io::put_chars(self, std::move(text));
  const auto done = co_await std::move(printing);
  co_return done.has_value();
}

/// The next line that holds a command; empty when the terminal gives no more, or the user leaves.
task<std::optional<std::string>> next_command(process& self, std::shared_ptr<terminal> at) {
  for (;;) {
    auto asking = otp::io::get_line(self, etf::to_text(self.node().name()) + "> ");
    at->reading = true;
    const auto line = co_await std::move(asking);
    at->reading = false;
    if (!line && is_interrupted(line.error())) continue;
    if (!line || !*line) co_return std::nullopt;
    std::string wanted{without_erlang_ends(**line)};
    if (wanted == "q" || wanted == "quit") break;
    if (!wanted.empty()) co_return wanted;
  }
  auto leaving = print(self, "The console is closed; the node goes on.");
  (void)co_await std::move(leaving);
  co_return std::nullopt;
}

/// The lines of one terminal, until there are no more. Ends normally whatever the terminal does.
task<> serve_terminal(process& self, std::shared_ptr<terminal> at, std::string notice) {
  auto greeting = print(self, std::move(notice));
  bool goes_on = co_await std::move(greeting) && may_look(*at);
  while (goes_on) {
    auto asking = next_command(self, at);
    auto wanted = co_await std::move(asking);
    if (!wanted) co_return;
    auto running = run_command(self, at, *std::move(wanted));
    auto answer = co_await std::move(running);
    auto printing = print(self, std::move(answer));
    goes_on = co_await std::move(printing);
  }
}

/// One of the consoles that a node may have, until it goes.
class place {
 public:
  explicit place(std::shared_ptr<console_hall> in) noexcept : hall_{std::move(in)} {
    taken_ = hall_->open.fetch_add(1, std::memory_order_relaxed) < hall_->most;
  }
  ~place() { hall_->open.fetch_sub(1, std::memory_order_relaxed); }
  place(const place&) = delete;
  place& operator=(const place&) = delete;

  [[nodiscard]] bool taken() const noexcept { return taken_; }

 private:
  std::shared_ptr<console_hall> hall_;
  bool taken_;
};

class console final : public behaviour {
 public:
  console(std::shared_ptr<terminal> at, std::optional<console_greeting> greeting, std::unique_ptr<place> here)
      : place_{std::move(here)}, at_{std::move(at)}, greeting_{greeting} {}

  void start(process& self) override {
    if (!greeting_) return begin(self, greeting_of(self, *at_));
    watch_ = self.monitor(greeting_->whom).ref;
    self.send(greeting_->whom, etf::tuple("begin"_atom, greeting_->ref, self.id()));
  }
  void receive(process& self, message received) override {
    if (const auto ended = received.as<exit_message>()) return on_exit(self, *ended);
    if (const auto gone = received.as<down>(); gone && greeting_ && gone->ref == watch_)
      return self.stop(exit_reason::normal());
    if (!greeting_ || received.kind() != ergo::detail::signal_kind::message) return;
    if (received.payload() != etf::tuple("done"_atom, greeting_->ref)) return;
    self.demonitor({watch_}, demonitor_mode::flush);
    greeting_.reset();
    begin(self, greeting_of(self, *at_));
  }
  void task_ended(process& /*self*/) override {}

 private:
  void begin(process& self, std::string notice) {
    at_->reading = false;
    spawn_options linked;
    linked.to_parent = tie::link;
    linked.initial_call = etf::tuple("shell"_atom, "eval_loop"_atom, 3);
    const auto started = self.try_spawn(linked, make_body(serve_terminal, at_, std::move(notice)));
    if (!started) return self.stop(exit_reason::from(started.error()));
    reader_ = *started;
  }
  void on_exit(process& self, const exit_message& ended) {
    if (ended.from == reader_) return reader_ended(self, ended.reason);
    if (!ended.reason.is("interrupt"_atom)) return self.stop(ended.reason);
    if (reader_ != pid{} && !at_->reading) self.exit(reader_, "kill"_atom);
  }
  // Who is killed has been interrupted, by us or by a hand that does not care.
  void reader_ended(process& self, const exit_reason& why) {
    if (why.is_normal()) return self.stop(why);
    const bool killed = why.is("killed"_atom);
    begin(self,
          killed ? "*** interrupted" : "*** the command has ended: " + etf::to_text(why.value(), {.limit = 1000}));
  }

  std::unique_ptr<place> place_;
  std::shared_ptr<terminal> at_;
  std::optional<console_greeting> greeting_;
  reference watch_{};
  pid reader_{};
};

}  // namespace

result<pid> start_console(process& self, std::shared_ptr<console_hall> hall, right held,
                          std::optional<console_greeting> greeting) {
  auto here = std::make_unique<place>(hall);
  if (!here->taken()) return fail(errc::system_limit, etf::tuple("consoles"_atom, hall->most));
  spawn_options options;
  options.trap_exits = true;
  options.quiet = true;
  options.initial_call = etf::tuple("shell"_atom, "start"_atom, 0);
  auto at = std::make_shared<terminal>(std::move(hall), held);
  return self.try_spawn(options, std::make_unique<console>(std::move(at), greeting, std::move(here)));
}

}  // namespace ergo::inline v0::kernel::detail
