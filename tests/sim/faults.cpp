// R49: everything at once. Callers, watchers, linkers, senders and a witness of nodes on one that stays, their partners
// on nodes that are killed, cut off, half deaf, slow and started anew; all invariants after every step.
#include "callers.hpp"
#include "sights.hpp"
#include "ties.hpp"
#include "traffic.hpp"
#include "watchers.hpp"

#include <unordered_map>

namespace ergo::test {
namespace {

/// What one process knows of its links: each gives exactly one EXIT, and none after an unlink.
struct linker_state {
  std::unordered_map<pid, bool> linked;
  int wrong = 0;
};

task<> keep_linking(process& self, sim* world, const std::vector<pid>* targets, linker_state* out) {
  self.trap_exits(exits::trapped);
  bool more = true;
  bool quiet = false;  // every EXIT that has come is read, so that `linked` is what the process itself believes
  for (;;) {
    if (more && quiet) {
      const auto other = (*targets)[world->pick(targets->size())];
      const bool wanted = world->pick(3) != 0;
      wanted ? self.link(other) : self.unlink(other);
      out->linked[other] = wanted;
    }
    auto got = co_await self.receive<exit_message, atom>(std::chrono::milliseconds{more ? world->pick(4) : 1000});
    quiet = got.timed_out();
    if (got.get<atom>() != nullptr) more = false;
    if (const auto* const ended = got.get<exit_message>()) {
      auto& known = out->linked[ended->from];
      if (!known) ++out->wrong;
      known = false;
    }
  }
}

// For a while: a run comes to rest when nobody talks any more.
task<> talk_for_a_while(process& self, atom home) {
  for (int word = 0; word < 60; ++word) {
    self.send(destination{"witness"_atom, home}, self.node().name());
    co_await self.sleep(3ms);
  }
}

class cast {
 public:
  explicit cast(sim& in) : world_{in}, ties_{in} {
    for (std::size_t index = 0, count = 3 + in.pick(3); index < count; ++index) names_.push_back(node_name(index));
    mix_.spared = {home()};
    for (const auto& name : names_) world_.start(name, [this](const std::string& on) { settle_on(on); });
    for (int count = 0; count < 2; ++count) {
      watchers_.push_back(std::make_unique<watcher_state>());
      linkers_.push_back(std::make_unique<linker_state>());
      tied_.push_back(world_.spawn(home(), keep_watching, &world_, &names_, &targets_, watchers_.back().get()));
      tied_.push_back(world_.spawn(home(), keep_linking, &world_, &targets_, linkers_.back().get()));
      world_.spawn(home(), keep_calling, &world_, &names_, &servers_, rounds, &calls_);
    }
    world_.spawn(home(), {.name = "witness"_atom}, make_body(witness_nodes, &sight_));
    promise();
  }

  void disturb() {
    world_.run_for(std::chrono::milliseconds{world_.pick(12)});
    const auto any = [this](const auto& among) { return among[world_.pick(among.size())]; };
    switch (world_.pick(8)) {
      case 0: return world_.fault("kill a target", [&] { world_.kill(any(targets_)); });
      case 1: return world_.fault("kill a server", [&] { world_.kill(any(servers_)); });
      case 2: return world_.fault("a server more", [&] { start_server(world_, any(names_), servers_); });
      case 3: return world_.fault("a target more", [&] { start_target(world_, any(names_), targets_); });
      default: return world_.random_fault(mix_);
    }
  }

  [[nodiscard]] std::string come_to_rest() {
    for (std::size_t index = 0; index < tied_.size(); ++index) world_.send(tied_[index], "finish"_atom);
    world_.run_for(1s);
    world_.heal();
    world_.run_for(30s);
    for (const auto& one : targets_) world_.kill(one);
    world_.run_for(30s);
    auto wrong = verdict();
    return wrong.empty() ? close_books() : wrong;
  }

 private:
  static constexpr int rounds = 30;

  [[nodiscard]] const std::string& home() const { return names_[0]; }

  /// What a node has from its start, at home first.
  void settle_on(const std::string& name) {
    start_server(world_, name, servers_);
    start_target(world_, name, targets_);
    if (name == home()) {
      ear_ = numbers_.receive(world_, name);
      return;
    }
    numbers_.send(world_, name, ear_, 30);
    numbers_.send(world_, home(), numbers_.receive(world_, name), 30);
    world_.spawn(name, {.name = "talker"_atom}, make_body(talk_for_a_while, atom::of(home())));
  }

  /// What holds in every moment.
  void promise() {
    world_.invariant("each pair keeps its order, and nothing comes twice", [this]() -> std::string {
      for (const auto& one : numbers_.receivers) {
        if (!one->wrong.empty()) return one->wrong;
      }
      return {};
    });
    world_.invariant("a monitor gives one DOWN at most", [this]() -> std::string {
      for (const auto& one : watchers_) {
        if (one->twice != 0) return "a DOWN too many";
        if (one->strangers != 0) return "a DOWN of an unknown monitor or object";
      }
      return {};
    });
    world_.invariant("an EXIT comes of a link only", [this]() -> std::string {
      return std::ranges::all_of(linkers_, [](const auto& one) { return one->wrong == 0; }) ? "" : "an EXIT too many";
    });
    world_.invariant("nodes come and go in turns, around their traffic", [this] { return sight_.wrong; });
    world_.invariant("an answer is the one to its call",
                     [this]() -> std::string { return calls_.wrong_answers == 0 ? "" : "an answer to another call"; });
    world_.invariant("both ends know of links and monitors, or news is on its way", [this] { return check_ties(); });
  }

  /// Each step looks at one process more: what is broken stays so until its turn comes.
  [[nodiscard]] std::string check_ties() {
    if (looked_at_.empty()) looked_at_ = targets_, looked_at_.insert(looked_at_.end(), tied_.begin(), tied_.end());
    const auto one = looked_at_.back();
    looked_at_.pop_back();
    if (!world_.alive(one)) return {};
    for (auto wrong : {ties_.check_links(one), ties_.check_monitors(one), ties_.check_watchers(one)}) {
      if (!wrong.empty()) return wrong;
    }
    return {};
  }

  /// What holds when everything has arrived and all targets have ended.
  [[nodiscard]] std::string verdict() const {
    if (auto wrong = numbers_.verdict(); !wrong.empty()) return wrong;
    if (auto wrong = check_watchers(watchers_); !wrong.empty()) return wrong;
    for (const auto& one : linkers_) {
      for (const auto& [other, linked] : one->linked) {
        if (linked) return "no EXIT for the link to " + etf::to_text(term{other});
      }
    }
    return test::verdict(calls_, 2 * rounds);
  }

  /// Without processes nothing is left to tell anybody of, and no connection remembers anything.
  [[nodiscard]] std::string close_books() {
    for (const auto& name : names_) {
      for (const auto& one : world_.node(name).owner().processes(world_.node(name))) world_.kill(one);
    }
    world_.run_for(10s);
    for (const auto& left : names_) {
      if (world_.node(left).owner().process_count() != 0) return "processes are left on " + left;
      for (const auto& right : names_) {
        if (const auto kept = world_.remembered(left, right); kept != 0)
          return std::to_string(kept) + " links, monitors or calls are remembered by " + left;
      }
    }
    return {};
  }

  sim& world_;
  ties ties_;
  testing::fault_mix mix_;
  std::vector<std::string> names_;
  std::vector<pid> servers_;
  std::vector<pid> targets_;
  std::vector<pid> tied_;
  std::vector<pid> looked_at_;
  pid ear_{};
  traffic numbers_;
  outcomes calls_;
  sight sight_;
  std::vector<std::unique_ptr<watcher_state>> watchers_;
  std::vector<std::unique_ptr<linker_state>> linkers_;
};

TEST_CASE("every promise holds in every step while three to five nodes are killed, cut off, half deaf and slow",
          "[R49]") {
  std::uint64_t packets = 0;
  testing::sim_options options;
  options.overtaking = 20;
  check_seeds(seeds_in_time(2000), options, [&](sim& world) -> std::string {
    auto& on = world.keep<cast>(world);
    for (int fault = 0; fault < 30; ++fault) on.disturb();
    auto wrong = on.come_to_rest();
    packets += world.packets();
    return wrong;
  });
  CHECK(packets != 0);
}

}  // namespace
}  // namespace ergo::test
