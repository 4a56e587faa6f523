// Which nodes are connected, and what those are told who asked for it. The test is the network.
#include "observer.hpp"

namespace ergo::test {
namespace {

const term closed{"connection_closed"_atom};

/// Asks for `which` and writes down everything it is told.
task<> watch_nodes(process& self, node_set which, log_lines* out) {
  for (const auto present : self.monitor_nodes(which)) out->push_back("present " + std::string{present.text()});
  for (;;) {
    const auto got = co_await self.receive_any();
    if (got.payload().is("stop"_atom)) {
      self.demonitor_nodes();
      out->push_back("stopped");
    } else {
      out->push_back(text(got.to_term()));
    }
  }
}

struct nodes_world : manual_world {
  connected_nodes& nodes() { return node().connected(); }
  void came(const char* name, std::uint64_t connection, bool hidden = false) {
    nodes().came({atom::of(name), hidden, connection});
    run();
  }
  bool went(const char* name, const term& reason = closed) {
    const bool was = nodes().went(atom::of(name), reason).has_value();
    run();
    return was;
  }
};

TEST_CASE("connected nodes are listed by kind, sorted by name") {
  nodes_world world;
  world.came("c@h", 1);
  world.came("a@h", 2);
  world.came("b@h", 3, true);
  CHECK(world.nodes().list() == std::vector<atom>{"a@h"_atom, "c@h"_atom});
  CHECK(world.nodes().list(node_set::hidden) == std::vector<atom>{"b@h"_atom});
  CHECK(world.nodes().list(node_set::all) == std::vector<atom>{"a@h"_atom, "b@h"_atom, "c@h"_atom});
  CHECK(world.nodes().contains("b@h"_atom));
  CHECK(world.went("b@h"));
  CHECK_FALSE(world.nodes().contains("b@h"_atom));
  CHECK(world.nodes().list(node_set::hidden).empty());
}

TEST_CASE("who monitors nodes hears of those of its kind, with type, connection and reason") {
  nodes_world world;
  log_lines visible;
  log_lines hidden;
  log_lines all;
  world.came("old@h", 1);
  world.spawn(watch_nodes, node_set::visible, &visible);
  world.spawn(watch_nodes, node_set::hidden, &hidden);
  world.spawn(watch_nodes, node_set::all, &all);
  world.run();
  world.came("a@h", 2);
  world.came("b@h", 3, true);
  world.went("a@h", "net_tick_timeout"_atom);
  world.went("b@h");
  const std::string a_up = "{nodeup,a@h,#{connection_id => 2,node_type => visible}}";
  const std::string a_down =
      "{nodedown,a@h,#{connection_id => 2,node_type => visible,nodedown_reason => net_tick_timeout}}";
  const std::string b_up = "{nodeup,b@h,#{connection_id => 3,node_type => hidden}}";
  const std::string b_down =
      "{nodedown,b@h,#{connection_id => 3,node_type => hidden,nodedown_reason => connection_closed}}";
  CHECK(visible == log_lines{"present old@h", a_up, a_down});
  CHECK(hidden == log_lines{b_up, b_down});
  CHECK(all == log_lines{"present old@h", a_up, b_up, a_down, b_down});
}

TEST_CASE("news out of turn is no news") {
  nodes_world world;
  log_lines told;
  world.spawn(watch_nodes, node_set::all, &told);
  world.run();
  CHECK_FALSE(world.went("a@h"));
  world.came("a@h", 1);
  world.came("a@h", 2);
  CHECK(world.went("a@h"));
  CHECK_FALSE(world.went("a@h"));
  REQUIRE(told.size() == 2);
  CHECK(told[0].starts_with("{nodeup,a@h,#{connection_id => 1"));
  CHECK(told[1].starts_with("{nodedown,a@h,#{connection_id => 1"));
}

TEST_CASE("who asks again is told of the other kind instead, and who takes it back of none") {
  nodes_world world;
  log_lines told;
  const auto watcher = world.spawn(
      [](process& self, log_lines* out) -> task<> {
        (void)self.monitor_nodes(node_set::visible);
        (void)self.monitor_nodes(node_set::hidden);
        co_await watch_nodes(self, node_set::hidden, out);
      },
      &told);
  world.run();
  world.came("a@h", 1);
  world.came("b@h", 2, true);
  CHECK(told.size() == 1);
  world.send(watcher, "stop"_atom);
  world.run();
  world.went("b@h");
  CHECK(told == log_lines{"{nodeup,b@h,#{connection_id => 2,node_type => hidden}}", "stopped"});
}

TEST_CASE("news under way to a process that takes its request back does not arrive") {
  nodes_world world;
  log_lines told;
  world.spawn(
      [](process& self, log_lines* out) -> task<> {
        (void)self.monitor_nodes();
        self.node().connected().came({"a@h"_atom, false, 1});
        self.demonitor_nodes();
        const auto got = co_await self.receive<message>(1s);
        out->push_back(got.timed_out() ? "nothing" : text(got->to_term()));
      },
      &told);
  world.advance(2s);
  CHECK(told == log_lines{"nothing"});
}

TEST_CASE("node_up and node_down are types of their own to receive, beside those of monitor_node") {
  nodes_world world;
  log_lines told;
  world.spawn(
      [](process& self, log_lines* out) -> task<> {
        (void)self.monitor_nodes(node_set::all);
        const auto up = co_await self.receive<node_up>();
        out->push_back(text(term{up->node}) + (up->hidden ? " hidden " : " visible ") + std::to_string(up->connection));
        const auto down = co_await self.receive<node_down>();
        out->push_back(text(term{down->node}) + (down->hidden ? " hidden " : " visible ") +
                       std::to_string(down->connection) + " " + text(down->reason));
        self.monitor_node("never@h"_atom);
        const auto never = co_await self.receive<node_down>();
        out->push_back(text(term{never->node}) + " " + std::to_string(never->connection) + " " + text(never->reason));
      },
      &told);
  world.run();
  world.came("a@h", 7, true);
  world.went("a@h", "disconnect"_atom);
  CHECK(told == log_lines{"a@h hidden 7", "a@h hidden 7 disconnect", "never@h 0 []"});
}

TEST_CASE("a bounded mailbox takes news of nodes all the same, and an ended process takes none") {
  nodes_world world;
  log_lines told;
  const auto watcher = world.spawn({.mailbox_bound = 0}, watch_nodes, node_set::visible, &told);
  world.run();
  world.came("a@h", 1);
  CHECK(told.size() == 1);
  world.exit(watcher, "kill"_atom);
  world.run();
  world.went("a@h");
  CHECK(told.size() == 1);
  CHECK_FALSE(world.alive(watcher));
}

}  // namespace
}  // namespace ergo::test
