// Meeting, calling and casting: what an Erlang node and ours do all day.
#include "harness.hpp"

#include <catch2/catch_test_macros.hpp>

#include <limits>

namespace ergo_interop {
namespace {

using ergo::etf::tuple;

/// Every kind of term that this program can make itself.
std::vector<ergo::term> terms_of(world& in) {
  std::vector<ergo::term> terms;
  for (const char* const text : {"0",
                                 "255",
                                 "256",
                                 "-1",
                                 "2147483648",
                                 "-2147483649",
                                 "9223372036854775807",
                                 "18446744073709551616",
                                 "-170141183460469231731687303715884105728",
                                 "1.0",
                                 "-0.5",
                                 "1.0e300",
                                 "ok",
                                 "''",
                                 "'with space'",
                                 "'λ😀'",
                                 "true",
                                 "[]",
                                 "[1,2,3]",
                                 "\"text\"",
                                 "[1|2]",
                                 "[[[]]]",
                                 "{}",
                                 "{a,{b,{c}}}",
                                 "<<>>",
                                 "<<1,2,3>>",
                                 "<<5:3>>",
                                 "#{}",
                                 "#{a => 1, 2 => b, [] => #{1.5 => {}}}",
                                 "fun lists:map/2"}) {
    terms.push_back(parsed(text));
  }
  std::vector<ergo::term> many;
  std::vector<ergo::term> pairs;
  for (int number = 0; number < 1000; ++number) {
    many.emplace_back(number * 1'000'003LL);
    pairs.emplace_back(number);
    pairs.push_back(tuple(number, "value"_atom));
  }
  terms.push_back(ergo::etf::make_list(many));
  terms.push_back(ergo::etf::make_tuple(many));
  terms.push_back(ergo::etf::make_map(pairs));
  terms.push_back(ergo::etf::adopt_binary(std::string(200'000, '\xFE')));
  terms.emplace_back(*in.node().whereis("echo"_atom));
  terms.emplace_back(in.node().local().make_ref());
  terms.push_back(in.remote("{start_sleeper, none}"));
  terms.emplace_back(std::numeric_limits<double>::denorm_min());
  ergo::term deep;
  for (int depth = 0; depth < 2000; ++depth) deep = ergo::etf::list(depth, deep);
  terms.push_back(deep);
  return terms;
}

TEST_CASE("Each side answers the other's ping") {
  in_every_world("ping both ways", [](world& in) {
    expect_same(in.erl("{ping, " + in.cpp() + "}"), "pong");
    expect_term(in.ours().call({"net_kernel"_atom, in.peer_atom()}, tuple("is_auth"_atom, in.node().name())), "yes");
    expect(in.node().connect(in.peer().name()).has_value(), "connect while connected");
  });
}

TEST_CASE("A hidden node is listed as one and a node in the list goes when it is disconnected") {
  in_every_world("nodes() and nodes(hidden)", [](world& in) {
    expect_same(in.erl("nodes"), "{[],[" + in.ours().shown_name() + "]}");
    expect(in.node().nodes(ergo::node_set::all) == std::vector{in.peer_atom()}, "nodes(all)");
    expect(in.node().nodes(ergo::node_set::hidden) == std::vector{in.peer_atom()},
           "a connection is hidden when one of its ends is");
    expect(in.node().nodes(ergo::node_set::visible).empty(), "nodes(visible)");
    expect_same(in.erl("{disconnect, " + in.cpp() + "}"), "true");
    eventually("we see that they disconnected", [&] { return in.node().nodes(ergo::node_set::all).empty(); });
    expect_same(in.erl("nodes"), "{[],[]}");
  });
}

TEST_CASE("A call from Erlang brings every kind of term here and back") {
  in_every_world("Erlang calls: every kind of term, by {name,node}",
                 [](world& in) { expect_same(in.erl("{echo_all, " + in.at("echo") + "}"), "all"); });
  in_every_world("Erlang calls: every kind of term, by pid", [](world& in) {
    in.erl("{set, echo, {remote_whereis, " + in.cpp() + ", echo}}");
    expect_same(in.erl("{echo_all, {var, echo}}"), "all");
  });
}

void each_term_comes_back(world& in, const ergo::destination& to) {
  const auto terms = terms_of(in);
  for (const auto& one : terms) {
    const auto back = in.ours().call(to, one);
    expect(ergo::etf::compare_exact(back, one) == 0, "came back as " + ergo::etf::to_text(back, {.limit = 200}));
  }
  const auto all = ergo::etf::make_list(terms);
  expect(ergo::etf::compare_exact(in.ours().call(to, all), all) == 0, "the list of all came back differently");
}

TEST_CASE("A call to Erlang brings every kind of term there and back") {
  in_every_world("we call: every kind of term, by {name,node}",
                 [](world& in) { each_term_comes_back(in, in.erl_server()); });
  in_every_world("we call: every kind of term, by pid", [](world& in) {
    const auto found = in.remote("{whereis, erl_server}").as_pid();
    expect(found.has_value(), "no pid");
    each_term_comes_back(in, *found);
  });
}

TEST_CASE("Casts and plain messages arrive by name and by pid") {
  in_every_world("cast and send both ways, by name and pid", [](world& in) {
    in.erl("{set, r, {remote_whereis, " + in.cpp() + ", recorder}}");
    in.erl("{cast, " + in.at("recorder") + ", 1}");
    in.erl("{cast, {var, r}, 2}");
    in.erl("{send, " + in.at("recorder") + ", 3}");
    in.erl("{send, {var, r}, 4}");
    expect_same(in.erl("{call, {var, r}, take}"), "[1,2,3,4]");

    const auto server = in.remote("{start_server, none}").as_pid().value();
    ergo::otp::cast(in.node().local(), server, 1);
    in.node().send(server, 2);
    expect_term(in.ours().call(server, "take"_atom), "[1,2]");
    ergo::otp::cast(in.node().local(), in.erl_server(), 3);
    in.node().send(in.erl_server(), 4);
    expect_term(in.ours().call(in.erl_server(), "take"_atom), "[3,4]");
  });
}

ergo::etf::term reason_of(world& in, const ergo::destination& to, const ergo::term& request,
                          std::chrono::milliseconds timeout = 5s) {
  const auto answer = ergo::otp::call<ergo::term>(in.node().local(), to, request, timeout);
  expect(!answer.has_value(), "the call was answered");
  return answer.error().reason();
}

TEST_CASE("A call to nobody fails at once on either side") {
  in_every_world("calls to an unknown name and a dead process: noproc", [](world& in) {
    expect_same(in.erl("{call, " + in.at("nobody_here") + ", hello, 5000}"), "{caught,noproc}");
    in.erl("{send, " + in.at("nobody_here") + ", hello}");
    in.erl("{set, s, {remote_sleeper, none, " + in.cpp() + "}}");
    in.erl("{monitor, {var, s}, {tell, {var, s}, stop}}");
    expect_same(in.erl("{call, {var, s}, hello, 5000}"), "{caught,noproc}");

    in.node().send({"nobody_there"_atom, in.peer_atom()}, "hello"_atom);
    expect_term(reason_of(in, {"nobody_there"_atom, in.peer_atom()}, "hello"_atom), "noproc");
    const auto gone = in.remote("{start_sleeper, none}").as_pid().value();
    in.node().send(gone, "stop"_atom);
    (void)reason_of(in, gone, "hello"_atom);  // may still see it end: normal
    expect_term(reason_of(in, gone, "hello"_atom), "noproc");
  });
}

TEST_CASE("A call to a node that does not exist fails with nodedown") {
  in_every_world("calls to a node that is not there: nodedown", [](world& in) {
    expect_same(in.erl("{call, {echo, 'no_such_node@localhost'}, hello, 5000}"),
                "{caught,{nodedown,no_such_node@localhost}}");
    const auto began = std::chrono::steady_clock::now();
    const auto answer =
        ergo::otp::call<ergo::term>(in.node().local(), {"echo"_atom, "no_such_node@localhost"_atom}, "hello"_atom, 10s);
    expect(!answer.has_value() && answer.error() == ergo::errc::nodedown, "no nodedown");
    expect(std::chrono::steady_clock::now() - began < 5s, "nodedown took the whole timeout");
  });
}

ergo::task<ergo::term> late_answer(ergo::process& self, ergo::destination to) {
  const auto later = tuple("later"_atom, 1'000);
  const auto early = co_await ergo::otp::call<ergo::term>(self, to, later, 30ms);
  if (early || !(early.error() == ergo::errc::timeout)) co_return ergo::term{"no_timeout"_atom};
  const ergo::term wait{"wait_late"_atom};
  const auto sent = co_await ergo::otp::call<ergo::term>(self, to, wait, 10s);
  const ergo::term hello{"hello"_atom};
  const auto then = co_await ergo::otp::call<ergo::term>(self, to, hello, 10s);
  if (!sent || !then) co_return ergo::term{"no_answer"_atom};
  const ergo::term unread{self.unread()};
  co_return tuple(*then, unread);
}

TEST_CASE("The answer to a call that timed out never surfaces") {
  in_every_world("timeout, and the late reply never surfaces", [](world& in) {
    expect_term(run_process(in.node(), late_answer, in.erl_server()), "{hello,0}");
    expect_term(run_process(in.node(), late_answer, ergo::destination{"trouble"_atom}), "{hello,0}");
    expect_same(in.erl("{call, " + in.at("trouble") + ", {later, 1000}, 30}"), "{caught,timeout}");
    expect_same(in.erl("{call, " + in.at("trouble") + ", wait_late}"), "ok");
    expect_same(in.erl("{call, " + in.at("trouble") + ", hello}"), "hello");
    // A caller of OTP 23 has no alias, and gets the late answer as a message from any node.
    if (in.release_number() >= 24) expect_same(in.erl("mailbox"), "[]");
    in.erl("{call, " + in.at("trouble") + ", never, 20}");
  });
}

std::string stopping_call(const std::string& server, const std::string& reason) {
  return "{call, " + server + ", {stop, " + reason + "}, 5000}";
}

TEST_CASE("A call learns the reason for which the server ended in it") {
  in_every_world("server dies in a call: its exit reason, both ways", [](world& in) {
    for (const std::string reason : {"boom", "{shutdown,{with,\"detail\"}}", "normal", "kill_me_not"}) {
      ergo::otp::start_options named;
      named.name = parsed(fresh_name("victim")).as_atom().value();
      expect(ergo::otp::start<trouble>(in.node().local(), named).has_value(), "no victim");
      const std::string victim = "{" + std::string{named.name.text()} + ", " + in.cpp() + "}";
      expect_same(in.erl(stopping_call(victim, reason)), "{caught," + reason + "}");
      const auto theirs = in.remote("{start_server, none}").as_pid().value();
      expect_term(reason_of(in, theirs, tuple("stop"_atom, parsed(reason))), reason);
    }
    const auto crashes = in.remote("{start_server, none}").as_pid().value();
    expect_term(reason_of(in, crashes, "crash"_atom), "crashed");
  });
}

TEST_CASE("Spawning a function that we do not have ends in undef") {
  in_every_world("spawn of an undefined function: undef", [](world& in) {
    // OTP 23 spawns through a process of its own there, which names the same function.
    expect_same(in.erl("{undefined_function, " + in.cpp() + "}"), "undef");
    expect_same(in.erl("{ping, " + in.cpp() + "}"), "pong");
  });
}

ergo::task<ergo::term> leader_of(ergo::process& self, ergo::pid who) {
  const auto info = co_await ergo::process_info(self, who);
  if (!info) co_return info.error().reason();
  for (const auto& fact : info->items()) {
    if (fact.elements()[0].is("group_leader"_atom)) co_return fact.elements()[1];
  }
  co_return ergo::term{"no_leader"_atom};
}

TEST_CASE("A process of ours gets the group leader that Erlang gives it") {
  in_every_world("erlang:group_leader/2 on our process", [](world& in) {
    const auto name = fresh_name("led");
    in.erl("{set, s, {remote_sleeper, " + name + ", " + in.cpp() + "}}");
    in.erl("{set, l, {whereis, erl_server}}");
    const auto led = in.node().whereis(parsed(name).as_atom().value()).value();
    const auto leader = in.remote("{whereis, erl_server}");
    expect(!(run_process(in.node(), leader_of, led) == leader), "it is led from there already");
    expect_same(in.erl("{apply, erlang, group_leader, [{var, l}, {var, s}]}"), "true");
    eventually("it is led from there", [&] { return run_process(in.node(), leader_of, led) == leader; });
  });
}

}  // namespace
}  // namespace ergo_interop
