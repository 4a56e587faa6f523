// What a supervisor can be asked, in C++ types and as the terms that Erlang sends.
#include "support.hpp"

using namespace ergo;
using namespace ergo::test;
using otp::restart;

namespace {

class worker {
 public:
  otp::result handle_cast(const term& reason) { return otp::stop(exit_reason{reason}); }
};

class refusing {
 public:
  otp::result init() { return otp::refuse("full"_atom); }
};

class ignoring {
 public:
  otp::result init() { return otp::ignore(); }
};

task<pid> started(process& self) {
  otp::supervisor_spec inner;
  otp::supervisor_spec tree;
  tree.children.push_back(otp::child<worker>("a"_atom).registered());
  tree.children.push_back(otp::child<worker>("b"_atom).restarted(restart::temporary));
  tree.children.push_back(otp::child_supervisor("sub"_atom, inner));
  const auto top = co_await otp::start<otp::supervisor>(self, {.name = "top"_atom}, tree);
  CHECK(top.has_value());
  co_return top.value_or(pid{});
}

task<> expect(process& self, term request, term expected) {
  const auto answer = co_await otp::call(self, "top"_atom, request);
  CHECK(answer.has_value());
  CHECK(answer.value_or(term{}) == expected);
}

term error_of(atom why) { return etf::tuple("error"_atom, why); }

}  // namespace

TEST_CASE("which_children, which_child and count_children answer as OTP does") {
  world here;
  here.run([](process& self) -> task<> {
    const auto top = co_await started(self);
    const auto children = co_await otp::which_children(self, top);
    CHECK(children.has_value());
    CHECK(children->size() == 3);
    CHECK(children->at(0).id == term{"sub"_atom});
    CHECK(children->at(0).type == otp::child_type::supervisor);
    CHECK(children->at(2).process == self.node().whereis("a"_atom));
    const auto raw = co_await otp::call(self, top, "which_children"_atom);
    const auto last = etf::tuple("a"_atom, *children->at(2).process, "worker"_atom, etf::list("worker"_atom));
    CHECK(raw->items()[2] == last);
    co_await expect(self, etf::tuple("which_child"_atom, "a"_atom), etf::tuple("ok"_atom, last));
    const auto counts = etf::list(etf::tuple("specs"_atom, 3), etf::tuple("active"_atom, 3),
                                  etf::tuple("supervisors"_atom, 1), etf::tuple("workers"_atom, 2));
    co_await expect(self, "count_children"_atom, counts);
    const auto counted = co_await otp::count_children(self, "top"_atom);
    CHECK((counted->specs == 3 && counted->active == 3 && counted->supervisors == 1 && counted->workers == 2));
  });
}

TEST_CASE("a child is terminated, restarted and deleted by its id") {
  world here;
  here.run([](process& self) -> task<> {
    const auto top = co_await started(self);
    const auto running = co_await otp::delete_child(self, top, "a"_atom);
    CHECK((!running && running.error().context() == term{"running"_atom}));
    const auto again = co_await otp::restart_child(self, top, "a"_atom);
    CHECK((!again && again.error().context() == term{"running"_atom}));
    const auto stopped = co_await otp::terminate_child(self, top, "a"_atom);
    CHECK(stopped.has_value());
    CHECK(!self.node().whereis("a"_atom));
    const auto back = co_await otp::restart_child(self, top, "a"_atom);
    CHECK((back && *back == self.node().whereis("a"_atom)));
    (void)co_await otp::terminate_child(self, top, "a"_atom);
    const auto deleted = co_await otp::delete_child(self, top, "a"_atom);
    CHECK(deleted.has_value());
    for (const auto operation : {"terminate_child"_atom, "restart_child"_atom, "delete_child"_atom,
                                 "get_childspec"_atom, "which_child"_atom}) {
      co_await expect(self, etf::tuple(operation, "a"_atom), error_of("not_found"_atom));
    }
    const auto absent = co_await otp::restart_child(self, top, "a"_atom);
    CHECK((!absent && absent.error() == errc::not_found));
  });
}

TEST_CASE("a temporary child that is terminated goes with its specification") {
  world here;
  here.run([](process& self) -> task<> {
    const auto top = co_await started(self);
    const auto stopped = co_await otp::terminate_child(self, top, "b"_atom);
    CHECK(stopped.has_value());
    const auto counted = co_await otp::count_children(self, top);
    CHECK(counted->specs == 2);
  });
}

TEST_CASE("children are added while the supervisor runs") {
  world here;
  here.run([](process& self) -> task<> {
    const auto top = co_await started(self);
    const auto spec = otp::child<worker>("late"_atom).registered();
    const auto added = co_await otp::start_child(self, top, spec);
    CHECK((added && *added == self.node().whereis("late"_atom)));
    const auto twice = co_await otp::start_child(self, top, spec);
    CHECK((!twice && twice.error() == errc::name_taken && twice.error().context() == term{**added}));
    (void)co_await otp::terminate_child(self, top, "late"_atom);
    const auto present = co_await otp::start_child(self, top, spec);
    CHECK((!present && present.error() == errc::already_present));
    const auto bad = otp::child<refusing>("bad"_atom);
    const auto refused = co_await otp::start_child(self, top, bad);
    CHECK((!refused && refused.error() == errc::exited && refused.error().context() == term{"full"_atom}));
    const auto none = otp::child<ignoring>("none"_atom).restarted(restart::temporary);
    const auto ignored = co_await otp::start_child(self, top, none);
    CHECK((ignored && !ignored->has_value()));
    const auto counted = co_await otp::count_children(self, top);
    CHECK(counted->specs == 4);
    const auto nobody = co_await otp::start_child(self, "no_supervisor"_atom, spec);
    CHECK((!nobody && nobody.error() == errc::noproc));
  });
}

TEST_CASE("what a supervisor does not know it refuses and lives") {
  world here;
  here.run([](process& self) -> task<> {
    const auto top = co_await started(self);
    co_await expect(self, "nonsense"_atom, error_of("badarg"_atom));
    co_await expect(self, etf::tuple("nonsense"_atom, 1), error_of("badarg"_atom));
    co_await expect(self, etf::tuple("$add_child"_atom, self.make_ref()), error_of("badarg"_atom));
    co_await expect(self, etf::tuple("$add_child"_atom, 12345), error_of("badarg"_atom));
    otp::cast(self, top, "nonsense"_atom);
    self.send(top, "nonsense"_atom);
    const auto unknown = etf::tuple("try_again_restart"_atom, "nobody"_atom);
    otp::cast(self, top, unknown);
    const auto counted = co_await otp::count_children(self, top);
    CHECK(counted->active == 3);
  });
  CHECK(here.lines("supervisor received unexpected message") == 1);
}

TEST_CASE("get_childspec describes a child as OTP does") {
  world here;
  here.run([](process& self) -> task<> {
    (void)co_await started(self);
    const auto request = etf::tuple("get_childspec"_atom, "b"_atom);
    const auto answer = co_await otp::call(self, "top"_atom, request);
    CHECK(answer.has_value());
    const auto text = etf::to_text(*answer);
    CHECK(text ==
          "{ok,#{id => b,modules => [worker],restart => temporary,shutdown => 5000,significant => false,start => "
          "{worker,start_link,[]},type => worker}}");
  });
}

TEST_CASE("an exit signal from a stranger does not disturb a supervisor") {
  world here;
  here.run([](process& self) -> task<> {
    const auto top = co_await started(self);
    self.exit(top, "whatever"_atom);
    const auto counted = co_await otp::count_children(self, top);
    CHECK(counted->active == 3);
  });
}
