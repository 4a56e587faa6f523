// What Erlang's module `sys` does to behaviours, done from C++: looking at servers, state machines and event managers
// of any node, suspending them, stopping them. `name`s are those of `destination`.
//
// All of these send `{system, From, Request}`, which whoever is no behaviour of OTP does not understand: then they fail
// with `timeout`. Otherwise they fail as `otp::call` does.
#pragma once

#include <ergo/otp/call.hpp>

namespace ergo::inline v0::otp {
namespace sys {

/// The answer to any system message, as it is; awaited. Lives in the awaiting frame; not movable.
class [[nodiscard]] request final : public ergo::detail::waiting {
 public:
  request(process& self, const destination& to, const term& what, duration timeout = default_call_timeout);
  ~request();
  [[nodiscard]] bool await_ready() const noexcept;
  [[nodiscard]] ergo::result<term> await_resume() const;
  bool over(process& self) override;

 private:
  ergo::detail::call_record record_;
  bool to_self_ = false;
};

/// The state, as `sys:get_state/1` gives it. Fails with `badarg` and the reason where the behaviour could not tell it.
[[nodiscard]] task<ergo::result<term>> get_state(process& self, destination of,
                                                 duration timeout = default_call_timeout);
/// Gives a behaviour of this library the state `next`; Erlang's want a fun, which C++ cannot make. Returns what the
/// state is then. Fails with `badarg` and the reason where there is no such state.
[[nodiscard]] task<ergo::result<term>> replace_state(process& self, destination of, term next,
                                                     duration timeout = default_call_timeout);
/// `{status, Pid, {module, Module}, [Dictionary, State, Parent, Debug, Shown]}`.
[[nodiscard]] task<ergo::result<term>> get_status(process& self, destination of,
                                                  duration timeout = default_call_timeout);
/// Lets a behaviour answer nothing but system messages until `resume`: everything else waits in its mailbox.
[[nodiscard]] task<ergo::result<void>> suspend(process& self, destination what,
                                               duration timeout = default_call_timeout);
[[nodiscard]] task<ergo::result<void>> resume(process& self, destination what, duration timeout = default_call_timeout);
/// Calls `code_change` of a suspended behaviour; fails with `badarg` and the reason where that failed, or where the
/// behaviour was not suspended.
[[nodiscard]] task<ergo::result<void>> change_code(process& self, destination of, atom module, term old_version,
                                                   term extra);
/// Ends a behaviour with `reason`; returns when it knows, which is before it has ended: see `otp::stop`.
[[nodiscard]] task<ergo::result<void>> terminate(process& self, destination what, exit_reason reason,
                                                 duration timeout = default_call_timeout);

}  // namespace sys

/// Stops a behaviour of any node, as `gen_server:stop/3`: it runs `terminate` and ends with `reason`; returns when it
/// is gone. Suspends only this process.
///
/// Fails with `noproc`, `nodedown`, `calling_self`; with `exited` and what it was where it ended for another reason;
/// with `timeout`, and then it may still end.
[[nodiscard]] task<ergo::result<void>> stop(process& self, destination server,
                                            exit_reason reason = exit_reason::normal(), duration timeout = forever);

}  // namespace ergo::inline v0::otp
