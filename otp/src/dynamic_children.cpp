// The children of a `simple_one_for_one`, after OTP's supervisor.erl.
#include "child_errors.hpp"
#include "child_terms.hpp"
#include "supervision.hpp"

#include <ergo/runtime.hpp>

namespace ergo::inline v0::otp::detail {

// ----- the list
// -------------------------------------------------------------------------------------------------------

void dynamic_children::add(const pid& process, const term& arguments) {
  const auto where = next_++;
  auto& child = children_[where];
  child.process = process;
  // Temporary children are not started again, and there may be very many of them.
  if (kind_.restart != otp::restart::temporary) child.arguments = arguments;
  by_process_.insert_or_assign(process, where);
}

void dynamic_children::erase(children::iterator which) {
  if (which->second.restarting) --restarting_;
  by_process_.erase(which->second.process);
  children_.erase(which);
}

dynamic_children::children::iterator dynamic_children::find(const pid& process) {
  const auto found = by_process_.find(process);
  return found == by_process_.end() ? children_.end() : children_.find(found->second);
}

dynamic_children::children::const_iterator dynamic_children::find(const pid& process) const {
  const auto found = by_process_.find(process);
  return found == by_process_.end() ? children_.end() : children_.find(found->second);
}

bool dynamic_children::knows(process& self, const pid& process) const {
  if (by_process_.contains(process)) return true;
  return self.runtime().find_node(process.node) != nullptr && !self.runtime().alive(process);
}

// ----- ends and restarts
// ----------------------------------------------------------------------------------------------

task<result> dynamic_children::start(process& /*self*/) { co_return otp::ok(); }

task<result> dynamic_children::child_ended(process& self, pid who, exit_reason why) {
  const auto child = find(who);
  if (child == children_.end() || child->second.restarting) co_return noreply();
  const auto decided = policy_.child_ended(kind_.restart, why, self.now());
  report_end(self, kind_, who, why, decided);
  if (decided == decision::start_again) co_return co_await restart_soon(self, who);
  erase(child);
  if (decided == decision::give_up) co_return give_up(self, kind_, who);
  co_return noreply();
}

task<result> dynamic_children::restart_soon(process& self, pid former) {
  const auto wait = wait_before_restart();
  if (wait == duration::zero()) co_return co_await restart(self, former);
  auto& child = find(former)->second;
  if (!child.restarting) ++restarting_;
  child.restarting = true;
  put_off(self, wait, former, ++child.attempt);
  co_return noreply();
}

// A child whose start says `ignore` is forgotten: there is no process that it could be known by.
task<result> dynamic_children::restart(process& self, pid former) {
  const auto which = find(former);
  const auto arguments = which->second.arguments;
  auto starting = start_process(self, &kind_, arguments, functions_);
  const auto started = co_await std::move(starting);
  if (started) {
    erase(which);
    if (started->process) add(*started->process, arguments);
    co_return noreply();
  }
  if (!which->second.restarting) ++restarting_;
  which->second.restarting = true;
  report(self, "start_error", kind_, former, start_reason(started.error()));
  (void)self.send_cast(self.id(), etf::tuple("try_again_restart"_atom, etf::tuple("restarting"_atom, former)));
  co_return noreply();
}

task<result> dynamic_children::try_again(process& self, term id) {
  if (!etf::is_tagged(id, "restarting"_atom, 2)) co_return noreply();
  const auto former = id.elements()[1].as_pid().value_or(pid{});
  const auto child = find(former);
  if (child == children_.end() || !child->second.restarting) co_return noreply();
  if (policy_.restart_failed(self.now()) == decision::start_again) co_return co_await restart_soon(self, former);
  erase(child);
  co_return give_up(self, kind_, former);
}

task<result> dynamic_children::wait_over(process& self, term id, std::uint64_t attempt) {
  const auto former = id.as_pid().value_or(pid{});
  const auto child = find(former);
  if (child == children_.end() || !child->second.restarting || child->second.attempt != attempt) co_return noreply();
  co_return co_await restart(self, former);
}

// ----- the end of all
// -------------------------------------------------------------------------------------------------

namespace {

/// Children that were told to end, and how they do.
class farewell {
 public:
  farewell(otp::shutdown rule, otp::restart kind) : rule_{rule}, kind_{kind} {}

  void tell(process& self, const pid& child) {
    watches_.emplace(self.monitor(child).ref, child);
    reasons_.try_emplace(child);
    self.exit(child, exit_reason{rule_.brutal() ? "kill"_atom : "shutdown"_atom});
  }
  void kill(process& self) const {
    for (const auto& [ref, child] : watches_) self.exit(child, exit_reason{"kill"_atom});
  }
  [[nodiscard]] bool over() const noexcept { return watches_.empty(); }

  [[nodiscard]] bool concerns(const message& candidate) const {
    if (candidate.kind() == ergo::detail::signal_kind::exit_message) return reasons_.contains(candidate.sender());
    const auto ended = candidate.as<down>();
    return ended && watches_.contains(ended->ref);
  }
  // A link tells before a monitor does, and keeps the true reason where the process was gone before it was watched.
  void take(const message& told) {
    if (const auto linked = told.as<exit_message>()) {
      reasons_[linked->from] = linked->reason.value();
      return;
    }
    const auto ended = *told.as<down>();
    const auto found = watches_.find(ended.ref);
    const auto first = reasons_.extract(found->second);
    const exit_reason reason{first.mapped().value_or(ended.reason.value())};
    if (!ended_as_asked(rule_, kind_, reason)) ++wrong_[reason.value()];
    watches_.erase(found);
  }
  /// The reasons of those that did not end as they should, and of how many.
  [[nodiscard]] const std::unordered_map<term, std::size_t>& wrong() const noexcept { return wrong_; }

 private:
  otp::shutdown rule_;
  otp::restart kind_;
  std::unordered_map<reference, pid> watches_;
  std::unordered_map<pid, std::optional<term>> reasons_;
  std::unordered_map<term, std::size_t> wrong_;
};

constexpr std::size_t steps_between_yields = 1'000;

// Waits until all have ended, or `limit` is over.
task<> see_off(process& self, farewell* leaving, duration limit) {
  const auto begun = self.now();
  const auto concerns = [leaving](const message& candidate) { return leaving->concerns(candidate); };
  for (std::size_t step = 1; !leaving->over(); ++step) {
    const auto left = limit == forever ? forever : std::max(duration::zero(), limit - (self.now() - begun));
    const auto told = co_await self.receive_if(concerns, left);
    if (!told) co_return;
    leaving->take(told);
    if (step % steps_between_yields == 0) co_await self.yield();
  }
}

}  // namespace

// All at once, with one time limit: one after the other would take too long for very many.
task<> dynamic_children::stop_all(process& self) {
  farewell leaving{kind_.shutdown, kind_.restart};
  std::size_t step = 0;
  for (const auto& [where, child] : children_) {
    if (!child.restarting) leaving.tell(self, child.process);
    if (++step % steps_between_yields == 0) co_await self.yield();
  }
  children_.clear();
  by_process_.clear();
  restarting_ = 0;
  const auto limit = kind_.shutdown.brutal() ? forever : kind_.shutdown.limit();
  co_await see_off(self, &leaving, limit);
  if (!leaving.over()) {
    leaving.kill(self);
    co_await see_off(self, &leaving, forever);
  }
  for (const auto& [reason, count] : leaving.wrong()) report(self, "shutdown_error", kind_, term{count}, reason);
}

// ----- calls
// ----------------------------------------------------------------------------------------------------------

task<result> dynamic_children::start_child(process& self, term arguments) {
  auto starting = start_process(self, &kind_, arguments, functions_);
  const auto started = co_await std::move(starting);
  if (started && started->process) add(*started->process, arguments);
  co_return otp::reply(start_answer(started));
}

task<result> dynamic_children::add_child(process& /*self*/, child_spec /*spec*/) {
  co_return otp::reply(refusal_term("simple_one_for_one"_atom));
}

task<result> dynamic_children::terminate_child(process& self, term id) {
  const auto process = id.as_pid();
  if (!process) co_return otp::reply(refusal_term("simple_one_for_one"_atom));
  if (!knows(self, *process)) co_return otp::reply(refusal_term("not_found"_atom));
  if (const auto child = find(*process); child != children_.end()) {
    const bool runs = !child->second.restarting;
    erase(child);
    if (runs) co_await stop_process(self, &kind_, *process);
  }
  co_return otp::reply("ok"_atom);
}

task<result> dynamic_children::restart_child(process& /*self*/, term /*id*/) {
  co_return otp::reply(refusal_term("simple_one_for_one"_atom));
}

term dynamic_children::delete_child(const term& /*id*/) { return refusal_term("simple_one_for_one"_atom); }

// ----- views
// ----------------------------------------------------------------------------------------------------------

term dynamic_children::describe(const one& child) const {
  const term process = child.restarting ? term{"restarting"_atom} : term{child.process};
  return etf::tuple("undefined"_atom, process, type_of(kind_), kind_.modules);
}

term dynamic_children::childspec(process& self, const term& id) const {
  const auto process = id.as_pid();
  const bool found = process ? knows(self, *process) : id == kind_.id;
  if (!found) return refusal_term("not_found"_atom);
  return etf::tuple("ok"_atom, to_map(kind_));
}

term dynamic_children::which_child(const term& id) const {
  const auto process = id.as_pid();
  if (!process) return refusal_term("simple_one_for_one"_atom);
  const auto child = find(*process);
  if (child == children_.end()) return refusal_term("not_found"_atom);
  return etf::tuple("ok"_atom, describe(child->second));
}

term dynamic_children::which_children() const {
  std::vector<term> infos;
  infos.reserve(children_.size());
  for (const auto& [where, child] : children_) infos.push_back(describe(child));
  return etf::make_list(infos);
}

term dynamic_children::count_children(process& /*self*/) const {
  const auto all = std::ssize(children_);
  const auto active = all - static_cast<std::ptrdiff_t>(restarting_);
  const bool workers = kind_.type == child_type::worker;
  return etf::list(etf::tuple("specs"_atom, 1), etf::tuple("active"_atom, active),
                   etf::tuple("supervisors"_atom, workers ? 0 : all), etf::tuple("workers"_atom, workers ? all : 0));
}

}  // namespace ergo::inline v0::otp::detail
