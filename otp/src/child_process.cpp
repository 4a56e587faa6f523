// One child's process: how it starts and how it ends.
#include "child_process.hpp"

#include "child_errors.hpp"
#include "child_terms.hpp"

#include <ergo/detail/process_exit.hpp>
#include <ergo/runtime.hpp>

namespace ergo::inline v0::otp::detail {
namespace {

term arguments_of(const child_spec& spec, const term& more) {
  if (spec.mfa.is_nil()) return more;
  const auto& own = spec.mfa.elements()[2];
  if (more.is_nil()) return own;
  std::vector<term> all{own.items().begin(), own.items().end()};
  all.insert(all.end(), more.items().begin(), more.items().end());
  return etf::make_list(all);
}

task<ergo::result<started_child>> start_made(process& self, const child_spec* spec) {
  std::unique_ptr<behaviour> body;
  term failure;
  try {
    body = spec->make();
  } catch (...) {
    failure = ergo::detail::reason_of_current_exception().value();
  }
  if (!body) co_return fail(errc::exited, failure);
  auto starting = start_linked(self, spec->options, std::move(body));
  auto started = co_await std::move(starting);
  co_return started;
}

// A coroutine of its own, so that its start may throw as well as its end.
task<ergo::result<started_child>> start_called(process& self, const start_function* body, term arguments) {
  auto starting = (*body)(self, std::move(arguments));
  auto started = co_await std::move(starting);
  co_return started;
}

task<ergo::result<started_child>> start_guarded(process& self, const start_function* body, term arguments) {
  auto starting = start_called(self, body, std::move(arguments));
  term failure;
  try {
    auto started = co_await std::move(starting);
    if (!started && started.error() == errc::ignored) started = started_child{};
    co_return started;
  } catch (...) {
    failure = ergo::detail::reason_of_current_exception().value();
  }
  co_return fail(errc::exited, etf::tuple("EXIT"_atom, failure));
}

bool is_proper(const term& list) noexcept { return list.is_list() && list.list_tail().is_nil(); }

}  // namespace

task<ergo::result<started_child>> start_process(process& self, const child_spec* spec, term more,
                                                std::shared_ptr<const start_functions> functions) {
  if (spec->make && more.is_nil()) {
    auto starting = start_made(self, spec);
    auto started = co_await std::move(starting);
    co_return started;
  }
  const auto mfa = mfa_of(*spec);
  const bool sound = is_proper(more) && (spec->mfa.is_nil() || is_proper(mfa.elements()[2]));
  if (!sound) co_return fail(errc::exited, etf::tuple("EXIT"_atom, etf::tuple("badarg"_atom, term{})));
  const auto arguments = arguments_of(*spec, more);
  std::shared_ptr<const start_function> found;
  if (!spec->start && functions != nullptr) {
    const auto parts = mfa.elements();
    found = functions->find(*parts[0].as_atom(), *parts[1].as_atom(), arguments.items().size());
  }
  if (!spec->start && found == nullptr) co_return fail(errc::exited, undefined_start(mfa, arguments));
  auto starting = start_guarded(self, spec->start ? &spec->start : found.get(), arguments);
  auto started = co_await std::move(starting);
  co_return started;
}

task<> stop_process(process& self, const child_spec* spec, pid ending) {
  const auto rule = spec->shutdown;
  const auto watch = self.monitor(ending);
  self.exit(ending, exit_reason{rule.brutal() ? "kill"_atom : "shutdown"_atom});
  auto reason = co_await await_down(self, ending, watch, rule.brutal() ? forever : rule.limit());
  if (!reason) {
    self.exit(ending, exit_reason{"kill"_atom});
    reason = co_await await_down(self, ending, watch, forever);
  }
  if (ended_as_asked(rule, spec->restart, *reason)) co_return;
  report(self, "shutdown_error", *spec, ending, reason->value());
}

task<std::optional<exit_reason>> await_down(process& self, pid ending, monitor_ref watch, duration limit) {
  const auto is_down = [ref = watch.ref](const message& candidate) {
    const auto ended = candidate.as<down>();
    return ended && ended->ref == ref;
  };
  const auto told = co_await self.receive_if(is_down, limit);
  if (!told) co_return std::nullopt;
  std::optional<exit_reason> reason{told.as<down>()->reason};
  // A link tells before a monitor does, and keeps the true reason where the process was gone before it was watched.
  self.unlink(ending);
  auto signal = self.receive_if([ending](const message& candidate) {
    const auto ended = candidate.as<exit_message>();
    return ended && ended->from == ending;
  });
  if (signal.await_ready()) reason = signal.await_resume().as<exit_message>()->reason;
  co_return reason;
}

term start_answer(const ergo::result<started_child>& started) {
  if (!started) return etf::tuple("error"_atom, start_reason(started.error()));
  const term process = started->process ? term{*started->process} : term{"undefined"_atom};
  if (started->process && started->info) return etf::tuple("ok"_atom, process, *started->info);
  return etf::tuple("ok"_atom, process);
}

namespace {

term name_of(const process& supervisor) {
  return supervisor.name() == atom{} ? term{supervisor.id()} : term{supervisor.name()};
}

term label_of(std::string_view what) { return etf::tuple("supervisor"_atom, atom::of(what)); }

atom action_of(decision decided) noexcept {
  switch (decided) {
    case decision::start_again: return "restart"_atom;
    case decision::leave: return "leave"_atom;
    case decision::forget: return "forget"_atom;
    case decision::give_up: break;
  }
  return "give_up"_atom;
}

}  // namespace

void report_progress(process& self, const child_spec& spec, const pid& started) {
  self.log(log_level::info, "progress",
           {{"supervisor", name_of(self)}, {"child", spec.id}, {"pid", started}, {"reason", "started"_atom}});
}

void report(process& self, std::string_view what, const child_spec& spec, const term& processes, const term& reason) {
  self.log(log_level::error, what,
           {{"supervisor", name_of(self)},
            {"child", spec.id},
            {"pid", processes},
            {"reason", reason},
            {"label", label_of(what)},
            {"offender", offender_of(spec, processes)}});
}

void report_end(process& self, const child_spec& spec, const pid& ended, const exit_reason& why, decision decided) {
  if (!is_reported(spec.restart, why)) return;
  self.log(log_level::error, "child_terminated",
           {{"supervisor", name_of(self)},
            {"child", spec.id},
            {"pid", ended},
            {"reason", why.value()},
            {"action", action_of(decided)},
            {"label", label_of("child_terminated")},
            {"offender", offender_of(spec, ended)}});
}

}  // namespace ergo::inline v0::otp::detail
