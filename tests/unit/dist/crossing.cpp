// Nodes that connect to each other at the same time, over a wire on which everything arrives in any order between
// connections: the table and both handshake machines together (promises A11, A12).
#include "handshake_fixture.hpp"

#include <ergo/dist/peers.hpp>
#include <ergo_test/figures.hpp>

#include <catch2/catch_test_macros.hpp>

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <variant>

using namespace ergo::test;
namespace peering = ergo::dist::peering;
using dist::attempt_id;
using dist::peer_errc;
using dist::waiter_id;

namespace {

// Fast and good enough to tell proofs apart.
std::optional<dist::digest> toy_digest(bytes_view data) {
  std::uint64_t hash = 14695981039346656037u;
  for (std::byte b : data) hash = (hash ^ std::to_integer<unsigned>(b)) * 1099511628211u;
  dist::digest out{};
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::byte>(hash >> (8 * i));
  return out;
}

struct node;

// One end of a connection.
struct endpoint {
  node* owner;
  attempt_id id;
  std::string dials;  // not connected yet, to this node
  endpoint* other{};
  std::unique_ptr<dist::connector> connector{};
  std::unique_ptr<dist::acceptor> acceptor{};
  std::deque<std::byte> inbox{};
  bool open{true};  // this end has not closed
  bool reading{false};
  bool up{false};
  bool over{false};  // the table was told

  handshake::action resume(const handshake::event& e) { return connector ? connector->resume(e) : acceptor->resume(e); }
};

struct node {
  std::string name;
  std::string cookie{"secret"};
  dist::peers table{name};
  bool running{true};
  std::map<waiter_id, std::string> answers{};  // "" = none yet
  std::map<std::string, attempt_id> up{};
  std::vector<std::pair<std::string, std::uint64_t>> tickets{};
  int ups{0};
  int traffic{0};
  std::uint64_t last_waiter{0};
};

class world {
 public:
  explicit world(unsigned seed) : random_{seed} {}

  node& add(std::string name) { return nodes_.emplace_back(node{.name = std::move(name)}); }

  waiter_id want(node& n, const std::string& peer) {
    const waiter_id w{++n.last_waiter};
    n.answers[w] = "";
    pass(n, peering::want{peer, w});
    return w;
  }

  void pass(node& n, const peering::event& event) {
    for (const peering::command& c : n.table.resume(event)) std::visit([&](const auto& e) { take(n, e); }, c);
  }

  // One thing happens somewhere; false when nothing can happen without a timer.
  bool step() {
    std::vector<endpoint*> ready;
    for (endpoint& e : endpoints_)
      if (can_move(e)) ready.push_back(&e);
    if (ready.empty()) return false;
    move(*ready[pick(ready.size())]);
    return true;
  }

  bool ring() {
    for (node& n : nodes_) {
      if (n.tickets.empty()) continue;
      const auto [peer, ticket] = n.tickets.front();
      n.tickets.erase(n.tickets.begin());
      pass(n, peering::waited_out{peer, ticket});
      return true;
    }
    return false;
  }

  void settle() {
    while (step()) {
    }
  }

  void settle_with_timers() {
    do settle();
    while (ring());
  }

  // The process is killed and its table is gone. Its sockets are closed by the system, unless the whole machine died:
  // then the peers see nothing.
  enum class death { process, machine };

  void kill(node& n, death how) {
    for (endpoint& e : endpoints_) {
      if (e.owner != &n) continue;
      e.open = how == death::machine;
      e.over = true;
      e.up = false;
      e.dials.clear();
    }
    n.table = dist::peers{n.name};
    n.up.clear();
    n.answers.clear();
    n.tickets.clear();
  }

  void cut_one() {
    std::vector<endpoint*> live;
    for (endpoint& e : endpoints_)
      if (e.open && e.other && !e.over) live.push_back(&e);
    if (live.empty()) return;
    endpoint& e = *live[pick(live.size())];
    e.inbox.clear();
    e.other->inbox.clear();
    e.open = e.other->open = false;
    report(e, peer_errc::closed);
    report(*e.other, peer_errc::closed);
  }

  // Both ends hold the same single connection.
  bool joined(const node& a, const node& b) {
    if (!a.up.contains(b.name) || !b.up.contains(a.name)) return false;
    const endpoint* e = find(a, a.up.at(b.name));
    return e && e->other == find(b, b.up.at(a.name));
  }

  std::size_t live() const {
    return static_cast<std::size_t>(std::ranges::count_if(endpoints_, [](const endpoint& e) { return !e.over; }));
  }

  std::size_t pick(std::size_t n) { return std::uniform_int_distribution<std::size_t>{0, n - 1}(random_); }

 private:
  bool can_move(const endpoint& e) const {
    if (e.over) return false;
    if (!e.dials.empty() || !e.open) return true;
    if (!e.reading && !e.up) return false;
    return !e.inbox.empty() || !e.other->open;
  }

  void move(endpoint& e) {
    if (!e.open) return report(e, peer_errc::closed);
    if (!e.dials.empty()) return connect(e);
    if (e.inbox.empty()) {
      if (e.up) return report(e, peer_errc::closed);
      e.reading = false;
      return drive(e, e.resume(handshake::closed{}));
    }
    const auto count = static_cast<std::ptrdiff_t>(1 + pick(e.inbox.size()));
    const byte_buffer bytes{e.inbox.begin(), e.inbox.begin() + count};
    e.inbox.erase(e.inbox.begin(), e.inbox.begin() + count);
    if (e.up) return receive(e, bytes.size());
    e.reading = false;
    drive(e, e.resume(handshake::received{bytes}));
  }

  void receive(endpoint& e, std::size_t bytes) {
    // No traffic outside of nodeup … nodedown, and only over the connection that is up.
    const std::string peer = e.other->owner->name;
    REQUIRE(e.owner->up.contains(peer));
    REQUIRE(e.owner->up.at(peer) == e.id);
    e.owner->traffic += static_cast<int>(bytes);
  }

  void connect(endpoint& e) {
    node* target = nullptr;
    for (node& n : nodes_)
      if (n.running && n.name == e.dials) target = &n;
    e.dials.clear();
    if (!target) {
      e.open = false;
      return report(e, peer_errc::unreachable);
    }
    endpoint& far = endpoints_.emplace_back(endpoint{target, target->table.next_id(), {}});
    far.acceptor = std::make_unique<dist::acceptor>(config(*target));
    far.other = &e;
    e.other = &far;
    drive(far, far.resume(handshake::started{}));
    drive(e, e.resume(handshake::started{}));
  }

  dist::handshake_config config(const node& n) {
    auto c = config_of(n.name, static_cast<std::uint32_t>(random_()));
    c.md5 = toy_digest;
    return c;
  }

  void drive(endpoint& e, handshake::action action) {
    while (true) {
      if (!e.open) return;
      if (const auto* write = std::get_if<handshake::write>(&action)) {
        if (e.other->open) e.other->inbox.insert(e.other->inbox.end(), write->bytes.begin(), write->bytes.end());
        action = e.resume(handshake::sent{});
        continue;
      }
      if (std::holds_alternative<handshake::read>(action)) e.reading = true;
      if (const auto* ask = std::get_if<handshake::ask>(&action)) pass(*e.owner, peering::incoming{e.id, ask->name});
      if (std::holds_alternative<handshake::ask_alive>(action)) pass(*e.owner, peering::alive{e.id});
      if (std::holds_alternative<handshake::commit>(action)) pass(*e.owner, peering::proven{e.id});
      if (const auto* done = std::get_if<handshake::done>(&action)) {
        e.inbox.insert(e.inbox.begin(), done->result.leftover.begin(), done->result.leftover.end());
        pass(*e.owner, peering::established{e.id});
      }
      if (auto* failed = std::get_if<handshake::failed>(&action)) {
        e.open = false;
        e.over = true;
        pass(*e.owner, peering::ended{e.id, {peer_errc::handshake, failed->failure}});
      }
      return;
    }
  }

  void report(endpoint& e, peer_errc reason) {
    if (e.over) return;
    e.over = true;
    e.open = false;
    e.up = false;
    pass(*e.owner, peering::ended{e.id, {reason}});
  }

  endpoint* find(const node& n, attempt_id id) {
    for (endpoint& e : endpoints_)
      if (e.owner == &n && e.id == id && !(e.over && !e.up)) return &e;
    return nullptr;
  }

  void take(node& n, const peering::dial& c) {
    endpoint& e = endpoints_.emplace_back(endpoint{&n, c.id, c.peer});
    e.connector = std::make_unique<dist::connector>(config(n), c.peer, n.cookie);
  }
  void take(node& n, const peering::admit& c) {
    endpoint* e = find(n, c.id);
    REQUIRE(e);
    drive(*e, e->resume(handshake::admission{c.decision, n.cookie, {}, 0}));
  }
  void take(node& n, const peering::conclude& c) {
    endpoint* e = find(n, c.id);
    REQUIRE(e);
    drive(*e, e->resume(c.verdict));
  }
  void take(node& n, const peering::close& c) {
    endpoint* e = find(n, c.id);
    REQUIRE(e);
    e->open = false;  // reported later, like everything
  }
  void take(node& n, const peering::nodeup& c) {
    REQUIRE(n.up.emplace(c.peer, c.id).second);
    find(n, c.id)->up = true;
    ++n.ups;
  }
  void take(node& n, const peering::nodedown& c) {
    REQUIRE(n.up.at(c.peer) == c.id);
    n.up.erase(c.peer);
  }
  void take(node& n, const peering::granted& c) {
    REQUIRE(n.answers.at(c.waiter).empty());
    n.answers[c.waiter] = "granted";
    endpoint* e = find(n, c.id);
    REQUIRE(e);
    REQUIRE(e->up);
    if (e->other->open) e->other->inbox.push_back(std::byte{'T'});
  }
  void take(node& n, const peering::denied& c) {
    REQUIRE(n.answers.at(c.waiter).empty());
    n.answers[c.waiter] = "denied";
  }
  void take(node& n, const peering::await_peer& c) { n.tickets.emplace_back(c.peer, c.ticket); }

  std::mt19937 random_;
  std::list<node> nodes_;
  std::list<endpoint> endpoints_;
};

bool all(const node& n, std::string_view answer) {
  return std::ranges::all_of(n.answers, [&](const auto& entry) { return entry.second == answer; });
}

}  // namespace

TEST_CASE("of ten thousand crossing connects every one ends in exactly one connection, without a timer", "[A11][R08]") {
  for (unsigned seed = 0; seed < 10'000; ++seed) {
    world w{seed};
    node& a = w.add(seed % 2 ? "a@h" : "z@h");
    node& b = w.add("m@h");
    w.want(a, b.name);
    for (std::size_t i = w.pick(12); i > 0; --i) w.step();  // how far the first call is when the second begins
    w.want(b, a.name);
    w.settle();
    INFO("seed " << seed);
    ergo::test::count_runs(1);
    REQUIRE(w.joined(a, b));
    REQUIRE(all(a, "granted"));
    REQUIRE(all(b, "granted"));
    REQUIRE(a.ups == 1);
    REQUIRE(b.ups == 1);
    REQUIRE(w.live() == 2);
    REQUIRE(a.table.attempts() == 1);
    REQUIRE(b.table.attempts() == 1);
    REQUIRE(a.traffic == 1);
    REQUIRE(b.traffic == 1);
  }
}

TEST_CASE("five nodes that all connect to all end fully connected, each pair once") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    world w{seed};
    std::vector<node*> nodes;
    for (const char* name : {"a@h", "b@h", "c@h", "d@h", "e@h"}) nodes.push_back(&w.add(name));
    for (node* from : nodes) {
      for (node* to : nodes) {
        if (from != to) w.want(*from, to->name);
        for (std::size_t i = w.pick(4); i > 0; --i) w.step();
      }
    }
    w.settle();
    INFO("seed " << seed);
    for (node* from : nodes)
      for (node* to : nodes)
        if (from != to) REQUIRE(w.joined(*from, *to));
    REQUIRE(w.live() == 20);
  }
}

TEST_CASE("connections that are cut at any moment leave nobody hanging, and the nodes find together again") {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    world w{seed};
    node& a = w.add("a@h");
    node& b = w.add("b@h");
    for (int round = 0; round < 10; ++round) {
      if (w.pick(2) == 0) w.want(a, b.name);
      if (w.pick(2) == 0) w.want(b, a.name);
      for (std::size_t i = w.pick(15); i > 0; --i) w.step();
      if (w.pick(2) == 0) w.cut_one();
    }
    w.settle_with_timers();
    INFO("seed " << seed);
    for (const auto& [waiter, answer] : a.answers) REQUIRE_FALSE(answer.empty());
    for (const auto& [waiter, answer] : b.answers) REQUIRE_FALSE(answer.empty());
    w.want(a, b.name);
    w.want(b, a.name);
    w.settle_with_timers();
    REQUIRE(w.joined(a, b));
    REQUIRE(w.live() == 2);
  }
}

TEST_CASE("a peer that is killed and restarted takes over, whoever calls first") {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    world w{seed};
    node& a = w.add(seed % 2 ? "a@h" : "z@h");
    node& b = w.add("m@h");
    w.want(a, b.name);
    w.settle();
    REQUIRE(w.joined(a, b));
    w.kill(b, w.pick(2) == 0 ? world::death::process : world::death::machine);
    // The restarted node calls while the other one may or may not have noticed the end of the first.
    for (std::size_t i = w.pick(3); i > 0; --i) w.step();
    w.want(b, a.name);
    w.settle_with_timers();
    INFO("seed " << seed);
    REQUIRE(w.joined(a, b));
    REQUIRE(w.live() == 2);
    REQUIRE(all(b, "granted"));
    REQUIRE(a.ups == 2);
  }
}

TEST_CASE("a node that does not run is unreachable, not a hang") {
  world w{1};
  node& a = w.add("a@h");
  w.want(a, "nobody@h");
  w.settle();
  CHECK(all(a, "denied"));
  CHECK(a.table.size() == 0);
}

TEST_CASE("nodes with different cookies never connect, and who waits is told") {
  for (unsigned seed = 0; seed < 500; ++seed) {
    world w{seed};
    node& a = w.add("a@h");
    node& b = w.add("b@h");
    b.cookie = "other";
    w.want(a, b.name);
    for (std::size_t i = w.pick(12); i > 0; --i) w.step();
    w.want(b, a.name);
    w.settle_with_timers();
    INFO("seed " << seed);
    REQUIRE(a.ups == 0);
    REQUIRE(b.ups == 0);
    REQUIRE(all(a, "denied"));
    REQUIRE(all(b, "denied"));
    REQUIRE(w.live() == 0);
    REQUIRE(a.table.size() == 0);
    REQUIRE(b.table.size() == 0);
  }
}
