// Calls: every one resolves, to an answer or a distinct error, and nothing of it is left behind.
#include "ergo_test/figures.hpp"
#include "fixture.hpp"

namespace ergo::test {
namespace {

// Name of the error, or text of the answer.
std::string outcome(const result<term>& got) {
  if (got) return text(*got);
  return "error " + text(got.error().reason());
}

// Calls `to` once and notes the outcome.
task<> call_once(process& self, destination to, term request, duration limit, std::vector<std::string>* into) {
  auto got = co_await call(self, to, request, limit);
  into->push_back(outcome(got));
}

// Answers {echo, X} with X; never answers `hold`; ends on {die, Reason}.
std::unique_ptr<behaviour> make_server() {
  return plain({.receive = [](process& self, message got) {
    if (!got.is_call()) return;
    const auto& request = got.payload();
    if (etf::is_tagged(request, "echo"_atom, 2)) self.reply(got.from(), request.elements()[1]);
    if (etf::is_tagged(request, "die"_atom, 2)) self.exit(exit_reason{request.elements()[1]});
  }});
}

pid start_server(manual_world& world, const spawn_options& options = {}) {
  auto started = world.runtime().spawn(world.node(), options, make_server());
  REQUIRE(started);
  return *started;
}

TEST_CASE("a call returns the answer") {
  manual_world world;
  std::vector<std::string> got;
  const auto server = start_server(world, {.name = "server"_atom});
  world.spawn(call_once, destination{server}, etf::tuple("echo"_atom, 5), 1s, &got);
  world.spawn(call_once, destination{"server"_atom}, etf::tuple("echo"_atom, "by_name"_atom), 1s, &got);
  world.spawn(call_once, destination{"server"_atom, world.node().name()}, etf::tuple("echo"_atom, "by_node"_atom), 1s,
              &got);
  world.run();
  CHECK(got == std::vector<std::string>{"5", "by_name", "by_node"});
}

TEST_CASE("a call to nobody fails at once with noproc") {
  manual_world world;
  std::vector<std::string> got;
  const auto gone = world.spawn([](process& /*self*/) -> task<> { co_return; });
  world.run();
  world.spawn(call_once, destination{gone}, term{1}, forever, &got);
  world.spawn(call_once, destination{"nobody"_atom}, term{1}, forever, &got);
  world.spawn(call_once, destination{pid{}}, term{1}, forever, &got);
  world.run();
  CHECK(got == std::vector<std::string>{"error noproc", "error noproc", "error noproc"});
}

TEST_CASE("a call to another node without a way out fails at once with nodedown") {
  manual_world world;
  std::vector<std::string> got;
  const pid remote{*etf::node_id::make("other@host"_atom, 3), 5, 0};
  world.spawn(call_once, destination{remote}, term{1}, forever, &got);
  world.spawn(call_once, destination{"name"_atom, "other@host"_atom}, term{1}, forever, &got);
  world.run();
  CHECK(got == std::vector<std::string>{"error {nodedown,other@host}", "error {nodedown,other@host}"});
}

TEST_CASE("a call to a process of an earlier incarnation of this node fails with noproc") {
  manual_world world;
  std::vector<std::string> got;
  auto& node = world.runtime().add_node(*etf::node_id::make("mine@host"_atom, 9));
  const pid former{*etf::node_id::make("mine@host"_atom, 8), 1, 1};
  auto caller =
      world.runtime().spawn(node, {}, make_body(call_once, destination{former}, term{1}, duration{forever}, &got));
  REQUIRE(caller);
  world.run();
  CHECK(got == std::vector<std::string>{"error noproc"});
}

TEST_CASE("a process that calls itself is told so instead of waiting for ever") {
  manual_world world;
  std::vector<std::string> got;
  world.spawn(
      {.name = "narcissus"_atom},
      [](process& self, std::vector<std::string>* into) -> task<> {
        const destination by_name{"narcissus"_atom};
        const destination by_node{"narcissus"_atom, self.node().name()};
        const destination by_pid{self.id()};
        const term request{1};
        auto first = co_await call(self, by_name, request, forever);
        into->push_back(outcome(first));
        auto second = co_await call(self, by_node, request, forever);
        into->push_back(outcome(second));
        auto third = co_await call(self, by_pid, request, forever);
        into->push_back(outcome(third));
      },
      &got);
  world.run();
  CHECK(got == std::vector<std::string>{"error calling_self", "error calling_self", "error calling_self"});
}

TEST_CASE("a call whose server dies fails with the exit reason, read or unread") {
  manual_world world;
  std::vector<std::string> got;
  const auto server = start_server(world);
  world.spawn(call_once, destination{server}, term{"hold"_atom}, forever, &got);  // taken, not answered
  world.run();
  world.spawn(call_once, destination{server}, etf::tuple("die"_atom, "tired"_atom), forever, &got);  // dies of it
  world.spawn(call_once, destination{server}, etf::tuple("echo"_atom, 1), forever, &got);            // unread
  world.run();
  std::ranges::sort(got);
  CHECK(got == std::vector<std::string>{"error tired", "error tired", "error tired"});
}

TEST_CASE("a call to a server that is killed fails with killed") {
  manual_world world;
  std::vector<std::string> got;
  const auto server = start_server(world);
  world.spawn(call_once, destination{server}, term{"hold"_atom}, forever, &got);
  world.run();
  world.exit(server, "kill"_atom);
  world.run();
  CHECK(got == std::vector<std::string>{"error killed"});
}

TEST_CASE("a call that is not answered in time fails with timeout, not earlier") {
  manual_world world;
  std::vector<std::string> got;
  const auto server = start_server(world);
  world.spawn(call_once, destination{server}, term{"hold"_atom}, 50ms, &got);
  world.advance(49ms);
  CHECK(got.empty());
  world.advance(1ms);
  CHECK(got == std::vector<std::string>{"error timeout"});
}

TEST_CASE("an answer may come from another process, and the server's later death does not count") {
  manual_world world;
  std::vector<std::string> got;
  auto server = world.runtime().spawn(world.node(), {}, plain({.receive = [](process& self, message request) {
                                        self.spawn(
                                            [](process& own, caller to) -> task<> {
                                              own.reply(to, "from_helper"_atom);
                                              co_return;
                                            },
                                            request.from());
                                      }}));
  REQUIRE(server);
  world.spawn(
      [](process& self, pid to, std::vector<std::string>* into) -> task<> {
        const destination target{to};
        const term request{"go"_atom};
        auto answer = co_await call(self, target, request, 1s);
        into->push_back(outcome(answer));
        self.exit(to, exit_reason{"kill"_atom});
        auto anything = co_await self.receive<message>(1s);
        into->push_back(anything.timed_out() ? "nothing more" : text(anything->to_term()));
      },
      *server, &got);
  world.advance(2s);
  CHECK(got == std::vector<std::string>{"from_helper", "nothing more"});
}

TEST_CASE("deferred answers reach their callers in whatever order they are given") {
  manual_world world;
  std::vector<std::string> got;
  std::vector<caller> waiting;
  auto server = world.runtime().spawn(world.node(), {}, plain({.receive = [&](process& self, message request) {
                                        if (request.is_call()) {
                                          waiting.push_back(request.from());
                                        } else {
                                          for (auto one = waiting.rbegin(); one != waiting.rend(); ++one)
                                            self.reply(*one, etf::tuple("answer"_atom, one->process));
                                          waiting.clear();
                                        }
                                      }}));
  REQUIRE(server);
  for (int number = 0; number < 200; ++number) {
    world.spawn(
        [](process& self, pid to, std::vector<std::string>* into) -> task<> {
          const destination target{to};
          const term request{"wait"_atom};
          auto answer = co_await call(self, target, request, 1s);
          const auto expected = etf::tuple("answer"_atom, self.id());
          into->push_back(answer && *answer == expected ? "right" : "wrong");
        },
        *server, &got);
  }
  world.run();
  CHECK(waiting.size() == 200);
  world.send(*server, "now"_atom);
  world.run();
  CHECK(got == std::vector<std::string>(200, "right"));
}

TEST_CASE("a second answer to a call is dropped") {
  manual_world world;
  std::vector<std::string> got;
  auto server = world.runtime().spawn(world.node(), {}, plain({.receive = [](process& self, message request) {
                                        self.reply(request.from(), 1);
                                        self.reply(request.from(), 2);
                                      }}));
  REQUIRE(server);
  world.spawn(
      [](process& self, pid to, std::vector<std::string>* into) -> task<> {
        const destination target{to};
        const term request{"go"_atom};
        auto answer = co_await call(self, target, request, 1s);
        into->push_back(outcome(answer));
        auto anything = co_await self.receive<message>(100ms);
        into->push_back(anything.timed_out() ? "nothing more" : text(anything->to_term()));
      },
      *server, &got);
  world.advance(1s);
  CHECK(got == std::vector<std::string>{"1", "nothing more"});
}

TEST_CASE("a late answer never reaches the mailbox, 100,000 times, and nothing grows", "[R15]") {
  scenario figures{"R15", "calls that time out and are answered late, on one node"};
  constexpr int rounds = 100'000;
  manual_world world;
  struct outcomes {
    int timeouts = 0;
    int strays = 0;
    std::size_t open = 0;
  } seen;
  std::vector<caller> late;
  auto server = world.runtime().spawn(world.node(), {}, plain({.receive = [&](process& self, message request) {
                                        if (request.is_call()) {
                                          late.push_back(request.from());
                                          return;
                                        }
                                        for (const auto& one : late) self.reply(one, "too_late"_atom);
                                        late.clear();
                                        seen.open = std::max(seen.open, self.open_calls_.size());
                                      }}));
  REQUIRE(server);
  const auto client = world.spawn(
      [](process& self, pid to, outcomes* out) -> task<> {
        const destination target{to};
        const term request{"go"_atom};
        for (int round = 0; round < rounds; ++round) {
          auto answer = co_await call(self, target, request, 0ms);
          if (!answer && answer.error() == errc::timeout) ++out->timeouts;
          if (round % 10 == 0) {
            self.send(target, "flush"_atom);
            co_await self.yield();
          }
        }
        co_await self.sleep(1ms);
        out->strays += static_cast<int>(self.unread());
      },
      *server, &seen);
  world.advance(1s);
  CHECK_FALSE(world.alive(client));
  CHECK(seen.timeouts == rounds);
  CHECK(seen.strays == 0);
  CHECK(seen.open <= 16);
  figures.ran(seen.timeouts);
  figures.violated(seen.strays);
  figures.measured({"open calls at most", static_cast<double>(seen.open), "", 16});
}

TEST_CASE("an answer in the very slice of the time-out is still taken") {
  manual_world world;
  std::vector<std::string> got;
  auto server = world.runtime().spawn(
      world.node(), {},
      plain({.receive = [](process& self, message request) { self.reply(request.from(), "just_in_time"_atom); }}));
  REQUIRE(server);
  world.spawn(call_once, destination{*server}, term{1}, 10ms, &got);
  (void)world.runtime().step([](std::size_t count) { return count - 1; });  // the caller asks
  REQUIRE(got.empty());
  world.pass(10ms);  // its time is up, and the server answers before the caller runs again
  (void)world.runtime().step([](std::size_t /*count*/) { return std::size_t{0}; });
  world.run();
  CHECK(got == std::vector<std::string>{"just_in_time"});
}

TEST_CASE("a caller that dies leaves no open call with the server") {
  manual_world world;
  std::size_t open = 99;
  std::vector<caller> taken;
  auto server = world.runtime().spawn(world.node(), {}, plain({.receive = [&](process& self, message request) {
                                        if (request.is_call()) taken.push_back(request.from());
                                        open = self.open_calls_.size();
                                      }}));
  REQUIRE(server);
  std::vector<pid> clients;
  std::vector<std::string> got;
  for (int number = 0; number < 50; ++number)
    clients.push_back(world.spawn(call_once, destination{*server}, term{1}, duration{forever}, &got));
  world.run();
  CHECK(open == 50);
  for (const auto& client : clients) world.exit(client, "kill"_atom);
  world.run();
  world.send(*server, "look"_atom);
  world.run();
  CHECK(open == 0);
  CHECK(got.empty());
}

TEST_CASE("process_info tells what a process is doing") {
  manual_world world;
  std::vector<std::string> got;
  const auto server = start_server(
      world, {.name = "server"_atom, .trap_exits = true, .initial_call = etf::tuple("m"_atom, "f"_atom, 2)});
  world.spawn(
      [](process& self, pid of, std::vector<std::string>* into) -> task<> {
        self.link(of);
        const auto watch = self.monitor(of);
        auto info = co_await process_info(self, of);
        into->push_back(outcome(info));
        (void)watch;
        self.unlink(of);
        auto own = co_await process_info(self, self.id());
        into->push_back(outcome(own));
        const pid nobody{};
        auto none = co_await process_info(self, nobody);
        into->push_back(outcome(none));
      },
      server, &got);
  world.run();
  REQUIRE(got.size() == 3);
  INFO(got[0]);
  CHECK(got[0].find("{registered_name,server}") != std::string::npos);
  CHECK(got[0].find("{initial_call,{m,f,2}}") != std::string::npos);
  CHECK(got[0].find("{status,waiting}") != std::string::npos);
  CHECK(got[0].find("{message_queue_len,0}") != std::string::npos);
  CHECK(got[0].find("{trap_exit,true}") != std::string::npos);
  CHECK(got[0].find("{links,[<0.") != std::string::npos);
  CHECK(got[0].find("{monitored_by,[<0.") != std::string::npos);
  CHECK(got[1] == "error calling_self");
  CHECK(got[2] == "error noproc");
}

TEST_CASE("a state that cannot be shown harms neither the process nor the one who looks") {
  manual_world world;
  std::vector<std::string> got;
  auto server =
      world.runtime().spawn(world.node(), {}, plain({.state = []() -> term { throw std::runtime_error{"private"}; }}));
  REQUIRE(server);
  world.spawn(
      [](process& self, pid of, std::vector<std::string>* into) -> task<> {
        auto info = co_await process_info(self, of);
        into->push_back(outcome(info));
      },
      *server, &got);
  world.run();
  REQUIRE(got.size() == 1);
  CHECK(got[0].find("{state,{'EXIT',{exception,<<\"private\">>}}}") != std::string::npos);
  CHECK(world.alive(*server));
}

TEST_CASE("whoever holds a prepared call may answer it once") {
  manual_world world;
  std::vector<std::string> got;
  world.spawn(
      [](process& self, std::vector<std::string>* into) -> task<> {
        // A child that is ready only after a while; its parent waits for the answer of its start.
        struct starter {
          static task<> ready_later(process& own, caller to) {
            co_await own.sleep(10ms);
            own.reply(to, "ready"_atom);
            co_await own.sleep(1h);
          }
          static task<> dies_early(process& own, caller /*to*/) {
            co_await own.sleep(10ms);
            own.exit(exit_reason{"no_luck"_atom});
          }
        };
        for (const bool lucky : {true, false}) {
          detail::call_record start;
          const auto asked = prepare_call(self, start);
          auto child = self.spawn_for_call(
              start, {}, lucky ? make_body(starter::ready_later, asked) : make_body(starter::dies_early, asked));
          into->push_back(child ? "started" : "not started");
          co_await self.sleep(100ms);
          into->push_back(outcome(outcome_of(start)));
          close_call(self, start);
        }
      },
      &got);
  world.advance(1s);
  CHECK(got == std::vector<std::string>{"started", "ready", "started", "error no_luck"});
}

}  // namespace
}  // namespace ergo::test
