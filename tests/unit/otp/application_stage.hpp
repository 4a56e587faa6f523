// A world with an application controller, and applications that tell what they are asked.
#pragma once

#include <ergo/otp/application.hpp>

#include "support.hpp"

namespace ergo::test {

using otp::application_options;
using otp::application_spec;

/// A server that says when it starts and stops, and ends when it is cast a reason.
class worker {
 public:
  worker(process& self, atom id) : id_{id} {
    self.trap_exits(exits::trapped);
    self.log(log_level::info, "start " + std::string{id.text()});
  }
  otp::result handle_cast(const term& reason) { return otp::stop(exit_reason{reason}); }
  void terminate(process& self) { self.log(log_level::info, "stop " + std::string{id_.text()}); }

 private:
  atom id_;
};

inline void say(process& self, std::string_view what, atom name) {
  self.log(log_level::info, std::string{what} + " " + std::string{name.text()});
}

inline otp::supervisor_spec tree_of(atom name) {
  otp::supervisor_spec tree;
  tree.intensity = 0;
  tree.children.push_back(otp::child<worker>(name, name).registered());
  return tree;
}

/// The code of an application that tells what it is asked.
class talking {
 public:
  explicit talking(atom name) : name_{name} {}
  otp::supervisor_spec start(process& self) {
    say(self, "begin", name_);
    return tree_of(name_);
  }
  void start_phase(process& self, atom phase, const term& /*type*/, const term& /*arguments*/) {
    say(self, "phase", phase);
  }
  void prep_stop(process& self) { say(self, "prepare", name_); }
  void stop(process& self) { say(self, "end", name_); }
  void config_change(process& self, const otp::environment_changes& changes) {
    for (const auto& [key, value] : changes.changed) say(self, "changed", key);
    for (const auto& [key, value] : changes.added) say(self, "added", key);
    for (const auto key : changes.removed) say(self, "removed", key);
  }

 private:
  atom name_;
};

inline application_spec app(atom name, std::vector<atom> needs = {}) {
  auto made = otp::application::spec<talking>(name, name);
  made.applications = std::move(needs);
  made.description = "the application";
  made.version = "1.0";
  return made;
}

/// A world with a controller.
struct stage : world {
  explicit stage(std::vector<application_spec> known, application_options more = {}) {
    more.known = std::move(known);
    controller = run(
        [](process& self, application_options given) -> task<pid> {
          const otp::start_options named{.name = "application_controller"_atom};
          const auto started = co_await otp::start<otp::application_controller>(self, named, given);
          if (!started) co_return pid{};
          co_return *started;
        },
        std::move(more));
    REQUIRE(controller != pid{});
  }

  /// What `application:Function(Arguments…)` gives, as text.
  std::string ask(atom function, const std::vector<term>& arguments = {}) {
    return etf::to_text(run(
        [](process& self, atom name, term given) -> task<term> {
          const auto runner = co_await otp::call<pid>(self, "application_controller"_atom, "runner"_atom);
          if (!runner) co_return runner.error().reason();
          const auto request = etf::tuple(name, given);
          const auto answer = co_await otp::call(self, *runner, request, forever);
          if (!answer) co_return answer.error().reason();
          co_return etf::is_tagged(*answer, "ok"_atom, 2) ? answer->elements()[1] : *answer;
        },
        function, etf::make_list(arguments)));
  }
  std::string start(atom name) { return ask("start"_atom, {name}); }
  std::string start(atom name, atom type) { return ask("start"_atom, {name, type}); }
  std::string stop(atom name) { return ask("stop"_atom, {name}); }
  std::string start_all(atom name) { return ask("ensure_all_started"_atom, {name}); }

  /// What the applications and their workers have told since the last time.
  std::string story() {
    settle();
    std::string told;
    for (; seen_ < events().size(); ++seen_) {
      const auto& text = events()[seen_].text;
      for (const auto* const word :
           {"start ", "stop ", "begin ", "phase ", "prepare ", "end ", "changed ", "added ", "removed "}) {
        if (text.starts_with(word)) told += (told.empty() ? "" : ", ") + text;
      }
    }
    return told;
  }
  void end_worker(atom name, const term& reason) {
    otp::cast(node(), name, reason);
    settle();
  }

  pid controller;

 private:
  std::size_t seen_ = 0;
};

inline term text(std::string_view content) { return etf::text_list(content); }

}  // namespace ergo::test
