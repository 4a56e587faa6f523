// Our supervisors against Erlang's own: the same scripts of crashes and orders must leave the same traces. And what an
// Erlang shell asks of a supervisor of ours.
#include "harness.hpp"
#include "trees.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdlib>
#include <random>

namespace ergo_interop {
namespace {

/// Makes random trees, and random steps for them; the same for the same seed.
class script_writer {
 public:
  explicit script_writer(unsigned seed) : random_{seed} {}

  /// A `{Tree, Steps}` of scripts.erl, in Erlang syntax.
  std::string write() {
    std::string children;
    for (auto count = 1 + below(4); count > 0; --count) {
      if (!children.empty()) children += ",";
      children += below(4) == 0 ? supervisor() : worker("");
    }
    const auto intensity = std::to_string(below(5));
    std::string steps;
    for (auto count = 3 + below(8); count > 0; --count) steps += (steps.empty() ? "" : ",") + step();
    return "{{tree," + intensity + ",[" + children + "]},[" + steps + "]}";
  }

 private:
  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  template <std::size_t Size>
  std::string one_of(const std::array<const char*, Size>& words) {
    return words[below(Size)];
  }
  std::string restart() { return one_of(std::array{"permanent", "permanent", "transient", "temporary"}); }

  std::string worker(const std::string& above) {
    const auto id = "w" + std::to_string(++made_);
    workers_.push_back(above.empty() ? "[" + id + "]" : "[" + above + "," + id + "]");
    owners_.emplace_back("[" + above + "]", id);
    // Most trees come up; what a later start does is what the script is about.
    const auto outcomes = one_of(std::array{"[]", "[]", "[]", "[good,{bad,moody}]", "[good,{bad,moody},{bad,moody}]",
                                            "[good,ignore]", "[ignore]", "[good,good,{bad,{no,[1,2]}},ignore]"});
    const auto first = below(40) == 0 ? std::string{"[{bad,from_birth}]"} : outcomes;
    return "{worker," + id + "," + restart() + "," + one_of(std::array{"brutal_kill", "infinity", "5000"}) + "," +
           first + "}";
  }

  std::string supervisor() {
    const auto id = "s" + std::to_string(++made_);
    owners_.emplace_back("[]", id);
    std::string children;
    for (auto count = 1 + below(3); count > 0; --count) children += (children.empty() ? "" : ",") + worker(id);
    return "{supervisor," + id + "," + restart() + "," + std::to_string(below(3)) + ",[" + children + "]}";
  }

  std::string step() {
    const auto kind = below(10);
    if (kind < 6 && !workers_.empty()) {
      const auto& path = workers_[below(static_cast<unsigned>(workers_.size()))];
      if (kind == 0) return "{kill," + path + "}";
      return "{die," + path + "," +
             one_of(std::array{"normal", "shutdown", "{shutdown,{for,\"reasons\"}}", "boom", "{error,[1,2]}"}) + "}";
    }
    const auto& [owner, id] = owners_[below(static_cast<unsigned>(owners_.size()))];
    const auto order = one_of(std::array{"terminate_child", "restart_child", "delete_child"});
    return "{" + order + "," + owner + "," + (below(12) == 0 ? "unknown" : id) + "}";
  }

  std::mt19937 random_;
  unsigned made_ = 0;
  std::vector<std::string> workers_;
  std::vector<std::pair<std::string, std::string>> owners_;
};

/// A node of ours with `trees`, and an Erlang node that has scripts.erl loaded.
struct theatre {
  std::uint16_t port = free_port();
  our_node ours;
  erlang_peer peer;

  explicit theatre(const release& otp) : ours{options_for(fresh_name("cpp"), port)}, peer{peer_at(otp, port)} {
    ergo::otp::start_options named;
    named.name = "trees"_atom;
    expect(ergo::otp::start<trees>(ours->local(), named).has_value(), "no trees");
    peer.load(ERGO_SOURCE_DIR "/tests/interop/otp/scripts.erl");
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
  }
};

unsigned from_environment(const char* name, unsigned otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

TEST_CASE("Random crash scripts leave the same traces in Erlang's supervisor and in ours") {
  for_every_release("300 random scripts: the same trace in both", [](const release& otp) {
    theatre on{otp};
    const auto first = from_environment("ERGO_SCRIPT_SEED", 1);
    const auto count = from_environment("ERGO_SCRIPTS", 300);
    for (auto seed = first; seed < first + count; ++seed) {
      const auto script = script_writer{seed}.write();
      const auto verdict = on.peer.run("{apply, scripts, compare, [" + script + ", " + on.ours.quoted_name() + "]}");
      expect(verdict.starts_with("{same,"), "seed " + std::to_string(seed) + ": " + script + "\n" + verdict);
    }
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
    // Erlang cannot name C++ code to run.
    expect_same(ask("start_child", ", #{id => x, start => {lists, seq, [1, 2]}}"), "{error,notsup}");
    expect_same(ask("count_children"), "[{specs,1},{active,1},{supervisors,1},{workers,0}]");
  });
}

}  // namespace
}  // namespace ergo_interop
