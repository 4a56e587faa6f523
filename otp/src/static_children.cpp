// Children that are known one by one, after start_children, restart and terminate_children of OTP's supervisor.erl.
#include "child_errors.hpp"
#include "child_terms.hpp"
#include "supervision.hpp"

#include <ergo/runtime.hpp>

#include <algorithm>

namespace ergo::inline v0::otp::detail {

// ----- start and stop
// -------------------------------------------------------------------------------------------------

task<result> static_children::start(process& self) {
  auto starting = start_in_order(self, children_.positions());
  const auto failed = co_await std::move(starting);
  if (!failed) co_return otp::ok();
  const auto why = etf::tuple("failed_to_start_child"_atom, children_.at(failed->where).spec.id, failed->reason);
  co_await stop_all(self);
  co_return otp::stop(exit_reason{etf::tuple("shutdown"_atom, why)});
}

task<> static_children::stop_all(process& self) {
  auto stopping = stop_in_reverse(self, children_.positions());
  co_await std::move(stopping);
}

task<ergo::result<started_child>> static_children::start_one(process& self, position where) {
  const auto* const spec = &children_.at(where).spec;
  auto starting = start_process(self, spec, term{}, functions_);
  auto started = co_await std::move(starting);
  if (started && started->process) {
    children_.set_running(where, *started->process);
    report_progress(self, *spec, *started->process);
  }
  co_return started;
}

task<std::optional<static_children::failure>> static_children::start_in_order(process& self,
                                                                              std::vector<position> which) {
  std::optional<failure> failed;
  for (const auto where : which) {
    const auto started = co_await start_one(self, where);
    const auto& spec = children_.at(where).spec;
    if (!started) {
      failed = failure{where, start_reason(started.error())};
      report(self, "start_error", spec, term{"undefined"_atom}, failed->reason);
      break;
    }
    if (!started->process && spec.restart == otp::restart::temporary) children_.erase(where);
  }
  co_return failed;
}

task<> static_children::stop_one(process& self, position where) {
  auto& child = children_.at(where);
  const bool runs = child.life == child_life::running;
  const auto process = child.process;
  children_.set_stopped(where);
  if (runs) co_await stop_process(self, &child.spec, process);
}

task<> static_children::stop_in_reverse(process& self, std::vector<position> which) {
  for (auto index = which.size(); index-- > 0;) co_await stop_one(self, which[index]);
}

// ----- ends and restarts
// ----------------------------------------------------------------------------------------------

task<result> static_children::child_ended(process& self, pid who, exit_reason why) {
  const auto where = children_.find(who);
  if (!where) co_return noreply();
  const auto& spec = children_.at(*where).spec;
  const bool significant = spec.significant;
  const auto decided = policy_.child_ended(spec.restart, why, self.now());
  report_end(self, spec, who, why, decided);
  if (decided == decision::give_up) {
    const auto end = give_up(self, spec, who);
    children_.set_stopped(*where);
    co_return end;
  }
  if (decided == decision::forget) {
    children_.erase(*where);
  } else {
    children_.set_stopped(*where);
  }
  if (decided == decision::start_again) co_return co_await restart_soon(self, *where);
  if (shuts_down(auto_shutdown_, significant, children_.has_significant())) co_return otp::stop(gives_up());
  co_return noreply();
}

task<result> static_children::restart_soon(process& self, position where) {
  const auto wait = wait_before_restart();
  if (wait == duration::zero()) co_return co_await restart(self, where);
  children_.set_restarting(where);
  auto& child = children_.at(where);
  put_off(self, wait, child.spec.id, ++child.attempt);
  co_return noreply();
}

// Temporary children that are stopped with others go for good. Between two attempts other messages are looked at: an
// order to stop, or to terminate this child.
task<result> static_children::restart(process& self, position where) {
  const auto which = children_.together(where, policy_.strategy());
  std::vector<position> kept;
  for (auto index = which.size(); index-- > 0;) {
    co_await stop_one(self, which[index]);
    if (children_.at(which[index]).spec.restart == otp::restart::temporary) {
      children_.erase(which[index]);
    } else {
      kept.push_back(which[index]);
    }
  }
  std::ranges::reverse(kept);
  auto starting = start_in_order(self, std::move(kept));
  const auto failed = co_await std::move(starting);
  if (failed) {
    children_.set_restarting(failed->where);
    const auto& id = children_.at(failed->where).spec.id;
    (void)self.send_cast(self.id(), etf::tuple("try_again_restart"_atom, id));
  }
  co_return noreply();
}

task<result> static_children::try_again(process& self, term id) {
  const auto where = children_.find(id);
  if (!where || children_.at(*where).life != child_life::restarting) co_return noreply();
  if (policy_.restart_failed(self.now()) == decision::start_again) co_return co_await restart_soon(self, *where);
  co_return give_up(self, children_.at(*where).spec, term{"restarting"_atom});
}

task<result> static_children::wait_over(process& self, term id, std::uint64_t attempt) {
  const auto where = children_.find(id);
  if (!where) co_return noreply();
  const auto& child = children_.at(*where);
  if (child.life != child_life::restarting || child.attempt != attempt) co_return noreply();
  co_return co_await restart(self, *where);
}

// ----- calls
// ----------------------------------------------------------------------------------------------------------

task<result> static_children::start_child(process& self, term written) {
  auto spec = read_child(written, auto_shutdown_);
  if (!spec) co_return otp::reply(refusal_term(spec.error()));
  auto adding = add_child(self, *std::move(spec));
  co_return co_await std::move(adding);
}

task<result> static_children::add_child(process& self, child_spec spec) {
  if (const auto bad = wrong_significance(spec.significant, spec.restart, auto_shutdown_))
    co_return otp::reply(refusal_term(*bad));
  if (const auto present = children_.find(spec.id)) {
    const auto& child = children_.at(*present);
    if (child.life != child_life::running) co_return otp::reply(refusal_term("already_present"_atom));
    co_return otp::reply(refusal_term(etf::tuple("already_started"_atom, child.process)));
  }
  const auto where = children_.add(std::move(spec));
  const auto started = co_await start_one(self, where);
  auto& added = children_.at(where).spec;
  auto answer = start_answer(started);
  if (!started) answer = refusal_term(etf::tuple(answer.elements()[1], to_record(added)));
  const bool temporary = added.restart == otp::restart::temporary;
  if (!started || (temporary && !started->process)) {
    children_.erase(where);
  } else if (temporary) {  // never started again, so that its arguments, which may be many, are kept for nothing
    const auto mfa = mfa_of(added);
    added.mfa = etf::tuple(mfa.elements()[0], mfa.elements()[1], "undefined"_atom);
    added.make = nullptr;
    added.start = nullptr;
  }
  co_return otp::reply(answer);
}

task<result> static_children::terminate_child(process& self, term id) {
  const auto where = children_.find(id);
  if (!where) co_return otp::reply(refusal_term("not_found"_atom));
  co_await stop_one(self, *where);
  if (children_.at(*where).spec.restart == otp::restart::temporary) children_.erase(*where);
  co_return otp::reply("ok"_atom);
}

task<result> static_children::restart_child(process& self, term id) {
  const auto where = children_.find(id);
  if (!where) co_return otp::reply(refusal_term("not_found"_atom));
  const auto life = children_.at(*where).life;
  if (life == child_life::restarting) co_return otp::reply(refusal_term("restarting"_atom));
  if (life == child_life::running) co_return otp::reply(refusal_term("running"_atom));
  const auto started = co_await start_one(self, *where);
  co_return otp::reply(start_answer(started));
}

term static_children::delete_child(const term& id) {
  const auto where = children_.find(id);
  if (!where) return refusal_term("not_found"_atom);
  const auto life = children_.at(*where).life;
  if (life == child_life::restarting) return refusal_term("restarting"_atom);
  if (life == child_life::running) return refusal_term("running"_atom);
  children_.erase(*where);
  return "ok"_atom;
}

// ----- views
// ----------------------------------------------------------------------------------------------------------

namespace {

term describe(const child& one) {
  term process = "undefined"_atom;
  if (one.life == child_life::restarting) process = "restarting"_atom;
  if (one.life == child_life::running) process = one.process;
  return etf::tuple(one.spec.id, process, type_of(one.spec), one.spec.modules);
}

// Of processes on other nodes nothing is known but that no exit signal of theirs has come.
bool is_active(process& self, const child& one) {
  if (one.life != child_life::running) return false;
  return self.runtime().alive(one.process) || self.runtime().find_node(one.process.node) == nullptr;
}

}  // namespace

term static_children::childspec(process& /*self*/, const term& id) const {
  const auto where = children_.find(id);
  if (!where) return refusal_term("not_found"_atom);
  return etf::tuple("ok"_atom, to_map(children_.all().at(*where).spec));
}

term static_children::which_child(const term& id) const {
  const auto where = children_.find(id);
  if (!where) return refusal_term("not_found"_atom);
  return etf::tuple("ok"_atom, describe(children_.all().at(*where)));
}

term static_children::which_children() const {
  std::vector<term> infos;
  infos.reserve(children_.all().size());
  for (auto entry = children_.all().rbegin(); entry != children_.all().rend(); ++entry)
    infos.push_back(describe(entry->second));
  return etf::make_list(infos);
}

term static_children::count_children(process& self) const {
  std::int64_t active = 0;
  std::int64_t supervisors = 0;
  for (const auto& [where, one] : children_.all()) {
    if (is_active(self, one)) ++active;
    if (one.spec.type == child_type::supervisor) ++supervisors;
  }
  const auto specs = std::ssize(children_.all());
  return etf::list(etf::tuple("specs"_atom, specs), etf::tuple("active"_atom, active),
                   etf::tuple("supervisors"_atom, supervisors), etf::tuple("workers"_atom, specs - supervisors));
}

}  // namespace ergo::inline v0::otp::detail
