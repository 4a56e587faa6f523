// The console for remote shells, at a terminal of the same node and of another.
#include "console_commands.hpp"
#include "screen.hpp"

#include <ergo/otp/outside.hpp>
#include <ergo_test/free_port.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <stdexcept>
#include <thread>

using namespace ergo_test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

constexpr std::string_view prompt = "desk@localhost> ";

node_options named(std::string name, std::uint16_t port_mapper = 0) {
  node_options options;
  options.name = std::move(name);
  options.cookie = "secret";
  options.on_event = [](const event&) {};
  if (port_mapper != 0) {
    options.epmd_port = port_mapper;
    return options;
  }
  options.epmd = epmd_mode::none;
  options.peer_port = test::free_port();
  return options;
}

std::unique_ptr<node> desk(kernel::options services = {}, node_options as = named("desk@localhost")) {
  services.global = false;
  services.user.enabled = false;
  services.logs.enabled = false;
  auto started = kernel::start(std::move(as), std::move(services));
  REQUIRE(started);
  return *std::move(started);
}

template <typename Condition>
bool eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!condition() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  return condition();
}

std::vector<pid> processes_of(const node& on) { return on.runtime().processes(on.local()); }

/// Whether at last no process lives that was not there before.
bool leaves_nothing(const node& on, const std::vector<pid>& before) {
  return eventually([&] {
    const auto now = processes_of(on);
    return std::ranges::all_of(now, [&](const pid& one) { return std::ranges::find(before, one) != before.end(); });
  });
}

task<> obedient(process& self) {
  for (;;) {
    message got = co_await self.receive_any();
    if (got.is_call()) self.reply(got.from(), etf::tuple("heard"_atom, got.payload()));
    if (got.payload().is("end"_atom)) co_return;
  }
}

void employ(node& on) {
  const spawn_options options{.name = "clerk"_atom};
  REQUIRE(on.spawn(options, make_body(obedient)));
}

}  // namespace

TEST_CASE("a console greets, lists what there is, and leaves the node alone when its user leaves") {
  const auto on = desk();
  employ(*on);
  const auto before = processes_of(*on);
  seat at{*on, on->name()};
  CHECK(at.wait_for(prompt) == "Console of desk@localhost. Type help for its commands, q to leave.\n");
  CHECK_THAT(at.answer_to("help", prompt),
             ContainsSubstring("kill PROCESS") && ContainsSubstring("leaves the console"));
  CHECK_THAT(at.answer_to("help nodes", prompt), ContainsSubstring("connected nodes") && !ContainsSubstring("kill"));
  CHECK_THAT(at.answer_to("processes", prompt), ContainsSubstring("clerk") && ContainsSubstring("kernel_sup"));
  CHECK_THAT(at.answer_to("processes 1", prompt), ContainsSubstring("of which 1 are shown"));
  CHECK_THAT(at.answer_to("names", prompt), ContainsSubstring("clerk                   <desk@localhost."));
  CHECK_THAT(at.answer_to("info clerk", prompt), ContainsSubstring("registered_name    clerk"));
  CHECK(at.answer_to("nodes", prompt) == "desk@localhost is connected to 0 nodes\n");
  CHECK_THAT(at.answer_to("memory", prompt), ContainsSubstring("total") && ContainsSubstring("MiB"));
  CHECK(at.answer_to("", prompt).empty());
  at.enter("q().");
  CHECK(at.wait_for("goes on.\n") == "The console is closed; the node ");
  CHECK(at.wait_for_end() == "normal");
  CHECK(leaves_nothing(*on, before));
}

TEST_CASE("there are so many consoles at once, and one more is refused by a reason until another has ended") {
  kernel::options services;
  services.consoles = 2;
  const auto on = desk(std::move(services));
  seat first{*on, on->name()};
  seat second{*on, on->name()};
  (void)first.wait_for(prompt);
  (void)second.wait_for(prompt);
  seat third{*on, on->name()};
  CHECK_THAT(third.wait_for_end(), ContainsSubstring("{consoles,2}"));
  first.enter("q");
  (void)first.wait_for("goes on.\n");
  (void)on->runtime().wait(first.shell(), patience);
  seat fourth{*on, on->name()};
  CHECK_THAT(fourth.wait_for(prompt), StartsWith("Console of"));
}

TEST_CASE("processes are called, told and ended from a console, by name and by pid") {
  const auto on = desk();
  employ(*on);
  const auto clerk = on->whereis("clerk"_atom).value();
  const auto number = std::to_string(clerk.id) + "." + std::to_string(clerk.serial);
  seat at{*on, on->name()};
  (void)at.wait_for(prompt);
  CHECK(at.answer_to("call clerk {count, [1, 2]}.", prompt) == "{heard,{count,[1,2]}}\n");
  CHECK(at.answer_to("call <desk@localhost." + number + "> 'a b'", prompt) == "{heard,'a b'}\n");
  CHECK(at.answer_to("links clerk", prompt) == "No links and no monitors.\n");
  CHECK_THAT(at.answer_to("links kernel_sup", prompt), !ContainsSubstring("busy"));
  CHECK(at.answer_to("cast clerk hello", prompt) == "ok\n");
  CHECK(at.answer_to("send " + number + " 'end'", prompt) == "ok\n");
  CHECK(eventually([&] { return !on->runtime().alive(clerk); }));
  CHECK_THAT(at.answer_to("info " + number, prompt), ContainsSubstring("is not alive"));
  employ(*on);
  CHECK_THAT(at.answer_to("exit clerk {shutdown, 'by hand'}", prompt),
             ContainsSubstring("to end: {shutdown,'by hand'}"));
  CHECK(eventually([&] { return !on->whereis("clerk"_atom); }));
  employ(*on);
  CHECK_THAT(at.answer_to("kill clerk", prompt), ContainsSubstring("to end: kill"));
  CHECK(eventually([&] { return !on->whereis("clerk"_atom); }));
}

TEST_CASE("a wrong line is answered by one sentence") {
  const auto on = desk();
  employ(*on);
  seat at{*on, on->name()};
  (void)at.wait_for(prompt);
  struct line {
    std::string_view typed;
    std::string_view answer;
  };
  for (const auto& [typed, answer] : std::initializer_list<line>{
           {"lists:seq(1, 3).", "Unknown command \"lists:seq(1,\". Type help for those that there are.\n"},
           {"help me", "There is no command \"me\".\n"},
           {"processes many", "Usage: processes [COUNT]\n"},
           {"info", "Usage: info PROCESS\n"},
           {"links", "Usage: links PROCESS\n"},
           {"info nobody", "No process is registered as \"nobody\".\n"},
           {"info 'no", "No process is registered as \"'no\".\n"},
           {"info <else@where.1.0>", "\"<else@where.1.0>\" is no process of this node.\n"},
           {"kill 999999999.1", "\"999999999.1\" is not alive.\n"},
           {"kill", "Usage: kill PROCESS\n"},
           {"exit", "Usage: exit PROCESS [REASON]\n"},
           {"exit clerk {a", "\"{a\" is no Erlang term.\n"},
           {"call clerk", "Usage: call PROCESS TERM\n"},
           {"call clerk [1", "\"[1\" is no Erlang term.\n"},
           {"cast nobody 1", "No process is registered as \"nobody\".\n"},
           {"send", "Usage: send PROCESS TERM\n"},
           {"trace", "Usage: trace on|off [node|dist]\n"},
           {"trace on everything", "Usage: trace on|off [node|dist]\n"},
       }) {
    CHECK(at.answer_to(typed, prompt) == answer);
  }
  CHECK(on->whereis("clerk"_atom));
  CHECK(at.answer_to("info nobody_was_ever_called_so", prompt) ==
        "No process is registered as \"nobody_was_ever_called_so\".\n");
  CHECK_FALSE(etf::atom::find("nobody_was_ever_called_so"));
}

TEST_CASE("a console switches the node's trace") {
  std::atomic<int> lines{0};
  auto options = named("desk@localhost");
  options.on_trace = [&lines](std::string_view) { ++lines; };
  const auto on = desk({}, std::move(options));
  seat at{*on, on->name()};
  (void)at.wait_for(prompt);
  CHECK_THAT(at.answer_to("trace on node", prompt), StartsWith("The node writes its trace"));
  on->send({"nobody"_atom, "nowhere@localhost"_atom}, term{1});
  CHECK(eventually([&] { return lines > 0; }));
  CHECK(at.answer_to("trace off", prompt) == "The trace is off.\n");
}

// ----- what may go wrong --------------------------------------------------------------------------------------------

namespace {

kernel::shell_command command(std::string name, std::function<task<std::string>(process&, std::string)> run) {
  kernel::shell_command made;
  made.name = std::move(name);
  made.help = "for the test";
  made.run = std::move(run);
  return made;
}

task<std::string> wait_for_ever(process& self, std::string rest) {
  const auto named = self.register_name(atom::of(rest));
  if (named) (void)co_await self.receive<std::string>();
  co_return "not alone";
}
task<std::string> throw_something(process& /*self*/, std::string rest) {
  throw std::runtime_error{rest};
  co_return "";
}
task<std::string> leave(process& self, std::string rest) {
  self.exit(exit_reason{atom::of(rest)});
  co_return "";
}

kernel::options with_trouble() {
  kernel::options services;
  services.shell_commands.push_back(command("wait", wait_for_ever));
  services.shell_commands.push_back(command("throw", throw_something));
  services.shell_commands.push_back(command("leave", leave));
  return services;
}

}  // namespace

TEST_CASE("an interrupt ends the command that runs, or the line, and never the console") {
  const auto on = desk(with_trouble());
  seat at{*on, on->name()};
  (void)at.wait_for(prompt);
  at.press("interrupt"_atom);
  CHECK(at.wait_for(prompt).empty());
  at.enter("wait patient");
  CHECK(eventually([&] { return on->whereis("patient"_atom).has_value(); }));
  at.press("interrupt"_atom);
  CHECK(at.wait_for(prompt) == "*** interrupted\n");
  CHECK_FALSE(on->whereis("patient"_atom));
  CHECK(at.answer_to("help wait", prompt) == "  wait  for the test\n");
}

TEST_CASE("a command of the program that fails or exits is shown to its user, and the console reads on") {
  const auto on = desk(with_trouble());
  seat at{*on, on->name()};
  (void)at.wait_for(prompt);
  CHECK(at.answer_to("throw no money left", prompt) == "The command has failed: no money left\n");
  CHECK(at.answer_to("leave home", prompt) == "*** the command has ended: home\n");
  CHECK_THAT(at.answer_to("help", prompt), ContainsSubstring("throw") && ContainsSubstring("for the test"));
}

TEST_CASE("nothing of a console is left behind, however it ends") {
  const auto on = desk(with_trouble());
  const auto before = processes_of(*on);
  const auto shell_of = [&](seat& at) {
    (void)at.wait_for(prompt);
    at.enter("wait here");
    CHECK(eventually([&] { return on->whereis("here"_atom).has_value(); }));
  };
  SECTION("its terminal is closed") {
    seat at{*on, on->name()};
    (void)at.wait_for(prompt);
    at.press("eof"_atom);
    CHECK(at.wait_for_end() == "normal");
  }
  SECTION("its group leader is killed while a line is awaited") {
    seat at{*on, on->name()};
    (void)at.wait_for(prompt);
  }
  SECTION("its group leader is killed while a command runs") {
    seat at{*on, on->name()};
    shell_of(at);
  }
  SECTION("it is killed itself") {
    seat at{*on, on->name()};
    shell_of(at);
    on->runtime().exit(at.shell(), "kill"_atom);
    CHECK(at.wait_for_end() == "killed");
  }
  SECTION("the process that runs its command is killed") {
    seat at{*on, on->name()};
    shell_of(at);
    const auto here = on->whereis("here"_atom).value();
    on->runtime().exit(here, "kill"_atom);
    CHECK(at.wait_for(prompt) == "*** interrupted\n");
  }
  CHECK(leaves_nothing(*on, before));
}

TEST_CASE("two consoles at once know nothing of each other") {
  const auto on = desk(with_trouble());
  seat one{*on, on->name()};
  seat other{*on, on->name()};
  (void)one.wait_for(prompt);
  (void)other.wait_for(prompt);
  one.enter("wait here");
  CHECK(eventually([&] { return on->whereis("here"_atom).has_value(); }));
  CHECK(other.answer_to("nodes", prompt) == "desk@localhost is connected to 0 nodes\n");
  other.enter("quit");
  CHECK(other.wait_for_end() == "normal");
  one.press("interrupt"_atom);
  CHECK(one.wait_for(prompt) == "*** interrupted\n");
}

TEST_CASE("a node stops without waiting for its consoles") {
  const auto on = desk(with_trouble());
  seat at{*on, on->name()};
  (void)at.wait_for(prompt);
  const auto began = std::chrono::steady_clock::now();
  on->stop(patience);
  CHECK(std::chrono::steady_clock::now() - began < patience);
}

// ----- rights -------------------------------------------------------------------------------------------------------

TEST_CASE("a console offers what its user's node has the right to") {
  const auto port_mapper = test::free_port();
  auto guarded = named("desk@localhost", port_mapper);
  guarded.grants.push_back({"watcher@*", right::observe});
  guarded.grants.push_back({"stranger@*", right::talk});
  const auto on = desk(with_trouble(), std::move(guarded));
  const auto visit = [&](std::string name) {
    auto started = node::start(named(std::move(name), port_mapper));
    REQUIRE(started);
    return *std::move(started);
  };
  const auto before = processes_of(*on);
  {
    const auto from = visit("watcher@localhost");
    seat at{*from, on->name()};
    CHECK_THAT(at.wait_for(prompt), ContainsSubstring("which your node may observe only"));
    CHECK_THAT(at.answer_to("help", prompt), ContainsSubstring("processes") && !ContainsSubstring("kill"));
    CHECK_THAT(at.answer_to("nodes", prompt), StartsWith("watcher@localhost  hidden\n"));
    CHECK_THAT(at.answer_to("kill kernel_sup", prompt), StartsWith("Unknown command"));
    CHECK_THAT(at.answer_to("wait here", prompt), StartsWith("Unknown command"));
  }
  {
    const auto from = visit("stranger@localhost");
    seat at{*from, on->name()};
    CHECK(at.wait_for("\n") == "Your node has no right to observe or manage desk@localhost.");
    CHECK(at.wait_for_end() == "normal");
  }
  {
    const auto from = visit("manager@localhost");
    seat at{*from, on->name()};
    (void)at.wait_for(prompt);
    CHECK_THAT(at.answer_to("help", prompt), ContainsSubstring("kill"));
    from->stop();
  }
  CHECK(leaves_nothing(*on, before));
}

// ----- the way to a console -----------------------------------------------------------------------------------------

namespace {

std::string called(node& on, const rpc::name& module, const rpc::name& function,
                   std::initializer_list<const char*> rest) {
  std::vector<term> arguments;
  for (const auto* const one : rest) arguments.push_back(etf::parse(one).value());
  const rpc::at here{on.name(), patience};
  const auto given = arguments.empty()       ? rpc::call(on, here, module, function)
                     : arguments.size() == 1 ? rpc::call(on, here, module, function, arguments[0])
                                             : rpc::call(on, here, module, function, arguments[0], arguments[1]);
  return given ? etf::to_text(*given) : given.error().message();
}

}  // namespace

TEST_CASE("names of commands are completed for Erlang's line editor") {
  const auto on = desk();
  CHECK(called(*on, "code", "ensure_loaded", {"shell"}) == "{module,shell}");
  CHECK(called(*on, "edlin_expand", "expand", {"\"zz\""}) == "{no,[],[]}");
  CHECK(called(*on, "edlin_expand", "expand", {"\"orp\""}) == "{yes,\"cesses \",[]}");
  CHECK(called(*on, "edlin_expand", "expand", {"\"orp\"", "[]"}) == "{yes,\"cesses \",[]}");
  CHECK(called(*on, "edlin_expand", "expand", {"\"n\""}) == "{yes,[],[\"names\",\"nodes\"]}");
  CHECK(called(*on, "edlin_expand", "expand", {"\"uq\""}) == "{yes,\"it \",[]}");
  CHECK(called(*on, "edlin_expand", "expand", {"[9]"}) == "{no,[],[]}");
  CHECK(called(*on, "edlin_expand", "expand", {"nonsense"}) == "{no,[],[]}");
  const kernel::detail::command_list all{kernel::detail::own_commands(*on, {})};
  CHECK(all.beginning_with("ki", right::all) == std::vector<std::string>{"kill"});
  CHECK(all.beginning_with("ki", right::observe).empty());  // nobody is told of what is not for him
}

TEST_CASE("a node that serves no console says that there is none") {
  kernel::options services;
  services.shell = false;
  const auto on = desk(std::move(services));
  CHECK(called(*on, "code", "ensure_loaded", {"shell"}) == "{error,nofile}");
  CHECK(called(*on, "code", "ensure_loaded", {"'Elixir.IEx'"}) == "{error,nofile}");
  seat at{*on, on->name()};
  CHECK_THAT(at.wait_for_end(), ContainsSubstring("undef"));
}

TEST_CASE("a node does not start with commands that cannot be typed or told apart") {
  const auto refused = [](std::string name) {
    kernel::options services;
    services.shell_commands.push_back(command(std::move(name), leave));
    const auto started = kernel::start(named("desk@localhost"), std::move(services));
    return started ? "started" : started.error().message();
  };
  CHECK_THAT(refused("processes"), ContainsSubstring("two commands of the name processes"));
  CHECK_THAT(refused("q"), ContainsSubstring("two commands of the name q"));
  CHECK_THAT(refused("two words"), ContainsSubstring("is no command of a shell"));
  CHECK_THAT(refused(""), ContainsSubstring("is no command of a shell"));
}

namespace {

/// What IEx does: told `{begin, Ref, Shell}`, it prints its own lines, and then lets the shell begin.
task<> as_iex(process& self, atom at, screen* shown, atom then) {
  self.trap_exits(exits::trapped);
  self.group_leader(self.id());
  const auto ref = self.make_ref();
  const auto call = etf::tuple("Elixir.IEx.CLI"_atom, "remote_start"_atom, etf::list(self.id(), ref));
  const rpc::at where{at, patience};
  const term no_options;
  const auto shell = co_await rpc::call<pid>(self, where, "Elixir.IEx", "start", no_options, call);
  if (!shell) co_return shown->ended(exit_reason::from(shell.error()));
  const auto began = etf::tuple("begin"_atom, ref, *shell);
  const auto is_begin = [&](const message& got) {
    return got.kind() == ergo::detail::signal_kind::message && got.payload() == began;
  };
  (void)co_await self.receive_if(is_begin);
  if (then == "end"_atom) co_return;
  self.link(*shell);
  shown->show("elixir\n");
  self.send(*shell, etf::tuple("done"_atom, self.make_ref()));
  self.send(*shell, etf::tuple("done"_atom, ref));
  keyboard keys{shown, *shell};
  for (;;) {
    const auto got = co_await self.receive_any();
    if (!keys.handle(self, got)) co_return;
  }
}

}  // namespace

TEST_CASE("IEx has its say before the console begins, and a console that it forgets ends") {
  const auto on = desk();
  const auto before = processes_of(*on);
  screen shown;
  const auto iex = on->spawn(as_iex, on->name(), &shown, "begin"_atom);
  REQUIRE(iex);
  CHECK(shown.wait_for("Console of") == "elixir\n");
  CHECK_THAT(shown.wait_for(prompt), ContainsSubstring("Type help"));
  on->send(*iex, etf::tuple("line"_atom, etf::binary("q\n")));
  CHECK(shown.wait_for_end() == "normal");
  REQUIRE(on->spawn(as_iex, on->name(), &shown, "end"_atom));
  CHECK(leaves_nothing(*on, before));
  CHECK_THAT(called(*on, "Elixir.IEx", "start", {"[]", "{m, f, []}"}), ContainsSubstring("badarg"));
}
