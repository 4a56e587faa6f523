// Our supervisors against Erlang's own: the same scripts of crashes and orders must leave the same traces. And what an
// Erlang shell asks of a supervisor of ours.
#include "harness.hpp"
#include "trees.hpp"

#include <ergo/otp/remote_child.hpp>

#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <random>

namespace ergo_interop {
namespace {

/// Makes random trees, and random steps for them; the same for the same seed.
class script_writer {
 public:
  /// With `significance`, which OTP 23 does not know, supervisors may end by themselves.
  script_writer(unsigned seed, bool significance) : random_{seed}, significance_{significance} {}

  /// A `{Tree, Steps}` of scripts.erl, in Erlang syntax.
  std::string write() {
    const auto below_it = flags_and_children("");
    std::string steps;
    for (auto count = 3 + below(10); count > 0; --count) steps += (steps.empty() ? "" : ",") + step();
    return "{{tree," + below_it + "},[" + steps + "]}";
  }

 private:
  struct owned {
    std::string owner;  // the path of its supervisor
    std::string id;
  };

  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  template <std::size_t Size>
  std::string one_of(const std::array<const char*, Size>& words) {
    return words[below(Size)];
  }
  const owned& one_of(const std::vector<owned>& all) { return all[below(static_cast<unsigned>(all.size()))]; }
  static std::string path(const std::string& above, const std::string& id) {
    return "[" + (above.empty() ? id : above + "," + id) + "]";
  }

  /// Restart type and significance below a supervisor with that rule.
  std::string kind(const std::string& rule) {
    const auto restart = one_of(std::array{"permanent", "permanent", "transient", "temporary"});
    const bool significant = rule != "never" && restart != "permanent" && below(2) == 0;
    return restart + (significant ? ",true" : ",false");
  }

  std::string worker(const std::string& rule, const std::string& id, std::string outcomes) {
    auto limit = one_of(std::array{"brutal_kill", "infinity", "5000"});
    if (below(12) == 0) {
      limit = "20";
      outcomes = "[deaf,deaf,deaf,deaf,deaf,deaf,deaf,deaf,deaf,deaf,deaf,deaf]";  // whoever obeys has time to do so
    }
    return "{worker," + id + "," + kind(rule) + "," + limit + "," + outcomes + "}";
  }

  // Most trees come up; what a later start does is what the script is about.
  std::string outcomes() {
    if (below(40) == 0) return "[{bad,from_birth}]";
    return one_of(std::array{"[]", "[]", "[]", "[good,{bad,moody}]", "[good,{bad,moody},{bad,moody}]", "[good,ignore]",
                             "[ignore]", "[good,good,{bad,{no,[1,2]}},ignore]"});
  }

  std::string static_worker(const std::string& above, const std::string& rule) {
    const auto id = "w" + std::to_string(++made_);
    workers_.push_back(path(above, id));
    children_.push_back({path_of(above), id});
    return worker(rule, id, outcomes());
  }

  // Children of one kind must not be ignored when they are started again: OTP 25 keeps such a child without a process,
  // and ends of it.
  std::string dynamic_worker(const std::string& above, const std::string& rule) {
    const auto id = "w" + std::to_string(++made_);
    dynamic_.push_back({above, id});
    return worker(rule, id, one_of(std::array{"[]", "[]", "[good,{bad,moody}]", "[good,good,good,{bad,no},{bad,no}]"}));
  }

  static std::string path_of(const std::string& above) { return "[" + above + "]"; }

  std::string flags_and_children(const std::string& above) {
    const auto strategy = one_of(std::array{"one_for_one", "one_for_one", "one_for_all", "one_for_all", "rest_for_one",
                                            "rest_for_one", "simple_one_for_one"});
    const bool may_end = significance_ && strategy != "simple_one_for_one";  // OTP 27 refuses both together
    const auto rule =
        may_end ? one_of(std::array{"never", "never", "any_significant", "all_significant"}) : std::string{"never"};
    const auto intensity = std::to_string(below(5));
    supervisors_.push_back({above, rule});
    std::string children;
    if (strategy == "simple_one_for_one") {
      children = dynamic_worker(above, rule);
    } else {
      for (auto count = 1 + below(4); count > 0; --count) {
        if (!children.empty()) children += ",";
        children += above.empty() && below(3) == 0 ? supervisor(rule) : static_worker(above, rule);
      }
    }
    return "{" + strategy + "," + intensity + "," + rule + "},[" + children + "]";
  }

  std::string supervisor(const std::string& rule) {
    const auto id = "s" + std::to_string(++made_);
    children_.push_back({"[]", id});
    const auto what = kind(rule);
    return "{supervisor," + id + "," + what + "," + flags_and_children(id) + "}";
  }

  std::string end_of(const std::string& of) {
    if (below(6) == 0) return "{kill," + of + "}";
    return "{die," + of + "," +
           one_of(std::array{"normal", "shutdown", "{shutdown,{for,\"reasons\"}}", "boom", "{error,[1,2]}"}) + "}";
  }

  std::string step_with_one_kind() {
    const auto& [owner, id] = one_of(dynamic_);
    const auto one = "{" + id + "," + std::to_string(1 + below(6)) + "}";
    const auto what = below(8);
    if (what < 4) return "{start_one," + path_of(owner) + "}";
    if (what < 7) return end_of(path(owner, one));
    return "{terminate_one," + path_of(owner) + "," + one + "}";
  }

  std::string step() {
    if (!dynamic_.empty() && below(workers_.empty() ? 8 : 2) > 0) return step_with_one_kind();
    if (!workers_.empty() && below(10) < 6) return end_of(workers_[below(static_cast<unsigned>(workers_.size()))]);
    if (below(4) == 0 || children_.empty()) {
      const auto& [above, rule] = one_of(supervisors_);
      // Sometimes a child that the supervisor has already.
      const auto& known = children_.empty() ? dynamic_.front().id : one_of(children_).id;
      const auto id = below(4) == 0 ? known : "w" + std::to_string(++made_);
      workers_.push_back(path(above, id));
      children_.push_back({path_of(above), id});
      return "{start_child," + path_of(above) + "," + worker(rule, id, outcomes()) + "}";
    }
    const auto& [owner, id] = one_of(children_);
    const auto order = one_of(std::array{"terminate_child", "restart_child", "delete_child", "get_childspec"});
    return "{" + order + "," + owner + "," + (below(12) == 0 ? "unknown" : id) + "}";
  }

  std::mt19937 random_;
  bool significance_;
  unsigned made_ = 0;
  std::vector<std::string> workers_;  // their paths
  std::vector<owned> children_;       // all but those of one kind
  std::vector<owned> dynamic_;        // the path of their supervisor, their kind
  std::vector<owned> supervisors_;    // their path without brackets, their auto_shutdown
};

/// A node of ours with `trees`, and an Erlang node that has scripts.erl loaded.
struct theatre {
  std::uint16_t port = free_port();
  our_node ours;
  erlang_peer peer;

  explicit theatre(const release& otp)
      : ours{options_for(fresh_name("cpp"), port), runtime_for(otp)}, peer{peer_at(otp, port)} {
    ergo::otp::start_options named;
    named.name = "trees"_atom;
    expect(ergo::otp::start<trees>(ours->local(), named).has_value(), "no trees");
    peer.load(ERGO_SOURCE_DIR "/tests/interop/otp/scripts.erl");
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
  }
};

/// Ends the scenario unless a script leaves the same trace in both; `seed` says where the script is from.
void expect_same_trace(theatre& on, const std::string& script, const std::string& seed = "by hand") {
  const auto verdict = on.peer.run("{apply, scripts, compare, [" + script + ", " + on.ours.quoted_name() + "]}");
  expect(verdict.starts_with("{same,"), "seed " + seed + ": " + script + "\n" + verdict);
}

TEST_CASE("Random crash scripts leave the same traces in Erlang's supervisor and in ours", "[R16]") {
  const auto first = ergo::test::from_environment("ERGO_SCRIPT_SEED", 1);
  const auto count = ergo::test::from_environment("ERGO_SCRIPTS", 300);
  for_every_release(std::to_string(count) + " random scripts of all strategies: the same trace in both",
                    [&](const release& otp) {
                      ergo::test::scenario figures{"R16", "random supervisor scripts, the same trace as in Erlang's"};
                      theatre on{otp};
                      for (auto seed = first; seed < first + count; ++seed) {
                        figures.ran();
                        expect_same_trace(on, script_writer{seed, otp.number != "23"}.write(), std::to_string(seed));
                      }
                    });
}

/// Three workers, or three of one kind, that end one after the other, normal, abnormal and by shutdown.
std::string three_ends(const std::string& strategy, const std::string& restart) {
  const auto worker = [&](const std::string& id) { return "{worker," + id + "," + restart + ",false,5000,[]}"; };
  const auto die = [](const std::string& path, const std::string& reason) {
    return "{die,[" + path + "]," + reason + "}";
  };
  const std::string flags = "{" + strategy + ",100,never}";
  if (strategy != "simple_one_for_one") {
    return "{{tree," + flags + ",[" + worker("a") + "," + worker("b") + "," + worker("c") + "]},[" +
           die("a", "normal") + "," + die("b", "abnormal") + "," + die("c", "shutdown") + "]}";
  }
  const std::string start = "{start_one,[]}";
  return "{{tree," + flags + ",[" + worker("k") + "]},[" + start + "," + start + "," + start + "," +
         die("{k,1}", "normal") + "," + die("{k,2}", "abnormal") + "," + die("{k,3}", "shutdown") + "]}";
}

TEST_CASE("Each strategy and restart type does the same in Erlang's supervisor and in ours") {
  for_every_release("the table of strategies, restart types and reasons", [](const release& otp) {
    theatre on{otp};
    for (const std::string strategy : {"one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one"}) {
      for (const std::string restart : {"permanent", "transient", "temporary"}) {
        expect_same_trace(on, three_ends(strategy, restart));
      }
    }
  });
}

/// Starts a supervisor of ours without children that knows the start functions of scripts.erl.
void start_empty(our_node& ours, ergo::atom name, ergo::otp::supervisor_spec tree) {
  tree.start_functions = script_functions();
  ergo::otp::start_options named;
  named.name = name;
  expect(ergo::otp::start<ergo::otp::supervisor>(ours->local(), named, tree).has_value(), "no supervisor");
}

TEST_CASE("Our supervisor answers every call of Erlang's module supervisor as Erlang's own does") {
  for_every_release("start_child by {M, F, A}, bad specifications, every order", [](const release& otp) {
    theatre on{otp};
    start_empty(on.ours, "plain"_atom, {});
    ergo::otp::supervisor_spec simple;
    simple.strategy = ergo::otp::strategy::simple_one_for_one;
    // Starts are counted under a term of the release's own.
    const auto arguments = "[a, {atomics, " + otp.number + "}]";
    const auto kind = ergo::otp::read_child_spec(
        parsed("#{id => k, start => {scripts, start_worker, " + arguments + "}, restart => transient}"));
    expect(kind.has_value(), "no specification");
    simple.children.push_back(*kind);
    start_empty(on.ours, "simple"_atom, simple);
    const auto verdict = [&](const std::string& of, const std::string& name) {
      return on.peer.run("{apply, scripts, shapes, [" + of + ", {" + name + ", " + on.ours.quoted_name() + "}]}");
    };
    for (const auto& [of, name] : {std::pair{"static", "plain"}, std::pair{"simple", "simple"}}) {
      const auto told = verdict(of, name);
      expect(told.starts_with("{same,"), told);
    }
  });
}

/// The child `id` of our supervisor `name`, as Erlang prints it, or what it is instead.
std::string child_of(theatre& on, const std::string& name, const std::string& id) {
  return on.peer.run("{apply, scripts, child, [{" + name + ", " + on.ours.quoted_name() + "}, " + id + "]}");
}

TEST_CASE("Our supervisor starts, restarts and stops processes and gen_servers of an Erlang node") {
  for_every_release("children on an Erlang node", [](const release& otp) {
    theatre on{otp};
    const auto there = ergo::atom::of(on.peer.name());
    ergo::otp::supervisor_spec tree;
    tree.intensity = 10;
    const ergo::otp::remote_start sleep{
        .node = there, .module = "timer"_atom, .function = "sleep"_atom, .arguments = parsed("[infinity]")};
    tree.children.push_back(ergo::otp::remote_child("p"_atom, sleep));
    // A supervisor of Erlang is a gen_server, too.
    const auto argument = parsed("{self, scripts, {shapes, static, []}}");
    tree.children.push_back(ergo::otp::remote_server("s"_atom, there, "supervisor"_atom, argument));
    start_empty(on.ours, "afar"_atom, tree);
    const auto gone = [&](const std::string& pid) {
      return on.peer.run("{apply, scripts, ended, [\"" + pid + "\"]}") == "true";
    };
    for (const std::string id : {"p", "s"}) {
      const auto first = child_of(on, "afar", id);
      expect(first.starts_with("<0."), "not of that node: " + first);
      expect_same(on.peer.run("{apply, scripts, kill, [\"" + first + "\"]}"), "true");
      eventually("another process", [&] {
        const auto now = child_of(on, "afar", id);
        return now.starts_with("<0.") && now != first;
      });
      const auto second = child_of(on, "afar", id);
      expect_same(
          on.peer.run("{apply, supervisor, terminate_child, [{afar, " + on.ours.quoted_name() + "}, " + id + "]}"),
          "ok");
      expect(gone(second), "it runs on");
    }
    const auto refused = [&](const std::string& init) {
      tree.children.clear();
      const auto bad = parsed("{self, scripts, {shapes, " + init + ", []}}");
      tree.children.push_back(ergo::otp::remote_server("s"_atom, there, "supervisor"_atom, bad));
      const ergo::otp::start_options unnamed;
      const auto started = ergo::otp::start<ergo::otp::supervisor>(on.ours->local(), unnamed, tree);
      if (!started) return ergo::etf::to_text(started.error().context());
      on.ours->local().owner().exit(*started, ergo::exit_reason{"shutdown"_atom});
      return std::string{"started"};
    };
    expect_same(refused("bad"), "{shutdown,{failed_to_start_child,s,{bad_return,{scripts,init,bad}}}}");
    expect_same(refused("ignore"), "started");
  });
}

/// A supervisor of ours called `top`: a worker `a`, a temporary worker `b`, and a supervisor `sub` with a worker `c`.
void start_top(our_node& ours) {
  auto worker = [log = ours->whereis("echo"_atom).value()](ergo::atom id) {
    return ergo::otp::child<scripted>(id, id, std::make_shared<std::size_t>(0), ergo::term{}, log);
  };
  ergo::otp::supervisor_spec sub;
  sub.children.push_back(worker("c"_atom));
  ergo::otp::supervisor_spec tree;
  tree.intensity = 100;
  tree.children.push_back(worker("a"_atom).registered());
  tree.children.push_back(worker("b"_atom).restarted(ergo::otp::restart::temporary));
  tree.children.push_back(ergo::otp::child_supervisor("sub"_atom, sub).registered());
  ergo::otp::start_options named;
  named.name = "top"_atom;
  expect(ergo::otp::start<ergo::otp::supervisor>(ours->local(), named, tree).has_value(), "no supervisor");
}

TEST_CASE("An Erlang shell asks our supervisor, and gives it orders") {
  for_every_release("which_children, count_children and orders from Erlang", [](const release& otp) {
    theatre on{otp};
    start_top(on.ours);
    const auto top = "{top, " + on.ours.quoted_name() + "}";
    const auto ask = [&](const std::string& function, const std::string& more = "") {
      return on.peer.run("{apply, supervisor, " + function + ", [" + top + more + "]}");
    };
    const auto children = [&] { return on.peer.run("{apply, scripts, children, [" + top + "]}"); };
    const std::string sub = "{sub,alive,supervisor,[supervisor]}";
    const std::string b = "{b,alive,worker,[scripted]}";
    expect_same(children(), "[" + sub + "," + b + ",{a,alive,worker,[scripted]}]");
    expect_same(on.peer.run("{apply, scripts, children, [{sub, " + on.ours.quoted_name() + "}]}"),
                "[{c,alive,worker,[scripted]}]");
    expect_same(ask("count_children"), "[{specs,3},{active,3},{supervisors,1},{workers,2}]");
    expect_same(ask("get_childspec", ", unknown"), "{error,not_found}");
    expect(ask("get_childspec", ", b").find("restart => temporary") != std::string::npos, "no specification");

    expect_same(ask("delete_child", ", a"), "{error,running}");
    expect_same(ask("restart_child", ", a"), "{error,running}");
    expect_same(ask("terminate_child", ", a"), "ok");
    expect_same(children(), "[" + sub + "," + b + ",{a,undefined,worker,[scripted]}]");
    expect(ask("restart_child", ", a").starts_with("{ok,<"), "not restarted");
    expect_same(on.peer.run("{remote_whereis, " + on.ours.quoted_name() + ", nobody}"), "undefined");
    expect(on.peer.run("{remote_whereis, " + on.ours.quoted_name() + ", a}").starts_with("<"), "not registered again");
    expect_same(ask("terminate_child", ", b"), "ok");
    expect_same(ask("terminate_child", ", b"), "{error,not_found}");
    expect_same(ask("terminate_child", ", a"), "ok");
    expect_same(ask("delete_child", ", a"), "ok");
    expect_same(children(), "[" + sub + "]");
    for (const std::string order : {"terminate_child", "restart_child", "delete_child"})
      expect_same(ask(order, ", a"), "{error,not_found}");
    expect_same(ask("count_children"), "[{specs,1},{active,1},{supervisors,1},{workers,0}]");
  });
}

}  // namespace
}  // namespace ergo_interop
