// The services of our node beside OTP's: what those do to them who may only talk.
#include "harness.hpp"

#include <ergo/kernel.hpp>

#include <catch2/catch_test_macros.hpp>

namespace ergo_interop {
namespace {

const std::string folder = ERGO_SOURCE_DIR "/tests/interop/node/";

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

}  // namespace
}  // namespace ergo_interop
