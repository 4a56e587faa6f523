// The running supervisor: starts, watches, starts again, stops. What is to be done after an end, restart.cpp decides.
#include <ergo/otp/supervisor.hpp>

#include "child_errors.hpp"
#include "pending_specs.hpp"

#include <ergo/detail/process_exit.hpp>
#include <ergo/runtime.hpp>

#include <algorithm>

namespace ergo::inline v0::otp {

using detail::start_reason;

child_spec child_spec::registered(atom name) && {
  options.name = name == atom{} ? id.as_atom().value_or(atom{}) : name;
  return std::move(*this);
}

child_spec child_spec::restarted(otp::restart kind) && {
  restart = kind;
  return std::move(*this);
}

child_spec child_spec::stopped(otp::shutdown rule) && {
  shutdown = rule;
  return std::move(*this);
}

child_spec child_supervisor(const term& id, supervisor_spec tree) {
  auto made = child<supervisor>(id, std::move(tree));
  made.type = child_type::supervisor;
  made.shutdown = forever;
  return made;
}

namespace detail {

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

}  // namespace detail

// ----- start and stop
// -------------------------------------------------------------------------------------------------

task<result> supervisor::init(process& self, supervisor_spec spec) {
  self.trap_exits(exits::trapped);
  policy_.emplace(spec.strategy, spec.intensity, spec.period);
  for (auto& child : spec.children) {
    if (find(child.id) != children_.size()) {
      const auto why = etf::tuple("duplicate_child_name"_atom, child.id);
      co_return otp::stop(exit_reason{etf::tuple("start_spec"_atom, why)});
    }
    auto& added = children_.emplace_back();
    added.spec = std::move(child);
  }
  for (std::size_t index = 0; index < children_.size();) {
    const auto started = co_await start_one(self, index);
    if (!started && started.error() == errc::ignored && children_[index].spec.restart == restart::temporary) {
      forget(index);
    } else if (started || started.error() == errc::ignored) {
      ++index;
    } else {
      const auto reason = start_reason(started.error());
      report(self, log_level::error, "start_error", index, reason);
      const auto why = etf::tuple("failed_to_start_child"_atom, children_[index].spec.id, reason);
      co_await stop_all(self);
      co_return otp::stop(exit_reason{etf::tuple("shutdown"_atom, why)});
    }
  }
  co_return otp::ok();
}

task<> supervisor::terminate(process& self) { co_await stop_all(self); }

task<ergo::result<pid>> supervisor::start_one(process& self, std::size_t index) {
  auto& child = children_[index];
  child.restarting = false;
  std::unique_ptr<behaviour> body;
  term failure;
  try {
    body = child.spec.make();
  } catch (...) {
    failure = ergo::detail::reason_of_current_exception().value();
  }
  if (!body) co_return fail(errc::exited, failure);
  start_awaiter starting{self, child.spec.options, tie::link, std::move(body)};
  auto started = co_await starting;
  if (started) {
    child.process = *started;
    report(self, log_level::info, "progress", index, term{"started"_atom});
  }
  co_return started;
}

task<> supervisor::stop_one(process& self, std::size_t index) {
  auto& child = children_[index];
  child.restarting = false;
  const auto process = std::exchange(child.process, pid{});
  if (process == pid{}) co_return;
  const auto rule = child.spec.shutdown;
  const auto watch = self.monitor(process);
  self.exit(process, exit_reason{rule.brutal() ? "kill"_atom : "shutdown"_atom});
  auto reason = co_await detail::await_down(self, process, watch, rule.brutal() ? forever : rule.limit());
  if (!reason) {
    self.exit(process, exit_reason{"kill"_atom});
    reason = co_await detail::await_down(self, process, watch, forever);
  }
  if (ended_as_asked(rule, child.spec.restart, *reason)) co_return;
  report(self, log_level::error, "shutdown_error", index, reason->value());
}

task<> supervisor::stop_all(process& self) {
  for (auto index = children_.size(); index-- > 0;) co_await stop_one(self, index);
}

// ----- ends and restarts
// ----------------------------------------------------------------------------------------------

task<result> supervisor::handle_info(process& self, const message& info) {
  const auto ended = info.as<exit_message>();
  if (!ended) {
    self.log(log_level::error, "supervisor received unexpected message", {{"message", info.to_term()}});
    co_return noreply();
  }
  const auto index = find(ended->from);
  if (index == children_.size()) co_return noreply();
  auto& child = children_[index];
  const auto kind = child.spec.restart;
  if (kind == restart::permanent || !ended->reason.is_ordinary()) {
    report(self, log_level::error, "child_terminated", index, ended->reason.value());
  }
  child.process = pid{};
  switch (policy_->child_ended(kind, ended->reason, self.now())) {
    case decision::start_again: co_return co_await start_again(self, index);
    case decision::give_up:
      report(self, log_level::error, "shutdown", index, term{"reached_max_restart_intensity"_atom});
      co_return otp::stop(exit_reason{"shutdown"_atom});
    case decision::forget: forget(index); break;
    case decision::leave: break;
  }
  co_return noreply();
}

// Between two attempts other messages are looked at: an order to stop, or to terminate this child.
task<result> supervisor::start_again(process& self, std::size_t index) {
  const auto started = co_await start_one(self, index);
  if (!started && started.error() != errc::ignored) {
    report(self, log_level::error, "start_error", index, start_reason(started.error()));
    children_[index].restarting = true;
    (void)self.send_cast(self.id(), etf::tuple("try_again_restart"_atom, children_[index].spec.id));
  }
  co_return noreply();
}

task<result> supervisor::handle_cast(process& self, const term& request) {
  if (!etf::is_tagged(request, "try_again_restart"_atom, 2)) co_return noreply();
  const auto index = find(request.elements()[1]);
  if (index == children_.size() || !children_[index].restarting) co_return noreply();
  if (policy_->restart_failed(self.now()) == decision::start_again) co_return co_await start_again(self, index);
  report(self, log_level::error, "shutdown", index, term{"reached_max_restart_intensity"_atom});
  co_return otp::stop(exit_reason{"shutdown"_atom});
}

// ----- calls
// ----------------------------------------------------------------------------------------------------------

namespace {

result refused(atom why) { return otp::reply(etf::tuple("error"_atom, why)); }

// What `start_child` and `restart_child` answer.
result start_answer(const ergo::result<pid>& started) {
  if (started) return otp::reply(etf::tuple("ok"_atom, *started));
  if (started.error() == errc::ignored) return otp::reply(etf::tuple("ok"_atom, "undefined"_atom));
  return otp::reply(etf::tuple("error"_atom, start_reason(started.error())));
}

}  // namespace

task<result> supervisor::handle_call(process& self, const term& request) {
  if (request.is("which_children"_atom)) co_return otp::reply(which_children());
  if (request.is("count_children"_atom)) co_return otp::reply(count_children(self));
  if (!request.is_tuple(2)) co_return refused("badarg"_atom);
  const auto operation = request.elements()[0].as_atom().value_or(atom{});
  const auto& operand = request.elements()[1];
  if (operation == "start_child"_atom) co_return refused("notsup"_atom);
  if (operation == detail::add_child_request()) {
    auto spec = detail::take_pending(operand);
    if (!spec) co_return refused("badarg"_atom);
    co_return co_await add_child(self, *std::move(spec));
  }
  const auto index = find(operand);
  const bool known = index != children_.size();
  if (operation == "get_childspec"_atom && known) {
    co_return otp::reply(etf::tuple("ok"_atom, describe(children_[index])));
  }
  if (operation == "terminate_child"_atom && known) co_return co_await terminate_child(self, index);
  if (operation == "restart_child"_atom && known) co_return co_await restart_stopped(self, index);
  if (operation == "delete_child"_atom && known) co_return delete_child(index);
  co_return refused("not_found"_atom);
}

task<result> supervisor::add_child(process& self, child_spec spec) {
  if (const auto present = find(spec.id); present != children_.size()) {
    const auto process = children_[present].process;
    if (process == pid{}) co_return refused("already_present"_atom);
    co_return otp::reply(etf::tuple("error"_atom, etf::tuple("already_started"_atom, process)));
  }
  const auto index = children_.size();
  children_.emplace_back();
  children_.back().spec = std::move(spec);
  const auto started = co_await start_one(self, index);
  const bool kept =
      started || (started.error() == errc::ignored && children_[index].spec.restart != restart::temporary);
  if (!kept) forget(index);
  co_return start_answer(started);
}

task<result> supervisor::terminate_child(process& self, std::size_t index) {
  co_await stop_one(self, index);
  if (children_[index].spec.restart == restart::temporary) forget(index);
  co_return otp::reply("ok"_atom);
}

task<result> supervisor::restart_stopped(process& self, std::size_t index) {
  if (children_[index].restarting) co_return refused("restarting"_atom);
  if (children_[index].process != pid{}) co_return refused("running"_atom);
  const auto started = co_await start_one(self, index);
  co_return start_answer(started);
}

result supervisor::delete_child(std::size_t index) {
  if (children_[index].restarting) return refused("restarting"_atom);
  if (children_[index].process != pid{}) return refused("running"_atom);
  forget(index);
  return otp::reply("ok"_atom);
}

void supervisor::forget(std::size_t index) { children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(index)); }

// ----- views
// ----------------------------------------------------------------------------------------------------------

std::size_t supervisor::find(const term& id) const noexcept {
  const auto found =
      std::ranges::find(children_, id, [](const child_state& child) -> const term& { return child.spec.id; });
  return static_cast<std::size_t>(found - children_.begin());
}

std::size_t supervisor::find(const pid& process) const noexcept {
  const auto found = std::ranges::find(children_, process, &child_state::process);
  return static_cast<std::size_t>(found - children_.begin());
}

namespace {

term type_of(const child_spec& spec) { return spec.type == child_type::worker ? "worker"_atom : "supervisor"_atom; }

term modules_of(const child_spec& spec) { return spec.module == atom{} ? term{} : etf::list(spec.module); }

term restart_of(const child_spec& spec) {
  switch (spec.restart) {
    case restart::permanent: return "permanent"_atom;
    case restart::transient: return "transient"_atom;
    default: return "temporary"_atom;
  }
}

}  // namespace

term supervisor::which_children() const {
  std::vector<term> infos;
  for (auto child = children_.rbegin(); child != children_.rend(); ++child) {
    term process = "undefined"_atom;
    if (child->restarting) process = "restarting"_atom;
    if (child->process != pid{}) process = child->process;
    infos.push_back(etf::tuple(child->spec.id, process, type_of(child->spec), modules_of(child->spec)));
  }
  return etf::make_list(infos);
}

term supervisor::count_children(process& self) const {
  const auto active = std::ranges::count_if(children_, [&](const child_state& child) {
    return child.process != pid{} && self.runtime().alive(child.process);
  });
  const auto supervisors = std::ranges::count_if(
      children_, [](const child_state& child) { return child.spec.type == child_type::supervisor; });
  const auto specs = std::ssize(children_);
  return etf::list(etf::tuple("specs"_atom, specs), etf::tuple("active"_atom, active),
                   etf::tuple("supervisors"_atom, supervisors), etf::tuple("workers"_atom, specs - supervisors));
}

term supervisor::describe(const child_state& child) const {
  const auto& spec = child.spec;
  const std::vector<term> entries{
      "id"_atom,      spec.id,          "start"_atom,    etf::tuple(spec.module, "start_link"_atom, term{}),
      "restart"_atom, restart_of(spec), "shutdown"_atom, spec.shutdown.to_term(),
      "type"_atom,    type_of(spec),    "modules"_atom,  modules_of(spec)};
  return etf::make_map(entries);
}

term supervisor::state() const { return which_children(); }

void supervisor::report(process& self, log_level level, std::string_view what, std::size_t index,
                        const term& reason) const {
  const auto& child = children_[index];
  const term process = child.process == pid{} ? term{"undefined"_atom} : term{child.process};
  self.log(level, what, {{"child", child.spec.id}, {"pid", process}, {"reason", reason}});
}

}  // namespace ergo::inline v0::otp
