// The services of our node beside OTP's: what those do to them who may only talk, and a name server that is started
// again.
#include "harness.hpp"

#include <ergo/kernel.hpp>
#include <ergo/otp/global.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

namespace ergo_interop {
namespace {

namespace global = ergo::otp::global;
using ergo::otp::global_name;

const std::string folder = ERGO_SOURCE_DIR "/tests/interop/node/";
const std::vector<std::string> preventing{"-kernel", "prevent_overlapping_partitions", "true"};

std::string side_call(const std::string& module, const std::string& function, const std::string& arguments = "") {
  return "{apply, " + module + ", " + function + ", [" + arguments + "]}";
}

ergo::node_options serving(ergo::right peers) {
  ergo::node_options options;
  options.visibility = ergo::visibility::visible;
  options.grants = {{"*", peers}};
  options.boot = ergo::kernel::boot();
  return options;
}

TEST_CASE("An Erlang node that may only look and talk ends no service of ours, nor holds or empties one") {
  for_every_release("services against exit/2, links, sys, kernel_sup", [](const release& otp) {
    world in{otp, serving(ergo::right::observe)};
    in.peer().load(folder + "services_side.erl");
    in.connect(true);
    for (const std::string name :
         {"kernel_sup", "global_name_server", "user", "logger_proxy", "error_logger", "rex", "net_kernel"}) {
      expect_same(in.erl(side_call("services_side", "attack", in.cpp() + ", " + name)),
                  "{{error,permission_denied},true,true}");
    }
    expect_same(in.erl(side_call("services_side", "requests", in.cpp())),
                "{[{error,permission_denied},{error,permission_denied},{error,permission_denied},"
                "{error,permission_denied},{error,permission_denied},{error,permission_denied}],4,undefined}");
  });
}

ergo::task<ergo::term> give_name(ergo::process& self, ergo::pid who) {
  const auto given = co_await global::register_name(self, global_name("ours"_atom), who);
  co_return ergo::term{given == global::answer::yes};
}

/// Two Erlang nodes that know each other, and ours with the services of a cluster.
class rejoining {
 public:
  explicit rejoining(const release& otp) : in{otp, serving(ergo::right::all), preventing}, other{beside(otp, in)} {
    for (auto* const peer : both()) peer->load(folder + "global_side.erl");
    expect_same(other.run("{ping, " + atom_text(in.peer().name()) + "}"), "pong");
    for (auto* const peer : both()) {
      expect_same(peer->run("{ping, " + in.cpp() + "}"), "pong");
      expect_same(peer->run(side_call("global_side", "sync")), "ok");
    }
    in.peer().run(side_call("global_side", "watch", atom_text(other.name())));
    other.run(side_call("global_side", "watch", atom_text(in.peer().name())));
  }
  static peer_options beside(const release& otp, world& in) {
    auto options = peer_at(otp, in.port());
    options.more.insert(options.more.end(), preventing.begin(), preventing.end());
    return options;
  }
  std::vector<erlang_peer*> both() { return {&in.peer(), &other}; }

  void register_theirs(erlang_peer& at, const std::string& name) {
    at.run("{set, process, " + side_call("global_side", "sleeper") + "}");
    expect_same(at.run(side_call("global", "register_name", name + ", {var, process}")), "yes");
  }
  void register_ours() {
    const auto echo = in.node().whereis("echo"_atom).value();
    eventually("our name is given", [&] { return run_process(in.node(), give_name, echo).is("true"_atom); });
  }
  bool we_see(const std::string& name) {
    return global::whereis_name(in.node().local(), global_name{ergo::atom::of(name)}).has_value();
  }
  bool they_see(const std::string& name) {
    return std::ranges::all_of(
        both(), [&](erlang_peer* peer) { return peer->run(side_call("global", "whereis_name", name)) != "undefined"; });
  }
  std::string cuts() {
    return in.peer().run(side_call("global_side", "cuts")) + other.run(side_call("global_side", "cuts"));
  }

  world in;
  erlang_peer other;
};

TEST_CASE("A name server that was started again meets the cluster anew, which loses no other connection") {
  for_every_release(
      "global: our name server killed and started again, beside two Erlang nodes", [](const release& otp) {
        rejoining on{otp};
        on.register_theirs(on.in.peer(), "first");
        on.register_theirs(on.other, "second");
        on.register_ours();
        eventually("all see all names",
                   [&] { return on.they_see("ours") && on.we_see("first") && on.we_see("second"); });
        const auto before = on.in.node().whereis("global_name_server"_atom).value();
        on.in.node().runtime().exit(before, ergo::exit_reason{"kill"_atom});
        eventually("it runs again", [&] {
          const auto now = on.in.node().whereis("global_name_server"_atom);
          return now && *now != before;
        });
        eventually("we have their names again", [&] { return on.we_see("first") && on.we_see("second"); }, 40s);
        on.register_ours();
        eventually("they have ours again", [&] { return on.they_see("ours"); }, 40s);
        expect_same(on.cuts(), "00");
      });
}

}  // namespace
}  // namespace ergo_interop
