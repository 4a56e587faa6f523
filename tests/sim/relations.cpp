// A3, A5, A12, A13, A14: monitors, watched nodes, exit signals and former incarnations between nodes under random
// faults.
#include "sights.hpp"
#include "watchers.hpp"

namespace ergo::test {
namespace {

// ----- monitors -----------------------------------------------------------------------------------------------------

TEST_CASE("every monitor between nodes gives exactly one DOWN, whatever dies and whatever is lost", "[R10][R11][A3]") {
  check_seeds(200, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 3 + world.pick(3));
    const std::vector<std::string> mortal{names.begin() + 1, names.end()};  // the watchers' node stays
    std::vector<pid> targets;
    for (const auto& name : names) start_target(world, name, targets);
    std::vector<std::unique_ptr<watcher_state>> watchers;
    std::vector<pid> watching;
    for (int count = 0; count < 4; ++count) {
      watchers.push_back(std::make_unique<watcher_state>());
      watching.push_back(world.spawn(names[0], keep_watching, &world, &names, &targets, watchers.back().get()));
    }
    for (int fault = 0; fault < 20; ++fault) {
      world.run_for(std::chrono::milliseconds{world.pick(15)});
      const auto& victim = mortal[world.pick(mortal.size())];
      switch (world.pick(5)) {
        case 0:
          world.crash(victim);
          world.run_for(std::chrono::milliseconds{world.pick(10)});
          world.start(victim);
          start_target(world, victim, targets);
          break;
        case 1: world.exit(targets[world.pick(targets.size())], "kill"_atom); break;
        case 2: start_target(world, names[world.pick(names.size())], targets); break;
        default: random_network_fault(world);
      }
    }
    for (const auto& one : watching) world.send(one, "finish"_atom);
    world.run_for(1s);
    world.heal();
    for (const auto& one : targets) world.exit(one, "kill"_atom);
    world.run_for(5s);
    return check_watchers(watchers);
  });
}

TEST_CASE("without faults a DOWN tells the true reason and never noconnection", "[A3]") {
  check_seeds(40, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 3);
    std::vector<pid> targets;
    for (const auto& name : names) start_target(world, name, targets);
    watcher_state seen;
    const auto watcher = world.spawn(names[0], keep_watching, &world, &names, &targets, &seen);
    world.run_for(300ms);
    world.send(watcher, "finish"_atom);
    world.run_for(100ms);
    for (const auto& one : targets) world.exit(one, "kill"_atom);
    world.run_for(5s);
    for (const auto& one : seen.all) {
      if (one.downs == 1 && !one.taken_back && one.reason != "killed") return "a DOWN with " + one.reason;
      if (one.downs != (one.taken_back ? 0 : 1)) return std::to_string(one.downs) + " DOWN";
    }
    return seen.all.size() < 20 ? "too little happened" : "";
  });
}

TEST_CASE("a name is free on its node before a watcher on another hears of the death", "[R13][A3]") {
  check_seeds(60, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 2);
    int taken = 0;
    int heard = 0;
    for (int round = 0; round < 10; ++round) {
      std::vector<pid> targets;
      start_target(world, names[1], targets);
      world.spawn(
          names[0],
          [](process& self, sim* in, std::string there, int* still, int* count) -> task<> {
            const destination target{"target"_atom, atom::of(there)};
            (void)self.monitor(target);
            (void)co_await self.receive<down>();
            if (in->node(there).whereis("target"_atom)) ++*still;
            ++*count;
          },
          &world, names[1], &taken, &heard);
      world.run_for(50ms);
      world.exit(targets[0], "kill"_atom);
      world.run_for(50ms);
    }
    if (heard != 10) return "heard " + std::to_string(heard);
    return taken == 0 ? "" : "the name was taken " + std::to_string(taken) + " times";
  });
}

// ----- watched nodes ------------------------------------------------------------------------------------------------

TEST_CASE("each monitor_node gives exactly one nodedown, at once when the node cannot be reached", "[A12]") {
  check_seeds(100, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 3);
    struct count {
      int asked = 0;
      int told = 0;
      int wrong = 0;
    } seen;
    const auto watcher = world.spawn(
        names[0],
        [](process& self, sim* in, std::vector<std::string> others, count* out) -> task<> {
          bool more = true;
          for (;;) {
            if (more && out->asked < 50) {
              self.monitor_node(atom::of(others[in->pick(others.size())]));
              ++out->asked;
            }
            auto got = co_await self.receive<node_down, atom>(std::chrono::milliseconds{in->pick(10)});
            if (got.get<atom>() != nullptr) more = false;
            if (const auto* const gone = got.get<node_down>()) {
              ++out->told;
              if (gone->node == self.node().name()) ++out->wrong;
            }
            if (!more && got.timed_out()) co_await self.sleep(10ms);
          }
        },
        &world, std::vector<std::string>{names[1], names[2], "never@sim"}, &seen);
    for (int fault = 0; fault < 15; ++fault) {
      world.run_for(std::chrono::milliseconds{world.pick(20)});
      random_network_fault(world);
    }
    world.send(watcher, "finish"_atom);
    world.run_for(1s);
    world.crash(names[1]);
    world.crash(names[2]);
    world.run_for(2s);
    if (seen.wrong != 0) return "a nodedown of itself";
    if (seen.told != seen.asked)
      return std::to_string(seen.told) + " nodedown for " + std::to_string(seen.asked) + " requests";
    return {};
  });
}

TEST_CASE("of a node watched several times only what was not taken back is told", "[A12]") {
  check_seeds(60, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 2);
    int asked = 0;
    int told = 0;
    world.spawn(
        names[0],
        [](process& self, sim* in, atom other, int* asking, int* telling) -> task<> {
          self.send({"nobody"_atom, other}, 1);
          for (int step = 0; step < 40; ++step) {
            if (in->pick(2) == 0) {
              self.monitor_node(other);
              ++*asking;
            } else if (*asking > 0) {
              self.demonitor_node(other);
              --*asking;
            }
            if (in->pick(4) == 0) co_await self.sleep(std::chrono::microseconds{in->pick(3000)});
          }
          for (;;) {
            auto gone = co_await self.receive<node_down>();
            *telling += gone->node == other ? 1 : 100;
          }
        },
        &world, atom::of(names[1]), &asked, &told);
    world.run_for(1s);
    if (told != 0) return "a nodedown while the node was up";
    world.crash(names[1]);
    world.run_for(1s);
    return told == asked ? "" : std::to_string(told) + " nodedown for " + std::to_string(asked);
  });
}

TEST_CASE("nodes come before their traffic and go after it, alternately, to who monitors them", "[A12]") {
  check_seeds(100, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 4);
    sight seen;
    const auto talk = [&](const std::string& on) {
      world.spawn(on, {.name = "talker"_atom}, make_body(talk_to_witness, atom::of(names[0])));
    };
    for (std::size_t index = 1; index < names.size(); ++index) talk(names[index]);
    world.run_for(std::chrono::milliseconds{world.pick(20)});
    world.spawn(names[0], {.name = "witness"_atom}, make_body(witness_nodes, &seen));
    for (int fault = 0; fault < 20; ++fault) {
      world.run_for(std::chrono::milliseconds{world.pick(20)});
      random_network_fault(world);
      if (fault % 5 != 4) continue;
      const auto& mortal = names[1 + world.pick(names.size() - 1)];
      world.crash(mortal);
      world.run_for(std::chrono::milliseconds{world.pick(30)});
      world.start(mortal);
      talk(mortal);
    }
    world.heal();
    world.run_for(1s);
    const auto connected = world.node(names[0]).connected().list().size();
    for (std::size_t index = 1; index < names.size(); ++index) world.crash(names[index]);
    world.run_for(1s);
    if (!seen.wrong.empty()) return seen.wrong;
    if (connected != names.size() - 1) return std::to_string(connected) + " nodes are listed as connected";
    if (!world.node(names[0]).connected().list().empty()) return "crashed nodes are listed as connected";
    if (seen.messages == 0 || seen.downs < 3) return "nothing happened";
    return seen.ups == seen.downs ? "" : std::to_string(seen.ups) + " came, " + std::to_string(seen.downs) + " went";
  });
}

// ----- exit signals -------------------------------------------------------------------------------------------------

TEST_CASE("exit signals and crashes mean the same between nodes as on one", "[A5][A14]") {
  check_seeds(40, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 2);
    struct row {
      const char* how;
      const char* reason;
    };
    const auto run = [&](const row& wanted) -> std::string {
      std::string told;
      const auto target = world.spawn(names[1], {.trap_exits = true}, make_body([](process& self) -> task<> {
                                        auto order = co_await self.receive<atom>();
                                        if (*order == "throw"_atom) throw std::runtime_error{"broken"};
                                        if (*order == "throw_42"_atom) throw 42;
                                        if (*order == "kill_self"_atom) self.exit(exit_reason{"kill"_atom});
                                        if (*order == "leave"_atom) co_return;
                                        co_await self.sleep(forever);
                                      }));
      world.spawn(names[0], {.trap_exits = true},
                  make_body(
                      [](process& self, pid other, std::string how, std::string* out) -> task<> {
                        self.link(other);
                        if (how == "exit kill") {
                          self.exit(other, exit_reason{"kill"_atom});
                        } else {
                          self.send(other, atom::of(how));
                        }
                        auto ended = co_await self.receive<exit_message>(5s);
                        *out = ended.timed_out() ? "nothing" : etf::to_text(ended->reason.value());
                      },
                      target, std::string{wanted.how}, &told));
      world.run_for(6s);
      return told == wanted.reason ? "" : std::string{wanted.how} + " gave " + told;
    };
    for (const auto& one :
         {row{"exit kill", "killed"}, row{"kill_self", "kill"}, row{"throw", "{exception,<<\"broken\">>}"},
          row{"throw_42", "{nocatch,unknown_exception}"}, row{"leave", "normal"}}) {
      if (auto wrong = run(one); !wrong.empty()) return wrong;
    }
    return {};
  });
}

TEST_CASE("what is sent to processes of a former incarnation never reaches their successors", "[R09][A13]") {
  check_seeds(60, [](sim& world) -> std::string {
    const auto names = start_nodes(world, 2);
    std::vector<pid> former;
    int strays = 0;
    int answered = 0;
    int asked = 0;
    for (int incarnation = 0; incarnation < 6; ++incarnation) {
      for (int count = 0; count < 5; ++count) {
        former.push_back(world.spawn(
            names[1],
            [](process& self, int* stray) -> task<> {
              for (;;) {
                auto got = co_await self.receive<pid>();
                if (*got != self.id()) ++*stray;
              }
            },
            &strays));
      }
      world.spawn(
          names[0],
          [](process& self, std::vector<pid> all, int* tried, int* heard) -> task<> {
            for (const auto& one : all) {
              self.send(one, one);  // whoever gets it must be the one it names
              const destination target{one};
              (void)self.monitor(target);
              ++*tried;
            }
            for (;;) {
              auto ended = co_await self.receive<down>();
              if (ended->reason.is("noproc"_atom) || ended->reason.is("noconnection"_atom)) ++*heard;
            }
          },
          former, &asked, &answered);
      world.run_for(100ms);
      world.crash(names[1]);
      world.run_for(std::chrono::milliseconds{world.pick(30)});
      world.start(names[1]);
    }
    world.run_for(2s);
    if (strays != 0) return std::to_string(strays) + " messages for former processes arrived";
    return answered == asked
               ? ""
               : std::to_string(answered) + " of " + std::to_string(asked) + " monitors of former processes answered";
  });
}

}  // namespace
}  // namespace ergo::test
