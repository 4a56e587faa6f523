// The part of a server that needs no template: its life from init to terminate, one message at a time.
// A shim for each server class (gen_server.hpp) supplies the callbacks.
#pragma once

#include <ergo/otp/result.hpp>
#include <ergo/spawn.hpp>

#include <memory>

namespace ergo::inline v0::otp::detail {

/// What a starter and its server share: how a start that failed without a crash has ended. Written before the server
/// dies, read after its death was seen.
struct start_ticket {
  enum class end : std::uint8_t { crashed, ignored, refused } how = end::crashed;
  term reason;
  ergo::caller starter;  ///< whom the server answers when it is ready
  pid parent{};          ///< whose exit signal stops the server; no process when it was started from outside
};

/// Runs a server's callbacks. Derived classes call `answer`, `apply` or `run` from their callbacks, at most once each.
class server_loop : public behaviour {
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

  /// Answers the present call.
  void answer(process& self, term value) { self.reply(from_, std::move(value)); }
  /// A callback returned without a decision: go on. Of `init`: the server is ready.
  void decided(process& self) {
    if (phase_ == phase::initialising) finish_init(self, result{});
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
  enum class phase : std::uint8_t { initialising, serving, terminating };
  enum class step : std::uint8_t { wait, proceed, stop };

  void settle(process& self);
  void finish(process& self);
  void finish_init(process& self, result outcome);
  void plan(process& self, result& outcome);
  void plan_stop(exit_reason reason);
  void bad_return(const result& outcome);
  void report_end(process& self);
  [[nodiscard]] bool from_parent(const message& received) const;

  phase phase_ = phase::initialising;
  step step_ = step::wait;
  message current_;
  from from_;
  term raw_;
  term argument_;
  exit_reason reason_;
  std::shared_ptr<start_ticket> ticket_;
  pid parent_{};
  root_task<result> running_;
};

}  // namespace ergo::inline v0::otp::detail
