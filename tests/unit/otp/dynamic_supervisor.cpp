// Supervisors with children of one kind, started by arguments: what OTP calls simple_one_for_one.
#include "trees.hpp"

#include <ergo_test/sanitizers.hpp>

#include <ergo/otp/start_functions.hpp>

using namespace ergo;
using namespace ergo::test;
using otp::restart;

namespace {

/// Ends with the reason it is sent; refuses to start as `bad`, ignores as `idle`, and fails while a count is above 0.
class member {
 public:
  explicit member(atom name) : name_{name} {}
  otp::result init(process& self) {
    self.trap_exits(exits::trapped);
    if (name_ == "bad"_atom) return otp::refuse("full"_atom);
    if (name_ == "idle"_atom) return otp::ignore();
    if (failures == 0) return otp::ok();
    --failures;
    return otp::refuse("moody"_atom);
  }
  otp::result handle_cast(const term& reason) { return otp::stop(exit_reason{reason}); }
  atom handle_call(const term& /*request*/) { return name_; }

  static inline int failures = 0;

 private:
  atom name_;
};

otp::supervisor_spec tree_of_members(restart kind, unsigned intensity = 100) {
  otp::supervisor_spec tree;
  tree.strategy = otp::strategy::simple_one_for_one;
  tree.intensity = intensity;
  tree.children.push_back(otp::child_template<member, atom>("kind"_atom).restarted(kind));
  return tree;
}

task<std::vector<pid>> members(process& self) {
  const auto children = co_await otp::which_children(self, "top"_atom);
  CHECK(children.has_value());
  std::vector<pid> all;
  for (const auto& child : *children) all.push_back(child.process.value_or(pid{}));
  co_return all;
}

task<pid> started(process& self, atom name) {
  const auto arguments = etf::list(name);
  const auto child = co_await otp::start_child(self, "top"_atom, arguments);
  CHECK((child && *child));
  co_return child ? child->value_or(pid{}) : pid{};
}

task<term> asked(process& self, term request) {
  const auto answer = co_await otp::call(self, "top"_atom, request);
  CHECK(answer.has_value());
  co_return answer.value_or(term{});
}

/// Tells a child to end, and waits until its supervisor has seen it.
task<> end(process& self, pid child, term reason) {
  const auto watch = self.monitor(child);
  otp::cast(self, child, reason);
  const auto ended = co_await self.receive<down>();
  CHECK(ended->ref == watch.ref);
  (void)co_await otp::count_children(self, "top"_atom);
}

}  // namespace

TEST_CASE("children of one kind are started with arguments and known by their processes") {
  world here;
  start_tree(here, tree_of_members(restart::permanent));
  here.run([](process& self) -> task<> {
    const auto ann = co_await started(self, "ann"_atom);
    const auto bob = co_await started(self, "bob"_atom);
    const auto name = co_await otp::call(self, bob, "name"_atom);
    CHECK(name.value_or(term{}) == term{"bob"_atom});
    const auto all = co_await asked(self, "which_children"_atom);
    const auto modules = etf::list("member"_atom);
    CHECK(all == etf::list(etf::tuple("undefined"_atom, ann, "worker"_atom, modules),
                           etf::tuple("undefined"_atom, bob, "worker"_atom, modules)));
    const auto counts = co_await asked(self, "count_children"_atom);
    CHECK(etf::to_text(counts) == "[{specs,1},{active,2},{supervisors,0},{workers,2}]");
    const auto one = co_await asked(self, etf::tuple("which_child"_atom, bob));
    CHECK(one == etf::tuple("ok"_atom, etf::tuple("undefined"_atom, bob, "worker"_atom, modules)));
    const auto spec = co_await asked(self, etf::tuple("get_childspec"_atom, bob));
    CHECK(spec == (co_await asked(self, etf::tuple("get_childspec"_atom, "kind"_atom))));
    const auto refused = co_await otp::start_child(self, "top"_atom, etf::list("bad"_atom));
    CHECK((!refused && refused.error() == errc::exited && refused.error().context() == term{"full"_atom}));
    const auto ignored = co_await otp::start_child(self, "top"_atom, etf::list("idle"_atom));
    CHECK((ignored && !*ignored));
    const auto counted = co_await otp::count_children(self, "top"_atom);
    CHECK(counted->workers == 2);
  });
}

TEST_CASE("what makes no sense for children of one kind is refused as OTP refuses it") {
  world here;
  start_tree(here, tree_of_members(restart::permanent));
  here.run([](process& self) -> task<> {
    const auto ann = co_await started(self, "ann"_atom);
    const std::vector<std::pair<term, std::string>> table{
        {etf::tuple("restart_child"_atom, ann), "{error,simple_one_for_one}"},
        {etf::tuple("delete_child"_atom, "kind"_atom), "{error,simple_one_for_one}"},
        {etf::tuple("terminate_child"_atom, "kind"_atom), "{error,simple_one_for_one}"},
        {etf::tuple("which_child"_atom, "kind"_atom), "{error,simple_one_for_one}"},
        {etf::tuple("which_child"_atom, self.id()), "{error,not_found}"},
        {etf::tuple("terminate_child"_atom, self.id()), "{error,not_found}"},
        {etf::tuple("get_childspec"_atom, self.id()), "{error,not_found}"},
        {etf::tuple("get_childspec"_atom, "other"_atom), "{error,not_found}"},
        {etf::tuple("start_child"_atom, "no_list"_atom), "{error,{'EXIT',{badarg,[]}}}"},
        {etf::tuple("start_child"_atom, etf::list(1, 2)), "{error,{'EXIT',{function_clause,[]}}}"},
        {etf::tuple("start_child"_atom, etf::list(1)), "{error,{'EXIT',{function_clause,[]}}}"},
        {etf::tuple("terminate_child"_atom, ann), "ok"},
        {etf::tuple("terminate_child"_atom, ann), "ok"},  // gone: as if it had been terminated before
        {etf::tuple("which_child"_atom, ann), "{error,not_found}"},
    };
    for (const auto& [request, wanted] : table) {
      const auto answer = co_await asked(self, request);
      CHECK(etf::to_text(answer) == wanted);
    }
    const otp::child_spec other = otp::child<member>("other"_atom, "x"_atom);
    const auto added = co_await otp::start_child(self, "top"_atom, other);
    CHECK((!added && added.error().context() == term{"simple_one_for_one"_atom}));
  });
}

TEST_CASE("six children of one kind end: those that are to be replaced are, with their arguments") {
  struct row {
    restart kind;
    term reason;
    std::int64_t left;
  };
  const std::vector<row> table{
      {restart::permanent, "normal"_atom, 6},   {restart::permanent, "abnormal"_atom, 6},
      {restart::permanent, "shutdown"_atom, 6}, {restart::transient, "normal"_atom, 0},
      {restart::transient, "abnormal"_atom, 6}, {restart::transient, "shutdown"_atom, 0},
      {restart::temporary, "normal"_atom, 0},   {restart::temporary, "abnormal"_atom, 0},
      {restart::temporary, "shutdown"_atom, 0},
  };
  for (const auto& [kind, reason, left] : table) {
    world here;
    start_tree(here, tree_of_members(kind));
    const auto seen = here.run(
        [](process& self, term why) -> task<std::int64_t> {
          for (int count = 0; count < 6; ++count) (void)co_await started(self, "ann"_atom);
          const auto before = co_await members(self);
          for (const auto& child : before) co_await end(self, child, why);
          const auto after = co_await members(self);
          for (const auto& child : after) {
            const auto name = co_await otp::call(self, child, "name"_atom);
            CHECK(name.value_or(term{}) == term{"ann"_atom});
            CHECK(std::ranges::find(before, child) == before.end());
          }
          co_return std::ssize(after);
        },
        reason);
    INFO(static_cast<int>(kind) << " " << etf::to_text(reason));
    CHECK(seen == left);
  }
}

TEST_CASE("a child of one kind that does not start again is tried until there were too many attempts") {
  world here;
  start_tree(here, tree_of_members(restart::permanent, 3));
  const auto child = here.run(started, "ann"_atom);
  SECTION("it starts in the end") {
    member::failures = 2;
    here.run(end, child, term{"bad"_atom});
    here.settle();
    CHECK(here.run(members).size() == 1);
    CHECK(here.lines("start_error") == 2);
  }
  SECTION("it never does") {
    member::failures = 100;
    otp::cast(here.node(), child, "bad"_atom);
    here.settle();
    CHECK(here.runtime().process_count() == 0);
    CHECK(here.lines("start_error") == 3);
  }
  member::failures = 0;
}

TEST_CASE("a child of one kind whose restart is put off is shown, and can be told to stay stopped") {
  world here;
  auto tree = tree_of_members(restart::permanent);
  tree.backoff.first = 1s;
  start_tree(here, tree);
  const auto child = here.run(started, "ann"_atom);
  here.run(started, "bob"_atom);
  here.run(end, child, term{"bad"_atom});
  here.run(
      [](process& self, pid former) -> task<> {
        const auto counted = co_await otp::count_children(self, "top"_atom);
        CHECK((counted->active == 1 && counted->workers == 2));
        const auto all = co_await otp::which_children(self, "top"_atom);
        CHECK(all->at(0).restarting);
        const auto stopped = co_await otp::terminate_child(self, "top"_atom, former);
        CHECK(stopped.has_value());
        const auto left = co_await otp::count_children(self, "top"_atom);
        CHECK((left->active == 1 && left->workers == 1));
      },
      child);
  here.advance(1min);
  CHECK(here.run(members).size() == 1);
}

TEST_CASE("children of one kind stop all at once, within one time limit") {
  class slow {
   public:
    void init(process& self) { self.trap_exits(exits::trapped); }
    task<> terminate(process& self) { co_await self.sleep(3s); }
  };
  struct row {
    otp::shutdown rule;
    duration took;
    std::size_t reports;
  };
  for (const auto& [rule, took, reports] :
       {row{5s, 3s, 0}, row{2s, 2s, 1}, row{forever, 3s, 0}, row{otp::shutdown::brutal_kill(), 0s, 0}}) {
    world here;
    otp::supervisor_spec tree;
    tree.strategy = otp::strategy::simple_one_for_one;
    tree.children.push_back(otp::child_template<slow>("kind"_atom).stopped(rule));
    const auto top = start_tree(here, tree);
    const auto spent = here.run(
        [](process& self, pid watched) -> task<duration> {
          for (int count = 0; count < 50; ++count) {
            const auto child = co_await otp::start_child(self, watched, term{});
            CHECK(child.has_value());
          }
          const auto begun = self.now();
          const auto watch = self.monitor(watched);
          self.runtime().exit(watched, "shutdown"_atom);
          auto ended = co_await self.receive<down>();
          CHECK(ended->ref == watch.ref);
          co_return self.now() - begun;
        },
        top);
    CHECK(spent == took);
    CHECK(here.lines("shutdown_error") == reports);
    CHECK(here.runtime().process_count() == 0);
  }
}

TEST_CASE("children by module, function and arguments come from the supervisor's start functions") {
  world here;
  auto functions = std::make_shared<otp::start_functions>();
  CHECK(functions->add_server<member, atom>("member"_atom).has_value());
  const auto throws = [](process& /*self*/, term /*arguments*/) -> task<result<otp::started_child>> {
    throw std::runtime_error{"no"};
    co_return otp::started_child{};
  };
  CHECK(functions->add("member"_atom, "throw"_atom, 0, throws).has_value());
  const auto tells = [](process& self, term arguments) -> task<result<otp::started_child>> {
    otp::started_child made;
    made.process = self.spawn_link([](process& child) -> task<> { co_await child.sleep(1h); });
    made.info = arguments;
    co_return made;
  };
  CHECK(functions->add("member"_atom, "tell"_atom, 1, tells).has_value());
  auto tree = tree_of({});
  tree.start_functions = functions;
  start_tree(here, tree);
  here.run([](process& self) -> task<> {
    const auto spec = [](atom id, atom function, const term& arguments, atom kind) {
      const std::vector<term> entries{"id"_atom,      id,  "start"_atom, etf::tuple("member"_atom, function, arguments),
                                      "restart"_atom, kind};
      return etf::tuple("start_child"_atom, etf::make_map(entries));
    };
    const auto ann = co_await asked(self, spec("a"_atom, "start_link"_atom, etf::list("ann"_atom), "permanent"_atom));
    CHECK(etf::is_tagged(ann, "ok"_atom, 2));
    const auto again = co_await asked(self, spec("a"_atom, "start_link"_atom, etf::list("ann"_atom), "permanent"_atom));
    CHECK(again == etf::tuple("error"_atom, etf::tuple("already_started"_atom, ann.elements()[1])));
    const auto shown = co_await otp::get_childspec(self, "top"_atom, "a"_atom);
    CHECK(etf::to_text(shown.value_or(term{})) ==
          "#{id => a,modules => [member],restart => permanent,shutdown => 5000,significant => false,start => "
          "{member,start_link,[ann]},type => worker}");
    co_await end(self, *ann.elements()[1].as_pid(), "crash"_atom);
    const auto all = co_await members(self);
    CHECK((all.size() == 1 && all[0] != pid{} && term{all[0]} != ann.elements()[1]));
    const auto told = co_await asked(self, spec("t"_atom, "tell"_atom, etf::list(1), "temporary"_atom));
    CHECK((etf::is_tagged(told, "ok"_atom, 3) && told.elements()[2] == etf::list(1)));
    const auto kept = co_await otp::get_childspec(self, "top"_atom, "t"_atom);
    CHECK(*kept->find("start"_atom) == etf::tuple("member"_atom, "tell"_atom, "undefined"_atom));
    const auto full = co_await asked(self, spec("b"_atom, "start_link"_atom, etf::list("bad"_atom), "transient"_atom));
    CHECK(etf::to_text(full) ==
          "{error,{full,{child,undefined,b,{member,start_link,[bad]},transient,false,5000,worker,[member]}}}");
    const auto none = co_await asked(self, spec("b"_atom, "stop"_atom, etf::list(1), "permanent"_atom));
    CHECK(etf::to_text(none.elements()[1].elements()[0]) == "{'EXIT',{undef,[{member,stop,[1],[]}]}}");
    const auto thrown = co_await asked(self, spec("b"_atom, "throw"_atom, term{}, "permanent"_atom));
    CHECK(etf::is_tagged(thrown.elements()[1].elements()[0], "EXIT"_atom, 2));
    const auto wrong = co_await asked(self, etf::tuple("start_child"_atom, etf::make_map({})));
    CHECK(etf::to_text(wrong) == "{error,missing_id}");
    const auto counted = co_await otp::count_children(self, "top"_atom);
    CHECK(counted->specs == 2);
  });
}

namespace {

/// How many children are very many: with sanitizers fewer, which costs the same time.
constexpr std::int64_t very_many = address_sanitized || thread_sanitized ? 10'000 : 100'000;

task<> end_some(process& self, std::vector<pid> all) {
  for (std::size_t child = 0; child < all.size(); child += 10) {
    const term id{all[child]};
    const auto stopped = co_await otp::terminate_child(self, "top"_atom, id);
    CHECK(stopped.has_value());
  }
  for (std::size_t child = 5; child < all.size(); child += 10) otp::cast(self, all[child], "normal"_atom);
}

}  // namespace

TEST_CASE("100,000 children of one kind are started, listed, ended one by one and stopped together") {
  world here;
  const auto top = start_tree(here, tree_of_members(restart::transient));
  here.run([](process& self) -> task<> {
    for (std::int64_t child = 0; child < very_many; ++child) (void)co_await started(self, "ann"_atom);
    const auto all = co_await members(self);
    CHECK(std::ssize(all) == very_many);
    co_await end_some(self, all);
  });
  here.settle();
  here.run([](process& self) -> task<> {
    const auto counted = co_await otp::count_children(self, "top"_atom);
    CHECK((counted->active == very_many * 8 / 10 && counted->workers == counted->active));
    // They all crash at once, and far fewer restarts are allowed than there are children.
    const auto all = co_await members(self);
    for (const auto& child : all) otp::cast(self, child, "crash"_atom);
  });
  here.settle();
  CHECK(!here.runtime().alive(top));
  CHECK(here.runtime().process_count() == 0);
}

TEST_CASE("100,000 children that each have an id are started, found, ended, deleted and stopped") {
  world here;
  const auto top = start_tree(here, tree_of({}));
  here.run([](process& self) -> task<> {
    for (std::int64_t child = 0; child < very_many; ++child) {
      const auto spec = otp::child<member>(term{child}, "ann"_atom).restarted(restart::transient);
      const auto added = co_await otp::start_child(self, "top"_atom, spec);
      CHECK(added.has_value());
    }
    const auto all = co_await otp::which_children(self, "top"_atom);
    CHECK(std::ssize(*all) == very_many);
    for (std::int64_t child = 0; child < very_many; child += 2) {
      const term id{child};
      const auto stopped = co_await otp::terminate_child(self, "top"_atom, id);
      const auto deleted = co_await otp::delete_child(self, "top"_atom, id);
      CHECK((stopped.has_value() && deleted.has_value()));
    }
    const auto counted = co_await otp::count_children(self, "top"_atom);
    CHECK((counted->specs == very_many / 2 && counted->active == very_many / 2));
  });
  here.runtime().exit(top, "shutdown"_atom);
  here.settle();
  CHECK(here.runtime().process_count() == 0);
}
