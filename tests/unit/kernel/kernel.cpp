// The services of a node: there from its start, and again when one has failed.
#include "support.hpp"

#include <ergo/otp/global.hpp>
#include <ergo/otp/outside.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>

using namespace ergo;
using namespace ergo::test;

namespace {

/// Two nodes that find each other without a port mapper.
struct pair_of_nodes {
  explicit pair_of_nodes(const kernel::options& services) : ports{free_port(), free_port()} {
    for (std::size_t number = 0; number < 2; ++number) {
      auto options = alone();
      options.name = names[number];
      options.listen_port_min = ports[number];
      options.routes.push_back({names[1 - number], {.host = "localhost", .port = ports[1 - number]}});
      auto started = kernel::start(options, services);
      REQUIRE(started);
      nodes[number] = *std::move(started);
    }
    REQUIRE(nodes[0]->connect(names[1]));
  }
  std::array<std::string, 2> names{"left@localhost", "right@localhost"};
  std::array<std::uint16_t, 2> ports;
  std::array<std::unique_ptr<node>, 2> nodes;
};

const otp::global_name keeper{"keeper"_atom};

task<> keep_name(process& self) {
  (void)co_await otp::global::register_name(self, keeper, self.id());
  co_await self.sleep(forever);
}

}  // namespace

TEST_CASE("the scopes that were asked for run under kernel_sup, and are there again when one was killed") {
  kernel::options services;
  services.pg_scopes = {"pg"_atom, "rooms"_atom};
  services.global = false;
  services.user.enabled = false;
  services.logs.enabled = false;
  const auto started = kernel::start(alone(), services);
  REQUIRE(started);
  auto& on = **started;
  const auto first = on.whereis("rooms"_atom);
  REQUIRE(first);
  CHECK(on.whereis("pg"_atom));
  const destination kernel_sup{"kernel_sup"_atom};
  const auto children = otp::call<etf::term>(on.local(), kernel_sup, term{"which_children"_atom}, patience);
  REQUIRE(children);
  CHECK(children->items().size() == 2);
  on.runtime().exit(*first, "kill"_atom);
  CHECK(eventually([&] {
    const auto next = on.whereis("rooms"_atom);
    return next && *next != *first;
  }));
}

TEST_CASE("what the program starts before the first peer comes after the services") {
  auto wanted = alone();
  bool services_there = false;
  wanted.boot = [&services_there](node& on) -> result<void> {
    services_there = on.whereis("kernel_sup"_atom).has_value();
    return {};
  };
  const auto started = kernel::start(std::move(wanted));
  REQUIRE(started);
  CHECK(services_there);
}

TEST_CASE("nodes are visible to each other and have one set of names, which loses those of a node that goes") {
  pair_of_nodes on{kernel::options{}};
  const auto& far = on.nodes[1]->local();
  CHECK(on.nodes[0]->nodes() == std::vector{on.nodes[1]->name()});
  const auto named = on.nodes[0]->spawn(keep_name);
  REQUIRE(named);
  CHECK(eventually([&] { return otp::global::whereis_name(far, keeper) == *named; }));
  on.nodes[0]->stop();
  CHECK(eventually([&] { return otp::global::registered_names(far).empty(); }));
}

TEST_CASE("a name server that was started again has the names of the others, and they those that are given then") {
  pair_of_nodes on{kernel::options{}};
  const auto& near = on.nodes[0]->local();
  const auto& far = on.nodes[1]->local();
  const auto named = on.nodes[0]->spawn(keep_name);
  REQUIRE(named);
  REQUIRE(eventually([&] { return otp::global::whereis_name(far, keeper) == *named; }));
  const auto killed = on.nodes[1]->whereis("global_name_server"_atom).value();
  on.nodes[1]->runtime().exit(killed, "kill"_atom);
  CHECK(eventually([&] { return !otp::global::whereis_name(far, keeper); }));
  CHECK(eventually([&] { return otp::global::whereis_name(far, keeper) == *named; }));
  CHECK(otp::global::whereis_name(near, keeper) == *named);
  on.nodes[0]->runtime().exit(*named, "kill"_atom);
  CHECK(eventually([&] { return !otp::global::whereis_name(far, keeper); }));
  const auto next = on.nodes[1]->spawn(keep_name);
  REQUIRE(next);
  CHECK(eventually([&] { return otp::global::whereis_name(near, keeper) == *next; }));
}

TEST_CASE("hidden nodes each have names of their own") {
  kernel::options services;
  services.visibility = visibility::hidden;
  pair_of_nodes on{services};
  CHECK(on.nodes[0]->nodes().empty());
  CHECK(on.nodes[0]->is_connected(on.names[1]));
  for (const auto& each : on.nodes) {
    const auto named = each->spawn(keep_name);
    REQUIRE(named);
    CHECK(eventually([&] { return otp::global::whereis_name(each->local(), keeper) == *named; }));
  }
}

TEST_CASE("whom another member has asked to go is disconnected") {
  pair_of_nodes on{kernel::options{}};
  const destination server{"global_name_server"_atom, on.nodes[1]->name()};
  const auto known = [&] {
    const auto given = otp::call<std::vector<term>>(on.nodes[0]->local(), server, "get_known"_atom, patience);
    return given && given->size() == 1;
  };
  REQUIRE(eventually(known));
  on.nodes[0]->send(server, etf::tuple("remove_connection"_atom, on.nodes[0]->name()));
  CHECK(eventually([&] { return !on.nodes[1]->is_connected(on.names[0]); }));
}
