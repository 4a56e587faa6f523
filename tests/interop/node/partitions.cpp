// R41: nodes of Erlang and of ours on computers of their own, between some of which the network is cut.
#include "harness.hpp"
#include "network.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/kernel.hpp>
#include <ergo/otp/global.hpp>
#include <ergo/otp/pg.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>

namespace ergo_interop {
namespace {

using ergo::otp::pg;

constexpr auto tick_time = 4s;
// A silent peer is down within five quarters of the tick time; the rest is for a machine with other work.
constexpr auto patience = tick_time + tick_time / 4 + 10s;
constexpr std::uint16_t everywhere = 4'711;

ergo::task<ergo::term> join(ergo::process& self, pg scope) {
  const auto lobby = "lobby"_atom;
  const auto joined = co_await scope.join(self, lobby);
  if (!joined) co_return ergo::term{"not_joined"_atom};
  co_return ergo::term{"joined"_atom};
}

/// A member of the group as long as the node lives.
ergo::task<> member(ergo::process& self, pg scope) {
  auto joining = join(self, scope);
  (void)co_await std::move(joining);
  (void)co_await self.receive<ergo::down>();
}

/// The nodes of the group's members, in order.
ergo::task<ergo::term> members(ergo::process& self, pg scope) {
  const auto lobby = "lobby"_atom;
  const auto all = co_await scope.members(self, lobby);
  std::vector<std::string> names;
  if (all) {
    for (const auto& one : *all) names.emplace_back(one.node.name().text());
  }
  std::ranges::sort(names);
  std::vector<ergo::term> sorted;
  for (const auto& name : names) sorted.emplace_back(ergo::atom::of(name));
  co_return ergo::etf::make_list(sorted);
}

ergo::task<ergo::term> give_name(ergo::process& self, ergo::atom name, ergo::pid to) {
  const ergo::otp::global_name wanted{name};
  const auto given = co_await ergo::otp::global::register_name(self, wanted, to);
  co_return ergo::term{given == ergo::otp::global::answer::yes};
}

ergo::task<> stay(ergo::process& self) { co_await self.sleep(ergo::forever); }

/// Whether our nodes have global names, the visible one those of the cluster, and all prevent partitions that overlap.
enum class naming : std::uint8_t { none, cluster };

/// Two nodes of Erlang, a hidden and a visible one of ours, each on a computer of its own, all connected.
class scattered {
 public:
  static constexpr unsigned centre = 1;  // Erlang
  static constexpr unsigned erlang = 2;
  static constexpr unsigned hidden = 3;  // ours
  static constexpr unsigned visible = 4;

  explicit scattered(const release& otp, naming how = naming::none) : naming_{how} {
    for (const auto computer : {centre, erlang}) {
      theirs_.emplace(computer, std::make_unique<erlang_peer>(there(otp, computer)));
      auto& one = *theirs_.at(computer);
      one.load(ERGO_SOURCE_DIR "/tests/interop/node/partition_side.erl");
      one.load(ERGO_SOURCE_DIR "/tests/interop/node/global_side.erl");
      expect_same(one.run("{apply, partition_side, start, []}"), "true");
      expect_same(one.run("{apply, partition_side, join, []}"), "ok");
    }
    start_ours(otp, hidden, ergo::visibility::hidden);
    start_ours(otp, visible, ergo::visibility::visible);
    auto& ours = **ours_.at(visible);
    expect(rooms.start(ours.local()).has_value(), "our scope starts");
    expect(ours.spawn(member, rooms).has_value(), "our member starts");
    meet();
  }

  /// Every node that is not connected with another one calls it.
  void meet() {
    eventually("all meet", [&] {
      bool all = true;
      for (unsigned one = centre; one <= visible; ++one) {
        for (unsigned other = one + 1; other <= visible; ++other) all = call(one, other) && all;
      }
      return all;
    });
  }
  [[nodiscard]] bool connected(unsigned one, unsigned other) {
    if (const auto found = ours_.find(one); found != ours_.end()) return (*found->second)->is_connected(name(other));
    return theirs_.at(one)->run("{connected, " + atom_text(name(other)) + "}") == "true";
  }
  /// Both sides of each of these pairs see it as `wanted`, and the others are connected.
  void expect_cut(const std::vector<std::pair<unsigned, unsigned>>& pairs) {
    for (unsigned one = centre; one <= visible; ++one) {
      for (unsigned other = centre; other <= visible; ++other) {
        if (one == other) continue;
        const bool is_cut =
            std::ranges::find(pairs, std::pair{std::min(one, other), std::max(one, other)}) != pairs.end();
        const auto what = name(one) + (is_cut ? " loses " : " keeps ") + name(other);
        eventually(what, [&] { return connected(one, other) != is_cut; }, patience);
      }
    }
  }
  /// Who is in the group, as `computer` sees it: exactly those on `wanted`.
  void expect_group(unsigned computer, const std::vector<unsigned>& wanted) {
    std::vector<std::string> names;
    for (const auto one : wanted) names.push_back(name(one));
    std::ranges::sort(names);
    std::string text;
    for (const auto& one : names) text += (text.empty() ? "" : ",") + atom_text(one);
    std::string seen;
    try {
      eventually("group", [&] { return (seen = group_at(computer)) == "[" + text + "]"; });
    } catch (const std::runtime_error&) {
      expect_same(name(computer) + " sees " + seen, "[" + text + "]");
    }
  }
  /// Gives a name to a new process of that computer.
  void register_name(unsigned computer, const std::string& name) {
    if (ours_.contains(computer)) {
      auto& node = **ours_.at(computer);
      const auto who = node.spawn(stay).value();
      return expect_term(run_process(node, give_name, ergo::atom::of(name), who), "true");
    }
    auto& one = *theirs_.at(computer);
    one.run("{set, sleeper, {apply, global_side, sleeper, []}}");
    expect_same(one.run("{apply, global, register_name, [" + name + ", {var, sleeper}]}"), "yes");
  }
  /// The names of the cluster with their nodes, as `computer` sees them.
  [[nodiscard]] std::string names_at(unsigned computer) {
    if (theirs_.contains(computer)) return theirs_.at(computer)->run("{apply, global_side, names, []}");
    const auto& here = (**ours_.at(computer)).local();
    std::map<std::string, ergo::term> sorted;
    for (const auto& name : ergo::otp::global::registered_names(here)) {
      const auto who = ergo::otp::global::whereis_name(here, ergo::otp::global_name{name});
      if (who) sorted.emplace(ergo::etf::to_text(name), ergo::etf::tuple(name, who->node.name()));
    }
    std::vector<ergo::term> all;
    for (const auto& [name, entry] : sorted) all.push_back(entry);
    return ergo::etf::to_text(ergo::etf::make_list(all));
  }
  /// Entries of exactly these names, each on one of its computers.
  [[nodiscard]] bool sees(unsigned computer, const std::map<std::string, std::vector<unsigned>>& wanted) {
    const auto seen = parsed(names_at(computer));
    if (seen.items().size() != wanted.size()) return false;
    return std::ranges::all_of(seen.items(), [&](const ergo::term& entry) {
      const auto found = wanted.find(ergo::etf::to_text(entry.elements()[0]));
      return found != wanted.end() && std::ranges::any_of(found->second, [&](unsigned one) {
               return entry.elements()[1].is(ergo::atom::of(name(one)));
             });
    });
  }
  /// A twentieth of what any two send each other is lost for two tick times: nobody loses anybody.
  void lose_a_twentieth() {
    for (unsigned one = centre; one <= visible; ++one) {
      for (unsigned other = one + 1; other <= visible; ++other) {
        if (!network_.cut("random", one, other)) return network_.heal();
      }
    }
    const auto until = std::chrono::steady_clock::now() + 2 * tick_time;
    eventually(
        "two tick times are over",
        [&] {
          expect_cut({});
          return std::chrono::steady_clock::now() > until;
        },
        4 * tick_time);
    network_.heal();
  }
  void expect_no_crash() {
    for (const auto& [computer, one] : theirs_) expect_same(one->run("{apply, partition_side, crashes, []}"), "[]");
  }
  [[nodiscard]] network& cables() noexcept { return network_; }

 private:
  [[nodiscard]] std::string name(unsigned computer) const {
    if (const auto found = ours_.find(computer); found != ours_.end()) return found->second->name();
    return theirs_.at(computer)->name();
  }
  [[nodiscard]] std::string group_at(unsigned computer) {
    if (computer == visible) return ergo::etf::to_text(run_process(**ours_.at(visible), members, rooms));
    return theirs_.at(computer)->run("{apply, partition_side, members, []}");
  }
  [[nodiscard]] bool call(unsigned one, unsigned other) {
    if (connected(one, other) && connected(other, one)) return true;
    if (const auto found = ours_.find(one); found != ours_.end())
      return (*found->second)->connect(name(other)).has_value();
    return theirs_.at(one)->run("{ping, " + atom_text(name(other)) + "}") == "pong";
  }
  [[nodiscard]] peer_options there(const release& otp, unsigned computer) const {
    auto options = peer_at(otp, everywhere, network::address(computer));
    options.through = {"ip", "netns", "exec", network_.space(computer)};
    const auto seconds = std::to_string(std::chrono::seconds{tick_time}.count());
    const auto address = "{10,77,0," + std::to_string(computer) + "}";
    const std::vector<std::string> words{"-erl_epmd_port", std::to_string(everywhere), "-kernel", "net_ticktime",
                                         seconds,          "inet_dist_use_interface",  address};
    options.more.insert(options.more.end(), words.begin(), words.end());
    if (naming_ == naming::cluster)
      options.more.insert(options.more.end(), {"-kernel", "prevent_overlapping_partitions", "true"});
    return options;
  }
  void start_ours(const release& otp, unsigned computer, ergo::visibility seen) {
    auto options = options_for(fresh_name("cpp"), 0);
    options.name = fresh_name("cpp") + "@" + network::address(computer);
    options.epmd = ergo::epmd_mode::none;
    options.peer_port = everywhere;
    options.visibility = seen;
    options.net_ticktime = tick_time;
    if (naming_ == naming::cluster) options.boot = ergo::kernel::boot();
    network_.on(computer, [&] { ours_.emplace(computer, std::make_unique<our_node>(options, runtime_for(otp))); });
  }

  naming naming_;
  network network_{visible};
  std::map<unsigned, std::unique_ptr<erlang_peer>> theirs_;
  std::map<unsigned, std::unique_ptr<our_node>> ours_;

 public:
  const pg rooms{"rooms"_atom};
};

TEST_CASE("R41: who is cut from some nodes keeps the others, groups follow, and all meet again without a restart",
          "[R41]") {
  for_every_release("partial partitions: two of Erlang, a hidden and a visible one of ours", [](const release& otp) {
    scenario figures{"R41", "partial partitions of two of Erlang's, a hidden and a visible one of ours"};
    scattered on{otp};
    constexpr auto centre = scattered::centre;
    constexpr auto erlang = scattered::erlang;
    constexpr auto hidden = scattered::hidden;
    constexpr auto visible = scattered::visible;
    const std::vector<unsigned> everybody{centre, erlang, visible};
    std::vector<std::string> ways{"drop"};
    if (otp.installed()) ways.insert(ways.end(), {"reset", "blackhole"});
    for (const auto& how : ways) {
      for (const auto computer : everybody) on.expect_group(computer, everybody);
      // One of Erlang's from ours, and ours from each other; all keep the centre.
      const std::vector<std::pair<unsigned, unsigned>> pairs{{erlang, hidden}, {erlang, visible}, {hidden, visible}};
      if (!std::ranges::all_of(pairs, [&](const auto& pair) { return on.cables().cut(how, pair.first, pair.second); }))
        continue;
      on.expect_cut(pairs);
      on.expect_group(centre, everybody);
      on.expect_group(erlang, {centre, erlang});
      on.expect_group(visible, {centre, visible});
      on.cables().heal();
      on.meet();
      figures.ran();
    }
    if (otp.installed()) {
      on.lose_a_twentieth();
      expect(on.cables().cut("down", visible, centre), "a link goes down");
      on.expect_cut({{centre, visible}, {erlang, visible}, {hidden, visible}});
      on.expect_group(centre, {centre, erlang});
      on.expect_group(visible, {visible});
      on.cables().heal();
      on.meet();
      figures.ran();
    }
    for (const auto computer : everybody) on.expect_group(computer, everybody);
    on.expect_no_crash();
  });
}

using table = std::map<std::string, std::vector<unsigned>>;

// Returns what the table is after the heal: a name that both sides have given away belongs to one of them.
table part_and_heal(scattered& on, const release& otp, const std::string& how, const table& before) {
  constexpr auto centre = scattered::centre;
  constexpr auto erlang = scattered::erlang;
  constexpr auto visible = scattered::visible;
  const auto both_have = "of_both_" + how;
  if (!on.cables().cut(how, visible, erlang)) return before;
  eventually(
      "both lose each other", [&] { return !on.connected(erlang, visible) && !on.connected(visible, erlang); },
      patience);
  if (otp.number != "23") {  // where the centre parts with one of them, or with both
    eventually(
        "nobody is in two partitions", [&] { return !on.connected(centre, erlang) || !on.connected(centre, visible); },
        patience);
  }
  eventually("ours has not their name", [&] { return on.names_at(visible).find("of_erlang") == std::string::npos; });
  eventually("theirs has not ours", [&] { return on.names_at(erlang).find("of_ours") == std::string::npos; });
  expect(on.sees(scattered::hidden, {{"of_hidden", {scattered::hidden}}}), "the hidden one keeps its own name");
  auto after = before;
  for (const auto& [side, alone] :
       {std::pair{erlang, !on.connected(centre, erlang)}, std::pair{visible, !on.connected(centre, visible)}}) {
    if (!alone) continue;
    on.register_name(side, both_have);
    after[both_have] = {erlang, visible};
  }
  on.cables().heal();
  on.meet();
  return after;
}

TEST_CASE("R41: names follow who is cut, nobody is in two partitions, and after the heal all have the same names",
          "[R41]") {
  for_every_release("global: partial partition, prevented from overlapping", [](const release& otp) {
    scenario figures{"R41", "partitions with global: the same names after each heal"};
    scattered on{otp, naming::cluster};
    constexpr auto centre = scattered::centre;
    constexpr auto erlang = scattered::erlang;
    constexpr auto hidden = scattered::hidden;
    constexpr auto visible = scattered::visible;
    const auto all_see = [&](const std::string& when, const table& wanted) {
      for (const auto computer : {centre, erlang, visible})
        eventually(when, [&] { return on.sees(computer, wanted); }, patience);
      // It is no member: it has its own names, and nobody else has those.
      eventually(when, [&] { return on.sees(hidden, {{"of_hidden", {hidden}}}); }, patience);
    };
    on.register_name(centre, "of_centre");
    on.register_name(erlang, "of_erlang");
    on.register_name(visible, "of_ours");
    on.register_name(hidden, "of_hidden");
    table names{{"of_centre", {centre}}, {"of_erlang", {erlang}}, {"of_ours", {visible}}};
    all_see("names of all", names);
    std::vector<std::string> ways{"drop"};
    if (otp.installed()) ways.insert(ways.end(), {"reset", "down"});
    for (const auto& how : ways) {
      names = part_and_heal(on, otp, how, names);
      all_see("after the heal of " + how, names);
      figures.ran();
    }
    on.expect_no_crash();
  });
}

}  // namespace
}  // namespace ergo_interop
