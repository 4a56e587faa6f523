// 20,000 messages in a burst: all there, in order, over every kind of connection.
#include "harness.hpp"

#include <catch2/catch_test_macros.hpp>

namespace ergo_interop {
namespace {

constexpr int burst = 20'000;

ergo::task<ergo::term> cast_burst(ergo::process& self, ergo::destination to) {
  for (int number = 1; number <= burst; ++number) ergo::otp::cast(self, to, number);
  const ergo::term take{"take"_atom};
  const auto taken = co_await ergo::otp::call<ergo::term>(self, to, take, 30s);
  if (!taken) co_return taken.error().reason();
  co_return *taken;
}

ergo::task<ergo::term> send_burst(ergo::process& self, ergo::destination to) {
  for (int number = 1; number <= burst; ++number) self.send(to, number);
  const ergo::term take{"take"_atom};
  const auto taken = co_await ergo::otp::call<ergo::term>(self, to, take, 30s);
  if (!taken) co_return taken.error().reason();
  co_return *taken;
}

ergo::task<ergo::term> awaited_burst(ergo::process& self, ergo::destination to) {
  for (int number = 1; number <= burst; ++number) co_await self.send(to, number);
  const ergo::term take{"take"_atom};
  const auto taken = co_await ergo::otp::call<ergo::term>(self, to, take, 30s);
  if (!taken) co_return taken.error().reason();
  co_return *taken;
}

ergo::task<ergo::term> call_once(ergo::process& self, ergo::destination to) {
  const ergo::term take{"take"_atom};
  const auto taken = co_await ergo::otp::call<ergo::term>(self, to, take, 30s);
  if (!taken) co_return taken.error().reason();
  co_return *taken;
}

void all_in_order(const ergo::term& taken) {
  const auto items = taken.items();
  expect(taken.is_list() && items.size() == burst,
         "not a list of all: " + ergo::etf::to_text(taken, {.limit = 100}) + ", " + std::to_string(items.size()));
  for (int index = 0; index < burst; ++index) {
    const auto number = items[static_cast<std::size_t>(index)].as_integer();
    expect(number == index + 1, "out of order at " + std::to_string(index));
  }
}

void bursts_to(ergo::node& from, const ergo::destination& to) {
  all_in_order(run_process(from, cast_burst, to));
  all_in_order(run_process(from, send_burst, to));
  all_in_order(run_process(from, awaited_burst, to));
}

TEST_CASE("A burst from one Erlang process arrives whole and in order") {
  in_every_world("20,000 casts and messages, Erlang to C++", [](world& in) {
    expect_same(in.erl("{burst, " + in.at("recorder") + ", 20000}"), "true");
    expect_same(in.erl("{burst_plain, " + in.at("recorder") + ", 20000}"), "true");
    in.erl("{set, r, {remote_whereis, " + in.cpp() + ", recorder}}");
    expect_same(in.erl("{burst, {var, r}, 20000}"), "true");
  });
}

TEST_CASE("A burst from one of our processes arrives in Erlang whole and in order") {
  in_every_world("20,000 casts and messages, C++ to Erlang", [](world& in) {
    bursts_to(in.node(), in.erl_server());
    all_in_order(
        run_process(in.node(), cast_burst, ergo::destination{in.remote("{start_server, none}").as_pid().value()}));
  });
}

TEST_CASE("A first burst that has to connect first is whole and in order as well") {
  in_every_world("20,000 casts that make the connection", [](world& in) {
    in.node().disconnect(in.peer().name());
    eventually("they see it", [&] { return in.erl("{connected, " + in.cpp() + "}") == "false"; });
    all_in_order(run_process(in.node(), cast_burst, in.erl_server()));
    in.erl("{disconnect, " + in.cpp() + "}");
    eventually("we see it", [&] { return !in.node().is_connected(in.peer().name()); });
    expect_same(in.erl("{burst, " + in.at("recorder") + ", 20000}"), "true");
  });
}

TEST_CASE("What is sent right after a disconnection waits for the next connection") {
  in_every_world("100 disconnections, each followed at once by a call", [](world& in) {
    for (int round = 0; round < 100; ++round) {
      (void)in.node().connect(in.peer().name());
      expect(in.node().disconnect(in.peer().name()), "it was connected");
      const auto answer = run_process(in.node(), call_once, in.erl_server());
      expect(answer.is_list(), "round " + std::to_string(round) + ": " + ergo::etf::to_text(answer, {.limit = 100}));
    }
  });
}

TEST_CASE("A burst between two of our nodes, and on one node, is whole and in order", "[installed]") {
  among_ourselves("20,000 casts and messages, C++ to C++ over the network", [] {
    const auto port = free_port();
    our_node one{options_for(fresh_name("one"), port)};
    our_node two{options_for(fresh_name("two"), port)};
    bursts_to(*one, {"recorder"_atom, two->name()});
    bursts_to(*two, {"recorder"_atom, one->name()});
    expect(one->is_connected(two.name()), "they are connected");
  });
  among_ourselves("20,000 casts and messages, on one node", [] {
    our_node one{options_for(fresh_name("one"), free_port())};
    bursts_to(*one, ergo::destination{"recorder"_atom});
    bursts_to(*one, {"recorder"_atom, one->name()});
  });
}

TEST_CASE("Bursts in both directions at once over one connection stay in order") {
  in_every_world("20,000 casts in both directions at once", [](world& in) {
    running here{in.node(), cast_burst, in.erl_server()};
    expect_same(in.erl("{burst, " + in.at("recorder") + ", 20000}"), "true");
    all_in_order(here.get());
  });
}

}  // namespace
}  // namespace ergo_interop
