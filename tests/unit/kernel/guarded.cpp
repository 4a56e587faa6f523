// Services of a node beside peers that may only talk.
#include "support.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/guard.hpp>
#include <ergo/otp/global.hpp>
#include <ergo/otp/outside.hpp>
#include <ergo/rpc.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <future>
#include <initializer_list>
#include <string>
#include <vector>

using namespace ergo;
using namespace ergo::test;

namespace {

/// Nodes of one cluster, of which the first grants the others certain rights. They meet when they are told to.
struct cluster {
  cluster(std::initializer_list<const char*> names, right guests) {
    std::vector<route> routes;
    for (const auto* const name : names) routes.push_back({name, {.host = "localhost", .port = free_port()}});
    for (const auto& own : routes) {
      auto options = alone();
      options.name = own.nodes;
      options.listen_port_min = own.at.port;
      options.routes = routes;
      if (nodes.empty()) options.grants = {{"*", guests}};
      kernel::options services;
      services.pg_scopes = {"pg"_atom};
      auto started = kernel::start(options, services);
      REQUIRE(started);
      nodes.push_back(*std::move(started));
    }
  }
  node& operator[](std::size_t number) { return *nodes[number]; }

  /// What a process of the first node that has `name` answers to the second.
  std::string ask(std::string_view name, std::string_view request) {
    const destination whom{atom::of(name), nodes[0]->name()};
    const auto given = otp::call<term>(nodes[1]->local(), whom, etf::parse(request).value(), patience);
    return given ? etf::to_text(*given) : given.error().message();
  }

  std::vector<std::unique_ptr<node>> nodes;
};

const otp::global_name contested{"contested"_atom};

task<> die_linked(process& self, pid to) {
  self.link(to);
  self.exit(exit_reason{"kill"_atom});
  co_return;
}

/// Ends `whom` by every signal there is, if it is to be ended, and tells when they have left.
task<> attack(process& self, pid whom, std::shared_ptr<std::promise<void>> done) {
  self.exit(whom, exit_reason{"kill"_atom});
  const auto dead = self.spawn(die_linked, whom);
  const auto watch = self.monitor(dead);
  (void)co_await self.receive<down>();
  (void)watch;
  const rpc::at there{whom.node.name(), patience};
  (void)co_await rpc::call(self, there, "erlang", "node");
  done->set_value();
}

}  // namespace

TEST_CASE("no service of a node ends because of a peer that may only talk") {
  cluster on{{"host@localhost", "guest@localhost"}, right::talk};
  REQUIRE(on[1].connect("host@localhost"));
  constexpr std::array names{"kernel_sup", "global_name_server",    "user", "logger_proxy", "error_logger", "pg", "rex",
                             "net_kernel", "application_controller"};
  std::vector<pid> before;
  for (const auto* const name : names) {
    const auto found = on[0].whereis(atom::of(name));
    REQUIRE(found);
    before.push_back(*found);
  }
  for (const auto& service : before) {
    const auto done = std::make_shared<std::promise<void>>();
    auto told = done->get_future();
    REQUIRE(on[1].spawn(attack, service, done));
    REQUIRE(told.wait_for(patience) == std::future_status::ready);
  }
  for (std::size_t number = 0; number < names.size(); ++number) {
    INFO(names[number]);
    // Behind everything that has arrived for it.
    CHECK(otp::call<term>(
              on[0].local(), destination{"rex"_atom},
              etf::tuple("call"_atom, "erlang"_atom, "process_info"_atom, etf::list(before[number]), "user"_atom),
              patience)
              .value()
              .is_list());
    CHECK(on[0].whereis(atom::of(names[number])) == before[number]);
  }
}

TEST_CASE("kernel_sup shows its children to everybody, and obeys those who may manage the node") {
  cluster guarded{{"host@localhost", "guest@localhost"}, right::talk};
  CHECK(guarded.ask("kernel_sup", "which_children").find("global_name_server") != std::string::npos);
  CHECK(guarded.ask("kernel_sup", "count_children").starts_with("[{specs,5}"));
  for (const auto* const request :
       {"{terminate_child,user}", "{delete_child,user}", "{restart_child,user}", "{start_child,user}", "anything"})
    CHECK(guarded.ask("kernel_sup", request) == "{error,permission_denied}");
  CHECK(guarded[0].whereis("user"_atom));

  cluster trusting{{"host@localhost", "guest@localhost"}, right::all};
  CHECK(trusting.ask("kernel_sup", "{terminate_child,user}") == "ok");
  CHECK_FALSE(trusting[0].whereis("user"_atom));
}

TEST_CASE("a name server takes no part of its own API from a peer that may only talk, and answers the rest") {
  cluster on{{"host@localhost", "guest@localhost"}, right::talk};
  REQUIRE(on[1].connect("host@localhost"));
  for (const auto* const request :
       {"disconnect", "{registrar,{unregister,name}}", "follow_names", "{unfollow_names,ref}"})
    CHECK(on.ask("global_name_server", request) == "{error,permission_denied}");
  CHECK(on.ask("global_name_server", "{whereis_name,nobody}") == "undefined");
  CHECK(on.ask("global_name_server", "get_protocol_version") == "8");
  const destination server{"global_name_server"_atom, on[0].name()};
  on[1].send(server, etf::parse("{prepare_shutdown,nobody,ref}").value());
  on[1].send(server, etf::tuple("remove_connection"_atom, on[0].name()));
  CHECK(eventually([&] { return on.ask("global_name_server", "get_known") == "[guest@localhost]"; }));
  CHECK(on[0].is_connected("guest@localhost"));
  CHECK(on.ask("pg", "{join_local,group,[]}") == "{error,permission_denied}");
  CHECK(on.ask("pg", "which_groups") == "[]");
}

namespace {

task<> take_name(process& self, pid whom, std::shared_ptr<std::promise<bool>> told) {
  const auto given = co_await otp::global::register_name(self, contested, whom);
  told->set_value(given && *given == otp::global::answer::yes);
}

void register_for(node& on, const pid& whom) {
  const auto told = std::make_shared<std::promise<bool>>();
  auto done = told->get_future();
  REQUIRE(on.spawn(take_name, whom, told));
  REQUIRE(done.wait_for(patience) == std::future_status::ready);
  REQUIRE(done.get());
}

task<> idle(process& self) { co_await self.sleep(forever); }

}  // namespace

// The name server with the smaller name decides, and the process on the larger one would be killed.
TEST_CASE("a service is not killed for a name that another process has, too") {
  cluster on{{"middle@localhost", "also@localhost", "zeta@localhost"}, right::talk};
  REQUIRE(on[2].connect("also@localhost"));
  const auto other = on[1].spawn(idle);
  REQUIRE(other);
  register_for(on[2], *other);
  const auto rex = *on[0].whereis("rex"_atom);
  register_for(on[0], rex);
  REQUIRE(on[0].connect("zeta@localhost"));
  CHECK(eventually([&] { return otp::global::whereis_name(on[0].local(), contested) == *other; }));
  const auto alive = rpc::call(on[0], rpc::at{on[0].name(), patience}, "erlang", "is_process_alive", rex);
  CHECK(alive.value().is("true"_atom));
  CHECK(on[0].whereis("rex"_atom) == rex);
}

// The first node decides, because its name is the smallest, and the process on the last one would be killed.
TEST_CASE("a process of a third node is killed for a name only if the peer that has it, too, may call functions here") {
  for (const auto held : {right::talk, right::talk | right::call}) {
    cluster on{{"first@localhost", "guest@localhost", "zeta@localhost"}, held};
    const auto victim = on[2].spawn(idle);
    const auto other = on[1].spawn(idle);
    REQUIRE(victim);
    REQUIRE(other);
    REQUIRE(on[0].connect("zeta@localhost"));
    register_for(on[2], *victim);
    register_for(on[1], *other);
    CHECK(eventually([&] { return otp::global::whereis_name(on[0].local(), contested) == *victim; }));
    REQUIRE(on[0].connect("guest@localhost"));
    CHECK(eventually([&] { return otp::global::whereis_name(on[2].local(), contested) == *other; }));
    // What the first node has told the last one before this call has arrived with it.
    REQUIRE(rpc::call(on[0], rpc::at{on[2].name(), patience}, "erlang", "node"));
    if (contains(held, right::call)) {
      CHECK(eventually([&] { return !on[2].runtime().alive(*victim); }));
    } else {
      CHECK(on[2].runtime().alive(*victim));
    }
  }
}

namespace {

std::string resolve(cluster& on, std::string_view function) {
  const auto method = otp::global::method::function("m"_atom, atom::of(function));
  const auto given = rpc::call(on[1], rpc::at{on[0].name(), patience}, "global", "resolve_it", method.value(),
                               "name"_atom, "left"_atom, "right"_atom);
  return given ? etf::to_text(*given) : given.error().message();
}

void provide_methods(node& on) {
  REQUIRE(on.provide("m", "pick", [](atom /*name*/, atom left, atom /*right*/) { return left; }));
  graded_function reserved;
  reserved.needed = right::manage;
  reserved.body = [](process& /*self*/, const term& /*arguments*/) -> task<result<term>> { co_return "done"_atom; };
  std::vector<graded_function> grades;
  grades.push_back(std::move(reserved));
  REQUIRE(on.provide_graded("m", "reserved", 3, std::move(grades)));
}

}  // namespace

TEST_CASE("who asks for a conflict to be decided gets what it may call, and no more than any program's function") {
  cluster talking{{"host@localhost", "guest@localhost"}, right::talk};
  provide_methods(talking[0]);
  CHECK(resolve(talking, "pick").find("permission_denied") != std::string::npos);
  cluster trusting{{"host@localhost", "guest@localhost"}, right::all};
  provide_methods(trusting[0]);
  CHECK(resolve(trusting, "pick") == "left");
  CHECK(resolve(trusting, "reserved").find("permission_denied") != std::string::npos);
}
