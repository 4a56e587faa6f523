// Names, locks, the registrar, conflicts and partitions: what each request and loss does.
#include "script.hpp"

#include <chrono>
#include <stdexcept>

namespace ergo::test {
namespace {

using texts = std::vector<std::string>;

term lock_request(std::string_view what, const term& resource, const term& requester) {
  return etf::tuple(atom::of(what), etf::tuple(resource, requester));
}
term registration(std::string_view how, const term& name, const pid& process) {
  return etf::tuple("registrar"_atom, etf::tuple(atom::of(how), name, process, fun_of("random_exit_name")));
}

const pid ours = process_of("m@x", 20);
const pid ours_too = process_of("m@x", 21);

}  // namespace

TEST_CASE("a resource has one requester at a time and any number of holders", "[global]") {
  script run;
  const auto other = process_of("b@x", 4);
  run.join("b@x");
  CHECK(run.call(ours, lock_request("set_lock", "r"_atom, 1)) == "reply true");
  CHECK(run.call(other, lock_request("set_lock", "r"_atom, 2)) == "reply false");
  CHECK(run.call(other, lock_request("set_lock", "r"_atom, 1)) == "reply true");
  CHECK(run.call(ours, lock_request("set_lock", "r"_atom, 1)) == "reply true");
  CHECK(run.call(ours, lock_request("del_lock", "r"_atom, 2)) == "reply true");
  CHECK(run.call(ours, lock_request("del_lock", "r"_atom, 1)) == "reply true");
  CHECK(run.brain.locks().is_set("r"_atom));
  CHECK(run.call(other, lock_request("del_lock", "r"_atom, 1)) == "reply true");
  CHECK_FALSE(run.brain.locks().is_set("r"_atom));
}

TEST_CASE("a lock ends with its holder and with the holder's node", "[global]") {
  script run;
  run.join("b@x");
  (void)run.call(ours, lock_request("set_lock", "r"_atom, 1));
  run.brain.down(run.last_watch());
  CHECK_FALSE(run.brain.locks().is_set("r"_atom));
  (void)run.call(process_of("b@x", 4), lock_request("set_lock", "r"_atom, 1));
  run.brain.node_down("b@x"_atom);
  CHECK_FALSE(run.brain.locks().is_set("r"_atom));
}

TEST_CASE("whoever keeps a copy of the names is told of each that is given, moved or lost", "[global]") {
  script run;
  run.join("b@x");
  (void)run.changes();
  (void)run.call(ours, registration("register", "n"_atom, ours));
  (void)run.answer_calls(true);
  CHECK(run.changes() == texts{"n -> " + etf::to_text(ours)});
  (void)run.call(ours, registration("re_register", "n"_atom, ours_too));
  (void)run.answer_calls(true);
  CHECK(run.changes() == texts{"n -> " + etf::to_text(ours_too)});
  run.brain.down(run.last_watch());
  CHECK(run.changes() == texts{"n lost"});
  run.set_lock(process_of("b@x", 3), process_of("b@x", 3));
  const auto theirs = etf::tuple("register"_atom, "n"_atom, process_of("b@x", 30), fun_of("random_exit_name"));
  (void)run.call(process_of("b@x", 3), theirs);
  (void)run.changes();
  run.brain.node_down("b@x"_atom);
  CHECK(run.changes() == texts{"n lost"});
  (void)run.call(ours, registration("register", "n"_atom, ours));
  (void)run.call(ours, etf::tuple("registrar"_atom, etf::tuple("unregister"_atom, "n"_atom)));
  CHECK(run.changes() == texts{"n -> " + etf::to_text(ours), "n lost"});
  (void)run.call(ours, etf::tuple("unregister"_atom, "n"_atom));
  CHECK(run.changes().empty());
}

TEST_CASE("a name of a member's registrar is taken while that has the lock, and goes with its process", "[global]") {
  script run;
  run.join("b@x");
  const auto registrar = process_of("b@x", 3);
  const auto request = etf::tuple("register"_atom, "n"_atom, process_of("b@x", 30), fun_of("random_exit_name"));
  run.set_lock(registrar, registrar);
  CHECK(run.call(registrar, request) == "reply yes");
  CHECK(run.brain.whereis("n"_atom) == process_of("b@x", 30));
  run.brain.down(run.last_watch());
  CHECK_FALSE(run.brain.whereis("n"_atom).has_value());
  CHECK(run.call(registrar, request) == "reply yes");
  CHECK(run.call(registrar, etf::tuple("unregister"_atom, "n"_atom)) == "reply ok");
  CHECK_FALSE(run.brain.whereis("n"_atom).has_value());
  CHECK(run.call(registrar, request) == "reply yes");
  run.brain.node_down("b@x"_atom);
  CHECK_FALSE(run.brain.whereis("n"_atom).has_value());
}

TEST_CASE("who has lost the lock, or is no member, changes no name", "[global]") {
  script run;
  run.join("b@x");
  const auto request = etf::tuple("register"_atom, "n"_atom, process_of("b@x", 30), fun_of("random_exit_name"));
  run.set_lock(ours, "another"_atom);
  (void)run.call(process_of("b@x", 3), request);
  CHECK_FALSE(run.brain.whereis("n"_atom).has_value());
  (void)run.call(ours, lock_request("del_lock", "global"_atom, "another"_atom));
  (void)run.call(process_of("stranger@x", 3), request);
  CHECK_FALSE(run.brain.whereis("n"_atom).has_value());
}

TEST_CASE("a process of a node without a name server is registered with the node that did it", "[global]") {
  script run;
  run.join("b@x");
  const auto registrar = process_of("b@x", 3);
  run.set_lock(registrar, registrar);
  const auto request =
      etf::tuple("register_ext"_atom, "c"_atom, process_of("c@x", 8), fun_of("random_exit_name"), "b@x"_atom);
  CHECK(run.call(registrar, request) == "reply yes");
  CHECK(run.call(ours, "get_names_ext"_atom) == "reply [{c,<c@x.8.0>,b@x}]");
}

TEST_CASE("our registration is made on all members under the lock, boss first", "[global]") {
  script run;
  run.join("z@x");
  run.brain.call(caller{ours, term{5}}, registration("register", "n"_atom, ours));
  const auto sent = run.answer_calls(true);
  const texts wanted{"call z@x {set_lock,{global,<m@x.1.0>}}", "call z@x {set_lock,{global,<m@x.1.0>}}",
                     "call z@x {register,n,<m@x.20.0>,fun global:random_exit_name/3}",
                     "call z@x {del_lock,{global,<m@x.1.0>}}", "reply yes"};
  CHECK(sent == wanted);
  CHECK(run.brain.whereis("n"_atom) == ours);
  CHECK(run.brain.locks().all().empty());
}

TEST_CASE("a second name of a process, or a name that is taken, is refused; taking it over is not", "[global]") {
  script run;
  CHECK(run.call(ours, registration("register", "n"_atom, ours)) == "reply yes");
  CHECK(run.call(ours, registration("register", "second"_atom, ours)) == "reply no");
  CHECK(run.call(ours, registration("register", "n"_atom, ours_too)) == "reply no");
  CHECK(run.call(ours, registration("re_register", "n"_atom, ours_too)) == "reply yes");
  CHECK(run.brain.whereis("n"_atom) == ours_too);
  CHECK(run.call(ours, "registered_names"_atom) == "reply [n]");
  CHECK(run.call(ours, etf::tuple("registrar"_atom, etf::tuple("unregister"_atom, "n"_atom))) == "reply ok");
  CHECK(run.call(ours, etf::tuple("registrar"_atom, etf::tuple("unregister"_atom, "n"_atom))) == "reply ok");
  CHECK(run.call(ours, etf::tuple("whereis_name"_atom, "n"_atom)) == "reply undefined");
  CHECK(run.call(ours, etf::tuple("registrar"_atom, "nonsense"_atom)) == "reply badarg");
}

TEST_CASE("a registration that finds the lock taken waits longer and longer, at most eight seconds", "[global]") {
  script run;
  run.set_lock(ours_too, "another"_atom);
  run.brain.call(caller{ours, term{5}}, registration("register", "n"_atom, ours));
  for (const std::int64_t most : {125, 250, 500, 1000, 2000, 4000, 8000, 8000}) {
    CHECK(run.asked().empty());
    CHECK(run.last_delay() >= 1);
    CHECK(run.last_delay() <= most);
    run.fire();
  }
  run.skip();
  (void)run.call(ours_too, lock_request("del_lock", "global"_atom, "another"_atom));
  run.fire();
  CHECK(run.asked() == texts{"reply yes"});
}

TEST_CASE("a question for a name waits while names are being changed", "[global]") {
  script run;
  run.set_lock(ours_too, "another"_atom);
  run.brain.info(etf::tuple("whereis"_atom, "n"_atom, etf::tuple(ours, 5)));
  CHECK(run.asked().empty());
  (void)run.call(ours_too, lock_request("del_lock", "global"_atom, "another"_atom));
  run.fire();
  CHECK(run.asked() == texts{"reply undefined"});
}

TEST_CASE("of two processes with one name the node with the smaller name decides, by the name's method", "[global]") {
  struct row {
    std::string_view peer;
    std::string_view method;
    texts wanted;      // before the answer to the peer
    std::string told;  // the operations that the peer is told
    bool kept;         // whether ours has the name afterwards
  };
  const std::string ours_kept = "[{insert,{n,<m@x.20.0>,fun global:";
  const std::vector<row> table{
      {"z@x", "random_exit_name", {"kill <z@x.30.0>"}, ours_kept, true},
      {"z@x", "random_notify_name", {"send <z@x.30.0> {global_name_conflict,n}"}, ours_kept, true},
      {"z@x",
       "notify_all_name",
       {"send <z@x.30.0> {global_name_conflict,n,<m@x.20.0>}", "send <m@x.20.0> {global_name_conflict,n,<z@x.30.0>}"},
       "[{delete,n}]",
       false},
      {"a@x", "random_exit_name", {}, "[]", true},
  };
  for (const auto& [peer, method, wanted, told, kept] : table) {
    INFO(peer << " " << method);
    script run;
    run.brain.call(caller{ours, term{5}},
                   etf::tuple("registrar"_atom, etf::tuple("register"_atom, "n"_atom, ours, fun_of(method))));
    run.skip();
    const auto tag = run.node_up(peer);
    run.init_connect(peer, 8);
    run.skip();
    run.offer(peer, 8, tag);
    (void)run.answer_calls(true);
    run.exchange(peer, tag, etf::list(etf::tuple("n"_atom, process_of(peer, 30), fun_of(method))));
    const auto sent = run.asked();
    REQUIRE(sent.size() == wanted.size() + 1);
    CHECK(texts{sent.begin(), sent.end() - 1} == wanted);
    CHECK(sent.back().starts_with("cast " + std::string{peer} + " {resolved,m@x," + told));
    run.resolved(peer, tag);
    CHECK(run.brain.whereis("n"_atom).has_value() == kept);
  }
}

TEST_CASE("a method that is not ours is asked for on the node of the process", "[global]") {
  for (const bool theirs_wins : {false, true}) {
    script run;
    const auto method = etf::external_fun("app"_atom, "choose"_atom, 3);
    const auto owner = process_of("b@x", 40);
    run.join("b@x", 8, etf::list(etf::tuple("n"_atom, owner, method)));
    const auto tag = run.node_up("z@x");
    run.init_connect("z@x", 8);
    run.skip();
    run.offer("z@x", 8, tag);
    (void)run.answer_calls(true);
    const auto theirs = process_of("z@x", 30);
    run.exchange("z@x", tag, etf::list(etf::tuple("n"_atom, theirs, method)));
    const auto sent = run.answer_calls(theirs_wins ? theirs : owner);
    REQUIRE(sent.size() == 2);
    CHECK(sent[0] == "call b@x {call,global,resolve_it,[fun app:choose/3,n,<z@x.30.0>,<b@x.40.0>],<m@x.1.0>}");
    run.resolved("z@x", tag);
    CHECK(run.brain.whereis("n"_atom) == (theirs_wins ? theirs : owner));
  }
}

TEST_CASE("a lost connection is told to all members, and once passed on", "[global]") {
  script run;
  run.join("a@x");
  run.join("b@x");
  run.join("c@x");
  run.skip();
  run.brain.node_down("c@x"_atom);
  auto sent = run.asked();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].starts_with("info a@x {lost_connection,m@x,"));
  CHECK(sent[1].starts_with("info b@x {lost_connection,m@x,"));

  const auto report = [](int creation, int count) {
    return etf::tuple("lost_connection"_atom, "a@x"_atom, creation, count, "b@x"_atom);
  };
  run.brain.info(report(1, 5));
  CHECK(run.asked() == texts{"info b@x {lost_connection,a@x,1,5,b@x}", "info b@x {remove_connection,m@x}"});
  CHECK_FALSE(run.brain.who().known("b@x"_atom));
  for (const int count : {5, 4}) {
    run.brain.info(report(1, count));
    CHECK(run.asked().empty());
  }
  run.brain.node_down("b@x"_atom);
  CHECK(run.asked().empty());
}

TEST_CASE("however many losses of a node one tells of, two timers wait: for its report and for its joining",
          "[global]") {
  script run;
  run.join("a@x");
  run.join("b@x");
  const auto before = run.timers();
  for (int count = 1; count <= 1'000; ++count)
    run.brain.info(etf::tuple("lost_connection"_atom, "a@x"_atom, 1, count, "c@x"_atom));
  CHECK(run.timers() == before + 2);
}

TEST_CASE("a member that asks us to go is left, and its loss is no news", "[global]") {
  script run;
  run.join("a@x");
  run.join("b@x");
  run.brain.info(etf::tuple("remove_connection"_atom, "stranger@x"_atom));
  CHECK(run.asked().empty());
  run.brain.info(etf::tuple("remove_connection"_atom, "a@x"_atom));
  CHECK(run.asked() == texts{"disconnect a@x"});
  run.brain.node_down("a@x"_atom);
  CHECK(run.asked().empty());
}

TEST_CASE("a lost member of an old version is disconnected, since it would not understand", "[global]") {
  script run;
  run.join("a@x");
  run.join("old@x", 6);
  run.skip();
  run.brain.info(etf::tuple("lost_connection"_atom, "a@x"_atom, 1, 5, "old@x"_atom));
  CHECK(run.asked() == texts{"disconnect old@x"});
}

TEST_CASE("before a stop, and where the option says so, lost connections have no consequences", "[global]") {
  script stopping;
  stopping.join("a@x");
  stopping.join("b@x");
  stopping.brain.info(etf::tuple("prepare_shutdown"_atom, ours, 7));
  CHECK(stopping.asked() == texts{"send <m@x.20.0> {7,ok}"});
  stopping.brain.node_down("b@x"_atom);
  CHECK(stopping.asked().empty());

  script allowed{machine_options{.prevent_overlapping_partitions = false}};
  allowed.join("a@x");
  allowed.join("b@x");
  allowed.skip();
  allowed.brain.node_down("b@x"_atom);
  CHECK(allowed.asked().empty());
}

namespace {

using std::chrono::steady_clock;

/// How long it takes until `count` names and as many locks are lost with their processes, and as many with their node.
steady_clock::duration loss_of(std::size_t count) {
  context shared{process_of("m@x", 1), 1};
  name_table names{shared};
  lock_table locks{shared};
  const auto fill = [&] {
    for (std::size_t number = 0; number < count; ++number) {
      const auto who = process_of("b@x", static_cast<std::uint32_t>(number + 2));
      names.insert(term{number}, who, fun_of("random_exit_name"));
      if (!locks.set({etf::tuple("lock"_atom, number), term{number}}, who)) throw std::logic_error{"taken"};
    }
  };
  const auto count_left = [&] { return names.names().size() + locks.all().size(); };
  fill();
  std::vector<std::uint64_t> watches;
  for (const auto& made : shared.take()) {
    if (const auto* const watched = std::get_if<watch_action>(&made)) watches.push_back(watched->watch);
  }
  const auto start = steady_clock::now();
  for (const auto watch : watches) {
    if (!locks.down(watch)) (void)names.down(watch);
  }
  if (count_left() != 0) throw std::logic_error{"something is left"};
  fill();
  names.node_down("b@x"_atom);
  locks.node_down("b@x"_atom);
  const auto spent = steady_clock::now() - start;
  if (count_left() != 0) throw std::logic_error{"something is left"};
  return spent;
}

}  // namespace

// Ten times as many take about fifteen times as long; a look at all of them for each would make it a hundred times.
TEST_CASE("the time to lose names and locks grows with their number, not with its square", "[global]") {
  auto few = steady_clock::duration::max();
  for (int attempt = 0; attempt < 5; ++attempt) few = std::min(few, loss_of(5'000));
  auto many = steady_clock::duration::max();
  for (int attempt = 0; attempt < 3; ++attempt) many = std::min(many, loss_of(50'000));
  CHECK(many < 50 * few);
}

TEST_CASE("a process has a name until the last of its names is gone, also one that another takes over", "[global]") {
  context shared{process_of("m@x", 1), 1};
  name_table names{shared};
  names.insert("a"_atom, ours, fun_of("random_exit_name"));
  names.insert("b"_atom, ours, fun_of("random_exit_name"));
  names.insert("a"_atom, ours_too, fun_of("random_exit_name"));
  CHECK((names.has(ours) && names.has(ours_too)));
  names.erase("b"_atom);
  CHECK((!names.has(ours) && names.has(ours_too)));
  const auto made = shared.take();
  std::vector<std::uint64_t> watches;
  for (const auto& one : made) {
    if (const auto* const watched = std::get_if<watch_action>(&one)) watches.push_back(watched->watch);
  }
  REQUIRE(watches.size() == 3);
  CHECK_FALSE(names.down(watches[0]));  // of the process that had it before
  CHECK(names.down(watches[2]));
  CHECK_FALSE(names.has(ours_too));
}

}  // namespace ergo::test
