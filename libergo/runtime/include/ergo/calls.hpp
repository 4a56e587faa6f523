// Calls at the level of processes: request, monitor, answer or failure, deadline. `ergo/otp/call.hpp` gives them types.
#pragma once

#include <ergo/process.hpp>

namespace ergo::inline v0 {

/// Sends `request` as `gen_server:call/3` does and waits for the answer: a term, `timeout`, `noproc`, `nodedown`,
/// `exited`, `calling_self`, or `system_limit` where the server's mailbox was full.
///
/// The request leaves when the awaiter is made. A late answer never reaches the mailbox. Lives in the awaiting frame;
/// not movable.
class [[nodiscard]] call_awaiter final : public detail::waiting {
 public:
  call_awaiter(process& self, const destination& to, term request, duration timeout);
  /// Asks for the process info of `inspected` instead, or, with `messages` as `what`, for its unread messages.
  call_awaiter(process& self, const pid& inspected, duration timeout, atom what = {});
  ~call_awaiter();
  [[nodiscard]] bool await_ready() const noexcept;
  [[nodiscard]] result<term> await_resume();
  bool over(process& self) override;

 private:
  detail::call_record record_;
  bool to_self_ = false;
};

/// The pieces of a call, for request-id collections: start, look, abandon. The record must stay where it is until it is
/// closed.
void start_call(process& self, detail::call_record& record, const destination& to, term request);
/// Takes the record out of the process; a later answer is dropped. Needed exactly once for each started record.
void close_call(process& self, detail::call_record& record) noexcept;
/// The outcome of a record that is no longer waiting.
[[nodiscard]] result<term> outcome_of(const detail::call_record& record);

/// Opens a record that whoever holds the returned caller may answer, once; for `process::spawn_for_call`.
[[nodiscard]] caller prepare_call(process& self, detail::call_record& record);

/// A process that another node is asked to start: it calls `module:function` with the arguments.
struct remote_spawn {
  atom node;
  atom module;
  atom function;
  term arguments;  ///< a proper list
  bool link = false;
  bool monitor = false;
  atom name{};  ///< registered there before the first slice; `''` for none
};

/// Opens a record for `start_spawn`; the reference is the request's, and with `monitor` the monitor's.
[[nodiscard]] reference prepare_spawn(process& self, detail::call_record& record, detail::call_record::question asks);
/// The reference of an open record.
[[nodiscard]] reference call_reference(const process& self, const detail::call_record& record) noexcept;
/// Sends the request of an open record. A reply that comes after it was closed is undone: the new process is watched by
/// nobody, and ends of `abandoned` if it was to be linked.
void start_spawn(process& self, detail::call_record& record, const remote_spawn& wanted);
/// Sends a request whose reply nobody waits for.
void request_spawn(process& self, const remote_spawn& wanted);

/// Asks `target`, a process of this program, for its process info, as `process_info/1`: a property list, or `noproc`.
[[nodiscard]] call_awaiter process_info(process& self, const pid& target, duration timeout = std::chrono::seconds{5});

/// Asks `target` for the messages that it has not read, oldest first, as an Erlang process would see them; or `noproc`.
[[nodiscard]] call_awaiter process_messages(process& self, const pid& target,
                                            duration timeout = std::chrono::seconds{5});

/// Calls `to` and waits for the answer as a term: see `call_awaiter`.
[[nodiscard]] inline call_awaiter call(process& self, const destination& to, term request, duration timeout) {
  return call_awaiter{self, to, std::move(request), timeout};
}

}  // namespace ergo::inline v0
