// The part of a server that needs no template: its life from init to terminate, one message at a time.
// A shim for each server class (gen_server.hpp) supplies the callbacks.
#pragma once

#include <ergo/otp/detail/system_messages.hpp>
#include <ergo/otp/public_name.hpp>
#include <ergo/otp/result.hpp>
#include <ergo/otp/status.hpp>
#include <ergo/spawn.hpp>

#include <memory>

namespace ergo::inline v0::otp::detail {

/// What a starter and its server share: how a start that failed without a crash has ended. Written before the server
/// dies, read after its death was seen.
struct start_ticket {
  enum class end : std::uint8_t { crashed, ignored, refused, taken } how = end::crashed;
  term reason;
  ergo::caller starter;             ///< whom the server answers when it is ready
  pid parent{};                     ///< whose exit signal stops the server; no process when it was started from outside
  std::optional<public_name> name;  ///< claimed before `init`
  std::size_t report_depth = 20;    ///< see `start_options`
};

/// Runs a server's callbacks. Derived classes call `answer`, `apply` or `run` from their callbacks, at most once each.
class server_loop : public behaviour, private system_host {
 public:
  /// Says who waits for this server to be ready. Before it is spawned.
  void started_by(std::shared_ptr<start_ticket> ticket) noexcept { ticket_ = std::move(ticket); }
  /// `{Server, init, Arity}`, for process info.
  [[nodiscard]] virtual term initial_call() const = 0;

  void start(process& self) final;
  void receive(process& self, message received) final;
  void task_ended(process& self) final;
  void idle_timeout(process& self) final;

 protected:
  virtual void on_init(process& self) = 0;
  virtual void on_call(process& self, const message& request, const from& caller) = 0;
  virtual void on_cast(process& self, const message& cast) = 0;
  virtual void on_info(process& self, const message& info) = 0;
  virtual void on_continue(process& self, const term& argument) = 0;
  virtual void on_terminate(process& self, const exit_reason& reason) = 0;
  /// The name of the server's class in Erlang style.
  [[nodiscard]] virtual atom server_name() const = 0;
  /// Whether `take_state` can do something.
  [[nodiscard]] virtual bool state_is_replaceable() const noexcept { return false; }
  /// Takes a state that looks like that of `state()`; throws when it does not.
  virtual void take_state(process& self, const term& next);
  /// Why the server does not become another version of itself; nothing when it does.
  [[nodiscard]] virtual std::optional<term> on_code_change(process& self, const term& old_version, const term& extra);
  /// What may be seen of a status.
  [[nodiscard]] virtual status on_format_status(status shown) const { return shown; }

  // What `sys` sees is that of a gen_server; other behaviours on this loop have their own.
  [[nodiscard]] atom system_module() const noexcept override { return "gen_server"_atom; }
  [[nodiscard]] term system_state() const override { return state(); }
  [[nodiscard]] task<term> replace_system_state(process& self, new_state next) override;
  [[nodiscard]] std::optional<term> change_code(process& self, term module, term old_version, term extra) override;
  [[nodiscard]] term system_status(process& self, const status_facts& facts) const override;
  [[nodiscard]] std::string describe_event(process& self, const term& event) const override;
  [[nodiscard]] term system_name(const process& self) const final;
  [[nodiscard]] pid system_parent() const noexcept final { return parent_; }
  /// Events for whoever watches: called only then.
  [[nodiscard]] virtual term event_of_arrival(const message& received) const;
  virtual void note_answer(process& self, const term& value);
  virtual void note_state(process& self);
  virtual void note_end(process& /*self*/, const exit_reason& /*reason*/) {}
  /// Adds what only this behaviour has to what may be seen of it.
  virtual void add_to_status(status& /*all*/) const {}
  /// Reports a crash; `shown` is what may be seen.
  virtual void report(process& self, const status& shown) const;

  /// Whether anybody watches; then `note` tells of an event.
  [[nodiscard]] bool watched() const noexcept { return system_.watched(); }
  void note(process& self, term event) { system_.note(self, *this, std::move(event)); }
  /// `all` as `format_status` leaves it.
  [[nodiscard]] status visible(const status& all) const;
  /// For a report, cut to `start_options::report_depth`.
  [[nodiscard]] term cut(const term& value) const { return bounded(value, report_depth_); }
  /// Who waits for an answer to the last message, as OTP reports it.
  [[nodiscard]] term client(process& self) const;
  /// `{'EXIT', {undef, …}}`, as of a module without such a callback.
  [[nodiscard]] term undefined_callback(atom name, const term& arguments) const;

  /// Answers the present call.
  void answer(process& self, term value) {
    if (system_.watched()) [[unlikely]]
      note_answer(self, value);
    self.reply(from_, std::move(value));
  }
  /// A callback returned without a decision: go on. Of `init`: the server is ready.
  void decided(process& self) {
    if (phase_ == phase::initialising) return finish_init(self, result{});
    if (system_.watched()) [[unlikely]]
      note_state(self);
  }
  /// Does what a callback decided.
  void apply(process& self, result outcome);
  /// Suspends the server until `work` has decided.
  void run(process& self, task<result> work) { running_.start(self, std::move(work)); }
  /// The present message as an Erlang process would see it; valid until the next one.
  [[nodiscard]] const term& raw_message();
  [[nodiscard]] const from& present_caller() const noexcept { return from_; }

  /// Ends the server because no handler takes the present message: `{function_clause, …}`.
  [[noreturn]] void no_clause(atom callback, const term& argument) const;
  /// Reports and drops a message that no handler takes.
  void drop_unknown(process& self) const;

 private:
  enum class phase : std::uint8_t { claiming, initialising, serving, terminating };
  enum class step : std::uint8_t { wait, proceed, stop };

  void initialise(process& self);
  void settle(process& self) {
    if (step_ == step::wait && !running_.active()) [[likely]]
      return forget_message();
    settle_decided(self);
  }
  void settle_decided(process& self);
  void forget_message() noexcept;
  // Out of the way of messages that are not watched.
  [[gnu::cold, gnu::noinline]] void start_conversation(process& self);
  [[gnu::cold, gnu::noinline]] void note_arrival(process& self);
  void finish(process& self);
  void finish_init(process& self, result outcome);
  void plan(process& self, result& outcome);
  void plan_stop(exit_reason reason);
  void bad_return(const result& outcome);
  void wait_as_planned(process& self);
  [[nodiscard]] task<result> claim(process& self, public_name name);
  void take_claim(process& self);
  [[nodiscard]] task<result> converse(process& self, message asked);
  [[nodiscard]] term safe_state() const;
  [[nodiscard]] term last_message() const;
  void report_end(process& self);
  [[nodiscard]] bool from_parent(const message& received) const;

  phase phase_ = phase::initialising;
  step step_ = step::wait;
  bool idle_until_ = false;     // idle_limit_ is a time since the clock's epoch
  bool conversing_ = false;     // with sys: its end is no event
  bool has_last_word_ = false;  // last_word_ answers the present call when terminate has run
  duration idle_limit_ = forever;
  message current_;
  from from_;
  term raw_;
  term argument_;  // of handle_continue; in the end the state as it was before terminate
  term idle_message_;
  term last_word_;
  exit_reason reason_;
  std::shared_ptr<start_ticket> ticket_;
  pid parent_{};
  term called_;  // a public name
  std::size_t report_depth_ = 0;
  system_messages system_;
  root_task<result> running_;
};

}  // namespace ergo::inline v0::otp::detail
