// Starting processes on other nodes for a supervisor here (spawn requests of the distribution protocol; proc_lib.erl).
#include <ergo/otp/remote_child.hpp>

#include <ergo/calls.hpp>

namespace ergo::inline v0::otp {
namespace {

/// The wait for the other node's answer to a spawn request.
class spawning final : public ergo::detail::waiting {
 public:
  spawning(process& self, const remote_start& what) : waiting{self, what.limit} {
    (void)prepare_spawn(self, record_, ergo::detail::call_record::question::spawn);
    start_spawn(self, record_,
                {.node = what.node,
                 .module = what.module,
                 .function = what.function,
                 .arguments = what.arguments,
                 .link = true});
  }
  ~spawning() { close_call(*self_, record_); }
  [[nodiscard]] bool await_ready() const noexcept { return record_.status != state::waiting; }
  bool over(process& /*self*/) override { return await_ready() || time_is_up(); }
  /// The process, or `{error, Why}` as OTP says it: `noconnection`, `timeout`, `badarg`, `system_limit`, `notsup`.
  [[nodiscard]] ergo::result<pid> await_resume() const {
    if (record_.status == state::waiting) return fail(errc::timeout);
    if (const auto started = record_.answer.as_pid()) return *started;
    return fail(errc::exited, record_.answer);
  }

 private:
  using state = ergo::detail::call_record::state;
  ergo::detail::call_record record_;
};

task<ergo::result<pid>> spawn_there(process& self, remote_start what) {
  spawning request{self, what};
  auto started = co_await request;
  co_return started;
}

task<ergo::result<started_child>> start_process_there(process& self, remote_start what) {
  auto spawned = spawn_there(self, std::move(what));
  const auto started = co_await std::move(spawned);
  if (!started) co_return std::unexpected{started.error()};
  started_child made;
  made.process = *started;
  co_return made;
}

bool is_end_of(const message& candidate, const pid& child) {
  return candidate.kind() == ergo::detail::signal_kind::exit_message && candidate.sender() == child;
}

// `{ack, Pid, Answer}`, or `{nack, Pid, Answer}` of OTP 26 and later where the process ends at once.
bool is_ack_of(const message& candidate, const pid& child) {
  if (candidate.kind() != ergo::detail::signal_kind::message) return false;
  const auto& told = candidate.payload();
  if (!etf::is_tagged(told, "ack"_atom, 3) && !etf::is_tagged(told, "nack"_atom, 3)) return false;
  return told.elements()[1].as_pid() == child;
}

// After this no exit signal of the child arrives.
void let_go(process& self, const pid& child) {
  self.unlink(child);
  auto signal = self.receive_if([child](const message& candidate) { return is_end_of(candidate, child); });
  if (signal.await_ready()) (void)signal.await_resume();
}

// What a server says of its `init`.
ergo::result<started_child> read_ack(const term& answer, const pid& child) {
  started_child made;
  if (answer.is("ignore"_atom)) return made;
  made.process = child;
  if (etf::is_tagged(answer, "ok"_atom, 2)) return made;
  if (etf::is_tagged(answer, "error"_atom, 2)) return fail(errc::exited, answer.elements()[1]);
  return fail(errc::exited, answer);
}

task<ergo::result<started_child>> start_server_there(process& self, remote_start what) {
  const auto limit = what.limit;
  auto spawned = spawn_there(self, std::move(what));
  const auto started = co_await std::move(spawned);
  if (!started) co_return std::unexpected{started.error()};
  const auto child = *started;
  const auto about_it = [child](const message& candidate) {
    return is_end_of(candidate, child) || is_ack_of(candidate, child);
  };
  const auto told = co_await self.receive_if(about_it, limit);
  if (!told) {
    self.exit(child, exit_reason{"kill"_atom});
    let_go(self, child);
    co_return fail(errc::timeout);
  }
  if (const auto ended = told.as<exit_message>()) co_return fail(errc::exited, ended->reason.value());
  auto outcome = read_ack(told.payload().elements()[2], child);
  if (!outcome || !outcome->process) let_go(self, child);
  co_return outcome;
}

// What `proc_lib:start_link` runs for `gen_server:start_link/3` in the new process: gen:init_it/6 with starter, parent,
// callback module, its argument and options.
remote_start server_there(const process& self, atom node, atom module, const term& argument, duration limit) {
  const term own{self.id()};
  const auto name = self.name() == atom{} ? own : term{self.name()};
  const auto server = etf::list("gen_server"_atom, own, own, module, argument, term{});
  remote_start what;
  what.node = node;
  what.module = "proc_lib"_atom;
  what.function = "init_p"_atom;
  what.arguments = etf::list(name, self.ancestors(), "gen"_atom, "init_it"_atom, server);
  what.limit = limit;
  return what;
}

}  // namespace

child_spec remote_child(const term& id, const remote_start& what) {
  child_spec made;
  made.id = id;
  made.mfa = etf::tuple(what.module, what.function, what.arguments);
  made.modules = etf::list(what.module);
  made.start = [what](process& self, const term& /*arguments*/) { return start_process_there(self, what); };
  return made;
}

child_spec remote_server(const term& id, atom node, atom module, const term& argument, duration limit) {
  child_spec made;
  made.id = id;
  made.mfa = etf::tuple("gen_server"_atom, "start_link"_atom, etf::list(module, argument, term{}));
  made.modules = etf::list(module);
  made.start = [=](process& self, const term& /*arguments*/) {
    return start_server_there(self, server_there(self, node, module, argument, limit));
  };
  return made;
}

}  // namespace ergo::inline v0::otp
