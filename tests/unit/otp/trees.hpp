// Supervision trees of workers that tell of their lives, started in a world, and what became of them.
#pragma once

#include "support.hpp"

namespace ergo::test {

/// Ends with the reason it is sent, and notes its life.
class worker {
 public:
  worker(process& self, atom id) : id_{id} {
    self.log(log_level::info, std::string{"start "} + std::string{id.text()});
  }
  otp::result handle_cast(const term& reason) { return otp::stop(exit_reason{reason}); }
  void terminate(process& self) { self.log(log_level::info, std::string{"stop "} + std::string{id_.text()}); }

 private:
  atom id_;
};

inline otp::child_spec trapped(otp::child_spec made) {
  made.options.trap_exits = true;
  return made;
}

inline otp::child_spec named(atom id, otp::restart kind = otp::restart::permanent) {
  return trapped(otp::child<worker>(id, id).registered().restarted(kind));
}

inline otp::supervisor_spec tree_of(std::vector<otp::child_spec> children, unsigned intensity = 100) {
  otp::supervisor_spec tree;
  tree.intensity = intensity;
  tree.children = std::move(children);
  return tree;
}

inline pid start_tree(world& here, otp::supervisor_spec tree) {
  return here.run(
      [](process& self, otp::supervisor_spec given) -> task<pid> {
        const auto started = co_await otp::start<otp::supervisor>(self, {.name = "top"_atom}, given);
        CHECK(started.has_value());
        co_return started.value_or(pid{});
      },
      std::move(tree));
}

inline pid at(world& here, atom name) { return here.node().whereis(name).value_or(pid{}); }

inline void end_child(world& here, atom name, const term& reason) {
  otp::cast(here.node(), name, reason);
  here.settle();
}

/// What has become of children since `before`: E empty, O the same process, N a new one.
inline std::string fates(world& here, const std::vector<atom>& names, const std::vector<pid>& before) {
  std::string seen;
  for (std::size_t child = 0; child < names.size(); ++child) {
    const auto now = at(here, names[child]);
    seen += now == pid{} ? 'E' : now == before[child] ? 'O' : 'N';
  }
  return seen;
}

/// The lines that start with one of two words, in order: "start a start b stop b".
inline std::string story(const world& here) {
  std::string told;
  for (const auto& happened : here.events()) {
    if (!happened.text.starts_with("start ") && !happened.text.starts_with("stop ")) continue;
    told += (told.empty() ? "" : " ") + happened.text;
  }
  return told;
}

}  // namespace ergo::test
