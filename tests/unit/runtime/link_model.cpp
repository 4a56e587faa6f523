// R14: random link and unlink steps against what the promises allow, with signals crossing in every way the scheduler
// can produce; then the old protocol towards a peer that knows no unlink ids.
#include "ergo_test/figures.hpp"
#include "fixture.hpp"

#include <extras.hpp>

#include <ergo_test/sanitizers.hpp>

#include <map>
#include <set>

namespace ergo::test {
namespace {

constexpr std::size_t actors = 5;

struct actor_state {
  pid id{};
  std::set<std::size_t> linked{};        // as the process itself sees it, when it last looked
  std::map<std::size_t, int> exits{};    // EXIT messages per partner since the round began
  std::set<std::size_t> unlinked_now{};  // partners it has unlinked in this round and not linked again
  int exits_after_unlink = 0;
};

struct stage {
  explicit stage(std::uint64_t seed) : random{seed} {}
  manual_world world{};
  std::mt19937_64 random;
  std::array<actor_state, actors> actor{};

  [[nodiscard]] std::size_t index_of(const pid& who) const {
    for (std::size_t index = 0; index < actors; ++index) {
      if (actor[index].id == who) return index;
    }
    return actors;
  }
};

void look_at_links(process& self, stage& on, actor_state& me) {
  me.linked.clear();
  if (!self.extras_) return;
  for (const auto& [other, link] : self.extras_->links) {
    if (link.active) me.linked.insert(on.index_of(other));
  }
}

// Whether an EXIT that came before the unlink is in the mailbox; it stays there.
bool exit_is_unread(const process& self, const pid& from) {
  for (const auto* one = self.first_; one != nullptr; one = one->next) {
    if (one->kind == detail::signal_kind::exit_message && one->from == from) return true;
  }
  return false;
}

// Obeys {link, Pid}, {unlink, Pid} and `look`; notes the EXIT messages.
std::unique_ptr<behaviour> make_actor(stage& on, std::size_t index) {
  return plain({.receive = [&on, index](process& self, message got) {
    auto& me = on.actor[index];
    if (const auto left = got.as<exit_message>()) {
      const auto from = on.index_of(left->from);
      ++me.exits[from];
      if (me.unlinked_now.contains(from)) ++me.exits_after_unlink;
      return;
    }
    if (got.payload().is_tuple(2)) {
      const auto other = *got.payload().elements()[1].as_pid();
      if (got.payload().elements()[0].is("link"_atom)) {
        self.link(other);
        me.unlinked_now.erase(on.index_of(other));
      } else {
        self.unlink(other);
        if (!exit_is_unread(self, other)) me.unlinked_now.insert(on.index_of(other));
      }
    }
    look_at_links(self, on, me);
  }});
}

void start_actor(stage& on, std::size_t index) {
  on.actor[index] = {};
  on.actor[index].id = *on.world.runtime().spawn(on.world.node(), {.trap_exits = true}, make_actor(on, index));
}

struct op {
  std::size_t by;
  std::size_t with;
  bool link;
};

// What must hold for a pair after a round in which everything has arrived; empty where both answers are right.
std::optional<bool> expected(const std::vector<op>& ops, std::size_t left, std::size_t right, bool before) {
  bool linked = before;
  std::set<std::size_t> who;
  bool any_link = false;
  bool any_unlink = false;
  for (const auto& one : ops) {
    if (!((one.by == left && one.with == right) || (one.by == right && one.with == left))) continue;
    who.insert(one.by);
    (one.link ? any_link : any_unlink) = true;
    linked = one.link;
  }
  if (any_link && any_unlink && who.size() == 2) return std::nullopt;  // they crossed
  return linked;
}

using links = std::array<std::array<bool, actors>, actors>;

links look_everywhere(stage& on) {
  for (const auto& one : on.actor) on.world.send(one.id, "look"_atom);
  on.world.run();
  links all{};
  for (std::size_t left = 0; left < actors; ++left) {
    for (const auto right : on.actor[left].linked) {
      if (right < actors) all[left][right] = true;
    }
  }
  return all;
}

TEST_CASE("links stay symmetric and obey the last word through a million random link and unlink steps", "[R14]") {
  constexpr int all = sanitized ? 12'000 : 120'000;  // a tenth where everything takes longer
  const auto seed = GENERATE(1U, 2U);
  CAPTURE(seed);
  scenario figures{"R14", "random link and unlink steps on one node"};
  stage on{seed};
  for (std::size_t index = 0; index < actors; ++index) start_actor(on, index);
  auto before = look_everywhere(on);
  int steps = 0;
  for (int round = 0; round < all; ++round) {
    std::vector<op> ops;
    for (auto& one : on.actor) one.exits.clear();
    const auto count = 1 + on.random() % 8;
    for (std::size_t number = 0; number < count; ++number) {
      const op one{on.random() % actors, (on.random() % (actors - 1)), on.random() % 2 == 0};
      const op fixed{one.by, one.with >= one.by ? one.with + 1 : one.with, one.link};
      ops.push_back(fixed);
      on.world.send(on.actor[fixed.by].id,
                    etf::tuple(fixed.link ? "link"_atom : "unlink"_atom, on.actor[fixed.with].id));
      on.world.run_random(on.random, on.random() % 4);
      ++steps;
    }
    on.world.run_random(on.random);
    const auto now = look_everywhere(on);
    for (std::size_t left = 0; left < actors; ++left) {
      for (std::size_t right = left + 1; right < actors; ++right) {
        if (now[left][right] != now[right][left])
          FAIL("round " << round << ": one-sided link of " << left << " and " << right);
        const auto must = expected(ops, left, right, before[left][right]);
        if (must && *must != now[left][right])
          FAIL("round " << round << ": " << left << " and " << right << " linked: " << now[left][right]);
      }
    }
    before = now;
  }
  CHECK(steps > 4 * all);
  figures.ran(steps);
  for (auto& one : on.actor) CHECK(one.exits.empty());  // nobody died
}

TEST_CASE("each active link gives exactly one EXIT when its partner dies in the middle of random steps", "[R10]") {
  constexpr int rounds = 4'000;
  const auto seed = GENERATE(3U, 4U);
  CAPTURE(seed);
  stage on{seed};
  for (std::size_t index = 0; index < actors; ++index) start_actor(on, index);
  auto before = look_everywhere(on);
  for (int round = 0; round < rounds; ++round) {
    for (auto& one : on.actor) {
      one.exits.clear();
      one.unlinked_now.clear();
      one.exits_after_unlink = 0;
    }
    std::vector<op> ops;
    const auto victim = on.random() % actors;
    const auto count = on.random() % 6;
    const auto dies_after = on.random() % (count + 1);
    for (std::size_t number = 0; number <= count; ++number) {
      if (number == dies_after) on.world.exit(on.actor[victim].id, "kill"_atom);
      if (number == count) break;
      const op one{on.random() % actors, on.random() % (actors - 1), on.random() % 2 == 0};
      const op fixed{one.by, one.with >= one.by ? one.with + 1 : one.with, one.link};
      ops.push_back(fixed);
      on.world.send(on.actor[fixed.by].id,
                    etf::tuple(fixed.link ? "link"_atom : "unlink"_atom, on.actor[fixed.with].id));
      on.world.run_random(on.random, on.random() % 4);
    }
    on.world.run_random(on.random);
    for (std::size_t partner = 0; partner < actors; ++partner) {
      if (partner == victim) continue;
      auto& one = on.actor[partner];
      const bool touched = std::ranges::any_of(ops, [&](const op& step) {
        return (step.by == victim && step.with == partner) || (step.by == partner && step.with == victim);
      });
      const int exits = one.exits[victim];
      if (!touched && exits != (before[partner][victim] ? 1 : 0))
        FAIL("round " << round << ": " << exits << " EXIT for one link");
      const bool linked_back = std::ranges::any_of(
          ops, [&](const op& step) { return step.link && step.by == victim && step.with == partner; });
      if (!linked_back && one.exits_after_unlink != 0) FAIL("round " << round << ": an EXIT after unlink");
      // Every `link` by the partner may bring one more, with `noproc`.
      const auto links_made = std::ranges::count_if(
          ops, [&](const op& step) { return step.link && step.by == partner && step.with == victim; });
      if (exits > links_made + 1) FAIL("round " << round << ": " << exits << " EXIT after " << links_made << " links");
    }
    start_actor(on, victim);
    before = look_everywhere(on);
  }
}

// A peer on another node that answers as OTP 22 and older rules say: no ids, no acknowledgements. The connection
// acknowledges in its place.
class old_peer final : public outbound {
 public:
  explicit old_peer(local_node& local) : local_{local} { local_.connect(this); }
  ~old_peer() override { local_.connect(nullptr); }

  void deliver(const destination& to, detail::signal* envelope) noexcept override {
    sent.push_back(envelope->kind);
    if (envelope->kind == detail::signal_kind::link) linked = true;
    if (envelope->kind == detail::signal_kind::unlink) {
      linked = false;
      auto* const answer = detail::make_signal(detail::signal_kind::unlink_ack, to.process(), envelope->payload);
      local_.route_local(envelope->from, answer);
    }
    detail::release(envelope);
  }
  [[nodiscard]] bool busy(atom /*node*/, const pid& /*sender*/) const noexcept override { return false; }
  void wake_when_drained(atom /*node*/, const pid& /*waiting*/) noexcept override {}
  void monitor_node(const pid& /*watcher*/, atom /*node*/) noexcept override {}
  void demonitor_node(const pid& /*watcher*/, atom /*node*/) noexcept override {}

  /// What the peer sends.
  void send(detail::signal_kind kind, const pid& from, const pid& to, term payload) const {
    local_.route_local(to, detail::make_signal(kind, from, std::move(payload)));
  }

  std::vector<detail::signal_kind> sent;
  bool linked = false;

 private:
  local_node& local_;
};

TEST_CASE("an unlink without an id, as the old protocol sends it, ends the link and is not acknowledged") {
  manual_world world;
  old_peer peer{world.node()};
  const pid remote{*etf::node_id::make("old@host"_atom, 1), 7, 0};
  std::vector<std::string> got;
  const auto local = world.spawn(
      {.trap_exits = true},
      [](process& self, std::vector<std::string>* into) -> task<> {
        for (;;) {
          auto one = co_await self.receive_any();
          into->push_back(text(one.to_term()));
        }
      },
      &got);
  world.run();
  peer.send(detail::signal_kind::link, remote, local, term{});
  peer.send(detail::signal_kind::unlink, remote, local, term{0});
  peer.send(detail::signal_kind::link_exit, remote, local, term{"bad"_atom});
  world.run();
  CHECK(peer.sent.empty());
  CHECK(got.empty());
  peer.send(detail::signal_kind::link, remote, local, term{});
  peer.send(detail::signal_kind::unlink, remote, local, term{77});
  world.run();
  CHECK(peer.sent == std::vector{detail::signal_kind::unlink_ack});
}

TEST_CASE("link and unlink agree with a peer of the old protocol through a million random steps", "[R14]") {
  scenario figures{"R14", "random link and unlink steps against the old protocol"};
  manual_world world;
  old_peer peer{world.node()};
  const pid remote{*etf::node_id::make("old@host"_atom, 1), 7, 0};
  std::mt19937_64 random{5};
  bool linked = false;
  int exits = 0;
  constexpr int steps = sanitized ? 100'000 : 1'000'000;
  const auto started = world.runtime().spawn(
      world.node(), {.trap_exits = true}, plain({.receive = [&](process& self, message got) {
        if (got.as<exit_message>()) {
          ++exits;
        } else if (got.payload().is("link"_atom)) {
          self.link(remote);
        } else if (got.payload().is("unlink"_atom)) {
          self.unlink(remote);
        }
        linked = self.extras_ && self.extras_->links.contains(remote) && self.extras_->links.at(remote).active;
      }}));
  REQUIRE(started);
  const auto local = *started;
  for (int step = 0; step < steps; ++step) {
    switch (random() % 4) {
      case 0: world.send(local, "link"_atom); break;
      case 1: world.send(local, "unlink"_atom); break;
      case 2:
        if (!peer.linked) {
          peer.linked = true;
          peer.send(detail::signal_kind::link, remote, local, term{});
        }
        break;
      default:
        if (peer.linked) {
          peer.linked = false;
          peer.send(detail::signal_kind::unlink, remote, local, term{0});
        }
    }
    world.run();
    world.send(local, "look"_atom);
    world.run();
    if (linked != peer.linked) FAIL("step " << step << ": here " << linked << ", there " << peer.linked);
  }
  figures.ran(steps);
  figures.violated(exits);
  CHECK(exits == 0);
}

}  // namespace
}  // namespace ergo::test
