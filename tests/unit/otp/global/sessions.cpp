// The messages of a session with a peer of each version, and what ends one.
#include "script.hpp"

namespace ergo::test {
namespace {

using texts = std::vector<std::string>;

std::string number(std::int64_t value) { return std::to_string(value); }

// What both lockers set: the requester is the sorted list of their processes.
term shared_lock(std::string_view peer) {
  return etf::tuple("global"_atom, etf::list(process_of("m@x", 1), process_of(peer, 9)));
}

bool contains(const texts& all, std::string_view wanted) {
  return std::ranges::any_of(all, [&](const auto& one) { return one.starts_with(wanted); });
}

}  // namespace

TEST_CASE("a node that comes up is sent our version, our tag, whom we know and our locker", "[global]") {
  script run;
  run.brain.node_up("a@x"_atom);
  const auto sent = run.asked();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].starts_with("cast a@x {init_connect,{8,"));
  CHECK(sent[0].ends_with("},m@x,{locker,no_longer_a_pid,#{},<m@x.1.0>}}"));
}

TEST_CASE("only a peer that verifies connects gets an acknowledgement, with both tags", "[global]") {
  for (const int version : {5, 6, 7, 8, 9}) {
    INFO("version " << version);
    script run;
    const auto tag = run.node_up("a@x");
    run.init_connect("a@x", version);
    const texts acknowledged{"info a@x {init_connect_ack,m@x,70," + number(tag) + "}"};
    CHECK(run.asked() == (version >= 8 ? acknowledged : texts{}));
    CHECK(run.brain.who().pending("a@x"_atom));
  }
}

TEST_CASE("an init_connect that comes before nodeup is answered after it", "[global]") {
  script run;
  run.init_connect("a@x", 8);
  CHECK(run.asked().empty());
  run.brain.node_up("a@x"_atom);
  const auto sent = run.asked();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].starts_with("cast a@x {init_connect,"));
  CHECK(sent[1].starts_with("info a@x {init_connect_ack,m@x,70,"));
}

TEST_CASE("a peer below version 5, or with a malformed version, is left alone", "[global]") {
  for (const auto& version : {etf::tuple(4, 70), etf::tuple("x"_atom, 70), etf::tuple(8), term{8}}) {
    script run;
    (void)run.node_up("a@x");
    const auto locker = etf::tuple("locker"_atom, "no_longer_a_pid"_atom, etf::list(), process_of("a@x", 9));
    run.brain.cast(etf::tuple("init_connect"_atom, version, "a@x"_atom, locker));
    CHECK(run.asked().empty());
    CHECK_FALSE(run.brain.who().pending("a@x"_atom));
  }
}

TEST_CASE("the locker locks its partition and the peer, then offers in the form of the peer's version", "[global]") {
  for (const int version : {5, 6, 7, 8}) {
    INFO("version " << version);
    script run;
    (void)run.node_up("a@x");
    run.init_connect("a@x", version);
    run.skip();
    CHECK(run.last_delay() == 200);
    run.fire();
    const auto sent = run.answer_calls(true);
    REQUIRE(sent.size() == 2);
    CHECK(sent[0] == "call a@x " + etf::to_text(etf::tuple("set_lock"_atom, shared_lock("a@x"))));
    const std::string plain = "{lock_set,<m@x.1.0>,true,[]";
    if (version == 5) CHECK(sent[1] == "send <a@x.9.0> " + plain + "}");
    if (version == 6 || version == 7) CHECK(sent[1] == "cast a@x " + plain + "}");
    if (version == 8) CHECK(sent[1] == "cast a@x " + plain + ",70}");
  }
}

TEST_CASE("a session ends with the same names on both sides, in the form of the peer's version", "[global]") {
  for (const int version : {5, 6, 7, 8}) {
    INFO("version " << version);
    script run;
    run.join("b@x", 8);
    REQUIRE(run.brain.who().known("b@x"_atom));
    const auto tag = run.node_up("a@x");
    run.init_connect("a@x", version);
    run.skip();
    run.offer("a@x", version, tag);
    const auto locked = run.answer_calls(true);
    CHECK(contains(locked, "cast a@x {exchange,m@x,[],[],70}"));
    const auto his = etf::list(etf::tuple("n"_atom, process_of("a@x", 30), fun_of("random_exit_name")));
    run.exchange("a@x", tag, his);
    const std::string known = version < 7 ? "[b@x]" : "[{b@x,8}]";
    CHECK(run.asked() == texts{"cast a@x {resolved,m@x,[]," + known + ",unused,[],70}"});
    CHECK_FALSE(run.brain.whereis("n"_atom).has_value());
    run.resolved("a@x", tag);
    CHECK(run.brain.whereis("n"_atom) == process_of("a@x", 30));
    const auto end = run.answer_calls(true);
    const auto announcement = std::ranges::find_if(end, [](const auto& one) { return one.contains("new_nodes"); });
    const auto unlocked = std::ranges::find_if(end, [](const auto& one) { return one.contains("del_lock"); });
    REQUIRE(announcement != end.end());
    CHECK(announcement < unlocked);
    CHECK(*announcement == "cast b@x {new_nodes,m@x,[{insert,{n,<a@x.30.0>,fun global:random_exit_name/3}}],[],[{a@x," +
                               number(version) + "}],[{vsn," + number(version) + "},{lock," +
                               etf::to_text(shared_lock("a@x")) + "}]}");
    CHECK(run.brain.who().known("a@x"_atom));
    CHECK(run.brain.locks().all().empty());
  }
}

TEST_CASE("new nodes go to a member below version 7 without their versions", "[global]") {
  script run;
  run.join("b@x", 6);
  const auto tag = run.node_up("a@x");
  run.init_connect("a@x", 8);
  run.skip();
  run.offer("a@x", 8, tag);
  (void)run.answer_calls(true);
  run.exchange("a@x", tag);
  run.resolved("a@x", tag);
  CHECK(contains(run.answer_calls(true), "cast b@x {new_nodes,m@x,[],[],[a@x],"));
}

TEST_CASE("who knows the peer's partition too is greeted, and becomes known", "[global]") {
  script run;
  const auto tag = run.node_up("a@x");
  run.init_connect("a@x", 8);
  run.skip();
  run.offer("a@x", 8, tag);
  (void)run.answer_calls(true);
  run.exchange("a@x", tag);
  run.skip();
  run.resolved("a@x", tag, etf::list(), etf::list(etf::tuple("c@x"_atom, 8)));
  const auto sent = run.asked();
  CHECK(contains(sent, "connect c@x"));
  CHECK(contains(sent, "cast c@x {in_sync,m@x,true}"));
  CHECK(run.brain.who().known("c@x"_atom));
}

TEST_CASE("new nodes are greeted, known, and their names ours", "[global]") {
  script run;
  run.join("b@x");
  run.skip();
  const auto lock = etf::list(process_of("a@x", 9), process_of("b@x", 9));
  run.set_lock(process_of("b@x", 9), lock);
  const auto insertion =
      etf::tuple("insert"_atom, etf::tuple("n"_atom, process_of("a@x", 30), fun_of("random_exit_name")));
  const auto extra = etf::list(etf::tuple("vsn"_atom, 8), etf::tuple("lock"_atom, etf::tuple("global"_atom, lock)));
  run.brain.cast(etf::tuple("new_nodes"_atom, "b@x"_atom, etf::list(insertion), etf::list(),
                            etf::list(etf::tuple("a@x"_atom, 8)), extra));
  CHECK(run.asked() == texts{"connect a@x", "cast a@x {in_sync,m@x,true}"});
  CHECK(run.brain.whereis("n"_atom) == process_of("a@x", 30));
  CHECK(run.brain.who().version("a@x"_atom) == 8);
}

TEST_CASE("new names whose lock was lost on the way are not taken", "[global]") {
  script run;
  run.set_lock(process_of("c@x", 9), "another"_atom);
  const auto insertion =
      etf::tuple("insert"_atom, etf::tuple("n"_atom, process_of("a@x", 30), fun_of("random_exit_name")));
  const auto extra = etf::list(etf::tuple("lock"_atom, etf::tuple("global"_atom, "gone"_atom)));
  run.brain.cast(
      etf::tuple("new_nodes"_atom, "b@x"_atom, etf::list(insertion), etf::list(), etf::list("a@x"_atom), extra));
  CHECK_FALSE(run.brain.whereis("n"_atom).has_value());
}

TEST_CASE("names of a node that we lose during the exchange are left to the peer, unless it keeps them", "[global]") {
  for (const bool news : {true, false}) {
    script run;
    run.join("old@x");
    if (!news) run.brain.info(etf::tuple("remove_connection"_atom, "old@x"_atom));  // its loss is told to nobody
    const auto tag = run.node_up("a@x");
    run.init_connect("a@x", 8);
    run.skip();
    run.offer("a@x", 8, tag);
    (void)run.answer_calls(true);
    const auto name = etf::tuple("n"_atom, process_of("old@x", 30), fun_of("random_exit_name"));
    run.exchange("a@x", tag, etf::list(name));
    run.skip();
    run.brain.node_down("old@x"_atom);
    run.resolved("a@x", tag, etf::list(), etf::list(etf::tuple("old@x"_atom, 8)));
    run.skip();
    CHECK(run.brain.who().known("a@x"_atom));
    CHECK(run.brain.whereis("n"_atom).has_value() == !news);
  }
}

TEST_CASE("a refused offer gives the lock back, and is tried again", "[global]") {
  script run;
  const auto tag = run.node_up("a@x");
  run.init_connect("a@x", 8);
  run.skip();
  run.fire();
  (void)run.answer_calls(true);
  run.offer("a@x", 8, tag, false);
  const auto sent = run.answer_calls(true);
  CHECK(contains(sent, "call a@x {del_lock,"));
  CHECK(run.brain.locks().all().empty());
  run.fire();
  CHECK(contains(run.asked(), "call a@x {set_lock,"));
}

TEST_CASE("a locker that is refused by a node lets go of all, and tries again later", "[global]") {
  script run;
  (void)run.node_up("a@x");
  run.init_connect("a@x", 8);
  run.skip();
  run.fire();
  CHECK(contains(run.answer_calls(false), "call a@x {set_lock,"));
  CHECK(run.brain.locks().all().empty());
  run.fire();
  CHECK(contains(run.answer_calls(true), "cast a@x {lock_set,<m@x.1.0>,true,[],70}"));
}

TEST_CASE("an offer without a session is refused in the oldest form", "[global]") {
  script run;
  run.offer("a@x", 7, 0);
  CHECK(run.asked() == texts{"send <a@x.9.0> {lock_set,<m@x.1.0>,false,[]}"});
}

TEST_CASE("messages with the tag of another session change nothing", "[global]") {
  script run;
  const auto tag = run.node_up("a@x");
  run.init_connect("a@x", 8);
  run.skip();
  run.offer("a@x", 8, tag + 1000);
  run.exchange("a@x", tag + 1000);
  run.resolved("a@x", tag + 1000, etf::list(etf::tuple("delete"_atom, "n"_atom)));
  CHECK(run.asked().empty());
  CHECK_FALSE(run.brain.who().known("a@x"_atom));
}

TEST_CASE("an acknowledgement of another session of his cancels, one of an older of ours does not", "[global]") {
  script run;
  const auto tag = run.node_up("a@x");
  run.init_connect("a@x", 8);
  run.skip();
  run.brain.info(etf::tuple("init_connect_ack"_atom, "a@x"_atom, tag + 1000, 70));
  CHECK(run.asked().empty());
  run.brain.info(etf::tuple("init_connect_ack"_atom, "a@x"_atom, tag, 70));
  CHECK(run.asked().empty());
  run.brain.info(etf::tuple("init_connect_ack"_atom, "a@x"_atom, tag, 71));
  const auto sent = run.asked();
  REQUIRE(sent.size() == 3);
  CHECK(sent[0] == "info a@x {cancel_connect,m@x,71}");
  CHECK(sent[1] == "info a@x {cancel_connect,m@x,70}");
  CHECK(sent[2].starts_with("cast a@x {init_connect,{8,"));
}

TEST_CASE("a cancelled session is begun again", "[global]") {
  script run;
  const auto tag = run.node_up("a@x");
  run.init_connect("a@x", 8);
  run.skip();
  run.brain.info(etf::tuple("cancel_connect"_atom, "a@x"_atom, tag + 1000));
  CHECK(run.asked().empty());
  run.brain.info(etf::tuple("cancel_connect"_atom, "a@x"_atom, tag));
  const auto sent = run.asked();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].starts_with("cast a@x {init_connect,{8,"));
  CHECK_FALSE(run.brain.who().pending("a@x"_atom));
}

TEST_CASE("a peer that begins anew is taken at its new tag; one that cannot say so is disconnected", "[global]") {
  script run;
  const auto tag = run.node_up("a@x");
  run.init_connect("a@x", 8, 70);
  run.skip();
  run.init_connect("a@x", 8, 71);
  CHECK(run.asked() == texts{"info a@x {init_connect_ack,m@x,71," + number(tag) + "}"});

  (void)run.node_up("b@x");
  run.init_connect("b@x", 7, 70);
  run.skip();
  run.init_connect("b@x", 7, 71);
  CHECK(run.asked() == texts{"disconnect b@x"});
}

TEST_CASE("a node that goes in the middle of a session leaves no lock", "[global]") {
  script run;
  const auto tag = run.node_up("a@x");
  run.init_connect("a@x", 8);
  run.skip();
  run.offer("a@x", 8, tag);
  (void)run.answer_calls(true);
  CHECK_FALSE(run.brain.locks().all().empty());
  run.brain.node_down("a@x"_atom);
  (void)run.answer_calls(true);
  CHECK(run.brain.locks().all().empty());
  CHECK_FALSE(run.brain.who().potential("a@x"_atom));
}

TEST_CASE("sync is answered when all nodes have our names or are gone", "[global]") {
  script run;
  (void)run.node_up("a@x");
  (void)run.node_up("b@x");
  const auto nodes = etf::list("m@x"_atom, "a@x"_atom, "b@x"_atom, "unconnected@x"_atom);
  CHECK(run.call(process_of("m@x", 20), etf::tuple("sync"_atom, nodes)).empty());
  run.brain.cast(etf::tuple("in_sync"_atom, "a@x"_atom, true));
  CHECK(run.asked().empty());
  run.brain.node_down("b@x"_atom);
  CHECK(run.asked() == texts{"reply ok"});
  CHECK(run.call(process_of("m@x", 20), etf::tuple("sync"_atom, etf::list("a@x"_atom))) == "reply ok");
}

TEST_CASE("malformed messages of peers ask for nothing", "[global]") {
  const auto pieces = std::vector<term>{
      "a@x"_atom, term{7}, etf::list(), etf::tuple(1, 2), process_of("a@x", 9), term{true}, etf::list("a@x"_atom, 1)};
  const auto tags = std::vector<atom>{
      "init_connect"_atom,      "exchange"_atom,        "resolved"_atom, "new_nodes"_atom,        "in_sync"_atom,
      "lock_set"_atom,          "lost_connection"_atom, "whereis"_atom,  "init_connect_ack"_atom, "cancel_connect"_atom,
      "remove_connection"_atom, "register"_atom,        "set_lock"_atom, "del_lock"_atom,         "sync"_atom,
      "registrar"_atom};
  script run;
  (void)run.node_up("a@x");
  std::size_t kinds = 0;
  for (const auto tag : tags) {
    for (std::size_t arity = 1; arity <= 7; ++arity) {
      for (std::size_t turn = 0; turn < pieces.size(); ++turn) {
        std::vector<term> parts{tag};
        while (parts.size() < arity) parts.push_back(pieces[(turn + parts.size() * 3) % pieces.size()]);
        const auto content = etf::make_tuple(parts);
        run.brain.cast(content);
        run.brain.info(content);
        run.brain.call(caller{process_of("b@x", 4), term{1}}, content);
        run.skip();
        ++kinds;
      }
    }
  }
  CHECK(kinds == tags.size() * 7 * pieces.size());
  CHECK(run.brain.names().names().empty());
}

}  // namespace ergo::test
