// Remote shells of Erlang and Elixir at terminals of their own, connected to our node.
#include "harness.hpp"
#include "terminal.hpp"

#include <ergo/kernel.hpp>
#include <ergo/rpc.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>

namespace ergo_interop {
namespace {

/// Waits, under the name that was typed, until it is interrupted.
ergo::task<std::string> wait_for_ever(ergo::process& self, std::string rest) {
  const auto named = self.register_name(ergo::atom::of(rest));
  if (named) (void)co_await self.receive<std::string>();
  co_return "not alone";
}

ergo::kernel::options with_console() {
  ergo::kernel::shell_command waiting;
  waiting.name = "wait";
  waiting.arguments = "NAME";
  waiting.help = "for ever";
  waiting.run = wait_for_ever;
  ergo::kernel::options services;
  services.shell_commands.push_back(std::move(waiting));
  return services;
}

ergo::kernel::options without_console() {
  ergo::kernel::options services;
  services.shell = false;
  return services;
}

/// Our node at a port mapper of its own, and the shells that are connected to it.
class office {
 public:
  office(const release& otp, ergo::kernel::options services) : otp_{otp}, port_{free_port()} {
    auto options = options_for(fresh_name("office"), port_);
    options.boot = ergo::kernel::boot(std::move(services));
    ours_ = std::make_unique<our_node>(std::move(options), runtime_for(otp));
  }

  [[nodiscard]] std::vector<std::string> remote_erl() const {
    auto words = environment();
    if (!otp_.installed()) {
      const std::vector<std::string> inside{ERGO_SOURCE_DIR "/cmake/otp-releases", "run", otp_.number, "--"};
      words.insert(words.end(), inside.begin(), inside.end());
    }
    const std::vector<std::string> erl{"erl",        "-sname",  fresh_name("shell") + "@localhost",
                                       "-setcookie", "interop", "-start_epmd",
                                       "false",      "-remsh",  ours_->name()};
    words.insert(words.end(), erl.begin(), erl.end());
    return words;
  }
  [[nodiscard]] std::vector<std::string> iex(const std::vector<std::string>& more) const {
    auto words = environment();
    const std::vector<std::string> elixir{
        "iex", "--sname", fresh_name("iex") + "@localhost", "--cookie", "interop", "--erl", "-start_epmd false"};
    words.insert(words.end(), elixir.begin(), elixir.end());
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  [[nodiscard]] ergo::node& node() noexcept { return **ours_; }
  [[nodiscard]] our_node& ours() noexcept { return *ours_; }
  [[nodiscard]] std::string prompt() const { return ours_->shown_name() + "> "; }
  /// The node answers, and none of its processes is there for a shell any more.
  void expect_rest() {
    expect_term(ours_->call("echo"_atom, "alive"_atom), "alive");
    eventually("no process is left", [&] {
      for (const auto& one : node().runtime().processes(node().local())) {
        const auto about = ergo::rpc::call(node(), ergo::rpc::at{node().name()}, "erlang", "process_info", one);
        if (about && ergo::etf::to_text(*about).find("{initial_call,{shell,") != std::string::npos) return false;
      }
      return true;
    });
  }

 private:
  [[nodiscard]] std::vector<std::string> environment() const {
    return {"env", "TERM=xterm", "LC_ALL=C.UTF-8", "ERL_EPMD_PORT=" + std::to_string(port_)};
  }

  release otp_;
  std::uint16_t port_;
  std::unique_ptr<our_node> ours_;
};

/// What somebody does at a console, beginning at its first prompt; `q` at its end.
void use_console(office& of, terminal& at) {
  const auto prompt = of.prompt();
  expect(at.wait_for(prompt).find("Console of " + of.ours().shown_name()) != std::string::npos, at.transcript());
  at.enter("help");
  (void)at.wait_for("PROCESS is a registered name");
  (void)at.wait_for(prompt);
  at.enter("names");
  (void)at.wait_for("recorder");
  (void)at.wait_for(prompt);
  at.enter("call echo {hello, \"world\"}.");
  (void)at.wait_for("\n{hello,\"world\"}");
  (void)at.wait_for(prompt);
  at.enter("lists:reverse(L).");
  (void)at.wait_for("Unknown command \"lists:reverse(L)\"");
  (void)at.wait_for(prompt);
  at.enter("processes");
  (void)at.wait_for("STARTED AS");
  (void)at.wait_for("processes\n");
  (void)at.wait_for(prompt);
}

void interrupt_command(office& of, terminal& at) {
  at.enter("wait here");
  eventually("the command runs", [&] { return of.node().whereis("here"_atom).has_value(); });
  at.type("\a");
  (void)at.wait_for(" --> ");
  at.enter("i");
  (void)at.wait_for(" --> ");
  at.enter("c");
  (void)at.wait_for("*** interrupted");
  (void)at.wait_for(of.prompt());
  expect(!of.node().whereis("here"_atom), "the command has ended");
}

/// Leaves the console, and then Erlang.
void leave(terminal& at) {
  at.enter("q().");
  (void)at.wait_for("The console is closed; the node goes on.");
  (void)at.wait_for("Shell process terminated!");
  at.type("\a");
  (void)at.wait_for(" --> ");
  at.enter("q");
  (void)at.wait_for_end();
}

TEST_CASE("A remote shell of Erlang gets a console: commands, wrong ones, an interrupt, completion, the end") {
  for_every_release("erl -remsh: the console", [](const release& otp) {
    office of{otp, with_console()};
    terminal at{of.remote_erl()};
    use_console(of, at);
    interrupt_command(of, at);
    at.type("proc\t");
    (void)at.wait_for("processes");
    at.enter("");
    (void)at.wait_for("STARTED AS");
    (void)at.wait_for(of.prompt());
    leave(at);
    of.expect_rest();
  });
}

TEST_CASE("Two remote shells are served at once, and one that is killed leaves nothing behind") {
  for_every_release("erl -remsh: two at once, one killed", [](const release& otp) {
    office of{otp, with_console()};
    terminal stays{of.remote_erl()};
    (void)stays.wait_for(of.prompt());
    {
      terminal goes{of.remote_erl()};
      (void)goes.wait_for(of.prompt());
      goes.enter("wait here");
      eventually("the command runs", [&] { return of.node().whereis("here"_atom).has_value(); });
    }
    eventually("the command has ended with its terminal", [&] { return !of.node().whereis("here"_atom); });
    eventually("one node is left", [&] { return of.node().nodes(ergo::node_set::all).size() == 1; });
    stays.enter("nodes");
    (void)stays.wait_for("connected to 1 node");
    (void)stays.wait_for(of.prompt());
    leave(stays);
    of.expect_rest();
  });
}

TEST_CASE("A remote shell of Erlang is told that a node has none") {
  for_every_release("erl -remsh to a node without a console", [](const release& otp) {
    office of{otp, without_console()};
    terminal at{of.remote_erl()};
    if (std::stoi(otp.number) < 27) {
      (void)at.wait_for("Shell process terminated!");
      at.type("\a");
      (void)at.wait_for(" --> ");
      at.enter("q");
    } else {
      (void)at.wait_for("nofile");
    }
    (void)at.wait_for_end();
    of.expect_rest();
  });
}

void need_elixir() {
  if (std::system("command -v iex >/dev/null 2>&1") != 0) SKIP("elixir is not installed");
}

TEST_CASE("A remote shell of Elixir gets the console", "[installed]") {
  for_installed("iex --remsh: the console", [](const release& otp) {
    need_elixir();
    office of{otp, with_console()};
    terminal at{of.iex({"--remsh", of.ours().name()})};
    use_console(of, at);
    interrupt_command(of, at);
    leave(at);
    of.expect_rest();
  });
}

TEST_CASE("A remote shell of Elixir is told that a node has none", "[installed]") {
  for_installed("iex --remsh to a node without a console", [](const release& otp) {
    need_elixir();
    office of{otp, without_console()};
    terminal at{of.iex({"--remsh", of.ours().name()})};
    (void)at.wait_for("Could not find IEx on remote node");
    (void)at.wait_for_end();
    of.expect_rest();
  });
}

TEST_CASE("Functions of our node are called from iex through :rpc and :erpc", "[installed]") {
  for_installed("iex: :rpc and :erpc", [](const release& otp) {
    need_elixir();
    office of{otp, without_console()};
    (void)of.node().provide("m", "add", [](std::int64_t left, std::int64_t right) { return left + right; });
    terminal at{of.iex({})};
    (void)at.wait_for("iex(");
    at.enter("node = :\"" + of.ours().name() + "\"");
    at.enter("{:rpc, :rpc.call(node, :m, :add, [1, 2])}");
    (void)at.wait_for("{:rpc, 3}");
    at.enter("{:erpc, :erpc.call(node, :m, :add, [3, 4])}");
    (void)at.wait_for("{:erpc, 7}");
    at.enter("{:multi, :erpc.multicall([node], :erlang, :node, [])}");
    (void)at.wait_for("{:multi, [ok: :" + of.ours().name() + "]}");
    at.enter("{:none, :rpc.call(node, :gone, :f, [])}");
    (void)at.wait_for("{:none, {:badrpc, {:EXIT, {:undef, [{:gone, :f, [], []}]}}}}");
    at.enter("System.halt()");
    (void)at.wait_for_end();
    of.expect_rest();
  });
}

}  // namespace
}  // namespace ergo_interop
