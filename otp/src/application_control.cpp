#include "application_control.hpp"

#include "application_functions.hpp"
#include "application_master.hpp"
#include "application_terms.hpp"
#include "child_errors.hpp"

#include <ergo/detail/process_exit.hpp>
#include <ergo/local_node.hpp>

#include <algorithm>

namespace ergo::inline v0::otp::detail {
namespace {

constexpr auto runner_patience = std::chrono::minutes{1};  // for the call that a runner is made for

term error_of(const term& why) { return etf::tuple("error"_atom, why); }

void report_exit(process& self, atom name, const term& reason, start_type type) {
  self.log(log_level::notice, "application exited",
           {{"application", name}, {"exited", reason}, {"type", word_of(type)}});
}

// A process of its own, so that the controller can be asked while an application starts.
task<> start_one(process& self, destination controller, pid controller_process, shared_spec spec,
                 std::optional<atom> missing, std::shared_ptr<application_directory> directory) {
  term outcome;
  if (spec->module == atom{} && !spec->make) {
    outcome = etf::tuple("ok"_atom, "undefined"_atom);
  } else if (missing) {
    outcome = etf::tuple("info"_atom, etf::tuple("not_running"_atom, *missing));
  } else {
    const start_options plain;
    master_order order{controller_process, self.id(), spec, std::move(directory)};
    auto starting = proc_lib::start_link(self, plain, run_master, std::move(order));
    const auto started = co_await starting;
    outcome = started ? etf::tuple("ok"_atom, *started) : error_of(start_reason(started.error()));
  }
  const auto told = etf::tuple("application_started"_atom, spec->name, outcome);
  co_await self.send_cast(controller, told);
}

// Runs one of the functions of `application`, `{Name, Arguments}`, for whoever calls it. A process of its own, so that
// the controller serves it meanwhile, and that its answer arrives also where the controller ends of it.
task<> run_function(process& self, destination controller) {
  const auto is_call = [](const message& received) { return received.is_call(); };
  const auto asked = co_await self.receive_if(is_call, runner_patience);
  if (!asked || !asked.payload().is_tuple(2) || !asked.payload().elements()[0].is_atom()) co_return;
  const auto parts = asked.payload().elements();
  const auto given = parts[1].items();
  term answer;
  try {
    std::vector<term> arguments{given.begin(), given.end()};
    auto running = run_application_function(self, controller, *parts[0].as_atom(), std::move(arguments));
    const auto value = co_await std::move(running);
    answer = value ? etf::tuple("ok"_atom, *value) : error_of("undef"_atom);
  } catch (...) {
    answer = error_of(ergo::detail::reason_of_current_exception().value());
  }
  self.reply(asked.from(), answer);
}

environment_changes difference(const environment& now, const environment& before) {
  environment_changes changes;
  for (const auto& [key, value] : now) {
    const auto known = std::ranges::find(before, key, &environment::value_type::first);
    if (known == before.end()) {
      changes.added.emplace_back(key, value);
    } else if (known->second != value) {
      changes.changed.emplace_back(key, value);
    }
  }
  for (const auto& [key, value] : before) {
    if (std::ranges::find(now, key, &environment::value_type::first) == now.end()) changes.removed.push_back(key);
  }
  return changes;
}

bool is_empty(const environment_changes& changes) {
  return changes.changed.empty() && changes.added.empty() && changes.removed.empty();
}

bool is_persistent(const term& options) {
  return std::ranges::any_of(options.items(), [](const term& one) {
    return one.is("persistent"_atom) ||
           (etf::is_tagged(one, "persistent"_atom, 2) && one.elements()[1].is("true"_atom));
  });
}

}  // namespace

application_control::application_control(process& self, application_options options, configuration config)
    : options_{std::move(options)}, config_{std::move(config)}, directory_{self.node()} {}

// ----- requests

task<std::optional<term>> application_control::answer(process& self, term request, from caller) {
  if (request.is("which_applications"_atom)) co_return which();
  if (request.is("info"_atom)) co_return info();
  if (request.is("runner"_atom)) co_return start_runner(self);
  if (request.is("prep_config_change"_atom)) co_return environments();
  if (!request.is_tuple() || request.elements().size() < 2) co_return error_of("badarg"_atom);
  auto answering = answer_tuple(self, request, caller);
  auto given = co_await std::move(answering);
  co_return given;
}

task<std::optional<term>> application_control::answer_tuple(process& self, term request, from caller) {
  const auto parts = request.elements();
  const auto name = parts[1].as_atom();
  if (etf::is_tagged(request, "load_application"_atom, 2)) co_return load(parts[1]);
  if (parts[0].is("set_env"_atom)) co_return set_env(request);
  if (parts[0].is("unset_env"_atom)) co_return unset_env(request);
  if (etf::is_tagged(request, "config_change"_atom, 2)) {
    auto telling = tell_changes(self, parts[1]);
    auto told = co_await std::move(telling);
    co_return told;
  }
  if (!name) co_return error_of(etf::tuple("not_loaded"_atom, parts[1]));
  if (etf::is_tagged(request, "start_application"_atom, 3)) co_return start(self, *name, parts[2], caller);
  if (etf::is_tagged(request, "stop_application"_atom, 2)) {
    auto stopping = stop(self, *name);
    auto stopped = co_await std::move(stopping);
    co_return stopped;
  }
  if (etf::is_tagged(request, "unload_application"_atom, 2)) co_return unload(*name);
  if (etf::is_tagged(request, "is_running"_atom, 2)) co_return term{runs_.is_running(*name)};
  if (etf::is_tagged(request, "start_type"_atom, 2)) {
    const auto& starting = runs_.being_started();
    const bool now = std::ranges::find(starting, *name, &application_runs::beginning::name) != starting.end();
    co_return now ? "normal"_atom : "local"_atom;
  }
  if (etf::is_tagged(request, "get_master"_atom, 2)) {
    const auto master = directory_->master(*name);
    co_return master ? term{*master} : term{"undefined"_atom};
  }
  co_return error_of("badarg"_atom);
}

term application_control::which() const {
  std::vector<term> running;
  for (const auto& one : runs_.all()) {
    if (const auto spec = directory_->loaded(one.name)) running.push_back(shown(*spec));
  }
  return etf::make_list(running);
}

term application_control::info() const {
  std::vector<term> loaded;
  for (const auto& spec : directory_->all_loaded()) loaded.push_back(shown(*spec));
  std::vector<term> started;
  for (const auto& one : runs_.have_started()) started.push_back(etf::tuple(one.name, word_of(one.type)));
  std::vector<term> running;
  for (const auto& one : runs_.all()) {
    running.push_back(etf::tuple(one.name, one.master ? term{*one.master} : term{"undefined"_atom}));
  }
  std::vector<term> starting;
  for (const auto& one : runs_.being_started()) {
    starting.push_back(etf::tuple(one.name, word_of(one.type), "normal"_atom, "undefined"_atom));
  }
  const auto part = [](atom key, const std::vector<term>& list) { return etf::tuple(key, etf::make_list(list)); };
  return etf::list(part("loaded"_atom, loaded), part("loading"_atom, {}), part("started"_atom, started),
                   part("start_p_false"_atom, {}), part("running"_atom, running), part("starting"_atom, starting));
}

pid application_control::start_runner(process& self) {
  const spawn_options quiet{.quiet = true};
  return self.spawn(quiet, make_body(run_function, destination{self.id()}));
}

// ----- load

term application_control::load(const term& what) {
  const bool written = !what.is_atom();
  const auto name = written && etf::is_tagged(what, "application"_atom, 3) ? what.elements()[1] : what;
  if (!name.is_atom())
    return error_of(written && name != what ? etf::tuple("bad_application"_atom, what)
                                            : etf::tuple("bad_application"_atom, what));
  if (directory_->loaded(*name.as_atom()) != nullptr) return error_of(etf::tuple("already_loaded"_atom, what));
  auto found = written ? read_application(what, options_.known)
                       : find_application(*name.as_atom(), options_.known, options_.paths);
  if (!found) return error_of(found.error().context());
  const auto loaded = load_one(*std::move(found));
  return loaded ? term{"ok"_atom} : error_of(loaded.error().context());
}

// As in OTP, what was loaded before an included application could not be stays loaded.
ergo::result<void> application_control::load_one(application_spec spec) {
  std::vector<application_spec> waiting{std::move(spec)};
  while (!waiting.empty()) {
    const auto next = std::make_shared<const application_spec>(std::move(waiting.back()));
    waiting.pop_back();
    if (directory_->loaded(next->name) != nullptr) continue;
    const auto own = std::ranges::find(config_, next->name, &configuration::value_type::first);
    directory_->load(next, own == config_.end() ? next->env : merge(next->env, own->second));
    for (auto at = next->included_applications.rbegin(); at != next->included_applications.rend(); ++at) {
      if (directory_->loaded(*at) != nullptr) continue;
      auto found = find_application(*at, options_.known, options_.paths);
      if (!found) return std::unexpected{found.error()};
      waiting.push_back(*std::move(found));
    }
  }
  return {};
}

term application_control::unload(atom name) {
  if (runs_.is_running(name)) return error_of(etf::tuple("running"_atom, name));
  if (directory_->loaded(name) == nullptr) return error_of(etf::tuple("not_loaded"_atom, name));
  forget(name);
  return "ok"_atom;
}

void application_control::forget(atom name) {
  std::vector<atom> waiting{name};
  while (!waiting.empty()) {
    const auto spec = directory_->loaded(waiting.back());
    waiting.pop_back();
    if (spec == nullptr) continue;
    directory_->unload(spec->name);
    waiting.insert(waiting.end(), spec->included_applications.begin(), spec->included_applications.end());
  }
}

// ----- start and stop

std::optional<term> application_control::start(process& self, atom name, const term& type, const from& caller) {
  const auto spec = directory_->loaded(name);
  const auto verdict = runs_.ask(name, type, spec.get(), caller);
  using what = application_runs::verdict::what;
  if (verdict.how == what::refuse) return error_of(verdict.reason);
  if (verdict.how == what::wait) return std::nullopt;
  const spawn_options linked{.to_parent = tie::link, .trap_exits = true};
  self.spawn(linked, make_body(start_one, destination{self.id()}, self.id(), spec, runs_.missing_for(*spec),
                               directory_.shared()));
  return std::nullopt;
}

result application_control::take_started(process& self, atom name, const term& how) {
  const auto parts = how.elements();
  application_runs::outcome outcome;
  if (parts[0].is("ok"_atom)) {
    outcome.master = parts[1].as_pid();
  } else {
    outcome.failure = parts[1];
    outcome.told = parts[0].is("error"_atom);
  }
  const auto todo = runs_.started(name, outcome);
  for (const auto& caller : todo.waiting) otp::reply(self, caller, todo.answer);
  if (!todo.type) return noreply();
  if (!outcome.failure) {
    self.log(log_level::info, "progress", {{"application", name}, {"started_at", self.node().name()}});
  } else if (outcome.told) {
    report_exit(self, name, *outcome.failure, *todo.type);
  }
  return todo.end ? otp::stop(exit_reason{*todo.end}) : noreply();
}

result application_control::take_exit(process& self, const exit_message& ended) {
  directory_->remove_master(ended.from);
  const auto loss = runs_.ended(ended.from, ended.reason);
  if (!loss) return noreply();
  report_exit(self, loss->name, ended.reason.value(), loss->type);
  return loss->end ? otp::stop(exit_reason{*loss->end}) : noreply();
}

task<term> application_control::stop(process& self, atom name) {
  const auto todo = runs_.stop(name);
  if (!todo) co_return error_of(etf::tuple("not_started"_atom, name));
  if (!todo->what) co_return "ok"_atom;
  if (const auto master = todo->what->master) {
    auto stopping = stop_master(self, *master);
    co_await std::move(stopping);
    directory_->remove_master(*master);
  }
  report_exit(self, name, "stopped"_atom, todo->type);
  co_return "ok"_atom;
}

task<> application_control::stop_all(process& self) {
  const auto running = runs_.all();
  for (const auto& one : running) {
    if (!one.master) continue;
    const auto watch = self.monitor(*one.master);
    self.exit(*one.master, exit_reason{"shutdown"_atom});
    auto ending = await_down(self, *one.master, watch, options_.shutdown_timeout);
    const auto ended = co_await std::move(ending);
    if (!ended) {
      self.exit(*one.master, exit_reason{"kill"_atom});
      auto killed = await_down(self, *one.master, watch, forever);
      (void)co_await std::move(killed);
    }
    self.log(log_level::info, "application stopped", {{"application", one.name}});
  }
}

// ----- parameters

term application_control::set_env(const term& request) {
  const auto parts = request.elements();
  configuration given;
  if (request.is_tuple(3)) {
    auto checked = check_configuration(parts[1]);
    if (!checked) return error_of(etf::text_list(checked.error().context().bytes()));
    given = *std::move(checked);
  } else if (request.is_tuple(5) && parts[1].is_atom() && parts[2].is_atom()) {
    given.emplace_back(*parts[1].as_atom(), environment{{*parts[2].as_atom(), parts[3]}});
  } else {
    return error_of("badarg"_atom);
  }
  for (const auto& [application, parameters] : given) {
    for (const auto& [key, value] : parameters) directory_->set(application, key, value);
  }
  if (is_persistent(parts.back())) config_ = merge(std::move(config_), given);
  return "ok"_atom;
}

term application_control::unset_env(const term& request) {
  const auto parts = request.elements();
  if (!request.is_tuple(4) || !parts[1].is_atom() || !parts[2].is_atom()) return error_of("badarg"_atom);
  const auto application = *parts[1].as_atom();
  const auto key = *parts[2].as_atom();
  directory_->unset(application, key);
  if (!is_persistent(parts[3])) return "ok"_atom;
  for (auto& [name, parameters] : config_) {
    if (name == application) std::erase_if(parameters, [&](const auto& one) { return one.first == key; });
  }
  return "ok"_atom;
}

term application_control::environments() const {
  configuration all;
  for (const auto& one : runs_.all()) all.emplace_back(one.name, directory_->parameters(one.name));
  return as_term(all);
}

task<term> application_control::tell_changes(process& self, term before) {
  const auto known = check_configuration(before);
  if (!known) co_return error_of("badarg"_atom);
  std::vector<term> errors;
  const auto running = runs_.all();
  for (const auto& one : running) {
    const auto was = std::ranges::find(*known, one.name, &configuration::value_type::first);
    auto changes = difference(directory_->parameters(one.name), was == known->end() ? environment{} : was->second);
    if (is_empty(changes)) continue;
    if (!one.master) {
      errors.insert(errors.begin(), etf::tuple("module_not_defined"_atom, one.name));
      continue;
    }
    auto telling = change_config(self, *one.master, std::move(changes));
    const auto answer = co_await std::move(telling);
    if (answer.is("ok"_atom)) continue;
    errors.insert(errors.begin(), etf::is_tagged(answer, "error"_atom, 2) ? answer.elements()[1] : answer);
  }
  co_return errors.empty() ? term{"ok"_atom} : error_of(etf::make_list(errors));
}

}  // namespace ergo::inline v0::otp::detail
