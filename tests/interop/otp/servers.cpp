// Our gen_servers against Erlang's own: the same script of calls, stops and crashes must look the same to its callers,
// and `sys` of every release must find the same in both.
#include "harness.hpp"
#include "twins.hpp"

#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdio>
#include <random>

namespace ergo_interop {
namespace {

/// A node of ours that starts twins, and an Erlang node that has twins.erl loaded.
struct stage {
  std::uint16_t port = free_port();
  our_node ours;
  erlang_peer peer;

  explicit stage(const release& otp) : ours{visible_at(port), runtime_for(otp)}, peer{peer_at(otp, port)} {
    ergo::otp::start_options named;
    named.name = "twins"_atom;
    expect(ergo::otp::start<twins>(ours->local(), named).has_value(), "nobody starts twins");
    peer.load(ERGO_SOURCE_DIR "/tests/interop/otp/twins.erl");
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
  }
  std::string compare(const std::string& script) {
    return peer.run("{apply, twins, compare, [" + script + ", " + ours.quoted_name() + "]}");
  }
  std::string compare_text(const std::string& script) {
    return peer.run("{apply, twins, compare_text, [\"" + script + "\", " + ours.quoted_name() + "]}");
  }
};

/// Makes random scripts, the same for the same seed.
class script_writer {
 public:
  explicit script_writer(unsigned seed) : random_{seed} {}

  std::string write() {
    std::string steps;
    for (auto count = 1 + below(8); count > 0; --count) steps += (steps.empty() ? "" : ",") + step();
    return "{" + init() + ",[" + steps + "]}";
  }

 private:
  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  template <std::size_t Size>
  std::string one_of(const std::array<const char*, Size>& words) {
    return words[below(Size)];
  }
  std::string reason() {
    return one_of(std::array{"normal", "shutdown", "{shutdown,early}", "boom", "{error,[1,2]}", "kill", "noproc",
                             "noconnection", "timeout", "{nodedown,me}"});
  }
  std::string init() {
    if (below(8) != 0) return "ok";
    switch (below(5)) {
      case 0: return "ignore";
      case 1: return "{stop," + reason() + "}";
      case 2: return "{exit," + reason() + "}";
      case 3: return "{timeout,0}";
      default: return "{continue," + continued() + "}";
    }
  }
  std::string continued() {
    return one_of(
        std::array{"once", "{more,twice}", "{more,{more,thrice}}", "{then_stop,boom}", "{more,{then_stop,normal}}"});
  }
  std::string what() {
    switch (below(16)) {
      case 0: return "{stop," + reason() + "}";
      case 1: return "{stop," + reason() + ",bye}";
      case 2: return "{exit," + reason() + "}";
      case 3: return "{late,soon}";
      case 4: return "{ignore}";
      case 5: return "{continue," + continued() + "}";
      case 6: return "{timeout,0}";
      case 7: return "{rest}";
      case 8: return "{trap}";
      case 9: return "{last,{exit," + reason() + "}}";
      case 10: return "\"what\"";
      default: return "{add," + std::to_string(below(100)) + "}";
    }
  }
  // What a server is sent must not be one that is answered later.
  std::string step() {
    switch (below(14)) {
      case 0: return "{cast," + what() + "}";
      case 1: return "{send," + what() + "}";
      case 2: return "{stop," + reason() + "}";
      case 3: return "{request," + what() + "}";
      case 4: return "{multi," + what() + "}";
      case 5: return "{abcast," + what() + "}";
      case 6: return "{exit," + reason() + "}";
      case 7: return "{call_pid," + what() + "}";
      case 8:
        return "{sys," +
               one_of(std::array{"get_state,[]", "resume,[]", "statistics,[true]", "log,[true]", "log,[get]",
                                 "terminate,[boom]", "change_code,[twins,1,x]"}) +
               "}";
      default: return "{call," + what() + "}";
    }
  }

  std::mt19937 random_;
};

TEST_CASE("Random scripts of calls, stops and crashes look the same to callers of Erlang's gen_server and of ours") {
  for_every_release("500 random scripts: callers see the same in both", [](const release& otp) {
    stage on{otp};
    const auto first = ergo::test::from_environment("ERGO_SCRIPT_SEED", 1);
    const auto count = ergo::test::from_environment("ERGO_SCRIPTS", 500);
    for (auto seed = first; seed < first + count; ++seed) {
      const auto script = script_writer{seed}.write();
      const auto verdict = on.compare(script);
      expect(
          verdict.starts_with("{same,"),
          std::string{"seed "}.append(std::to_string(seed)).append(": ").append(script).append("\n").append(verdict));
    }
    std::printf("gen_server and OTP %s: %u random scripts, identical to their callers\n", otp.number.c_str(), count);
  });
}

TEST_CASE("sys of every release finds the same in our servers as in Erlang's") {
  for_every_release("sys: states, status, suspend, log, statistics, trace, code_change", [](const release& otp) {
    stage on{otp};
    for (const std::string steps : {
             // The functions are those of the Erlang node, which runs them.
             "{sys,get_state,[]},{sys,replace_state,[fun(S) -> S#{count := 41} end]},{call,{add,1}}",
             "{sys,replace_state,[fun(_) -> exit(no) end]},{sys,replace_state,[fun(_) -> throw(away) "
             "end]},{call,{add,1}}",
             "{sys,suspend,[]},{call,{add,1},50},{cast,{add,2}},{send,{add,4}},{sys,get_state,[]},{sys,resume,[]},{"
             "call,{add,8}}",
             "{sys,suspend,[]},{sys,change_code,[twins,1,more]},{sys,change_code,[twins,2,no]},{sys,resume,[]}",
             "{sys,change_code,[twins,1,more]}",
             "{sys,suspend,[]},{sys,suspend,[]},{sys,resume,[]},{call,{add,1}},{sys,resume,[]}",
             "{sys,suspend,[]},{stop,normal}",
             "{sys,suspend,[]},{sys,terminate,[boom]},{call,{add,1}}",
             "{sys,log,[get]},{sys,log,[true]},{call,{add,1}},{cast,{add,1}},{send,{add,1}},{sys,log,[get]},{sys,log,["
             "false]},"
             "{sys,log,[get]}",
             "{sys,log,[{true,2}]},{call,{add,1}},{call,{continue,{more,x}}},{sys,log,[get]},{sys,log,[{true,1}]},{sys,"
             "log,[get]}",
             "{sys,statistics,[get]},{sys,statistics,[true]},{call,{add,1}},{cast,{add,1}},{call,{late,x}},{sys,"
             "statistics,[get]},"
             "{sys,statistics,[false]},{sys,statistics,[get]}",
             "{sys,no_debug,[]},{sys,remove,[nothing]},{sys,trace,[perhaps]},{sys,log,[sometimes]}",
             "{call,{timeout,0}},{sys,get_state,[]}",
         }) {
      const auto script = "{ok,[" + steps + "]}";
      const auto verdict = on.compare_text(script + ".");
      expect(verdict.starts_with("{same,"), std::string{script}.append("\n").append(verdict));
    }
    for (const std::string debug : {"[]", "[{log,true}]", "[{log,{true,2}},{statistics,true}]"}) {
      expect_same(on.peer.run("{apply, twins, status, [" + debug + ", " + on.ours.quoted_name() + "]}"), "same");
    }
  });
}

TEST_CASE("A trace of one of our servers reads as that of one of Erlang's") {
  for_every_release("sys:trace and sys:log(_, print) at the server's group leader", [](const release& otp) {
    stage on{otp};
    const auto verdict = on.peer.run("{apply, twins, traces, [" + on.ours.quoted_name() + "]}");
    expect(verdict.starts_with("{same,"), verdict);
  });
}

TEST_CASE("proc_lib of every release knows what one of our servers was started as") {
  for_every_release("proc_lib: initial call and ancestors", [](const release& otp) {
    stage on{otp};
    const auto described = on.peer.run("{apply, twins, described, [" + on.ours.quoted_name() + "]}");
    expect_same(described,
                "{{{twin,init,2},{twin,init,['Argument__1','Argument__2']}},['$ancestors','$initial_call'],"
                "twins}");
  });
}

}  // namespace
}  // namespace ergo_interop
