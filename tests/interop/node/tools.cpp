// What tools of Erlang ask of every node that they meet, answered as the asking release answers it itself.
#include "harness.hpp"

#include <catch2/catch_test_macros.hpp>

namespace ergo_interop {
namespace {

class tools {
 public:
  explicit tools(world& in) : in_{&in} { in.peer().load(ERGO_SOURCE_DIR "/tests/interop/node/tools_side.erl"); }
  [[nodiscard]] std::string side(const std::string& function, const std::string& more = "") const {
    return in_->erl("{apply, tools_side, " + function + ", [" + in_->cpp() + more + "]}");
  }
  [[nodiscard]] std::string call(const std::string& module, const std::string& function,
                                 const std::string& arguments = "") const {
    return in_->erl("{apply, rpc, call, [" + in_->cpp() + ", " + module + ", " + function + ", [" + arguments + "]]}");
  }

 private:
  world* in_;
};

TEST_CASE("Facts of processes and of the system have the shapes that the asking release knows") {
  in_every_world("process_info, memory, statistics, system_info as OTP's", [](world& in) {
    const tools ask{in};
    expect_same(ask.call("erlang", "node"), in.ours().shown_name());
    expect(ask.call("erlang", "registered").find("net_kernel") != std::string::npos, "no net_kernel");
    expect(ask.call("erlang", "processes").find("<") != std::string::npos, "no processes");
    expect_same(ask.call("erlang", "whereis", "no_such_name"), "undefined");
    expect_same(ask.side("process_items", ", rex"), "[]");
    expect_same(ask.side("memory"), "[]");
    expect_same(ask.side("statistics"), "[]");
    expect_same(ask.side("system_info"), "[]");
    expect_same(ask.call("erlang", "get_cookie"), "nocookie");
  });
}

TEST_CASE("etop and observer of each release are given the records that they take apart") {
  in_every_world("observer_backend: sys_info, etop_collect, procs_info", [](world& in) {
    const tools ask{in};
    expect_same(ask.side("sys_info"), "[]");
    expect_same(ask.side("etop"), "[]");
    if (in.release_number() >= 25) expect_same(ask.side("processes"), "{etop_proc_info,8}");
  });
}

TEST_CASE("What only old releases ask is refused at once") {
  in_every_world("net_kernel's spawn, auth", [](world& in) {
    const tools ask{in};
    expect_same(ask.side("old_spawn"), "{{error,notsup},noproc}");
  });
}

}  // namespace
}  // namespace ergo_interop
