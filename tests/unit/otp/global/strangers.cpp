// Nodes about which members do not agree, because somebody was lost while it told the others.
#include "script.hpp"

namespace ergo::test {
namespace {

using texts = std::vector<std::string>;

void greet(script& run, std::string_view node) { run.brain.cast(etf::tuple("in_sync"_atom, atom::of(node), true)); }

// `by` tells of a node that it has become one with.
void announce(script& run, std::string_view by, std::string_view node) {
  const auto nodes = etf::list(etf::tuple(atom::of(node), 8));
  run.brain.cast(etf::tuple("new_nodes"_atom, atom::of(by), etf::list(), etf::list(), nodes, etf::list()));
}

void report_loss(script& run, std::string_view by, std::string_view node) {
  run.brain.info(etf::tuple("lost_connection"_atom, atom::of(by), 1, 1, atom::of(node)));
}

// b@x is a member; a@x is connected, and has begun a session with it.
void bring_newcomer(script& run) {
  run.join("b@x");
  (void)run.node_up("a@x");
  run.init_connect("a@x", 8);
  run.skip();
}

bool contains(const texts& all, std::string_view wanted) { return std::ranges::find(all, wanted) != all.end(); }

}  // namespace

TEST_CASE("a node that greets us and of which no member tells is asked to close, and met again", "[global]") {
  script run;
  bring_newcomer(run);
  greet(run, "a@x");
  run.skip();
  CHECK(run.last_delay() == 5'000);
  run.fire();
  CHECK(run.asked() == texts{"info a@x {remove_connection,m@x}"});
  run.brain.node_down("a@x"_atom);
  CHECK(run.asked() == texts{"connect a@x"});
  CHECK(run.brain.who().known("b@x"_atom));
}

// a@x has our names from a member that was lost before it told us of it.
TEST_CASE("who has greeted us and is no member tells of others in vain; they are met by ourselves", "[global]") {
  script run;
  bring_newcomer(run);
  greet(run, "a@x");
  const auto stale = etf::tuple("n"_atom, process_of("m@x", 30), fun_of("random_exit_name"));
  const auto nodes = etf::list(etf::tuple("d@x"_atom, 8));
  const auto names = etf::list(etf::tuple("insert"_atom, stale));
  run.skip();
  run.brain.cast(etf::tuple("new_nodes"_atom, "a@x"_atom, names, etf::list(), nodes, etf::list()));
  CHECK(run.asked().empty());
  CHECK_FALSE(run.brain.who().known("d@x"_atom));
  CHECK_FALSE(run.brain.whereis("n"_atom));
  (void)run.node_up("d@x");
  greet(run, "d@x");
  run.skip();
  run.fire();
  CHECK(run.asked() == texts{"info d@x {remove_connection,m@x}"});
}

TEST_CASE("who has greeted us and is no member is told what we change, and changes nothing here itself", "[global]") {
  script run;
  bring_newcomer(run);
  greet(run, "a@x");
  run.skip();
  const auto registration = etf::tuple("register"_atom, "n"_atom, process_of("m@x", 30), fun_of("random_exit_name"));
  run.brain.call(caller{process_of("m@x", 30), term{5}}, etf::tuple("registrar"_atom, registration));
  const auto sent = run.answer_calls(true);
  CHECK(contains(sent, "call a@x {register,n,<m@x.30.0>,fun global:random_exit_name/3}"));
  CHECK(contains(sent, "call b@x {register,n,<m@x.30.0>,fun global:random_exit_name/3}"));
  CHECK(run.brain.whereis("n"_atom) == process_of("m@x", 30));
  const auto theirs = etf::tuple("register"_atom, "o"_atom, process_of("a@x", 30), fun_of("random_exit_name"));
  CHECK(run.call(process_of("a@x", 1), theirs) == "reply yes");
  CHECK_FALSE(run.brain.whereis("o"_atom));
}

TEST_CASE("a node that was asked to close and does not is disconnected", "[global]") {
  script run;
  bring_newcomer(run);
  greet(run, "a@x");
  run.skip();
  run.fire();
  run.skip();
  run.fire();
  CHECK(run.asked() == texts{"disconnect a@x"});
}

TEST_CASE("a node of which a member tells in time is kept", "[global]") {
  script run;
  bring_newcomer(run);
  greet(run, "a@x");
  run.skip();
  announce(run, "b@x", "a@x");
  run.skip();
  run.fire();
  CHECK(run.asked().empty());
  CHECK(run.brain.who().known("a@x"_atom));
}

// The member has the report from us before it is asked, so that its answer tells what it has made of it.
TEST_CASE("of a node that was reported lost before a member told of it, that member is asked at once", "[global]") {
  for (const bool theirs : {true, false}) {
    script run;
    run.join("b@x");
    run.join("c@x");
    run.brain.node_up("a@x"_atom);
    run.skip();
    report_loss(run, "c@x", "a@x");
    CHECK(contains(run.asked(), "info b@x {lost_connection,c@x,1,1,a@x}"));
    announce(run, "b@x", "a@x");
    CHECK(contains(run.asked(), "call b@x get_known"));
    const auto known = theirs ? etf::list("a@x"_atom, "c@x"_atom) : etf::list("c@x"_atom);
    const auto sent = run.answer_calls(known);
    CHECK(contains(sent, "info a@x {remove_connection,m@x}") != theirs);
    CHECK(run.brain.who().known("a@x"_atom) == theirs);
    CHECK(run.brain.who().known("c@x"_atom));
  }
}

TEST_CASE("with such a node those go of whom only it has told us", "[global]") {
  script run;
  run.join("b@x");
  run.join("c@x");
  run.brain.node_up("a@x"_atom);
  report_loss(run, "c@x", "a@x");
  announce(run, "b@x", "a@x");
  run.skip();
  announce(run, "a@x", "d@x");
  run.skip();
  (void)run.answer_calls(etf::list("c@x"_atom));
  CHECK_FALSE(run.brain.who().known("a@x"_atom));
  CHECK_FALSE(run.brain.who().known("d@x"_atom));
  CHECK(run.brain.who().known("c@x"_atom));
}

TEST_CASE("who goes takes its names along at once, so that nobody else is given them", "[global]") {
  script run;
  run.join("b@x");
  run.join("c@x", 8, etf::list(etf::tuple("n"_atom, process_of("c@x", 30), fun_of("random_exit_name"))));
  REQUIRE(run.brain.whereis("n"_atom));
  report_loss(run, "b@x", "c@x");
  CHECK_FALSE(run.brain.whereis("n"_atom));
}

}  // namespace ergo::test
