// What a behaviour understands beside its own messages: `{system, From, Request}`, by which `sys` of OTP looks at it,
// suspends it and orders it about from any Erlang shell. Servers, state machines and event managers share this part.
#pragma once

#include <ergo/process.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ergo::inline v0::otp::detail {

/// Thrown where a callback of `sys` cannot do what it was asked: answered as `{callback_failed, _, {Class, Reason}}`.
struct callback_failure {
  atom class_of_exception;  ///< `error`, `exit` or `throw`
  term reason;
};

/// How `sys:replace_state/2` makes a new state of the present one.
class new_state {
 public:
  new_state(term function, const pid& asker) noexcept : function_{std::move(function)}, asker_{asker} {}

  /// The state that follows `present`. A fun is run by the node of who asks, where its module is; any other term is the
  /// new state itself. Suspends until that node has answered; throws `callback_failure`.
  [[nodiscard]] task<term> made_of(process& self, term present) const;

 private:
  term function_;
  pid asker_;
};

/// What is known of a process that is asked for its status.
struct status_facts {
  term dictionary;  ///< `[{'$ancestors', _}, {'$initial_call', _}]`
  atom state;       ///< `running` or `suspended`
  pid parent;
  term log;  ///< the events that `sys:log/2` keeps, oldest first
};

/// A behaviour as `sys` sees it. Called in its own process only; what is thrown is answered, and ends nothing.
class system_host {
 public:
  /// The behaviour's module in OTP, such as `gen_server`.
  [[nodiscard]] virtual atom system_module() const noexcept = 0;
  /// What `sys:get_state/1` answers.
  [[nodiscard]] virtual term system_state() const = 0;
  /// `sys:replace_state/2`: takes the state that `next` makes of the present one and returns what is answered.
  [[nodiscard]] virtual task<term> replace_system_state(process& self, new_state next) = 0;
  /// `sys:change_code/4`; the answer is `ok`, or `{error, Why}` with what is returned.
  [[nodiscard]] virtual std::optional<term> change_code(process& self, term module, term old_version, term extra) = 0;
  /// The last part of what `sys:get_status/1` answers, by custom `[{header, _}, {data, _}, …]`.
  [[nodiscard]] virtual term system_status(process& self, const status_facts& facts) const = 0;
  /// One line (UTF-8, ending with `\n`) that tells of an event of `note`, for `sys:trace/2`.
  [[nodiscard]] virtual std::string describe_event(process& self, const term& event) const = 0;
  /// By what name `sys` knows the process: its registered name, else its pid.
  [[nodiscard]] virtual term system_name(const process& self) const = 0;
  /// Whose exit signal ends the process; no process when there is none.
  [[nodiscard]] virtual pid system_parent() const noexcept = 0;

 protected:
  ~system_host() = default;
};

/// The `sys` side of one process: what it was told to watch, and the conversation.
class system_messages {
 public:
  system_messages() noexcept;
  system_messages(const system_messages&) = delete;
  system_messages& operator=(const system_messages&) = delete;
  ~system_messages();

  /// Whether a message is for `serve`.
  [[nodiscard]] static bool concerns(const message& received) noexcept {
    return received.kind() == ergo::detail::signal_kind::message &&
           etf::is_tagged(received.payload(), "system"_atom, 3);
  }

  /// Whether anybody wants to hear of events; nothing is to be noted otherwise.
  [[nodiscard]] bool watched() const noexcept { return watch_ != nullptr; }
  /// Logs, counts and traces an event: `{in, Message}`, `{out, Message, To, State}`, `{noreply, State}`, or any other.
  void note(process& self, const system_host& host, term event);
  /// The events that `sys:log/2` keeps, oldest first: a list.
  [[nodiscard]] term log() const;

  /// Answers a system message, and while the process is suspended those that follow: everything else stays in the
  /// mailbox. Returns when the process is to go on, or with the reason to end for. Run it as the process's task.
  [[nodiscard]] task<std::optional<exit_reason>> serve(process& self, system_host& host, message first);

 private:
  struct watch;
  struct answer;

  [[nodiscard]] task<answer> obey(process& self, system_host& host, atom state, term request, pid asker);
  [[nodiscard]] task<term> debug(process& self, const system_host& host, term what);
  [[nodiscard]] term trace_command(process& self, const term& flag);
  [[nodiscard]] term log_command(const term& flag);
  [[nodiscard]] term statistics_command(const term& flag);
  [[nodiscard]] term status(process& self, const system_host& host, atom state) const;
  [[nodiscard]] term options(const process& self, const system_host& host) const;
  void trace(process& self, const system_host& host, const term& event);
  watch& watching();
  void tidy() noexcept;

  std::unique_ptr<watch> watch_;
};

/// `Text Name` as in the header of a status; `{Text, Name}` where the name is neither an atom nor a pid.
[[nodiscard]] term status_header(std::string_view text, const term& name);

/// What is left of `value` when it is cut to `depth` levels and as many elements in each; `'...'` stands for the rest,
/// and long binaries lose their ends. For reports, which must not be as large as what they report.
[[nodiscard]] term bounded(const term& value, std::size_t depth);

}  // namespace ergo::inline v0::otp::detail
