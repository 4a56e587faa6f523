// Running supervisors under each strategy: who is started again with whom, in which order, and when they end by
// themselves. The table is what OTP 25.2.3's supervisor did with the same three children.
#include "trees.hpp"

#include <ergo/otp/remote_child.hpp>

using namespace ergo;
using namespace ergo::test;
using otp::auto_shutdown;
using otp::restart;
using otp::strategy;

namespace {

/// Fails to start while a count is above 0.
class moody {
 public:
  moody(process& self, atom id, std::shared_ptr<int> failures) : life_{self, id}, failures_{std::move(failures)} {}
  otp::result init() {
    if ((*failures_)-- > 0) return otp::refuse("moody"_atom);
    return otp::ok();
  }
  otp::result handle_cast(const term& reason) { return otp::stop(exit_reason{reason}); }
  void terminate(process& self) { life_.terminate(self); }

 private:
  worker life_;
  std::shared_ptr<int> failures_;
};

otp::child_spec moody_child(atom id, const std::shared_ptr<int>& failures) {
  return trapped(otp::child<moody>(id, id, failures).registered());
}

otp::supervisor_spec with(strategy how, std::vector<otp::child_spec> children, unsigned intensity = 100) {
  auto tree = tree_of(std::move(children), intensity);
  tree.strategy = how;
  return tree;
}

term refusal_of(world& here, const otp::supervisor_spec& tree) {
  return here.run(
      [](process& self, otp::supervisor_spec given) -> task<term> {
        const auto started = co_await otp::start<otp::supervisor>(self, {}, given);
        CHECK(!started);
        co_return started ? term{} : started.error().context();
      },
      tree);
}

task<> say(process& self, term request) {
  const auto answer = co_await otp::call(self, "top"_atom, request);
  CHECK(answer.has_value());
}

}  // namespace

TEST_CASE("each strategy restarts whom OTP's does") {
  struct row {
    strategy how;
    restart kind;
    std::vector<term> reasons;
    std::vector<std::string> wanted;
  };
  const term normal{"normal"_atom};
  const term abnormal{"abnormal"_atom};
  const term shutdown{"shutdown"_atom};
  const std::vector<term> mostly{normal, abnormal, shutdown};
  const std::vector<row> table{
      {strategy::one_for_one, restart::permanent, mostly, {"NOO", "ONO", "OON"}},
      {strategy::one_for_one, restart::transient, mostly, {"EOO", "ENO", "EOE"}},
      {strategy::one_for_one, restart::temporary, mostly, {"EOO", "EEO", "EEE"}},
      {strategy::one_for_all, restart::permanent, mostly, {"NNN", "NNN", "NNN"}},
      {strategy::one_for_all, restart::transient, mostly, {"EOO", "NNN", "OOE"}},
      {strategy::one_for_all, restart::temporary, mostly, {"EOO", "EEO", "EEE"}},
      {strategy::rest_for_one, restart::permanent, mostly, {"NNN", "ONN", "OON"}},
      {strategy::rest_for_one, restart::transient, {abnormal, normal, shutdown}, {"NNN", "OEO", "OEE"}},
      {strategy::rest_for_one, restart::temporary, mostly, {"EOO", "EEO", "EEE"}},
  };
  const std::vector<atom> names{"one"_atom, "two"_atom, "three"_atom};
  for (const auto& [how, kind, reasons, wanted] : table) {
    world here;
    start_tree(here, with(how, {named("one"_atom, kind), named("two"_atom, kind), named("three"_atom, kind)}));
    for (std::size_t step = 0; step < 3; ++step) {
      INFO(static_cast<int>(how) << " " << static_cast<int>(kind) << " " << step);
      std::vector<pid> before;
      for (const auto name : names) before.push_back(at(here, name));
      end_child(here, names[step], reasons[step]);
      CHECK(fates(here, names, before) == wanted[step]);
    }
  }
}

TEST_CASE("siblings stop last first and start in order, after the child that ended") {
  world here;
  SECTION("all of them") {
    start_tree(here, with(strategy::one_for_all, {named("a"_atom), named("b"_atom), named("c"_atom)}));
    end_child(here, "b"_atom, "bad"_atom);
    CHECK(story(here) == "start a start b start c stop b stop c stop a start a start b start c");
  }
  SECTION("those that were started after it") {
    start_tree(here,
               with(strategy::rest_for_one, {named("a"_atom), named("b"_atom), named("c"_atom), named("d"_atom)}));
    end_child(here, "b"_atom, "bad"_atom);
    CHECK(story(here) == "start a start b start c start d stop b stop d stop c start b start c start d");
  }
}

TEST_CASE("temporary siblings that are stopped with others go for good") {
  world here;
  start_tree(here,
             with(strategy::one_for_all, {named("a"_atom), named("b"_atom, restart::temporary), named("c"_atom)}));
  end_child(here, "c"_atom, "bad"_atom);
  CHECK(story(here) == "start a start b start c stop c stop b stop a start a start c");
  here.run([](process& self) -> task<> {
    const auto counted = co_await otp::count_children(self, "top"_atom);
    CHECK((counted->specs == 2 && counted->active == 2));
  });
}

TEST_CASE("a start that fails among several is tried again with all it belongs to, those before it stay meanwhile") {
  const auto failures = std::make_shared<int>(0);
  SECTION("under rest_for_one") {
    world here;
    start_tree(here, with(strategy::rest_for_one, {named("a"_atom), moody_child("m"_atom, failures), named("c"_atom)}));
    *failures = 2;
    end_child(here, "a"_atom, "bad"_atom);
    CHECK(story(here) == "start a start m start c stop a stop c stop m start a start m start m start m start c");
    CHECK(here.lines("start_error") == 2);
  }
  SECTION("under one_for_all") {
    world here;
    start_tree(here, with(strategy::one_for_all, {named("a"_atom), moody_child("m"_atom, failures), named("c"_atom)}));
    *failures = 2;
    end_child(here, "a"_atom, "bad"_atom);
    CHECK(story(here) ==
          "start a start m start c stop a stop c stop m start a start m stop a start a start m stop a start a start m "
          "start c");
  }
  SECTION("until there were too many") {
    world here;
    start_tree(here, with(strategy::one_for_all, {named("a"_atom), moody_child("m"_atom, failures)}, 3));
    *failures = 100;
    end_child(here, "a"_atom, "bad"_atom);
    CHECK(here.runtime().process_count() == 0);
    CHECK(here.lines("start_error") == 3);
    CHECK(here.lines("shutdown") == 1);
  }
}

TEST_CASE("a child that was told to stay stopped while it is being restarted is not started by the next attempt") {
  world here;
  const auto failures = std::make_shared<int>(0);
  auto tree = with(strategy::one_for_one, {moody_child("m"_atom, failures)});
  tree.backoff.first = 1s;
  start_tree(here, tree);
  end_child(here, "m"_atom, "bad"_atom);
  here.run([](process& self) -> task<> {
    const auto children = co_await otp::which_children(self, "top"_atom);
    CHECK(children->at(0).restarting);
    const auto again = co_await otp::restart_child(self, "top"_atom, "m"_atom);
    CHECK((!again && again.error().context() == term{"restarting"_atom}));
    const auto deleted = co_await otp::delete_child(self, "top"_atom, "m"_atom);
    CHECK((!deleted && deleted.error().context() == term{"restarting"_atom}));
    const auto stopped = co_await otp::terminate_child(self, "top"_atom, "m"_atom);
    CHECK(stopped.has_value());
  });
  here.advance(10s);
  CHECK(at(here, "m"_atom) == pid{});
}

TEST_CASE("a back-off puts restarts off, each longer than the one before, until the period has room again") {
  world here;
  auto tree = with(strategy::one_for_one, {named("a"_atom), named("b"_atom)});
  tree.period = 1min;
  tree.backoff = {.first = 1s, .longest = 3s};
  start_tree(here, tree);
  const auto after_crash = [&](duration wait) {
    end_child(here, "a"_atom, "bad"_atom);
    here.advance(wait - 1ns);
    const bool early = at(here, "a"_atom) != pid{};
    here.advance(1ns);
    return !early && at(here, "a"_atom) != pid{};
  };
  CHECK(after_crash(1s));
  CHECK(after_crash(2s));
  CHECK(after_crash(3s));
  CHECK(after_crash(3s));
  here.advance(2min);
  CHECK(after_crash(1s));
  CHECK(story(here).starts_with("start a start b stop a start a"));
}

TEST_CASE("the wait for one child ends with the restart of all that another causes") {
  world here;
  auto tree = with(strategy::one_for_all, {named("a"_atom), named("b"_atom)});
  tree.backoff = {.first = 1s, .longest = 1s};
  start_tree(here, tree);
  end_child(here, "a"_atom, "bad"_atom);
  here.advance(500ms);
  end_child(here, "b"_atom, "bad"_atom);
  here.advance(500ms);
  CHECK(story(here) == "start a start b stop a stop b start a start b");
  here.advance(500ms);
  CHECK(story(here) == "start a start b stop a stop b start a start b");
}

TEST_CASE("significant children end their supervisor when any or all of them have ended") {
  struct row {
    auto_shutdown rule;
    std::vector<atom> ended;
    bool lives;
  };
  const std::vector<row> table{
      {auto_shutdown::any_significant, {"other"_atom}, true},
      {auto_shutdown::any_significant, {"one"_atom}, false},
      {auto_shutdown::all_significant, {"one"_atom}, true},
      {auto_shutdown::all_significant, {"one"_atom, "other"_atom}, true},
      {auto_shutdown::all_significant, {"one"_atom, "two"_atom}, false},
      {auto_shutdown::all_significant, {"two"_atom, "one"_atom}, false},
  };
  for (const auto& [rule, ended, lives] : table) {
    world here;
    auto tree = with(strategy::one_for_one,
                     {named("one"_atom, restart::transient).made_significant(), named("other"_atom, restart::transient),
                      named("two"_atom, restart::temporary).made_significant()});
    tree.auto_shutdown = rule;
    const auto top = start_tree(here, tree);
    for (const auto child : ended) end_child(here, child, "normal"_atom);
    INFO(static_cast<int>(rule) << " " << ended.size());
    CHECK(here.runtime().alive(top) == lives);
    CHECK((here.runtime().process_count() == 0) == !lives);
  }
}

TEST_CASE("a significant child that is started again, or terminated by order, ends nobody") {
  world here;
  auto tree = with(strategy::one_for_one, {named("one"_atom, restart::transient).made_significant()});
  tree.auto_shutdown = auto_shutdown::any_significant;
  const auto top = start_tree(here, tree);
  end_child(here, "one"_atom, "crash"_atom);
  CHECK(at(here, "one"_atom) != pid{});
  here.run(say, etf::tuple("terminate_child"_atom, "one"_atom));
  CHECK(here.runtime().alive(top));
}

TEST_CASE("a supervisor whose specification makes no sense does not start") {
  world here;
  auto permanent = named("a"_atom).made_significant();
  auto tree = tree_of({permanent});
  tree.auto_shutdown = auto_shutdown::any_significant;
  CHECK(etf::to_text(refusal_of(here, tree)) ==
        "{start_spec,{bad_combination,[{restart,permanent},{significant,true}]}}");
  tree.auto_shutdown = auto_shutdown::never;
  CHECK(etf::to_text(refusal_of(here, tree)) ==
        "{start_spec,{bad_combination,[{auto_shutdown,never},{significant,true}]}}");
  auto timeless = tree_of({});
  timeless.period = duration::zero();
  CHECK(etf::to_text(refusal_of(here, timeless)) == "{supervisor_data,{invalid_period,0}}");
  auto dynamic = with(strategy::simple_one_for_one, {});
  CHECK(etf::to_text(refusal_of(here, dynamic)) == "{bad_start_spec,[]}");
  dynamic.auto_shutdown = auto_shutdown::all_significant;
  CHECK(etf::to_text(refusal_of(here, dynamic)) ==
        "{supervisor_data,{bad_combination,[{auto_shutdown,all_significant},{strategy,simple_one_for_one}]}}");
  CHECK(here.runtime().process_count() == 0);
}

TEST_CASE("a child on a node that cannot be reached fails to start, and the back-off decides how often it is tried") {
  world here;
  const otp::remote_start away{
      .node = "far@away"_atom, .module = "timer"_atom, .function = "sleep"_atom, .arguments = etf::list(1)};
  CHECK(etf::to_text(refusal_of(here, tree_of({otp::remote_child("r"_atom, away)}))) ==
        "{shutdown,{failed_to_start_child,r,noconnection}}");
  const auto server = otp::remote_server("s"_atom, "far@away"_atom, "bank"_atom, 1);
  CHECK(etf::to_text(refusal_of(here, tree_of({server}))) == "{shutdown,{failed_to_start_child,s,noconnection}}");
  CHECK(here.runtime().process_count() == 0);
}
