// Applications on nodes with services: their controller, who may do what with it, and the end of the program.
#include "support.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/otp/application.hpp>
#include <ergo/rpc.hpp>

#include <catch2/catch_test_macros.hpp>

#include <csignal>
#include <string>
#include <vector>

using namespace ergo;
using namespace ergo::test;

namespace {

task<> wait_for_orders(process& self) { (void)co_await self.receive_any(); }

/// An application whose root ends with the only process below it, which is registered under the application's name.
otp::application_spec brief(atom name) {
  otp::supervisor_spec tree;
  tree.intensity = 0;
  tree.children.push_back(otp::child_process(name, wait_for_orders).registered());
  auto made = otp::application::tree(name, tree);
  made.applications = {"kernel"_atom, "stdlib"_atom};
  made.env = {{"size"_atom, 1}};
  return made;
}

kernel::options services_with(std::vector<otp::application_spec> known) {
  kernel::options services;
  services.applications.known = std::move(known);
  return services;
}

/// Two nodes, of which the first grants the other certain rights.
struct neighbours {
  explicit neighbours(right granted) {
    const std::vector<route> routes{{"host@localhost", {.host = "localhost", .port = free_port()}},
                                    {"guest@localhost", {.host = "localhost", .port = free_port()}}};
    for (const auto& own : routes) {
      auto options = alone();
      options.name = own.nodes;
      options.listen_port_min = own.at.port;
      options.routes = routes;
      if (nodes.empty()) options.grants = {{"*", granted}};
      auto started = kernel::start(options, services_with({brief("shop"_atom)}));
      REQUIRE(started);
      nodes.push_back(*std::move(started));
    }
  }
  /// What a function of the first node's module `application` gives the second.
  template <typename... Argument>
  std::string call(std::string_view function, const Argument&... argument) {
    const rpc::at there{nodes[0]->name(), patience};
    const auto given = rpc::call(*nodes[1], there, "application", function, argument...);
    return given ? etf::to_text(*given) : given.error().message();
  }
  /// What the first node's controller answers the second.
  std::string ask(std::string_view request) {
    const destination controller{"application_controller"_atom, nodes[0]->name()};
    const auto given = otp::call<term>(nodes[1]->local(), controller, etf::parse(request).value(), patience);
    return given ? etf::to_text(*given) : given.error().message();
  }
  std::vector<std::unique_ptr<node>> nodes;
};

volatile std::sig_atomic_t ended = 0;

}  // namespace

TEST_CASE("a node with services has an application controller, and runs kernel and stdlib") {
  const auto started = kernel::start(alone(), services_with({brief("shop"_atom)}));
  REQUIRE(started);
  auto& here = (*started)->local();
  CHECK(here.whereis("application_controller"_atom));
  const auto running = otp::application::which_applications(here);
  REQUIRE(running);
  REQUIRE(running->size() == 2);
  CHECK(running->at(0).name == "stdlib"_atom);
  CHECK(running->at(1).name == "kernel"_atom);
  const auto shop = otp::application::ensure_all_started(here, "shop"_atom);
  CHECK((shop && *shop == std::vector{"shop"_atom}));
  CHECK(here.whereis("shop"_atom));
}

TEST_CASE("a node does not start with a configuration that is none") {
  kernel::options services;
  services.applications.config.emplace_back("/nowhere/sys.config");
  const auto started = kernel::start(alone(), services);
  REQUIRE_FALSE(started);
  CHECK(etf::is_tagged(started.error().context(), "error_in_config_file"_atom, 2));
}

TEST_CASE("who may manage a node steers its applications, who may observe it looks at them") {
  neighbours trusting{right::all};
  CHECK(trusting.call("start", "shop"_atom) == "ok");
  CHECK(trusting.call("get_env", "shop"_atom, "size"_atom) == "{ok,1}");
  CHECK(trusting.call("set_env", "shop"_atom, "size"_atom, 2) == "ok");
  CHECK(trusting.call("get_env", "shop"_atom, "size"_atom) == "{ok,2}");
  CHECK(trusting.ask("{stop_application,shop}") == "ok");
  CHECK(trusting.call("ensure_all_started", "shop"_atom) == "{ok,[shop]}");

  neighbours watching{right::talk | right::observe};
  CHECK(watching.call("start", "shop"_atom).find("does not have the right") != std::string::npos);
  CHECK(watching.call("get_env", "shop"_atom, "size"_atom) == "undefined");
  CHECK(watching.ask("which_applications").starts_with("[{stdlib,"));
  CHECK(watching.ask("{is_running,shop}") == "false");
  for (const auto* const request :
       {"{start_application,shop,permanent}", "{load_application,shop}", "{stop_application,kernel}",
        "{set_env,shop,size,3,[]}", "{application,start,[shop]}", "anything"}) {
    CHECK(watching.ask(request) == "{error,permission_denied}");
  }
  const destination controller{"application_controller"_atom, watching.nodes[0]->name()};
  otp::cast(watching.nodes[1]->local(), controller, etf::parse("{application_started,kernel,{error,x}}").value());
  CHECK(watching.ask("{is_running,kernel}") == "true");
}

TEST_CASE("the end of a permanent application is the end of the program, as if it had been told to stop") {
  ended = 0;
  auto* const before = std::signal(SIGTERM, [](int number) { ended = number; });
  {
    const auto started = kernel::start(alone(), services_with({brief("other"_atom), brief("shop"_atom)}));
    REQUIRE(started);
    auto& on = **started;
    REQUIRE(otp::application::start(on.local(), "other"_atom));
    REQUIRE(otp::application::start(on.local(), "shop"_atom, otp::start_type::permanent));
    on.send("shop"_atom, "leave"_atom);
    CHECK(eventually([] { return ended == SIGTERM; }));
    CHECK(!on.whereis("other"_atom));
  }
  std::signal(SIGTERM, before);
}

TEST_CASE("a node that stops has its applications stop first, while the rest still runs") {
  struct late {
    explicit late(std::string* to) : told{to} {}
    static otp::supervisor_spec start() { return {}; }
    task<> stop(process& self) const {
      const auto answer = co_await otp::call(self, "pg"_atom, "which_groups"_atom);
      *told = answer ? etf::to_text(*answer) : answer.error().message();
    }
    std::string* told;
  };
  std::string told;
  auto services = services_with({});
  services.applications.known.push_back(otp::application::spec<late>("late"_atom, &told));
  services.pg_scopes = {"pg"_atom};
  const auto started = kernel::start(alone(), services);
  REQUIRE(started);
  REQUIRE(otp::application::start((*started)->local(), "late"_atom));
  (*started)->stop();
  CHECK(told == "[]");
}
