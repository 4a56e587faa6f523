// Functions for other nodes.
#include "functions.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/runtime.hpp>

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>

using namespace ergo;
using namespace ergo::detail;

namespace {

/// Runs a job in a process of a stepped runtime and returns its exit reason.
class bench {
 public:
  bench() {
    REQUIRE(table->add({"m"_atom, "add"_atom, 2},
                       erase_function([](std::int64_t left, std::int64_t right) { return left + right; })));
    REQUIRE(
        table->add({"m"_atom, "fail"_atom, 0}, erase_function([]() -> result<term> { return fail(errc::noproc); })));
    REQUIRE(
        table->add({"m"_atom, "throw"_atom, 0}, erase_function([]() -> term { throw std::runtime_error{"oops"}; })));
    REQUIRE(table->add({"m"_atom, "leave"_atom, 0},
                       erase_function([](process& self) -> term { self.exit(exit_reason{"bye"_atom}); })));
    REQUIRE(table->add({"m"_atom, "manage"_atom, 0}, erase_function([] { return 1; }), right::manage));
  }

  std::string outcome(std::string_view module, std::string_view function, const term& arguments,
                      right held = right::all) {
    const auto started = runtime_.spawn(runtime_.anonymous(), spawn_options{},
                                        make_runner({table, held, atom::of(module), atom::of(function), arguments}));
    REQUIRE(started);
    term seen;
    REQUIRE(runtime_.spawn(runtime_.anonymous(), spawn_options{}, std::make_unique<observer>(*started, &seen)));
    while (runtime_.step([](std::size_t) { return 0UZ; })) {
    }
    return etf::to_text(seen);
  }

  std::shared_ptr<function_table> table = std::make_shared<function_table>();

 private:
  /// Starts the job as a connection does, after it has monitored it, and notes the reason of its end.
  struct observer final : behaviour {
    observer(const pid& whom, term* out) : target{whom}, to{out} {}
    void start(process& self) override {
      (void)self.monitor(target);
      self.send(target, "go"_atom);
    }
    void receive(process& self, message received) override {
      if (const auto ended = received.as<down>()) *to = ended->reason.value();
      self.stop(exit_reason::normal());
    }
    void task_ended(process&) override {}
    pid target;
    term* to;
  };

  ergo::runtime runtime_{runtime_options{.cores = 1, .manual = true}};
};

term args(std::string_view text) { return etf::parse(text).value(); }

}  // namespace

TEST_CASE("a plain function ends its process normally") {
  bench on;
  CHECK(on.outcome("m", "add", args("[1,2]")) == "normal");
}

TEST_CASE("an unknown function ends its process as a spawn in OTP does") {
  bench on;
  CHECK(on.outcome("foo", "bar", args("[1,x]")) == "{undef,[{foo,bar,[1,x],[]}]}");
  CHECK(on.outcome("m", "add", args("[1]")) == "{undef,[{m,add,[1],[]}]}");
}

TEST_CASE("erpc carries the result in the exit reason") {
  bench on;
  CHECK(on.outcome("erpc", "execute_call", args("[ref,m,add,[1,2]]")) == "{ref,return,3}");
  CHECK(on.outcome("erpc", "execute_call", args("[ref,m,gone,[]]")) == "{ref,error,undef,[{m,gone,[],[]}]}");
  CHECK(on.outcome("erpc", "execute_call", args("[ref,m,fail,[]]")) == "{ref,error,noproc,[{m,fail,0,[]}]}");
  CHECK(on.outcome("erpc", "execute_call", args("[ref,m,throw,[]]")) ==
        "{ref,error,{exception,<<\"oops\">>},[{m,throw,0,[]}]}");
  CHECK(on.outcome("erpc", "execute_call", args("[ref,m,leave,[]]")) == "{ref,exit,bye}");
  CHECK(on.outcome("erpc", "execute_call", args("[ref,m,add,[1,x]]")) == "{ref,error,badarg,[{m,add,[1,x],[]}]}");
  CHECK(on.outcome("erpc", "execute_call", args("[ref,m,add,[1|2]]")) == "{ref,error,{erpc,badarg}}");
  CHECK(on.outcome("erpc", "execute_call", args("[ref,1,2,3]")) == "{ref,error,{erpc,badarg}}");
}

TEST_CASE("erpc casts have no result") {
  bench on;
  CHECK(on.outcome("erpc", "execute_cast", args("[m,add,[1,2]]")) == "normal");
  CHECK(on.outcome("erpc", "execute_cast", args("[m,gone,[]]")) == "{undef,[{m,gone,[],[]}]}");
  CHECK(on.outcome("erpc", "execute_cast", args("[1,2,[]]")) == "badarg");
}

TEST_CASE("a name is given once, until its function is taken out by name or by its id") {
  bench on;
  const function_name add{"m"_atom, "add"_atom, 2};
  const auto again = on.table->add(add, erase_function([](const term&, const term&) { return "new"_atom; }));
  CHECK((!again && again.error() == errc::already_present));
  CHECK(on.outcome("erpc", "execute_call", args("[ref,m,add,[1,2]]")) == "{ref,return,3}");
  CHECK(on.table->remove(add));
  CHECK_FALSE(on.table->remove(add));
  CHECK(on.outcome("erpc", "execute_call", args("[ref,m,add,[1,2]]")) == "{ref,error,undef,[{m,add,[1,2],[]}]}");
  const auto id = on.table->add(add, erase_function([](const term&, const term&) { return "new"_atom; }));
  REQUIRE(id);
  CHECK_FALSE(on.table->remove(add, *id + 1));
  CHECK(on.outcome("erpc", "execute_call", args("[ref,m,add,[1,2]]")) == "{ref,return,new}");
  CHECK(on.table->remove(add, *id));
}

TEST_CASE("a function of several grades is the first one that the caller has the right to") {
  bench on;
  const auto grade = [](right needed, std::string_view told) {
    return graded_body{needed, std::make_shared<const remote_function>(erase_function([told] { return told; }))};
  };
  REQUIRE(on.table->add({"m"_atom, "look"_atom, 0}, {grade(right::manage, "all"), grade(right::observe, "some")}));
  const auto call = [&](right held) { return on.outcome("erpc", "execute_call", args("[ref,m,look,[]]"), held); };
  CHECK(call(right::all) == "{ref,return,<<\"all\">>}");
  CHECK(call(right::observe | right::call) == "{ref,return,<<\"some\">>}");
  CHECK(call(right::call) == "{ref,error,{erpc,{permission_denied,{m,look,0}}}}");
  CHECK(on.table->remove({"m"_atom, "look"_atom, 0}));
}

TEST_CASE("what needs a right that the caller lacks is not run, and says so in every form") {
  bench on;
  const auto few = right::observe | right::call;
  CHECK(on.outcome("m", "manage", args("[]"), few) == "{permission_denied,{m,manage,0}}");
  CHECK(on.outcome("erpc", "execute_call", args("[ref,m,manage,[]]"), few) ==
        "{ref,error,{erpc,{permission_denied,{m,manage,0}}}}");
  CHECK(on.outcome("erpc", "execute_call", args("[ref,m,manage,[]]")) == "{ref,return,1}");
  CHECK(on.outcome("erpc", "execute_call", args("[ref,m,add,[1,2]]"), right::observe) ==
        "{ref,error,{erpc,{permission_denied,{m,add,2}}}}");
  CHECK_FALSE(on.table->remove({"m"_atom, "manage"_atom, 0}));
}

TEST_CASE(
    "the first pattern that matches decides about rights; else a peer of this computer, or with a certificate, may "
    "manage") {
  rights_policy policy{{{"ops@*", right::all}, {"*@far", right::talk}, {"ops2@far", right::all}}};
  CHECK(policy.of("ops@far"_atom) == right::all);
  CHECK(policy.of("ops2@far"_atom) == right::talk);
  CHECK(policy.of("any@near"_atom) == (right::observe | right::call));
  policy.met("any@near"_atom, nearness::this_computer);
  policy.met("any@far"_atom, nearness::this_computer);
  CHECK(policy.of("any@near"_atom) == right::all);
  CHECK(policy.of("any@far"_atom) == right::talk);
  policy.met("any@near"_atom, nearness::elsewhere);
  CHECK(policy.of("any@near"_atom) == (right::observe | right::call));
  policy.met("any@near"_atom, nearness::verified);
  CHECK(policy.of("any@near"_atom) == right::all);
}

TEST_CASE("an answer in an exit reason is no crash; the end of a spawned process without its function is") {
  std::vector<std::string> crashes;
  runtime_options options{.cores = 1, .manual = true};
  options.on_event = [&](const event& happened) {
    if (happened.what == event::kind::crash) crashes.push_back(etf::to_text(happened.reason));
  };
  ergo::runtime runtime{options};
  const auto table = std::make_shared<function_table>();
  for (const auto* const call : {"[ref,m,gone,[]]", "[ref]"}) {
    const bool wrapped = args(call).items().size() == 4;
    remote_job job{table, right::all, wrapped ? "erpc"_atom : "m"_atom, "execute_call"_atom, args(call)};
    const auto started = start_runner(runtime.anonymous(), {}, {}, job);
    runtime.send(std::get<pid>(started), "go"_atom);
  }
  while (runtime.step([](std::size_t) { return 0UZ; })) {
  }
  CHECK(crashes == std::vector<std::string>{"{undef,[{m,execute_call,[ref],[]}]}"});
}

TEST_CASE("spawn options: links, monitors and names are obeyed, tuning is accepted, the rest is badopt") {
  const auto read = [](std::string_view text) { return read_spawn_options(args(text)); };
  CHECK_FALSE(read("[]").link);
  CHECK(read("[link]").link);
  CHECK(read("[monitor]").monitor);
  CHECK(read("[{link,[]},{monitor,[{alias,demonitor}]}]").monitor);
  CHECK_FALSE(read("[{priority,high},{min_heap_size,10},{async_dist,true},{scheduler,1}]").bad);
  CHECK(read("[{name,worker}]").name == "worker"_atom);
  CHECK_FALSE(read("[{name,worker}]").bad);
  for (const auto* const nameless : {"[name]", "[{name,1}]", "[{name,''}]", "[{name,[]}]", "[{name,a,b}]"})
    CHECK(read(nameless).bad);
  CHECK(read("[{reply,no}]").bad);
  CHECK(read("[nonsense]").bad);
  CHECK(read("[1]").bad);
}
