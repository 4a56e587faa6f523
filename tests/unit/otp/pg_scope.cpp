// A scope of pg as a machine: what it says to whom, and whom it counts, for everything that its peers may say.
#include "pg_scope.hpp"

#include <ergo/etf/text.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace ergo::test {
namespace {

using otp::detail::pg_command;
using otp::detail::pg_scope;
using lines = std::vector<std::string>;

pid process_of(const char* node, std::uint32_t number) { return {*etf::node_id::make(atom::of(node), 7), number, 0}; }

const pid self = process_of("a@h", 1);
const pid m1 = process_of("a@h", 11);
const pid m2 = process_of("a@h", 12);
const pid peer_b = process_of("b@h", 1);
const pid peer_c = process_of("c@h", 1);
const pid b1 = process_of("b@h", 11);
const pid b2 = process_of("b@h", 12);
const pid watcher = process_of("a@h", 99);
const reference ref{self.node, 3, {1, 2, 3}};
const reference other_ref{self.node, 3, {4, 5, 6}};

// Text with the names of this file instead of pids and references.
std::string named(const term& value) {
  auto text = etf::to_text(value);
  const std::vector<std::pair<term, std::string>> names{
      {term{self}, "self"}, {term{m1}, "m1"},         {term{m2}, "m2"}, {term{peer_b}, "b"},
      {term{peer_c}, "c"},  {term{b1}, "b1"},         {term{b2}, "b2"}, {term{watcher}, "watcher"},
      {term{ref}, "ref"},   {term{other_ref}, "ref2"}};
  for (const auto& [what, name] : names) {
    const auto long_form = etf::to_text(what);
    for (auto at = text.find(long_form); at != text.npos; at = text.find(long_form))
      text.replace(at, long_form.size(), name);
  }
  return text;
}

struct to_line {
  std::string operator()(const otp::detail::pg_action::send& one) const {
    return "send " + named(one.to.to_term()) + " " + named(one.message);
  }
  std::string operator()(const otp::detail::pg_action::cast& one) const {
    return "cast " + named(one.to.to_term()) + " " + named(one.message);
  }
  std::string operator()(const otp::detail::pg_action::watch& one) const { return "watch " + named(term{one.whom}); }
  std::string operator()(const otp::detail::pg_action::unwatch& one) const {
    return "unwatch " + named(term{one.whom});
  }
};

struct bench {
  pg_scope scope{"pg"_atom, self};

  lines said() {
    lines all;
    for (const auto& one : scope.take()) all.push_back(std::visit(to_line{}, one));
    return all;
  }
  bool hears(const term& message) { return scope.receive(message); }
  void join(const term& group, const std::vector<pid>& who) { scope.join(group, who); }
  bool leave(const term& group, const std::vector<pid>& who) { return scope.leave(group, who); }
  /// Both know each other, and nothing is left to be said.
  void meet(const pid& peer) {
    CHECK(hears(etf::tuple("discover"_atom, peer)));
    CHECK(hears(etf::tuple("sync"_atom, peer, term{})));
    (void)said();
  }
  [[nodiscard]] std::string view() const { return named(scope.everything()); }
};

const term g{"g"_atom};
const term h{"h"_atom};

TEST_CASE("a scope discovers the nodes that come, by its name and in version 0") {
  bench on;
  on.scope.node_up("b@h"_atom);
  CHECK(on.said() == lines{"send {pg,b@h} {discover,self}"});
}

TEST_CASE("who discovers a scope is told its members, and is discovered unless it is known") {
  bench on;
  on.join(g, {m1, m2});
  on.join(h, {m1});
  CHECK(on.said() == lines{"watch m1", "watch m2"});
  CHECK(on.hears(etf::tuple("discover"_atom, peer_b)));
  CHECK(on.said() == lines{"watch b", "cast b {sync,self,[{g,[m1,m2]},{h,[m1]}]}", "send b {discover,self}"});
  CHECK(on.hears(etf::tuple("discover"_atom, peer_b)));
  CHECK(on.said() == lines{"cast b {sync,self,[{g,[m1,m2]},{h,[m1]}]}"});
}

TEST_CASE("a scope that discovers in version 1 or any other is answered in version 0") {
  for (const auto& version : {term{1}, term{2}, term{"future"_atom}}) {
    bench on;
    CHECK(on.hears(etf::tuple("discover"_atom, peer_b, version)));
    CHECK(on.said() == lines{"watch b", "cast b {sync,self,[]}", "send b {discover,self}"});
  }
}

TEST_CASE("changes are told to those peers that know the members, and to no others") {
  bench on;
  CHECK(on.hears(etf::tuple("sync"_atom, peer_b, term{})));  // it has answered, and not asked yet
  CHECK(on.said() == lines{"watch b"});
  on.join(g, {m1});
  CHECK(on.said() == lines{"watch m1"});
  CHECK(on.hears(etf::tuple("discover"_atom, peer_b)));
  CHECK(on.said() == lines{"cast b {sync,self,[{g,[m1]}]}"});
  on.join(g, {m2, m2});
  CHECK(on.said() == lines{"watch m2", "send b {join,self,g,[m2,m2]}"});
  CHECK(on.leave(g, {m1}));
  CHECK(on.said() == lines{"unwatch m1", "send b {leave,self,m1,[g]}"});
  CHECK(on.view() == "#{g => [m2,m2]}");
}

TEST_CASE("a process is in a group as often as it has joined, and leaves as often") {
  bench on;
  on.meet(peer_b);
  on.join(g, {m1});
  on.join(g, {m1});
  CHECK(on.scope.all(g) == std::vector{m1, m1});
  CHECK(on.leave(g, {m1, m2}));
  CHECK(on.leave(g, {m1}));
  CHECK_FALSE(on.leave(g, {m1}));
  CHECK_FALSE(on.leave(h, {m1}));
  CHECK(on.view() == "#{}");
  CHECK(on.said() == lines{"watch m1", "send b {join,self,g,m1}", "send b {join,self,g,m1}",
                           "send b {leave,self,m1,[g]}", "unwatch m1", "send b {leave,self,m1,[g]}"});
}

TEST_CASE("a member that ends leaves all its groups, as often as it was in them") {
  bench on;
  on.meet(peer_b);
  on.join(g, {m1, m1, m2});
  on.join(h, {m1});
  (void)on.said();
  on.scope.ended(m1);
  CHECK(on.said() == lines{"send b {leave,self,m1,[g,g,h]}"});
  CHECK(on.view() == "#{g => [m2]}");
  on.scope.ended(m1);
  CHECK(on.said().empty());
}

TEST_CASE("nobody joins nothing") {
  bench on;
  on.meet(peer_b);
  on.join(g, {});
  CHECK_FALSE(on.leave(g, {}));
  CHECK(on.hears(etf::tuple("join"_atom, peer_b, g, term{})));
  CHECK(on.said().empty());
  CHECK(on.view() == "#{}");
}

TEST_CASE("members of a peer come by join and sync, go by leave, and all go with it") {
  bench on;
  on.meet(peer_b);
  on.meet(peer_c);
  on.join(g, {m1});
  CHECK(on.hears(etf::tuple("join"_atom, peer_b, g, b1)));
  CHECK(on.hears(etf::tuple("join"_atom, peer_b, g, etf::list(b1, b2))));
  CHECK(on.hears(etf::tuple("join"_atom, peer_c, g, b2)));  // the same process, by another's word
  CHECK(on.view() == "#{g => [m1,b1,b1,b2,b2]}");
  CHECK(on.scope.local(g) == std::vector{m1});
  CHECK(on.hears(etf::tuple("leave"_atom, peer_b, b1, etf::list(g, h))));
  CHECK(on.view() == "#{g => [m1,b1,b2,b2]}");
  on.scope.ended(peer_b);
  CHECK(on.view() == "#{g => [m1,b2]}");
  on.scope.ended(peer_c);
  CHECK(on.view() == "#{g => [m1]}");
}

TEST_CASE("what a peer says when it is not known changes nothing") {
  bench on;
  CHECK(on.hears(etf::tuple("join"_atom, peer_b, g, b1)));
  CHECK(on.hears(etf::tuple("leave"_atom, peer_b, b1, etf::list(g))));
  CHECK(on.hears(etf::tuple("update"_atom, peer_b, etf::list(etf::tuple(g, etf::list(b1), term{})))));
  CHECK(on.said().empty());
  CHECK(on.view() == "#{}");
}

TEST_CASE("a sync replaces what was known of the peer, and subscribers hear of the difference only") {
  bench on;
  on.meet(peer_b);
  on.join(h, {m1});
  CHECK(on.hears(etf::tuple("join"_atom, peer_b, g, b1)));
  CHECK(on.hears(etf::tuple("join"_atom, peer_b, h, etf::list(b1, b2))));
  on.scope.subscribe_all(ref, watcher);
  (void)on.said();
  CHECK(on.hears(etf::tuple("sync"_atom, peer_b,
                            etf::list(etf::tuple(h, etf::list(b2, b2)), etf::tuple("i"_atom, etf::list(b1))))));
  CHECK(on.said() == lines{"send watcher {ref,leave,g,[b1]}", "send watcher {ref,leave,h,[b1]}",
                           "send watcher {ref,join,h,[b2]}", "send watcher {ref,join,i,[b1]}"});
  CHECK(on.view() == "#{h => [m1,b2,b2],i => [b1]}");
}

TEST_CASE("version 1 is understood: local data and updates") {
  bench on;
  const std::vector<term> data{g, etf::list(b1)};
  CHECK(on.hears(etf::tuple("local_data"_atom, peer_b, 1, etf::make_map(data))));
  CHECK(on.said() == lines{"watch b"});
  CHECK(on.view() == "#{g => [b1]}");
  const auto steps = etf::list(etf::tuple(g, etf::list(b2), etf::list(b1)), etf::tuple(h, etf::list(b1), term{}));
  CHECK(on.hears(etf::tuple("update"_atom, peer_b, steps)));
  CHECK(on.view() == "#{g => [b2],h => [b1]}");
}

TEST_CASE("what is malformed, unknown, or in our own name is refused and changes nothing") {
  bench on;
  on.meet(peer_b);
  CHECK(on.hears(etf::tuple("join"_atom, peer_b, g, b1)));
  const auto improper = etf::make_list(std::vector<term>{term{b1}}, term{b2});
  const std::vector<term> table{
      term{},
      term{"discover"_atom},
      etf::tuple("discover"_atom),
      etf::tuple("discover"_atom, "b@h"_atom),
      etf::tuple("discover"_atom, peer_c, 1, 2),
      etf::tuple("discover"_atom, self),
      etf::tuple("join"_atom, self, g, b1),
      etf::tuple("join"_atom, peer_b, g),
      etf::tuple("join"_atom, peer_b, g, "b1"_atom),
      etf::tuple("join"_atom, peer_b, g, etf::list(b1, 1)),
      etf::tuple("join"_atom, peer_b, g, improper),
      etf::tuple("leave"_atom, peer_b, b1),
      etf::tuple("leave"_atom, peer_b, b1, g),
      etf::tuple("leave"_atom, peer_b, 1, etf::list(g)),
      etf::tuple("sync"_atom, peer_b, g),
      etf::tuple("sync"_atom, peer_b, etf::list(g)),
      etf::tuple("sync"_atom, peer_b, etf::list(etf::tuple(g, 1))),
      etf::tuple("sync"_atom, peer_b, term{}, 1),
      etf::tuple("local_data"_atom, peer_b, 1),
      etf::tuple("local_data"_atom, peer_b, 1, g),
      etf::tuple("update"_atom, peer_b, g),
      etf::tuple("update"_atom, peer_b, etf::list(etf::tuple(g, term{}, 1))),
      etf::tuple("update"_atom, peer_b, etf::list(etf::tuple(g, etf::list(b1), term{}), 1)),
      etf::tuple("surprise"_atom, peer_b, 1, 2),
  };
  for (const auto& message : table) {
    CAPTURE(named(message));
    CHECK_FALSE(on.hears(message));
    CHECK(on.said().empty());
    CHECK(on.view() == "#{g => [b1]}");
  }
}

TEST_CASE("subscribers of a group hear of that group, those of the scope of all, until they end it") {
  bench on;
  on.scope.subscribe(g, ref, watcher);
  on.scope.subscribe_all(other_ref, watcher);
  on.join(g, {m1, m2});
  on.join(h, {m1});
  on.scope.ended(m1);
  CHECK(on.said() == lines{"watch m1", "watch m2", "send watcher {ref2,join,g,[m1,m2]}",
                           "send watcher {ref,join,g,[m1,m2]}", "send watcher {ref2,join,h,[m1]}",
                           "send watcher {ref2,leave,g,[m1]}", "send watcher {ref,leave,g,[m1]}",
                           "send watcher {ref2,leave,h,[m1]}"});
  CHECK(on.scope.unsubscribe(ref));
  CHECK_FALSE(on.scope.unsubscribe(ref));
  CHECK(on.leave(g, {m2}));
  CHECK(on.said() == lines{"unwatch m2", "send watcher {ref2,leave,g,[m2]}"});
  CHECK(on.scope.unsubscribe(other_ref));
  on.join(g, {m1});
  CHECK(on.said() == lines{"watch m1"});
}

TEST_CASE("groups are any terms, and 1 and 1.0 are two of them") {
  bench on;
  on.meet(peer_b);
  on.join(term{1}, {m1});
  on.join(term{1.0}, {m2});
  CHECK(on.hears(etf::tuple("join"_atom, peer_b, etf::tuple("room"_atom, 5), b1)));
  CHECK(named(on.scope.groups()) == "[1,1.0,{room,5}]");
  CHECK(named(on.scope.local_groups()) == "[1,1.0]");
  CHECK(on.scope.all(term{1}) == std::vector{m1});
  CHECK(on.scope.all(g).empty());
}

}  // namespace
}  // namespace ergo::test
