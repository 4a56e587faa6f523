#include "application_functions.hpp"

#include "application_runs.hpp"
#include "application_terms.hpp"

#include <ergo/calls.hpp>
#include <ergo/local_node.hpp>

#include <algorithm>

namespace ergo::inline v0::otp::detail {
namespace {

term error_of(const term& why) { return etf::tuple("error"_atom, why); }
term done(const term& value) { return etf::tuple("ok"_atom, value); }

bool is_error_about(const term& answer, atom why) {
  return etf::is_tagged(answer, "error"_atom, 2) && etf::is_tagged(answer.elements()[1], why, 2);
}

// {error, {"no such file or directory", _}}
bool is_missing(const term& answer) {
  if (!etf::is_tagged(answer, "error"_atom, 2) || !answer.elements()[1].is_tuple(2)) return false;
  return answer.elements()[1].elements()[0].as_text() == "no such file or directory";
}

// As gen_server:call/3 with `infinity`: who has no controller exits.
task<term> ask(process& self, destination controller, term request) {
  const auto answer = co_await ergo::call(self, controller, std::move(request), forever);
  if (!answer) self.exit(exit_reason::from(answer.error()));
  co_return *answer;
}

/// An application whose dependencies are being started; the first has no name.
struct visit {
  atom name;
  std::vector<atom> needs;
  std::vector<atom> optional;
  std::size_t next = 0;
};

// With a stack of its own: a chain of dependencies may be long.
class starting_all {
 public:
  starting_all(process& self, const destination& controller, term type)
      : self_{self}, controller_{controller}, type_{std::move(type)} {}

  task<term> run(std::vector<atom> names) {
    open_.push_back({.name = {}, .needs = std::move(names), .optional = {}});
    while (!open_.empty()) {
      auto stepping = open_.back().next < open_.back().needs.size() ? enter() : leave();
      const auto failure = co_await std::move(stepping);
      if (failure.is_nil()) continue;
      auto undoing = undo();
      co_await std::move(undoing);
      co_return error_of(failure);
    }
    const std::vector<term> started{started_.begin(), started_.end()};
    co_return done(etf::make_list(started));
  }

 private:
  // `{Name, Reason}` of a failure, else `[]`.
  task<term> enter() {
    const auto name = open_.back().needs[open_.back().next++];
    auto looking = ask(self_, controller_, etf::tuple("is_running"_atom, name));
    const auto runs = co_await std::move(looking);
    if (runs.is("true"_atom)) co_return term{};
    auto loading = ask(self_, controller_, etf::tuple("load_application"_atom, name));
    const auto loaded = co_await std::move(loading);
    if (is_missing(loaded) && std::ranges::find(open_.back().optional, name) != open_.back().optional.end()) {
      co_return term{};
    }
    if (!loaded.is("ok"_atom) && !is_error_about(loaded, "already_loaded"_atom)) {
      co_return etf::tuple(name, loaded.elements()[1]);
    }
    if (std::ranges::find(open_, name, &visit::name) != open_.end()) {
      co_return etf::tuple(name, etf::tuple("circular"_atom, name));
    }
    const auto directory = application_directory::of(self_.node());
    const auto spec = directory == nullptr ? nullptr : directory->loaded(name);
    if (spec == nullptr) co_return etf::tuple(name, etf::tuple("not_loaded"_atom, name));
    open_.push_back({.name = name, .needs = spec->applications, .optional = spec->optional_applications});
    co_return term{};
  }

  task<term> leave() {
    const auto name = open_.back().name;
    open_.pop_back();
    if (name == atom{}) co_return term{};
    auto starting = ask(self_, controller_, etf::tuple("start_application"_atom, name, type_));
    const auto answer = co_await std::move(starting);
    if (answer.is("ok"_atom)) started_.push_back(name);
    if (answer.is("ok"_atom) || is_error_about(answer, "already_started"_atom)) co_return term{};
    co_return etf::tuple(name, answer.elements()[1]);
  }

  task<> undo() {
    while (!started_.empty()) {
      auto stopping = ask(self_, controller_, etf::tuple("stop_application"_atom, started_.back()));
      (void)co_await std::move(stopping);
      started_.pop_back();
    }
  }

  process& self_;
  destination controller_;
  term type_;
  std::vector<visit> open_;
  std::vector<atom> started_;
};

task<term> load_and_start(process& self, destination controller, term what, term type) {
  auto loading = ask(self, controller, etf::tuple("load_application"_atom, what));
  const auto loaded = co_await std::move(loading);
  if (!loaded.is("ok"_atom) && !is_error_about(loaded, "already_loaded"_atom)) co_return loaded;
  const bool written = etf::is_tagged(what, "application"_atom, 3);
  const auto name = written ? what.elements()[1] : what;
  auto starting = ask(self, controller, etf::tuple("start_application"_atom, name, type));
  auto answer = co_await std::move(starting);
  co_return answer;
}

task<term> ensure_started(process& self, destination controller, term what, term type) {
  auto starting = load_and_start(self, controller, what, type);
  const auto answer = co_await std::move(starting);
  const bool there = is_error_about(answer, "already_started"_atom) && answer.elements()[1].elements()[1] == what;
  co_return there ? term{"ok"_atom} : answer;
}

task<term> application_of(process& self, term who) {
  const auto directory = application_directory::of(self.node());
  std::optional<atom> found;
  if (const auto module = who.as_atom()) {
    found = directory->application_with(*module);
  } else if (const auto process = who.as_pid()) {
    const auto facts = co_await process_info(self, *process);
    if (facts) {
      for (const auto& one : facts->items()) {
        if (!etf::is_tagged(one, "group_leader"_atom, 2)) continue;
        if (const auto leader = one.elements()[1].as_pid()) found = directory->application_of(*leader);
      }
    }
  }
  co_return found ? done(term{*found}) : term{"undefined"_atom};
}

task<term> supervisor_of(process& self, term name) {
  const auto directory = application_directory::of(self.node());
  const auto application = name.as_atom();
  const auto master = application ? directory->master(*application) : std::nullopt;
  if (!master) co_return "undefined"_atom;
  const auto watch = self.monitor(*master);
  self.send(*master, etf::tuple("get_child"_atom, watch.ref, self.id()));
  const auto is_answer = [ref = watch.ref](const message& candidate) {
    if (const auto ended = candidate.as<down>()) return ended->ref == ref;
    const auto& told = candidate.payload();
    return told.is_tuple(2) && told.elements()[0].as_reference() == ref;
  };
  const auto received = co_await self.receive_if(is_answer);
  if (received.as<down>()) co_return "undefined"_atom;
  (void)self.demonitor(watch, demonitor_mode::flush);
  const auto& child = received.payload().elements()[1];
  co_return child.is_tuple(2) ? done(child.elements()[0]) : term{"undefined"_atom};
}

term value_or_undefined(const std::optional<term>& value) { return value ? done(*value) : term{"undefined"_atom}; }

// What is read from the node's table; empty for another function.
std::optional<term> read_only(const application_directory& in, atom function, const std::vector<term>& arguments) {
  const auto name = arguments.empty() ? std::nullopt : arguments[0].as_atom();
  const auto key = arguments.size() < 2 ? std::nullopt : arguments[1].as_atom();
  if (function == "loaded_applications"_atom && arguments.empty()) {
    std::vector<term> all;
    for (const auto& spec : in.all_loaded()) all.push_back(shown(*spec));
    return etf::make_list(all);
  }
  if (!name) return std::nullopt;
  const auto count = arguments.size();
  if (function == "get_all_env"_atom && count == 1) return as_term(in.parameters(*name));
  if (function == "get_env"_atom && count == 2)
    return value_or_undefined(key ? in.parameter(*name, *key) : std::nullopt);
  if (function == "get_env"_atom && count == 3) {
    const auto found = key ? in.parameter(*name, *key) : std::nullopt;
    return found ? *found : arguments[2];
  }
  const auto spec = in.loaded(*name);
  if (function == "get_all_key"_atom && count == 1) {
    return spec ? done(keys_of(*spec, in.parameters(*name))) : term{"undefined"_atom};
  }
  if (function == "get_key"_atom && count == 2) {
    return value_or_undefined(spec && key ? key_of(*spec, *key, in.parameters(*name)) : std::nullopt);
  }
  return std::nullopt;
}

// The third argument of set_env/4 and unset_env/3 may be a time limit, which nobody needs here.
term options_of(const term& given) { return given.is_list() ? given : term{}; }

std::vector<term> padded(const std::vector<term>& arguments, std::size_t to, const term& with) {
  auto all = arguments;
  while (all.size() < to) all.push_back(with);
  return all;
}

// What is one request to the controller.
std::optional<term> as_request(atom function, const std::vector<term>& given) {
  const auto count = given.size();
  const auto is = [&](atom name, std::size_t least, std::size_t most) {
    return function == name && count >= least && count <= most;
  };
  if (is("which_applications"_atom, 0, 1)) return "which_applications"_atom;
  if (is("info"_atom, 0, 0)) return "info"_atom;
  if (is("load"_atom, 1, 1)) return etf::tuple("load_application"_atom, given[0]);
  if (is("unload"_atom, 1, 1)) return etf::tuple("unload_application"_atom, given[0]);
  if (is("stop"_atom, 1, 1)) return etf::tuple("stop_application"_atom, given[0]);
  if (is("set_env"_atom, 1, 2)) {
    const auto all = padded(given, 2, term{});
    return etf::tuple("set_env"_atom, all[0], options_of(all[1]));
  }
  if (is("set_env"_atom, 3, 4)) {
    const auto all = padded(given, 4, term{});
    return etf::tuple("set_env"_atom, all[0], all[1], all[2], options_of(all[3]));
  }
  if (is("unset_env"_atom, 2, 3)) {
    const auto all = padded(given, 3, term{});
    return etf::tuple("unset_env"_atom, all[0], all[1], options_of(all[2]));
  }
  return std::nullopt;
}

std::vector<atom> names_in(const term& given) {
  if (const auto one = given.as_atom()) return {*one};
  std::vector<atom> names;
  for (const auto& item : given.items()) {
    if (const auto name = item.as_atom()) names.push_back(*name);
  }
  return names;
}

}  // namespace

destination controller_of(const process& /*self*/) { return {"application_controller"_atom}; }

task<term> ensure_all(process& self, destination controller, std::vector<atom> names, term type) {
  starting_all all{self, controller, std::move(type)};
  auto running = all.run(std::move(names));
  auto answer = co_await std::move(running);
  co_return answer;
}

task<std::optional<term>> run_application_function(process& self, destination controller, atom function,
                                                   std::vector<term> arguments) {
  const auto directory = application_directory::of(self.node());
  if (directory == nullptr) self.exit(exit_reason{"noproc"_atom});
  if (auto value = read_only(*directory, function, arguments)) co_return value;
  if (auto request = as_request(function, arguments)) {
    auto asking = ask(self, controller, *std::move(request));
    const auto answer = co_await std::move(asking);
    // application:set_env/2 fails where the others return an error.
    if (function == "set_env"_atom && etf::is_tagged(answer, "error"_atom, 2)) {
      self.exit(exit_reason{etf::tuple("badarg"_atom, answer.elements()[1])});
    }
    co_return answer;
  }
  const auto count = arguments.size();
  const auto type = count > 1 ? arguments[1] : term{"temporary"_atom};
  task<term> work;
  if (function == "start"_atom && (count == 1 || count == 2)) {
    work = load_and_start(self, controller, arguments[0], type);
  } else if (function == "ensure_started"_atom && (count == 1 || count == 2)) {
    work = ensure_started(self, controller, arguments[0], type);
  } else if (function == "ensure_all_started"_atom && count >= 1 && count <= 3) {
    work = ensure_all(self, controller, names_in(arguments[0]), type);
  } else if (function == "get_application"_atom && count == 1) {
    work = application_of(self, arguments[0]);
  } else if (function == "get_supervisor"_atom && count == 1) {
    work = supervisor_of(self, arguments[0]);
  } else {
    co_return std::nullopt;
  }
  auto value = co_await std::move(work);
  co_return value;
}

ergo::result<void> as_done(const ergo::result<term>& answer) {
  if (!answer) return std::unexpected{answer.error()};
  if (!etf::is_tagged(*answer, "error"_atom, 2)) return {};
  const auto& why = answer->elements()[1];
  for (const auto word : {"not_started"_atom, "not_loaded"_atom, "not_running"_atom}) {
    if (etf::is_tagged(why, word, 2)) return fail(errc::not_found, why);
  }
  for (const auto word : {"already_started"_atom, "already_loaded"_atom, "running"_atom}) {
    if (etf::is_tagged(why, word, 2)) return fail(errc::already_present, why);
  }
  return fail(is_missing(*answer) ? errc::not_found : errc::exited, why);
}

}  // namespace ergo::inline v0::otp::detail
