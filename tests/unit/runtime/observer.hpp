// For the tests of links, monitors and exit signals: who writes down what it is told, and who ends as it is told.
#pragma once

#include "fixture.hpp"

namespace ergo::test {

using log_lines = std::vector<std::string>;

// Writes down every message; `P` stands for the pid of interest.
struct observer {
  manual_world& world;
  log_lines log{};
  pid subject{};

  std::string line(const message& got) const {
    if (const auto ended = got.as<down>()) {
      const auto object =
          ended->object.as_pid() ? (*ended->object.as_pid() == subject ? "P" : "?") : text(ended->object);
      return "DOWN " + std::string{object} + " " + text(ended->reason.value());
    }
    if (const auto left = got.as<exit_message>())
      return std::string{"EXIT "} + (left->from == subject ? "P " : "? ") + text(left->reason.value());
    return text(got.to_term());
  }
};

struct rest_for_ever {
  static task<> body(process& self) { co_await self.sleep(forever); }
};

inline pid idle_process(manual_world& world, const spawn_options& options = {}) {
  return world.spawn(options, rest_for_ever::body);
}

// How the subject ends.
enum class ending : std::uint8_t { normal, abnormal, kill_signal, exit_with_kill, noproc };

inline std::string name_of(ending how) {
  static constexpr std::array names{"normal", "abnormal", "kill signal", "exit(kill)", "noproc"};
  return names[static_cast<std::size_t>(how)];
}

struct subject_body {
  // Ends as the first message says: {exit, Reason}.
  static task<> body(process& self) {
    auto order = co_await self.receive<term>();
    self.exit(exit_reason{order->elements()[1]});
  }
};

inline void end_subject(manual_world& world, const pid& subject, ending how) {
  switch (how) {
    case ending::normal: return world.send(subject, etf::tuple("exit"_atom, "normal"_atom));
    case ending::abnormal: return world.send(subject, etf::tuple("exit"_atom, etf::tuple("bad"_atom, 1)));
    case ending::exit_with_kill: return world.send(subject, etf::tuple("exit"_atom, "kill"_atom));
    case ending::kill_signal: return world.exit(subject, "kill"_atom);
    case ending::noproc: break;
  }
}

struct matrix_row {
  ending how;
  const char* reason;  // that monitors and trapping links are told
};
inline constexpr std::array matrix{matrix_row{ending::normal, "normal"}, matrix_row{ending::abnormal, "{bad,1}"},
                                   matrix_row{ending::kill_signal, "killed"},
                                   matrix_row{ending::exit_with_kill, "kill"}, matrix_row{ending::noproc, "noproc"}};

inline task<> watch_by(process& self, destination target, observer* out) {
  const auto watch = self.monitor(target);
  for (;;) {
    auto got = co_await self.receive_any();
    const bool same = got.as<down>() && got.as<down>()->ref == watch.ref;
    out->log.push_back(out->line(got) + (same ? " same" : " other"));
  }
}

}  // namespace ergo::test
