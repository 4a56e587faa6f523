// Running supervisors: restarts, escalation, order of start and stop.
#include "trees.hpp"

using namespace ergo;
using namespace ergo::test;
using otp::restart;

namespace {

/// Takes long to stop, or never does.
class stubborn {
 public:
  explicit stubborn(duration needed) : needed_{needed} {}
  void init(process& self) { self.trap_exits(exits::trapped); }
  task<> terminate(process& self) { co_await self.sleep(needed_); }

 private:
  duration needed_;
};

/// Fails to start while a count is above 0.
class moody {
 public:
  explicit moody(std::shared_ptr<int> failures) : failures_{std::move(failures)} {}
  otp::result init() {
    if ((*failures_)-- > 0) return otp::stop("moody"_atom);
    return otp::ok();
  }
  otp::result handle_cast(const term& reason) { return otp::stop(exit_reason{reason}); }

 private:
  std::shared_ptr<int> failures_;
};

class idle {
 public:
  otp::result init() { return otp::ignore(); }
};

}  // namespace

TEST_CASE("a transient child that ends with a shutdown tuple is not started again") {
  world here;
  start_tree(here, tree_of({named("one"_atom, restart::transient)}));
  end_child(here, "one"_atom, etf::tuple("shutdown"_atom, "upgrade"_atom));
  CHECK(at(here, "one"_atom) == pid{});
  CHECK(here.lines("child_terminated") == 0);
}

TEST_CASE("children start in order and stop in reverse") {
  world here;
  const auto top = start_tree(here, tree_of({named("a"_atom), named("b"_atom), named("c"_atom)}));
  here.runtime().exit(top, "shutdown"_atom);
  here.settle();
  CHECK(story(here) == "start a start b start c stop c stop b stop a");
  CHECK(here.runtime().process_count() == 0);
  CHECK(here.crashes() == 0);
  CHECK(here.lines("shutdown_error") == 0);
}

TEST_CASE("a child gets its arguments anew at each start") {
  world here;
  const std::string name(100, 'n');
  const auto child = atom::of(name);
  start_tree(here, tree_of({trapped(otp::child<worker>(child, child).registered())}));
  for (int life = 0; life < 50; ++life) end_child(here, child, "again"_atom);
  CHECK(at(here, child) != pid{});
  CHECK(here.lines("start " + name) == 51);
}

TEST_CASE("too many restarts end the supervisor with shutdown after its other children") {
  world here;
  const auto top = start_tree(here, tree_of({named("a"_atom), named("b"_atom)}, 2));
  here.run(
      [](process& self, pid watched) -> task<> {
        const auto watch = self.monitor(watched);
        for (int crash = 0; crash < 3; ++crash) {
          otp::cast(self, "b"_atom, "bad"_atom);
          co_await self.sleep(1s);
        }
        auto ended = co_await self.receive<down>(1s);
        CHECK(ended);
        CHECK(ended->ref == watch.ref);
        CHECK(ended->reason.is("shutdown"_atom));
      },
      top);
  CHECK(story(here) == "start a start b stop b start b stop b start b stop b stop a");
  CHECK(here.lines("shutdown") == 1);
  CHECK(here.runtime().process_count() == 0);
}

TEST_CASE("restarts spread over time never end the supervisor") {
  world here;
  start_tree(here, tree_of({named("a"_atom)}, 1));
  for (int crash = 0; crash < 20; ++crash) {
    end_child(here, "a"_atom, "bad"_atom);
    here.advance(5001ms);
  }
  CHECK(at(here, "a"_atom) != pid{});
  CHECK(at(here, "top"_atom) != pid{});
}

TEST_CASE("a child that cannot start stops those before it and fails the start") {
  world here;
  const auto failures = std::make_shared<int>(1);
  const auto outcome = here.run(
      [](process& self, otp::supervisor_spec tree) -> task<term> {
        const auto started = co_await otp::start<otp::supervisor>(self, {}, tree);
        CHECK(!started);
        co_return started.error().context();
      },
      tree_of({named("a"_atom), named("b"_atom), otp::child<moody>("c"_atom, failures), named("d"_atom)}));
  const auto why = etf::tuple("failed_to_start_child"_atom, "c"_atom, "moody"_atom);
  CHECK(outcome == etf::tuple("shutdown"_atom, why));
  CHECK(story(here) == "start a start b stop b stop a");
  CHECK(here.runtime().process_count() == 0);
}

TEST_CASE("a child whose name is taken fails with already_started") {
  world here;
  const auto holder = here.spawn([](process& self) -> task<> {
    (void)self.register_name("a"_atom);
    co_await self.sleep(1h);
  });
  here.settle();
  const auto outcome = here.run(
      [](process& self, otp::supervisor_spec tree) -> task<term> {
        const auto started = co_await otp::start<otp::supervisor>(self, {}, tree);
        CHECK(!started);
        co_return started.error().context();
      },
      tree_of({named("a"_atom)}));
  const auto why = etf::tuple("failed_to_start_child"_atom, "a"_atom, etf::tuple("already_started"_atom, holder));
  CHECK(outcome == etf::tuple("shutdown"_atom, why));
}

TEST_CASE("two children of one id are refused") {
  world here;
  const auto outcome = here.run(
      [](process& self, otp::supervisor_spec tree) -> task<term> {
        const auto started = co_await otp::start<otp::supervisor>(self, {}, tree);
        CHECK(!started);
        co_return started.error().context();
      },
      tree_of({named("a"_atom), named("a"_atom)}));
  CHECK(outcome == etf::tuple("start_spec"_atom, etf::tuple("duplicate_child_name"_atom, "a"_atom)));
}

TEST_CASE("a restart that fails is tried again, and each attempt counts") {
  const auto failures = std::make_shared<int>(0);
  SECTION("until it succeeds") {
    world here;
    start_tree(here, tree_of({otp::child<moody>("m"_atom, failures).registered()}, 10));
    *failures = 5;
    end_child(here, "m"_atom, "bad"_atom);
    CHECK(at(here, "m"_atom) != pid{});
    CHECK(here.lines("start_error") == 5);
  }
  SECTION("until the supervisor gives up") {
    world here;
    start_tree(here, tree_of({named("a"_atom), otp::child<moody>("m"_atom, failures).registered()}, 3));
    *failures = 1000;
    end_child(here, "m"_atom, "bad"_atom);
    CHECK(here.runtime().process_count() == 0);
    CHECK(here.lines("start_error") == 3);
    CHECK(story(here) == "start a stop a");
  }
}

TEST_CASE("a child that ignores is kept without a process unless it is temporary") {
  world here;
  const auto counts = here.run(
      [](process& self, otp::supervisor_spec tree) -> task<std::int64_t> {
        const auto started = co_await otp::start<otp::supervisor>(self, {}, tree);
        CHECK(started.has_value());
        const auto counted = co_await otp::count_children(self, *started);
        CHECK(counted->active == 1);
        co_return counted->specs;
      },
      tree_of({otp::child<idle>("kept"_atom), otp::child<idle>("gone"_atom).restarted(restart::temporary),
               named("a"_atom)}));
  CHECK(counts == 2);
}

TEST_CASE("a child that does not stop in time is killed, one with infinity is waited for") {
  world here;
  auto slow = otp::child<stubborn>("slow"_atom, duration{3s}).stopped(2s);
  auto patient = otp::child<stubborn>("patient"_atom, duration{1h}).stopped(forever);
  auto brutal = otp::child<stubborn>("brutal"_atom, duration{1h}).stopped(otp::shutdown::brutal_kill());
  const auto top = start_tree(here, tree_of({slow, patient, brutal}));
  const auto took = here.run(
      [](process& self, pid watched) -> task<duration> {
        const auto begun = self.now();
        const auto watch = self.monitor(watched);
        self.runtime().exit(watched, "shutdown"_atom);
        auto ended = co_await self.receive<down>();
        CHECK(ended->ref == watch.ref);
        co_return self.now() - begun;
      },
      top);
  CHECK(took == 1h + 2s);
  CHECK(here.lines("shutdown_error") == 1);  // the slow one was killed
  CHECK(here.runtime().process_count() == 0);
}

TEST_CASE("supervisors nest: giving up escalates, stopping goes down") {
  world here;
  auto inner = tree_of({named("x"_atom), named("y"_atom)}, 1);
  auto sub = otp::child_supervisor("sub"_atom, inner).registered("sub"_atom);
  const auto top = start_tree(here, tree_of({named("a"_atom), sub, named("z"_atom)}, 5));
  const auto first = at(here, "sub"_atom);
  const auto neighbour = at(here, "z"_atom);
  end_child(here, "x"_atom, "bad"_atom);
  CHECK(at(here, "sub"_atom) == first);
  end_child(here, "x"_atom, "bad"_atom);
  CHECK(at(here, "sub"_atom) != first);
  CHECK(at(here, "sub"_atom) != pid{});
  CHECK(at(here, "x"_atom) != pid{});
  CHECK(at(here, "z"_atom) == neighbour);
  const auto told = story(here).size();
  here.runtime().exit(top, "shutdown"_atom);
  here.settle();
  CHECK(story(here).substr(told) == " stop z stop y stop x stop a");
  CHECK(here.runtime().process_count() == 0);
}

TEST_CASE("when a supervisor is killed its children follow") {
  world here;
  auto inner = tree_of({named("x"_atom)});
  const auto top = start_tree(here, tree_of({named("a"_atom), otp::child_supervisor("sub"_atom, inner)}));
  here.runtime().exit(top, "kill"_atom);
  here.settle();
  CHECK(here.runtime().process_count() == 0);
}

TEST_CASE("a plain coroutine may be a child") {
  world here;
  auto beat = otp::child_process(
      "beat"_atom,
      [](process& self, int beats) -> task<exit_reason> {
        for (int nth = 0; nth < beats; ++nth) co_await self.sleep(1s);
        self.log(log_level::info, "start again");
        co_return exit_reason{"tired"_atom};
      },
      3);
  start_tree(here, tree_of({beat}));
  here.advance(1s);
  for (int second = 1; second < 30; ++second) here.advance(1s);
  CHECK(here.lines("start again") == 10);
}
