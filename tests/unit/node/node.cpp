// Whole nodes of this program that meet over loopback.
#include <ergo/node.hpp>

#include "members.hpp"

#include <ergo/calls.hpp>
#include <ergo/etf/text.hpp>
#include <ergo/reactor.hpp>
#include <ergo/spawn.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace ergo;
using namespace ergo_test;
using namespace std::chrono_literals;

namespace {

task<> echo(process& self) {
  for (;;) {
    message got = co_await self.receive_any();
    if (got.is_call()) {
      self.reply(got.from(), got.payload());
    } else if (got.payload().is("stop"_atom)) {
      co_return;
    } else {
      self.exit(exit_reason{got.payload()});
    }
  }
}

pid start_echo(member& on, atom name) { return *on.self->spawn(spawn_options{.name = name}, make_body(echo)); }

/// A process that runs `body`, a `task<exit_reason>(process&, Argument...)`, and what that returned, however early.
template <typename Body, typename... Argument>
class running {
 public:
  running(member& on, Body body, Argument... argument) {
    const auto told = std::make_shared<std::promise<exit_reason>>();
    outcome_ = told->get_future();
    REQUIRE(on.self->spawn(root, body, told, std::move(argument)...));
  }
  [[nodiscard]] exit_reason get() {
    REQUIRE(outcome_.wait_for(patience) == std::future_status::ready);
    return outcome_.get();
  }

 private:
  static task<> root(process& self, Body body, std::shared_ptr<std::promise<exit_reason>> told, Argument... argument) {
    auto outcome = co_await body(self, std::move(argument)...);
    told->set_value(std::move(outcome));
  }
  std::future<exit_reason> outcome_;
};

template <typename Body, typename... Argument>
exit_reason run(member& on, Body body, Argument... argument) {
  return running<Body, Argument...>{on, body, std::move(argument)...}.get();
}

task<exit_reason> call_once(process& self, destination to, term request) {
  auto answer = co_await call(self, to, request, 10s);
  if (!answer) co_return exit_reason::from(answer.error());
  co_return exit_reason{*answer};
}

task<exit_reason> watch_until_down(process& self, destination to, journal* told) {
  const auto watch = self.monitor(to);
  auto other = co_await call(self, to, term{"who"_atom}, 10s);
  told->add("watching");
  auto ended = co_await self.receive<down>(patience);
  (void)watch;
  if (ended.timed_out()) co_return exit_reason{"timed_out"_atom};
  co_return ended->reason;
}

task<exit_reason> link_until_exit(process& self, pid to, journal* told) {
  self.trap_exits(exits::trapped);
  self.link(to);
  auto answer = co_await call(self, to, term{"linked"_atom}, 10s);
  told->add("linked");
  auto ended = co_await self.receive<exit_message>(patience);
  if (ended.timed_out()) co_return exit_reason{"timed_out"_atom};
  co_return ended->reason;
}

}  // namespace

TEST_CASE("two nodes find each other through an embedded port mapper and call each other") {
  const auto epmd = free_port();
  member a{"a@localhost", epmd};
  member b{"b@localhost", epmd};
  REQUIRE(a.start());
  REQUIRE(b.start());
  (void)start_echo(b, "echo"_atom);
  (void)start_echo(a, "echo"_atom);
  CHECK(run(a, call_once, destination{"echo"_atom, "b@localhost"_atom}, etf::tuple("hello"_atom, 1)).value() ==
        etf::tuple("hello"_atom, 1));
  CHECK(run(b, call_once, destination{"echo"_atom, "a@localhost"_atom}, term{42}).value() == term{42});
  CHECK(a.self->nodes(node_set::hidden) == std::vector{atom::of("b@localhost")});
  CHECK(a.self->nodes().empty());
  CHECK(a.changes.wait_for_part("up b@localhost"));
  CHECK(b.changes.wait_for_part("up a@localhost"));
  const auto counted = a.self->counters("b@localhost");
  REQUIRE(counted);
  CHECK(counted->packets_out >= 3);
  CHECK(counted->bytes_in > 0);
  CHECK(a.self->creation() >= 4);
}

TEST_CASE("a call to a name that is not there, and to a node that is not there, fails with the right reason") {
  const auto epmd = free_port();
  member a{"a@localhost", epmd};
  member b{"b@localhost", epmd};
  REQUIRE(a.start());
  REQUIRE(b.start());
  CHECK(run(a, call_once, destination{"nobody"_atom, "b@localhost"_atom}, term{1}).is("noproc"_atom));
  CHECK(run(a, call_once, destination{"echo"_atom, "c@localhost"_atom}, term{1}).value() ==
        etf::tuple("nodedown"_atom, "c@localhost"_atom));
}

TEST_CASE("links and monitors hear of the end of a process, and of the end of a node") {
  const auto epmd = free_port();
  member a{"a@localhost", epmd};
  REQUIRE(a.start());
  journal told;
  {
    member b{"b@localhost", epmd};
    REQUIRE(b.start());
    const auto first = start_echo(b, "echo"_atom);
    running watcher{a, watch_until_down, destination{"echo"_atom, "b@localhost"_atom}, &told};
    running linked{a, link_until_exit, first, &told};
    REQUIRE(told.wait_for_part("watching"));
    REQUIRE(told.wait_for_part("linked"));
    b.self->send(first, "broken"_atom);
    CHECK(watcher.get().is("broken"_atom));
    CHECK(linked.get().is("broken"_atom));
  }
  CHECK(a.changes.wait_for_part("down b@localhost"));
  CHECK(a.self->nodes(node_set::all).empty());
}

TEST_CASE("a disconnect gives noconnection on both sides, and the next message connects again") {
  const auto epmd = free_port();
  member a{"a@localhost", epmd};
  member b{"b@localhost", epmd};
  REQUIRE(a.start());
  REQUIRE(b.start());
  (void)start_echo(b, "echo"_atom);
  journal told;
  running watcher{a, watch_until_down, destination{"echo"_atom, "b@localhost"_atom}, &told};
  REQUIRE(told.wait_for_part("watching"));
  CHECK(a.self->disconnect("b@localhost"));
  CHECK(watcher.get().is("noconnection"_atom));
  CHECK(b.changes.wait_for_part("down a@localhost"));
  CHECK(run(a, call_once, destination{"echo"_atom, "b@localhost"_atom}, term{1}).value() == term{1});
  CHECK(a.changes.wait_for_part("up b@localhost", 2));
}

TEST_CASE("connecting right after a disconnect makes a new connection") {
  const auto epmd = free_port();
  member a{"a@localhost", epmd};
  member b{"b@localhost", epmd};
  REQUIRE(a.start());
  REQUIRE(b.start());
  for (std::size_t made = 1; made <= 30; ++made) {
    REQUIRE(a.self->connect("b@localhost"));
    REQUIRE(a.changes.wait_for_part("up b@localhost", made));
    REQUIRE(a.self->disconnect("b@localhost"));
  }
}

namespace {

task<exit_reason> hear_over_alias(process& self, pid speaker) {
  self.trap_exits(exits::trapped);
  const auto alias = self.make_alias();
  self.send(speaker, alias);
  auto first = co_await self.receive<std::int64_t>(patience);
  auto second = co_await self.receive<std::int64_t>(patience);
  auto ended = co_await self.receive<exit_message>(patience);
  if (!first || !second || !ended) co_return exit_reason{"something_missing"_atom};
  co_return exit_reason{etf::tuple(*first, *second, ended->reason.value())};
}

task<> speak_over_alias(process& self) {
  const auto alias = co_await self.receive<reference>(patience);
  self.send(*alias, 1);
  self.send(*alias, 2, urgency::priority);
  self.exit(*alias, exit_reason{"why"_atom}, urgency::priority);
}

}  // namespace

TEST_CASE("messages and exit signals over an alias cross to another node, urgent ones too") {
  const auto epmd = free_port();
  member a{"a@localhost", epmd};
  member b{"b@localhost", epmd};
  REQUIRE(a.start());
  REQUIRE(b.start());
  const auto speaker = b.self->spawn(speak_over_alias);
  REQUIRE(speaker);
  CHECK(run(a, hear_over_alias, *speaker).value() == etf::tuple(1, 2, "why"_atom));
}

TEST_CASE("a second node of the same name is refused, and the first one is untouched", "[R52]") {
  const auto epmd = free_port();
  member a{"a@localhost", epmd};
  member again{"a@localhost", epmd};
  REQUIRE(a.start());
  const auto refused = again.start();
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::name_taken);
  member b{"b@localhost", epmd};
  REQUIRE(b.start());
  CHECK(b.self->connect("a@localhost", patience));
}

TEST_CASE("a port mapper that dies with its node is replaced by another node, and all names are found again") {
  const auto epmd = free_port();
  member b{"b@localhost", epmd};
  member c{"c@localhost", epmd};
  {
    member a{"a@localhost", epmd};
    REQUIRE(a.start());
    REQUIRE(b.start());
    REQUIRE(c.start());
    a.self->stop();
    CHECK(a.events.wait_for_part("takes its port mapper with it, which holds 2 other name(s)"));
  }
  CHECK(b.events.wait_for_part("is registered at the port mapper again"));
  CHECK(c.events.wait_for_part("is registered at the port mapper again"));
  CHECK(b.self->connect("c@localhost", patience));
}

TEST_CASE("without a port mapper peers are found at a fixed port") {
  const auto port = free_port();
  member a{"a@127.0.0.1", 0};
  member b{"b@127.0.0.2", 0};
  for (auto* const one : {&a, &b}) {
    one->options.epmd = epmd_mode::none;
    one->options.peer_port = port;
    REQUIRE(one->start());
  }
  CHECK(a.self->port() == port);
  CHECK(a.self->connect("b@127.0.0.2", patience));
}

TEST_CASE("without a port mapper and a fixed port a node is called, and says why it calls nobody") {
  const auto epmd = free_port();
  const auto port = free_port();
  member quiet{"quiet@127.0.0.1", 0};
  quiet.options.epmd = epmd_mode::none;
  REQUIRE(quiet.start());
  member other{"other@127.0.0.1", epmd};
  REQUIRE(other.start());
  const auto refused = quiet.self->connect("other@127.0.0.1", patience);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::nodedown);
  CHECK(refused.error().message().find("peer_port") != std::string::npos);
  CHECK(run(quiet, call_once, destination{"echo"_atom, "other@127.0.0.1"_atom}, term{1}).value() ==
        etf::tuple("nodedown"_atom, "other@127.0.0.1"_atom));

  member caller{"caller@127.0.0.2", 0};
  caller.options.epmd = epmd_mode::none;
  caller.options.peer_port = quiet.self->port();
  caller.options.listen_port_min = port;
  REQUIRE(caller.start());
  (void)start_echo(quiet, "echo"_atom);
  CHECK(run(caller, call_once, destination{"echo"_atom, "quiet@127.0.0.1"_atom}, term{7}).value() == term{7});
  CHECK(quiet.self->is_connected("caller@127.0.0.2"));
}

TEST_CASE("an exit signal from outside reaches a process of another node of the cluster") {
  const auto epmd = free_port();
  member a{"a@localhost", epmd};
  member b{"b@localhost", epmd};
  REQUIRE(a.start());
  REQUIRE(b.start());
  const auto far = start_echo(b, "echo"_atom);
  a.self->runtime().exit(far, "kill"_atom);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (b.self->runtime().alive(far) && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  CHECK_FALSE(b.self->runtime().alive(far));
}

TEST_CASE("one program holds several nodes") {
  const auto epmd = free_port();
  ergo::runtime shared{networked({.cores = 2})};
  const auto start = [&](const char* name) {
    node_options options;
    options.name = name;
    options.cookie = "secret";
    options.epmd_port = epmd;
    options.on_event = [](const event&) {};
    return node::start(shared, options);
  };
  auto a = start("a@localhost");
  auto b = start("b@localhost");
  REQUIRE(a);
  REQUIRE(b);
  CHECK((*a)->connect("b@localhost", patience));
  CHECK((*b)->is_connected("a@localhost"));
}

TEST_CASE("both nodes call each other at once, again and again: there is always exactly one connection") {
  const auto epmd = free_port();
  member a{"a@localhost", epmd};
  member b{"b@localhost", epmd};
  REQUIRE(a.start());
  REQUIRE(b.start());
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> ready{0};
    result<void> first;
    result<void> second;
    {
      std::jthread one{[&] {
        ++ready;
        while (ready < 2) std::this_thread::yield();
        first = a.self->connect("b@localhost", patience);
      }};
      std::jthread two{[&] {
        ++ready;
        while (ready < 2) std::this_thread::yield();
        second = b.self->connect("a@localhost", patience);
      }};
    }
    REQUIRE(first);
    REQUIRE(second);
    a.self->disconnect("b@localhost");
    REQUIRE(a.changes.wait_for_part("down b@localhost", static_cast<std::size_t>(round) + 1));
    REQUIRE(b.changes.wait_for_part("down a@localhost", static_cast<std::size_t>(round) + 1));
  }
  bool up = false;
  for (const auto& line : a.changes.lines()) {
    CHECK(line == (up ? "down b@localhost" : "up b@localhost"));
    up = !up;
  }
}

TEST_CASE("what cannot be a node says why in a sentence") {
  const auto refused = [](auto change) {
    node_options options;
    options.name = "a@localhost";
    options.cookie = "secret";
    options.epmd = epmd_mode::none;
    options.on_event = [](const event&) {};
    change(options);
    const auto made = node::start(options, runtime_options{.cores = 1});
    REQUIRE_FALSE(made);
    CHECK(made.error() == errc::badarg);
    return made.error().message();
  };
  CHECK(refused([](auto& o) { o.name = "a b@c"; }).find("node name") != std::string::npos);
  CHECK(refused([](auto& o) { o.name = "a@no.such.host.invalid"; }).find("resolve") != std::string::npos);
  CHECK(refused([](auto& o) { o.cookie = "\n"; }).find("cookie") != std::string::npos);
  CHECK(refused([](auto& o) {
          o.epmd = epmd_mode::client_only;
          o.epmd_port = free_port();
        }).find("port mapper") != std::string::npos);
  CHECK(refused([](auto& o) { o.fragment = 1'499; }).find("fragment") != std::string::npos);
  CHECK(refused([](auto& o) { o.listen = {"192.0.2.1"}; }).find("192.0.2.1") != std::string::npos);
}

TEST_CASE("a node needs reactors, and says how to get them") {
  ergo::runtime plain{runtime_options{.cores = 1}};
  node_options options;
  options.name = "a@localhost";
  options.cookie = "secret";
  const auto made = node::start(plain, options);
  REQUIRE_FALSE(made);
  CHECK(made.error().message().find("networked") != std::string::npos);
}

TEST_CASE("a node is traced when it is asked to, and its secrets are not") {
  const auto epmd = free_port();
  journal traced;
  member a{"a@localhost", epmd, "TOPSECRET"};
  member b{"b@localhost", epmd, "TOPSECRET"};
  a.options.on_trace = [&](std::string_view line) { traced.add(std::string{line}); };
  REQUIRE(a.start());
  REQUIRE(b.start());
  (void)start_echo(b, "echo"_atom);
  a.self->trace(trace_category::all);
  CHECK(run(a, call_once, destination{"echo"_atom, "b@localhost"_atom}, term{"PAYLOAD"_atom}).is("PAYLOAD"_atom));
  CHECK(traced.wait_for_part("node route call"));
  CHECK(traced.wait_for_part("dist out peer=b@localhost REG_SEND"));
  CHECK(traced.wait_for_part("dist in peer=b@localhost"));
  CHECK(traced.count_part("PAYLOAD") == 0);
  CHECK(traced.count_part("TOPSECRET") == 0);
  a.self->untrace(trace_category::all);
  const auto before = traced.lines().size();
  CHECK(run(a, call_once, destination{"echo"_atom, "b@localhost"_atom}, term{1}).value() == term{1});
  CHECK(traced.lines().size() <= before + 1);
}

TEST_CASE("a stopped node refuses work, and stopping again does nothing") {
  const auto epmd = free_port();
  member a{"a@localhost", epmd};
  REQUIRE(a.start());
  (void)start_echo(a, "echo"_atom);
  a.self->stop(2s);
  a.self->stop(2s);
  CHECK_FALSE(a.self->whereis("echo"_atom));
  member again{"a@localhost", epmd};
  CHECK(again.start());
}
