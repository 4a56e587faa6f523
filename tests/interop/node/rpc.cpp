// Functions that our node provides, called from Erlang in every way that it knows, and Erlang's functions called from
// ours.
#include "harness.hpp"

#include <ergo/rpc.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <filesystem>

namespace ergo_interop {
namespace {

using ergo::etf::tuple;

/// Tells which process it is, and lasts until it is sent something.
ergo::task<ergo::atom> hold(ergo::process& self, ergo::pid told) {
  self.send(told, self.id());
  (void)co_await self.receive_any();
  co_return "held"_atom;
}

/// The nodes live through the whole run: what is provided already stays.
void prepare(world& in) {
  const std::filesystem::path here{ERGO_SOURCE_DIR "/tests/interop/node/rpc_side.erl"};
  in.peer().load(here.string());
  auto& on = in.node();
  (void)on.provide("m", "add", [](std::int64_t left, std::int64_t right) { return left + right; });
  (void)on.provide("m", "fail", []() -> ergo::result<int> { return ergo::fail(ergo::errc::noproc); });
  (void)on.provide("m", "throws", []() -> int { throw std::runtime_error{"oops"}; });
  (void)on.provide("m", "leave", [](ergo::process& self) -> ergo::term { self.exit(ergo::exit_reason{"bye"_atom}); });
  (void)on.provide("m", "wait",
                   [](ergo::process& self) -> ergo::task<> { (void)co_await self.receive<ergo::atom>(20s); });
  (void)on.provide("m", "hold",
                   [](ergo::process& self, ergo::pid told) -> ergo::task<ergo::atom> { return hold(self, told); });
  (void)on.provide("m", "note", [](ergo::process& self, std::int64_t number) { self.send("recorder"_atom, number); });
}

/// An expression of rpc_side, evaluated there.
std::string side(world& in, const std::string& function, const std::string& arguments) {
  return in.erl("{apply, rpc_side, " + function + ", [" + arguments + "]}");
}
/// What a call of Erlang's own `module:function` gives or raises.
std::string attempt(world& in, const std::string& module, const std::string& function, const std::string& arguments) {
  return side(in, "attempt", module + ", " + function + ", [" + arguments + "]");
}

constexpr const char* badarg_stack = "[{m,add,[1,x],[]}]";

TEST_CASE("erpc from Erlang: values, each class of failure, requests, multicalls") {
  in_every_world("erpc to ours: call, send_request, multicall; every error class", [](world& in) {
    prepare(in);
    const auto call = [&](const std::string& rest) { return attempt(in, "erpc", "call", in.cpp() + ", " + rest); };
    expect_same(call("m, add, [1, 2]"), "{ok,3}");
    expect_same(call("erlang, node, []"), "{ok," + in.ours().shown_name() + "}");
    expect_same(call("m, add, [1, x]"), std::string{"{error,{exception,badarg,"} + badarg_stack + "}}");
    expect_same(call("m, gone, [1]"), "{error,{exception,undef,[{m,gone,[1],[]}]}}");
    expect_same(call("m, fail, []"), "{error,{exception,noproc,[{m,fail,0,[]}]}}");
    expect_same(call("m, throws, []"), "{error,{exception,{exception,<<\"oops\">>},[{m,throws,0,[]}]}}");
    expect_same(call("m, leave, []"), "{exit,{exception,bye}}");
    expect_same(call("m, wait, [], 100"), "{error,{erpc,timeout}}");
    expect_same(side(in, "request", in.cpp() + ", m, add, [1, 2]"), "{ok,3}");
    expect_same(side(in, "request", in.cpp() + ", m, leave, []"), "{exit,{exception,bye}}");
    expect_same(attempt(in, "erpc", "multicall", "[" + in.cpp() + ", gone@localhost], m, add, [1, 2]"),
                "{ok,[{ok,3},{error,{erpc,noconnection}}]}");
  });
}

TEST_CASE("rpc from Erlang: call, block_call, async_call, multicall") {
  in_every_world("rpc to ours: call, block_call, async_call, multicall; failures", [](world& in) {
    prepare(in);
    for (const std::string kind : {"call", "block_call"}) {
      const auto call = [&](const std::string& rest) { return attempt(in, "rpc", kind, in.cpp() + ", " + rest); };
      expect_same(call("m, add, [1, 2]"), "{ok,3}");
      expect_same(call("m, add, [1, x]"), std::string{"{ok,{badrpc,{'EXIT',{badarg,"} + badarg_stack + "}}}}");
      expect_same(call("m, gone, [1]"), "{ok,{badrpc,{'EXIT',{undef,[{m,gone,[1],[]}]}}}}");
      expect_same(call("m, leave, []"), "{ok,{badrpc,{'EXIT',bye}}}");
      expect_same(call("net_kernel, get_net_ticktime, []"), "{ok,60}");
      expect_same(call("code, ensure_loaded, [shell]"), "{ok,{error,nofile}}");
    }
    expect_same(side(in, "async", in.cpp() + ", m, add, [1, 2]"), "3");
    expect_same(attempt(in, "rpc", "multicall", "[" + in.cpp() + ", gone@localhost], m, add, [1, 2]"),
                "{ok,{[3],[gone@localhost]}}");
    expect_same(attempt(in, "net_adm", "ping", in.cpp()), "{ok,pong}");
  });
}

TEST_CASE("casts and sends from Erlang through rpc and erpc arrive") {
  in_every_world("rpc and erpc casts, sbcast, raw requests to ours", [](world& in) {
    prepare(in);
    in.ours().call("recorder"_atom, "take"_atom);
    expect_same(attempt(in, "erpc", "cast", in.cpp() + ", m, note, [1]"), "{ok,ok}");
    expect_same(attempt(in, "rpc", "cast", in.cpp() + ", m, note, [2]"), "{ok,true}");
    expect_same(attempt(in, "rpc", "sbcast", "[" + in.cpp() + "], recorder, 4"),
                "{ok,{[" + in.ours().shown_name() + "],[]}}");
    expect_same(attempt(in, "rpc", "sbcast", "[" + in.cpp() + "], nobody, 4"),
                "{ok,{[],[" + in.ours().shown_name() + "]}}");
    std::int64_t sum = 0;
    eventually("all have arrived", [&] {
      for (const auto& one : in.ours().call("recorder"_atom, "take"_atom).items()) sum += one.as_integer().value();
      return sum == 7;
    });
    const auto raw = [&](const std::string& request) {
      return side(in, "sent", in.cpp() + ", " + request + ", 10000");
    };
    expect_same(raw("{call, m, add, [1, 2], user}"), "3");
    expect_same(raw("{call, m, gone, [], send_stdout_to_caller}"), "{badrpc,{'EXIT',{undef,[{m,gone,[],[]}]}}}");
    expect_same(raw("features_request"), "{features_reply," + in.ours().shown_name() + ",[erpc]}");
  });
}

TEST_CASE("Erlang starts processes on our node in every way") {
  in_every_world("spawn, spawn_link, spawn_monitor, spawn_opt, spawn_request on ours", [](world& in) {
    prepare(in);
    const auto name = in.ours().shown_name();
    const auto started = [&](const std::string& how, const std::string& function, const std::string& arguments = "") {
      return side(in, "started", how + ", " + in.cpp() + ", m, " + function + ", [" + arguments + "]");
    };
    const std::string undef = "{undef,[{m,gone,[1],[]}]}";
    expect_same(started("plain", "wait"), "{" + name + ",normal}");
    expect_same(started("link", "leave"), "{" + name + ",bye}");
    expect_same(started("link", "gone", "1"), "{" + name + "," + undef + "}");
    expect_same(started("monitor", "add", "1, 2"), "{" + name + ",normal}");
    expect_same(started("monitor", "gone", "1"), "{" + name + "," + undef + "}");
    expect_same(started("both", "leave"), "{" + name + ",bye,bye}");
    expect_same(started("request", "leave"), "{" + name + ",bye}");
    expect_same(side(in, "refused", in.cpp() + ", m, wait, [], nonsense"), "badopt");
    expect_same(side(in, "refused", in.cpp() + ", m, wait, [], {name, net_kernel}"), "badarg");
    const auto worker = fresh_name("worker");
    expect_same(side(in, "named", in.cpp() + ", " + worker), "{true,badarg}");
  });
}

// ----- ours to theirs -----------------------------------------------------------------------------------------------

ergo::term shown(const ergo::result<ergo::term>& given) { return given ? *given : given.error().reason(); }

ergo::task<ergo::term> call_theirs(ergo::process& self, ergo::atom node, std::string function, ergo::term argument) {
  const ergo::rpc::at where{node, 10s};
  const auto value = co_await ergo::rpc::call(self, where, "erlang", function, argument);
  co_return shown(value);
}

TEST_CASE("our processes call Erlang's functions") {
  in_every_world("erpc from ours: values, throw, exit, error, undef, timeout, nodedown", [](world& in) {
    const auto call = [&](const std::string& function, std::string_view argument) {
      return run_process(in.node(), call_theirs, in.peer_atom(), function, parsed(argument));
    };
    expect_term(call("abs", "-5"), "5");
    expect_term(call("throw", "{a,ball}"), "{nocatch,{a,ball}}");
    expect_term(call("exit", "bye"), "{exception,bye}");
    const auto failed = call("error", "{oops,1}");
    expect(ergo::etf::is_tagged(failed, "exception"_atom, 2), ergo::etf::to_text(failed));
    expect_term(failed.elements()[1].elements()[0], "{oops,1}");
    expect(failed.elements()[1].elements()[1].is_list(), "no stack trace");
    expect_term(call("no_such_function", "1"), "{exception,{undef,[{erlang,no_such_function,[1],[]}]}}");
    const ergo::rpc::at brief{in.peer_atom(), 100ms};
    expect(ergo::rpc::call(in.node(), brief, "timer", "sleep", 3000).error() == ergo::errc::timeout, "no timeout");
    const ergo::rpc::at there{in.peer_atom(), 10s};
    const std::vector<int> numbers{1, 2, 3};
    const auto reversed = ergo::rpc::call<std::vector<int>>(in.node(), there, "lists", "reverse", numbers);
    expect(reversed == std::vector{3, 2, 1}, "not reversed");
    const std::array nodes{in.peer_atom(), "gone@localhost"_atom, in.node().name()};
    const auto names = ergo::rpc::multicall<ergo::atom>(in.node(), nodes, 10s, "erlang", "node");
    expect(names[0] == nodes[0] && names[2] == nodes[2], "wrong names");
    expect(names[1].error() == ergo::errc::nodedown, "not down");
    in.ours().call(in.erl_server(), "take"_atom);
    ergo::rpc::cast(in.node(), in.peer_atom(), "erlang", "send", "erl_server"_atom, 7);
    eventually("the cast has arrived",
               [&] { return ergo::etf::to_text(in.ours().call(in.erl_server(), "take"_atom)) == "[7]"; });
  });
}

ergo::task<ergo::term> start_theirs(ergo::process& self, ergo::atom node) {
  const ergo::rpc::at where{node, 10s};
  self.trap_exits(ergo::exits::trapped);
  const auto plain = co_await ergo::rpc::spawn(self, where, "timer", "sleep", 10);
  if (!plain) co_return plain.error().reason();
  const auto linked = co_await ergo::rpc::spawn_link(self, where, "erlang", "exit", "boom"_atom);
  if (!linked) co_return linked.error().reason();
  auto ended = co_await self.receive<ergo::exit_message>(10s);
  if (!ended || ended->from != *linked) co_return ergo::term{"no_exit"_atom};
  const auto watched = co_await ergo::rpc::spawn_monitor(self, where, "erlang", "exit", "bang"_atom);
  if (!watched) co_return watched.error().reason();
  auto gone = co_await self.receive<ergo::down>(10s);
  if (!gone || gone->ref != watched->second.ref) co_return ergo::term{"no_down"_atom};
  co_return tuple(ended->reason.value(), gone->reason.value(), self.unread());
}

TEST_CASE("our processes start processes on an Erlang node") {
  in_every_world("spawn, spawn_link, spawn_monitor from ours",
                 [](world& in) { expect_term(run_process(in.node(), start_theirs, in.peer_atom()), "{boom,bang,0}"); });
}

TEST_CASE("multicalls go to Erlang and C++ nodes alike") {
  in_every_world("rpc:multicall, erpc:multicall over Erlang and C++ nodes, both ways", [](world& in) {
    prepare(in);
    our_node second{in.another()};
    (void)second->provide("m", "add", [](std::int64_t left, std::int64_t right) { return left + right + 100; });
    const auto peer = ergo::etf::to_text(ergo::term{in.peer_atom()});
    const auto all = "[" + peer + "," + in.ours().shown_name() + ",gone@localhost," + second.shown_name() + "]";
    expect_same(attempt(in, "rpc", "multicall", all + ", erlang, node, []"),
                "{ok,{[" + peer + "," + in.ours().shown_name() + "," + second.shown_name() + "],[gone@localhost]}}");
    expect_same(attempt(in, "rpc", "multicall", "[" + in.cpp() + "," + second.quoted_name() + "], m, add, [1, 2]"),
                "{ok,{[3,103],[]}}");
    expect_same(attempt(in, "erpc", "multicall", all + ", erlang, is_alive, [], 10000"),
                "{ok,[{ok,true},{ok,true},{error,{erpc,noconnection}},{ok,true}]}");
    expect_same(side(in, "multicast", "[" + in.cpp() + "," + second.quoted_name() + "], erlang, is_alive, []"), "ok");
    const std::array nodes{in.peer_atom(), second->name(), "gone@localhost"_atom, in.node().name()};
    const auto names = ergo::rpc::multicall<ergo::atom>(in.node(), nodes, 10s, "erlang", "node");
    expect(names[0] == nodes[0] && names[1] == nodes[1] && names[3] == nodes[3], "wrong names");
    expect(names[2].error() == ergo::errc::nodedown, "not down");
  });
}

TEST_CASE("a block_call from Erlang holds up what rex is asked after it, and nothing else") {
  in_every_world("rpc:block_call to ours blocks rex", [](world& in) {
    prepare(in);
    expect_same(side(in, "blocked", in.cpp()), "{[held,3],ok}");
  });
}

}  // namespace
}  // namespace ergo_interop
