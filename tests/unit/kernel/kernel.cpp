// The services of a node: there from its start, and again when one has failed.
#include <ergo/kernel.hpp>

#include <ergo/otp/outside.hpp>
#include <ergo_test/free_port.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <thread>

using namespace ergo;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 20s;

node_options alone() {
  node_options options;
  options.name = "alone@localhost";
  options.cookie = "secret";
  options.epmd = epmd_mode::none;
  options.peer_port = test::free_port();
  options.on_event = [](const event&) {};
  return options;
}

template <typename Condition>
bool eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!condition() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  return condition();
}

}  // namespace

TEST_CASE("the scopes that were asked for run under kernel_sup, and are there again when one was killed") {
  kernel::options services;
  services.pg_scopes = {"pg"_atom, "rooms"_atom};
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
