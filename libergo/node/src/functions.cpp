// Running functions for other nodes (protocol §4.5, §6.4).
#include "functions.hpp"

#include <ergo/detail/process_exit.hpp>
#include <ergo/runtime.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

bool is_proper(const term& list) noexcept { return list.is_list() && list.list_tail().is_nil(); }

term name_term(const remote_job& job) { return etf::tuple(job.module, job.function, job.arguments.items().size()); }

// [{M, F, Args, []}] where the arguments are to blame, as for a function of the emulator, else the arity.
outcome failed(const remote_job& job, term reason) {
  const bool blames = reason.is("undef"_atom) || reason.is("badarg"_atom);
  const auto shown = blames ? job.arguments : term{job.arguments.items().size()};
  return {outcome::way::error, std::move(reason), etf::list(etf::tuple(job.module, job.function, shown, term{}))};
}

outcome outcome_of(const remote_job& job, result<term> given) {
  if (given) return {outcome::way::value, *std::move(given)};
  return failed(job, given.error().reason());
}

// Of the exception being handled.
outcome exception_outcome(const remote_job& job) {
  try {
    throw;
  } catch (const process_exit& wanted) {
    return {outcome::way::exit, wanted.reason.value()};
  } catch (...) {
    return failed(job, reason_of_current_exception().value());
  }
}

bool is_execute_call(const remote_job& job) noexcept {
  return job.module == "erpc"_atom && job.function == "execute_call"_atom && job.arguments.items().size() == 4;
}
bool is_execute_cast(const remote_job& job) noexcept {
  return job.module == "erpc"_atom && job.function == "execute_cast"_atom && job.arguments.items().size() == 3;
}

// The call inside of erpc's own functions: M, F and Args are the last three arguments.
bool unwrap(remote_job& job) {
  const auto given = job.arguments.items().last<3>();
  const auto module = given[0].as_atom();
  const auto function = given[1].as_atom();
  if (!module || !function || !is_proper(given[2])) return false;
  auto inner = given[2];
  job.module = *module;
  job.function = *function;
  job.arguments = std::move(inner);
  return true;
}

exit_reason plain_end(process& /*self*/, const outcome& how) { return how.as_exit(); }

class runner final : public behaviour {
 public:
  enum class begins : std::uint8_t { when_told, at_once };

  runner(remote_job job, conclusion end, begins when) : job_{std::move(job)}, end_{std::move(end)}, when_{when} {}

  void start(process& self) override {
    if (when_ == begins::at_once) begin(self);
  }
  void receive(process& self, message /*go*/) override { begin(self); }
  void task_ended(process& self) override {
    outcome how;
    try {
      how = outcome_of(job_, root_.take());
    } catch (...) {
      how = exception_outcome(job_);
    }
    self.stop(end_(self, how));
  }

 private:
  void begin(process& self) {
    const function_name name{job_.module, job_.function, job_.arguments.items().size()};
    auto found = job_.functions->find(name, job_.held);
    if (found.body != nullptr) {
      body_ = std::move(found.body);
      return root_.start(self, (*body_)(self, job_.arguments));
    }
    const auto how = found.refused
                         ? outcome{outcome::way::refused, etf::tuple("permission_denied"_atom, name_term(job_))}
                         : failed(job_, term{"undef"_atom});
    self.stop(end_(self, how));
  }

  remote_job job_;
  conclusion end_;
  begins when_;
  std::shared_ptr<const remote_function> body_;  // outlives the task that runs it
  root_task<result<term>> root_;
};

/// Ends as it was decided beforehand.
class ended final : public behaviour {
 public:
  explicit ended(exit_reason of) : reason_{std::move(of)} {}
  void start(process& /*self*/) override {}
  void receive(process& self, message /*go*/) override { self.stop(reason_); }
  void task_ended(process& /*self*/) override {}

 private:
  exit_reason reason_;
};

// `link`, `{link, Options}` and so on; other known options concern the emulator's memory and are accepted.
bool is_tuning(atom name) {
  static const auto known =
      std::to_array<atom>({"priority"_atom, "async_dist"_atom, "message_queue_data"_atom, "min_heap_size"_atom,
                           "max_heap_size"_atom, "min_bin_vheap_size"_atom, "fullsweep_after"_atom, "scheduler"_atom});
  return std::ranges::find(known, name) != known.end();
}

}  // namespace

// ----- the table ----------------------------------------------------------------------------------------------------

result<std::uint64_t> function_table::add(const function_name& name, remote_function body, right needed) {
  entry made;
  made.grades.push_back({needed, std::make_shared<const remote_function>(std::move(body))});
  made.of_program = needed == right::call;
  return insert(name, std::move(made));
}

result<std::uint64_t> function_table::add(const function_name& name, std::vector<graded_body> grades, provider by) {
  entry made;
  made.grades = std::move(grades);
  made.of_program = by == provider::program;
  return insert(name, std::move(made));
}

result<std::uint64_t> function_table::insert(const function_name& name, entry made) {
  const std::unique_lock lock{mutex_};
  const auto [place, fresh] = functions_.try_emplace(name);
  if (!fresh) return fail(errc::already_present, etf::tuple(name.module, name.function, name.arity));
  made.id = ++last_id_;
  place->second = std::move(made);
  return last_id_;
}

bool function_table::remove(const function_name& name, std::uint64_t id) {
  const std::unique_lock lock{mutex_};
  const auto found = functions_.find(name);
  if (found == functions_.end() || !found->second.of_program) return false;
  if (id != 0 && found->second.id != id) return false;
  functions_.erase(found);
  return true;
}

function_table::found function_table::find(const function_name& name, right held) const {
  const std::shared_lock lock{mutex_};
  const auto place = functions_.find(name);
  if (place == functions_.end()) return {};
  const auto& grades = place->second.grades;
  const auto fit = std::ranges::find_if(grades, [held](const graded_body& one) { return contains(held, one.needed); });
  if (fit == grades.end()) return {nullptr, true};
  return {fit->body};
}

bool function_table::has(const function_name& name) const {
  const std::shared_lock lock{mutex_};
  return functions_.contains(name);
}

bool function_table::has_module(atom module) const {
  const std::shared_lock lock{mutex_};
  return std::ranges::any_of(functions_, [&](const auto& one) { return one.first.module == module; });
}

bool function_table::shields(const local_node& at, const pid& process, atom peer) const {
  return guards_.has(at, process) && !contains(policy_.of(peer), right::manage);
}

// ----- outcomes -----------------------------------------------------------------------------------------------------

exit_reason outcome::as_exit() const {
  if (how == way::value) return exit_reason::normal();
  if (how == way::error) return etf::tuple(value, stack);
  return exit_reason{value};
}

exit_reason outcome::as_erpc_answer(const term& ref) const {
  switch (how) {
    case way::value: return etf::tuple(ref, "return"_atom, value);
    case way::exit: return etf::tuple(ref, "exit"_atom, value);
    case way::error: return etf::tuple(ref, "error"_atom, value, stack);
    case way::refused: break;
  }
  return etf::tuple(ref, "error"_atom, etf::tuple("erpc"_atom, value));
}

term outcome::as_rpc_answer() const {
  if (how == way::value) return value;
  return etf::tuple("badrpc"_atom, etf::tuple("EXIT"_atom, as_exit().value()));
}

// ----- processes ----------------------------------------------------------------------------------------------------

std::unique_ptr<behaviour> make_runner(remote_job job) {
  conclusion end = plain_end;
  if (is_execute_call(job)) {
    const auto ref = job.arguments.items()[0];
    if (!unwrap(job)) {
      const outcome bad{outcome::way::refused, term{"badarg"_atom}};
      return std::make_unique<ended>(bad.as_erpc_answer(ref));
    }
    end = [ref](process& /*self*/, const outcome& how) { return how.as_erpc_answer(ref); };
  } else if (is_execute_cast(job) && !unwrap(job)) {
    return std::make_unique<ended>(exit_reason{"badarg"_atom});
  }
  return std::make_unique<runner>(std::move(job), std::move(end), runner::begins::when_told);
}

std::unique_ptr<behaviour> make_runner(remote_job job, conclusion end) {
  return std::make_unique<runner>(std::move(job), std::move(end), runner::begins::at_once);
}

bool answers_by_exit(const remote_job& job) noexcept { return is_execute_call(job); }

spawn_wish read_spawn_options(const term& options) {
  spawn_wish wish;
  for (const auto& option : options.items()) {
    const auto name = option.is_tuple(2) ? option.elements()[0].as_atom() : option.as_atom();
    if (name == "link"_atom) {
      wish.link = true;
    } else if (name == "monitor"_atom) {
      wish.monitor = true;
    } else if (name == "name"_atom && option.is_tuple(2) && option.elements()[1].as_atom()) {
      wish.name = *option.elements()[1].as_atom();
      wish.bad = wish.bad || wish.name == atom{};
    } else if (!name || !is_tuning(*name)) {
      wish.bad = true;
    }
  }
  return wish;
}

std::variant<atom, pid> start_runner(local_node& on, const spawn_wish& wish, const pid& leader, remote_job job) {
  if (wish.bad) return "badopt"_atom;
  spawn_options options;
  options.name = wish.name;
  options.group_leader = leader;
  options.initial_call = name_term(job);
  options.quiet = answers_by_exit(job);
  const auto started = on.owner().spawn(on, options, make_runner(std::move(job)));
  if (started) return *started;
  return started.error() == errc::name_taken ? "badarg"_atom : "system_limit"_atom;
}

}  // namespace ergo::inline v0::detail
