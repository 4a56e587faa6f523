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
    table->add({"m"_atom, "add"_atom, 2}, [](process&, std::span<const term> given) -> result<term> {
      return term{*given[0].as_integer() + *given[1].as_integer()};
    });
    table->add({"m"_atom, "fail"_atom, 0},
               [](process&, std::span<const term>) -> result<term> { return fail(errc::noproc); });
    table->add({"m"_atom, "throw"_atom, 0},
               [](process&, std::span<const term>) -> result<term> { throw std::runtime_error{"oops"}; });
  }

  std::string outcome(std::string_view module, std::string_view function, const term& arguments) {
    const auto started = runtime.spawn(runtime.anonymous(), spawn_options{},
                                       make_runner({table, atom::of(module), atom::of(function), arguments}));
    REQUIRE(started);
    term seen;
    REQUIRE(runtime.spawn(runtime.anonymous(), spawn_options{}, std::make_unique<observer>(*started, &seen)));
    while (runtime.step([](std::size_t) { return 0UZ; })) {
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

  ergo::runtime runtime{runtime_options{.cores = 1, .manual = true}};
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
  CHECK(on.outcome("erpc", "execute_call", args("[ref,m,fail,[]]")) == "{ref,error,noproc,[]}");
  CHECK(on.outcome("erpc", "execute_call", args("[ref,m,throw,[]]")) == "{ref,error,{exception,<<\"oops\">>},[]}");
  CHECK(on.outcome("erpc", "execute_call", args("[ref,1,2,3]")) == "{ref,error,{erpc,badarg}}");
}

TEST_CASE("erpc casts have no result") {
  bench on;
  CHECK(on.outcome("erpc", "execute_cast", args("[m,add,[1,2]]")) == "normal");
  CHECK(on.outcome("erpc", "execute_cast", args("[m,gone,[]]")) == "{undef,[{m,gone,[],[]}]}");
  CHECK(on.outcome("erpc", "execute_cast", args("[1,2,[]]")) == "badarg");
}

TEST_CASE("a function is replaced by another one of the same name and arity") {
  bench on;
  on.table->add({"m"_atom, "add"_atom, 2},
                [](process&, std::span<const term>) -> result<term> { return term{"new"_atom}; });
  CHECK(on.outcome("erpc", "execute_call", args("[ref,m,add,[1,2]]")) == "{ref,return,new}");
}

TEST_CASE("spawn options: links and monitors are obeyed, tuning is accepted, the rest is badopt") {
  const auto read = [](std::string_view text) { return read_spawn_options(args(text)); };
  CHECK_FALSE(read("[]").link);
  CHECK(read("[link]").link);
  CHECK(read("[monitor]").monitor);
  CHECK(read("[{link,[]},{monitor,[{alias,demonitor}]}]").monitor);
  CHECK_FALSE(read("[{priority,high},{min_heap_size,10},{async_dist,true},{scheduler,1}]").bad);
  CHECK(read("[{reply,no}]").bad);
  CHECK(read("[nonsense]").bad);
  CHECK(read("[1]").bad);
}
