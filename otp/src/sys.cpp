// The client's side of system messages. Request and monitor share one reference, which is that of a call record.
#include <ergo/otp/sys.hpp>

#include "remote_function.hpp"

#include <ergo/runtime.hpp>

namespace ergo::inline v0::otp {
namespace {

using ergo::detail::call_record;
using ergo::detail::make_signal;
using ergo::detail::signal_kind;

bool is_self(const process& self, const destination& to) {
  if (!to.by_name()) return to.process() == self.id();
  const bool here = to.node() == atom{} || to.node() == self.node().name();
  return here && self.name() != atom{} && self.name() == to.name();
}

ergo::result<void> as_done(const ergo::result<term>& answer) {
  if (!answer) return std::unexpected{answer.error()};
  if (answer->is("ok"_atom)) return {};
  if (etf::is_tagged(*answer, "error"_atom, 2)) return fail(errc::badarg, answer->elements()[1]);
  return fail(errc::bad_answer, *answer);
}

// The state in an answer, which releases before OTP 27 give as it is.
task<ergo::result<term>> as_state(process& self, destination of, ergo::result<term> answer) {
  if (!answer) co_return answer;
  if (etf::is_tagged(*answer, "error"_atom, 2)) co_return fail(errc::badarg, answer->elements()[1]);
  const bool wraps = co_await detail::wraps_states(self, of);
  if (!wraps || !etf::is_tagged(*answer, "ok"_atom, 2)) co_return answer;
  co_return answer->elements()[1];
}

task<ergo::result<term>> ask(process& self, destination to, term what, duration timeout) {
  sys::request asking{self, to, what, timeout};
  auto answer = co_await asking;
  co_return answer;
}

}  // namespace

namespace sys {

request::request(process& self, const destination& to, const term& what, duration timeout)
    : waiting{self, timeout}, to_self_{is_self(self, to)} {
  if (to_self_) return;
  const auto from = prepare_call(self, record_);
  record_.remote = true;  // a monitor tells of the end, here as elsewhere
  record_.sent_to = to;
  if (to.by_name() && (to.node() == atom{} || to.node() == self.node().name())) {
    record_.sent_to = destination{to.name(), self.node().name()};
    if (const auto found = self.node().whereis(to.name())) record_.sent_to = destination{*found};
  }
  auto* const watch = make_signal(signal_kind::monitor, self.id(), from.tag, term{});
  if (record_.sent_to.by_name()) watch->name = record_.sent_to.name();
  self.node().route(record_.sent_to, watch);
  (void)self.send(record_.sent_to, etf::tuple("system"_atom, from.to_term(), what));
}

request::~request() {
  if (!to_self_) close_call(*self_, record_);
}

bool request::await_ready() const noexcept { return to_self_ || record_.status != call_record::state::waiting; }

bool request::over(process& /*self*/) { return await_ready() || time_is_up(); }

ergo::result<term> request::await_resume() const {
  if (to_self_) return fail(errc::calling_self);
  return outcome_of(record_);
}

task<ergo::result<term>> get_state(process& self, destination of, duration timeout) {
  auto answer = co_await ask(self, of, "get_state"_atom, timeout);
  co_return co_await as_state(self, of, std::move(answer));
}

task<ergo::result<term>> replace_state(process& self, destination of, term next, duration timeout) {
  const auto what = etf::tuple("replace_state"_atom, next);
  auto answer = co_await ask(self, of, what, timeout);
  co_return co_await as_state(self, of, std::move(answer));
}

task<ergo::result<term>> get_status(process& self, destination of, duration timeout) {
  return ask(self, of, "get_status"_atom, timeout);
}

task<ergo::result<void>> suspend(process& self, destination what, duration timeout) {
  const auto answer = co_await ask(self, what, "suspend"_atom, timeout);
  co_return as_done(answer);
}

task<ergo::result<void>> resume(process& self, destination what, duration timeout) {
  const auto answer = co_await ask(self, what, "resume"_atom, timeout);
  co_return as_done(answer);
}

task<ergo::result<void>> change_code(process& self, destination of, atom module, term old_version, term extra) {
  const auto what = etf::tuple("change_code"_atom, module, old_version, extra);
  const auto answer = co_await ask(self, of, what, default_call_timeout);
  co_return as_done(answer);
}

task<ergo::result<void>> terminate(process& self, destination what, exit_reason reason, duration timeout) {
  const auto wanted = etf::tuple("terminate"_atom, reason.value());
  const auto answer = co_await ask(self, what, wanted, timeout);
  co_return as_done(answer);
}

}  // namespace sys

// The server's answer is of no interest: it may end before it gives one, or be killed behind it.
task<ergo::result<void>> stop(process& self, destination server, exit_reason reason, duration timeout) {
  if (is_self(self, server)) co_return fail(errc::calling_self);
  const auto watch = self.monitor(server);
  const auto wanted = etf::tuple("terminate"_atom, reason.value());
  const sys::request telling{self, server, wanted, forever};
  auto waiting = self.receive_if(
      [ref = watch.ref](const message& candidate) {
        const auto ended = candidate.as<down>();
        return ended && ended->ref == ref;
      },
      timeout);
  const auto told = co_await waiting;
  if (!told) {
    (void)self.demonitor(watch, demonitor_mode::flush);
    co_return fail(errc::timeout);
  }
  const auto end = told.as<down>()->reason;
  if (end == reason) co_return ergo::result<void>{};
  if (end.is("noproc"_atom)) co_return fail(errc::noproc);
  if (end.is("noconnection"_atom)) {
    const term node{server.by_name() ? server.node() : server.process().node.name()};
    co_return fail(errc::nodedown, node);
  }
  co_return fail(errc::exited, end.value());
}

}  // namespace ergo::inline v0::otp
