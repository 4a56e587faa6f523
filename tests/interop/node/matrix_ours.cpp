// Links and monitors, with our processes as those who watch; Erlang's, and our own, are those who end.
#include "harness.hpp"

#include <catch2/catch_test_macros.hpp>

namespace ergo_interop {
namespace {

using ergo::etf::tuple;

/// How the watched process ends.
struct ending {
  enum class act { none, tell, signal, disconnect };
  act what = act::none;
  std::string with;    ///< the message or the exit signal's reason, in Erlang syntax
  std::string reason;  ///< what the watchers must get
};

const std::vector<ending>& endings() {
  static const std::vector<ending> all{{ending::act::tell, "stop", "normal"},
                                       {ending::act::tell, "{exit,boom}", "boom"},
                                       {ending::act::tell, "{exit,{shutdown,[1,<<2>>]}}", "{shutdown,[1,<<2>>]}"},
                                       {ending::act::signal, "kill", "killed"},
                                       {ending::act::signal, "hurt", "hurt"}};
  return all;
}

/// One case: who is watched, by what, who is made to end, and who confirms that everything earlier was acted on.
struct watching {
  world* in = nullptr;
  ergo::destination watched;
  ergo::pid victim;
  ending how;
  ergo::destination confirms;
};

void provoke(ergo::process& self, const watching& of) {
  if (of.how.what == ending::act::tell) self.send(of.victim, parsed(of.how.with));
  if (of.how.what == ending::act::signal) self.exit(of.victim, ergo::exit_reason{parsed(of.how.with)});
  if (of.how.what == ending::act::disconnect) of.in->node().disconnect(of.in->peer().name());
}

/// Two monitors; their reasons, and how many messages are left when a later round trip to the victim's node is done.
ergo::task<ergo::term> watch_twice(ergo::process& self, std::shared_ptr<watching> of) {
  const ergo::term hello{"hello"_atom};
  const auto first = self.monitor(of->watched);
  const auto second = self.monitor(of->watched);
  const auto armed = co_await ergo::otp::call<ergo::term>(self, of->confirms, hello, 10s);
  if (!armed && of->how.what != ending::act::none) co_return ergo::term{"not_armed"_atom};
  provoke(self, *of);
  auto one = co_await self.receive<ergo::down>(10s);
  auto two = co_await self.receive<ergo::down>(10s);
  if (!one || !two) co_return ergo::term{"no_down"_atom};
  const bool mine =
      (one->ref == first.ref && two->ref == second.ref) || (one->ref == second.ref && two->ref == first.ref);
  if (!mine) co_return ergo::term{"foreign_down"_atom};
  if (!(one->object == of->watched.to_term())) co_return tuple("object"_atom, one->object);
  if (of->how.what != ending::act::disconnect)
    (void)co_await ergo::otp::call<ergo::term>(self, of->confirms, hello, 10s);
  const ergo::term unread{self.unread()};
  co_return tuple(one->reason.value(), two->reason.value(), unread);
}

/// One monitor on a process that is ended by an exit signal; the reason that came back.
ergo::task<ergo::term> signal_and_watch(ergo::process& self, ergo::pid victim, ergo::term reason) {
  const auto mine = self.monitor(victim);
  self.exit(victim, ergo::exit_reason{reason});
  auto ended = co_await self.receive<ergo::down>(10s);
  if (!ended || !(ended->ref == mine.ref)) co_return ergo::term{"no_down"_atom};
  co_return ended->reason.value();
}

/// Monitors, takes that back with flush (before or after the end), and counts what is left in the mailbox.
ergo::task<ergo::term> take_back(ergo::process& self, std::shared_ptr<watching> of, bool late) {
  const ergo::term hello{"hello"_atom};
  const auto mine = self.monitor(of->watched);
  (void)co_await ergo::otp::call<ergo::term>(self, of->confirms, hello, 10s);
  if (!late) self.demonitor(mine, ergo::demonitor_mode::flush);
  const auto control = self.monitor(of->victim);
  provoke(self, *of);
  auto ended = co_await self.receive_if(
      [ref = control.ref](const ergo::message& got) {
        const auto down = got.as<ergo::down>();
        return down && down->ref == ref;
      },
      10s);
  if (!ended) co_return ergo::term{"still_alive"_atom};
  (void)co_await ergo::otp::call<ergo::term>(self, of->confirms, hello, 10s);
  if (late) self.demonitor(mine, ergo::demonitor_mode::flush);
  const ergo::term unread{self.unread()};
  co_return unread;
}

ergo::task<ergo::term> link_once(ergo::process& self, std::shared_ptr<watching> of) {
  const ergo::term hello{"hello"_atom};
  self.trap_exits(ergo::exits::trapped);
  self.link(of->victim);
  const auto armed = co_await ergo::otp::call<ergo::term>(self, of->confirms, hello, 10s);
  provoke(self, *of);
  auto got = co_await self.receive<ergo::exit_message>(10s);
  if (!got) co_return ergo::term{"no_exit"_atom};
  if (!(got->from == of->victim)) co_return ergo::term{"foreign_exit"_atom};
  co_return got->reason.value();
}

/// Links and unlinks `rounds` times while the victim does the same, then it ends; what arrived of it.
ergo::task<ergo::term> cross(ergo::process& self, std::shared_ptr<watching> of, int rounds) {
  const ergo::term hello{"hello"_atom};
  self.trap_exits(ergo::exits::trapped);
  const auto told = tuple("cross"_atom, self.id(), rounds);
  self.send(of->victim, told);
  for (int round = 0; round < rounds; ++round) {
    self.link(of->victim);
    self.unlink(of->victim);
  }
  auto crossed = co_await self.receive<ergo::atom>(20s);
  if (!crossed) co_return ergo::term{"not_crossed"_atom};
  self.unlink(of->victim);
  (void)co_await ergo::otp::call<ergo::term>(self, of->confirms, hello, 10s);
  const auto control = self.monitor(of->victim);
  provoke(self, *of);
  auto ended = co_await self.receive<ergo::down>(10s);
  if (!ended || !(ended->ref == control.ref)) co_return ergo::term{"still_alive"_atom};
  (void)co_await ergo::otp::call<ergo::term>(self, of->confirms, hello, 10s);
  const ergo::term unread{self.unread()};
  co_return unread;
}

ergo::task<ergo::exit_reason> dies_linked(ergo::process& self, std::shared_ptr<watching> of) {
  const ergo::term hello{"hello"_atom};
  self.link(of->victim);
  (void)co_await ergo::otp::call<ergo::term>(self, of->confirms, hello, 10s);
  co_return ergo::exit_reason{parsed(of->how.with)};
}

/// Watches a process that another one of ours, linked to it, takes along.
ergo::task<ergo::term> taken_along(ergo::process& self, std::shared_ptr<watching> of) {
  const auto mine = self.monitor(of->victim);
  self.spawn(dies_linked, of);
  auto ended = co_await self.receive<ergo::down>(10s);
  if (!ended || !(ended->ref == mine.ref)) co_return ergo::term{"no_down"_atom};
  co_return ended->reason.value();
}

ergo::task<ergo::term> watch_node(ergo::process& self, std::shared_ptr<watching> of, ergo::atom node) {
  const ergo::term hello{"hello"_atom};
  self.monitor_node(node);
  self.monitor_node(node);
  (void)co_await ergo::otp::call<ergo::term>(self, of->confirms, hello, 10s);
  provoke(self, *of);
  auto one = co_await self.receive<ergo::node_down>(10s);
  auto two = co_await self.receive<ergo::node_down>(10s);
  if (!one || !two) co_return ergo::term{"no_node_down"_atom};
  const ergo::term unread{self.unread()};
  co_return tuple(one->node, two->node, unread);
}

ergo::task<ergo::term> exit_normal(ergo::process& self, ergo::pid target) {
  self.exit(target, ergo::exit_reason::normal());
  co_return ergo::term{"ok"_atom};
}

/// A new process that ends as it is told, on their node or on ours; registered as `name`.
watching new_victim(world& in, bool remote, const std::string& name, ending how) {
  const auto pid = remote ? in.remote("{start_sleeper, " + name + "}")
                          : in.ours().call("control"_atom, parsed("{start_sleeper," + name + "}"));
  expect(pid.as_pid().has_value(), "no victim");
  const auto confirms = remote ? in.erl_server() : ergo::destination{"control"_atom};
  return {&in, *pid.as_pid(), *pid.as_pid(), std::move(how), confirms};
}

std::shared_ptr<watching> shared(watching of) { return std::make_shared<watching>(std::move(of)); }

void monitors(world& in, bool remote, bool by_name) {
  for (const auto& how : endings()) {
    const auto name = fresh_name("victim");
    auto one = new_victim(in, remote, name, how);
    if (by_name) one.watched = {parsed(name).as_atom().value(), remote ? in.peer_atom() : in.node().name()};
    expect_term(run_process(in.node(), watch_twice, shared(one)), "{" + how.reason + "," + how.reason + ",0}");
    one.how = {};
    expect_term(run_process(in.node(), watch_twice, shared(one)), "{noproc,noproc,0}");
  }
}

TEST_CASE("Our process monitors by pid and by name, here and there") {
  in_every_world("we monitor Erlang's, by pid: normal, reason, kill, noproc",
                 [](world& in) { monitors(in, true, false); });
  in_every_world("we monitor Erlang's, by {name,node}: the same", [](world& in) { monitors(in, true, true); });
  in_every_world("we monitor our own, by pid: the same", [](world& in) { monitors(in, false, false); });
  in_every_world("we monitor our own, by {name,node}: the same", [](world& in) { monitors(in, false, true); });
}

TEST_CASE("Our monitors and links tell when the connection is lost") {
  in_every_world("we monitor Erlang's: noconnection by pid and name", [](world& in) {
    const auto name = fresh_name("victim");
    auto one = new_victim(in, true, name, {ending::act::disconnect, "", "noconnection"});
    expect_term(run_process(in.node(), watch_twice, shared(one)), "{noconnection,noconnection,0}");
    expect(in.node().connect(in.peer().name()).has_value(), "connects again");
    one.watched = {parsed(name).as_atom().value(), in.peer_atom()};
    expect_term(run_process(in.node(), watch_twice, shared(one)), "{noconnection,noconnection,0}");
    one.how = {};
    one.watched = {"echo"_atom, "no_such_node@localhost"_atom};
    expect_term(run_process(in.node(), watch_twice, shared(one)), "{noconnection,noconnection,0}");
  });
  in_every_world("we link to Erlang's: noconnection", [](world& in) {
    const auto one = new_victim(in, true, "none", {ending::act::disconnect, "", "noconnection"});
    expect_term(run_process(in.node(), link_once, shared(one)), "noconnection");
  });
}

TEST_CASE("A monitor that our process took back says nothing") {
  in_every_world("we demonitor with flush, early and late, here and there", [](world& in) {
    for (const bool remote : {true, false}) {
      for (const bool late : {true, false}) {
        for (const bool by_name : {true, false}) {
          const auto name = fresh_name("victim");
          auto one = new_victim(in, remote, name, {ending::act::tell, "{exit,boom}", ""});
          if (by_name) one.watched = {parsed(name).as_atom().value(), remote ? in.peer_atom() : in.node().name()};
          expect_term(run_process(in.node(), take_back, shared(one), late), "0");
        }
      }
    }
  });
}

TEST_CASE("Our process links and gets the exit reason") {
  in_every_world("we link, here and there: normal, reason, kill, noproc", [](world& in) {
    for (const bool remote : {true, false}) {
      for (const auto& how : endings()) {
        auto one = new_victim(in, remote, "none", how);
        expect_term(run_process(in.node(), link_once, shared(one)), how.reason);
        one.how = {};
        expect_term(run_process(in.node(), link_once, shared(one)), "noproc");
      }
    }
  });
  in_every_world("we unlink; link and unlink crossing", [](world& in) {
    for (const int rounds : {1, 500}) {
      const auto one = new_victim(in, true, "none", {ending::act::tell, "{exit,boom}", ""});
      expect_term(run_process(in.node(), cross, shared(one), rounds), "0");
    }
  });
}

ergo::term large_text(std::size_t characters) {
  return ergo::etf::make_list(std::vector<ergo::term>(characters, ergo::term{'x'}));
}

TEST_CASE("An Erlang process dies of ours that it is linked to, and of our exit signals") {
  in_every_world("ours dies linked to an Erlang process", [](world& in) {
    for (const std::string reason : {"boom", "{complex,[1,2]}"}) {
      const auto one = new_victim(in, true, "none", {ending::act::none, reason, reason});
      expect_term(run_process(in.node(), taken_along, shared(one)), reason);
    }
  });
  in_every_world("our exit/2: normal, kill, reasons up to 1 MiB", [](world& in) {
    auto one = new_victim(in, true, "none", {ending::act::tell, "{exit,survived}", ""});
    expect_term(run_process(in.node(), exit_normal, one.victim), "ok");
    expect_term(run_process(in.node(), watch_twice, shared(one)), "{survived,survived,0}");
    one = new_victim(in, true, "none", {});
    const auto mebibyte = tuple("large"_atom, ergo::etf::adopt_binary(std::string(1U << 20, 'x')));
    expect(run_process(in.node(), signal_and_watch, one.victim, mebibyte) == mebibyte, "1 MiB came back differently");
    for (const std::size_t size : {1U, 100U, 10'000U, 65'535U, 65'536U, 200'000U}) {
      const auto reason = tuple("large"_atom, large_text(size));
      one = new_victim(in, true, "none", {});
      const auto back = run_process(in.node(), signal_and_watch, one.victim, reason);
      expect(back == reason, std::to_string(size) + " characters: " + ergo::etf::to_text(back, {.limit = 100}));
      // OTP 25 hangs in this, between its own nodes as well: see the known defects in CHANGELOG.md.
      if (in.release_number() == 25 && size > 10'000) continue;
      one = new_victim(in, true, "none", {ending::act::signal, ergo::etf::to_text(reason), ""});
      const auto both = run_process(in.node(), watch_twice, shared(one));
      const bool same = both.is_tuple(3) && both.elements()[0] == reason && both.elements()[1] == reason;
      expect(same, std::to_string(size) + " characters, twice: " + ergo::etf::to_text(both, {.limit = 100}));
    }
  });
}

TEST_CASE("Our monitor_node tells once for each time it was asked") {
  in_every_world("our monitor_node on an Erlang node", [](world& in) {
    watching one{&in, in.erl_server(), {}, {ending::act::disconnect, "", ""}, in.erl_server()};
    const auto node = ergo::etf::to_text(ergo::term{in.peer_atom()});
    expect_term(run_process(in.node(), watch_node, shared(one), in.peer_atom()), "{" + node + "," + node + ",0}");
    one.how = {};
    expect_term(run_process(in.node(), watch_node, shared(one), "no_such_node@localhost"_atom),
                "{no_such_node@localhost,no_such_node@localhost,0}");
  });
}

}  // namespace
}  // namespace ergo_interop
