// The server rex, the functions that every node has, and who may have what done.
#include "rpc_fixture.hpp"

#include <csignal>

using namespace ergo_test;

namespace {

task<term> ask(process& self, destination to, std::string request) {
  const auto parsed = etf::parse(request).value();
  auto answer = co_await call(self, to, parsed, patience);
  if (!answer) co_return etf::tuple("error"_atom, answer.error().reason());
  co_return *answer;
}

/// Sends `{From, Request}` to rex, as a C node does, and returns what it gets.
task<term> ask_raw(process& self, destination rex, std::string request) {
  const auto parsed = etf::parse(request).value();
  self.send(rex, etf::tuple(self.id(), parsed));
  message got = co_await self.receive_any();
  co_return got.to_term();
}

task<> collect(process& self, std::shared_ptr<std::promise<std::string>> told) {
  message got = co_await self.receive_any();
  told->set_value(etf::to_text(got.to_term().elements()[1]));
}

/// Says which process it is, and lasts until it is sent something.
task<term> hold(process& self, std::shared_ptr<std::promise<pid>> told) {
  told->set_value(self.id());
  (void)co_await self.receive_any();
  co_return term{"held"_atom};
}

void provide_some(node& on) {
  REQUIRE(on.provide("m", "add", [](std::int64_t left, std::int64_t right) { return left + right; }));
  REQUIRE(on.provide("m", "leave", [](process& self) -> term { self.exit(exit_reason{"bye"_atom}); }));
  REQUIRE(on.provide("m", "die", [](process& self) -> task<> {
    self.exit(self.id(), exit_reason{"kill"_atom});
    co_await self.sleep(patience);
  }));
}

}  // namespace

TEST_CASE("rex answers calls, failures included, and what it does not know") {
  caller_node on{lonely()};
  provide_some(*on.self);
  const destination rex{"rex"_atom};
  const auto call = [&](std::string request) { return on.run(ask, rex, std::move(request)); };
  CHECK(call("{call,m,add,[1,2],user}") == "3");
  CHECK(call("{block_call,m,add,[1,2],user}") == "3");
  CHECK(call("{call,m,add,[1,x],user}") == "{badrpc,{'EXIT',{badarg,[{m,add,[1,x],[]}]}}}");
  CHECK(call("{call,m,gone,[],user}") == "{badrpc,{'EXIT',{undef,[{m,gone,[],[]}]}}}");
  CHECK(call("{call,m,leave,[],user}") == "{badrpc,{'EXIT',bye}}");
  CHECK(call("{call,m,die,[],user}") == "{badrpc,{'EXIT',killed}}");
  CHECK(call("{call,1,2,3,user}") == "{badrpc,{'EXIT',badarg}}");
  CHECK(call("{call,m,add,[1|2],user}") == "{badrpc,{'EXIT',badarg}}");
  CHECK(call("nonsense") == "{badrpc,{'EXIT',notsup}}");
}

TEST_CASE("rex answers C nodes: calls, features, sends to names") {
  caller_node on{lonely()};
  provide_some(*on.self);
  const destination rex{"rex"_atom};
  const auto raw = [&](std::string request) { return on.run(ask_raw, rex, std::move(request)); };
  CHECK(raw("{call,m,add,[1,2],user}") == "{rex,3}");
  CHECK(raw("{call,m,add,[1,2],send_stdout_to_caller}") == "{rex,3}");
  CHECK(raw("{call,m,leave,[],user}") == "{rex,{badrpc,{'EXIT',bye}}}");
  CHECK(raw("{call,m,die,[],user}") == "{rex,{badrpc,{'EXIT',killed}}}");
  CHECK(raw("features_request") == "{features_reply,alone@localhost,[erpc]}");
  CHECK(raw("{sbcast,nobody,hello}") == "{rex,alone@localhost,{nonexisting_name,nobody}}");
  CHECK(raw("{send,nobody,hello}") == "{rex,alone@localhost,{nonexisting_name,nobody}}");
  CHECK(raw("{sbcast,rex,hello}") == "{rex,alone@localhost,alone@localhost}");
  CHECK(raw("nonsense") == "{rex,{badrpc,{'EXIT',notsup}}}");
  const auto told = std::make_shared<std::promise<std::string>>();
  auto got = told->get_future();
  REQUIRE(on.self->spawn(spawn_options{.name = "here"_atom}, make_body(collect, told)));
  on.self->send(rex, etf::tuple(*on.self->whereis("rex"_atom), etf::parse("{send,here,hello}").value()));
  REQUIRE(got.wait_for(patience) == std::future_status::ready);
  CHECK(got.get() == "hello");
}

namespace {

/// Calls `prints` over rex as a C node that wants to see the output; what it gets, up to the value.
task<term> see_output(process& self, destination rex, term output) {
  const auto request =
      etf::tuple("call"_atom, "m"_atom, "prints"_atom, etf::list(output), "send_stdout_to_caller"_atom);
  self.send(rex, etf::tuple(self.id(), request));
  std::vector<term> seen;
  for (;;) {
    const message got = co_await self.receive_any();
    seen.push_back(got.to_term());
    if (etf::is_tagged(seen.back(), "rex"_atom, 2)) co_return etf::make_list(seen);
  }
}

/// Asks its group leader for something, waits for no answer, and returns the leader's answer to one more request.
task<term> print(process& self, term output) {
  const destination leader{self.group_leader()};
  const auto request = [&](const term& what) {
    self.send(leader, etf::tuple("io_request"_atom, self.id(), self.make_ref(), what));
  };
  request(output);
  const auto answer = co_await self.receive<term>();
  request(etf::parse("{put_chars,unicode,\"last\"}").value());
  co_return answer->elements()[2];
}

}  // namespace

TEST_CASE("a C node sees what its call prints, and then the value") {
  caller_node on{lonely()};
  REQUIRE(on.self->provide("m", "prints", print));
  const auto seen = [&](std::string_view output) {
    return on.run(see_output, destination{"rex"_atom}, etf::parse(output).value());
  };
  const auto printed = [](const std::string& text) {
    return "[{rex_stdout,<<" + text + ">>},{rex_stdout,<<\"last\">>},{rex,ok}]";
  };
  CHECK(seen("{put_chars,unicode,[\"a\",<<\"b\">>,[[99]|<<\"d\">>]]}") == printed("\"abcd\""));
  CHECK(seen("{put_chars,unicode,[228,955,128512]}") == printed("\"äλ😀\"/utf8"));
  CHECK(seen("{put_chars,latin1,[228,<<228>>]}") == printed("\"ää\"/utf8"));
  CHECK(seen("{put_chars,\"old\"}") == printed("\"old\""));
  CHECK(seen("{requests,[{put_chars,unicode,\"one\"},{put_chars,unicode,\"two\"}]}") ==
        "[{rex_stdout,<<\"one\">>},{rex_stdout,<<\"two\">>},{rex_stdout,<<\"last\">>},{rex,ok}]");
  const auto refused = [](const std::string& why) { return "[{rex_stdout,<<\"last\">>},{rex,{error," + why + "}}]"; };
  CHECK(seen("{put_chars,unicode,[55296]}") == refused("put_chars"));
  CHECK(seen("{put_chars,latin1,[256]}") == refused("put_chars"));
  CHECK(seen("{put_chars,unicode,[text]}") == refused("put_chars"));
  CHECK(seen("{put_chars,unicode,io_lib,format,[\"~p\",[1]]}") == refused("format"));
  CHECK(seen("{get_line,unicode,\"> \"}") == refused("enotsup"));
  CHECK(seen("{requests,[{requests,[]}]}") == refused("request"));
}

TEST_CASE("what a C node waits for comes also when its call dies") {
  caller_node on{lonely()};
  provide_some(*on.self);
  const destination rex{"rex"_atom};
  CHECK(on.run(ask_raw, rex, std::string{"{call,m,die,[],send_stdout_to_caller}"}) == "{rex,{badrpc,{'EXIT',killed}}}");
}

namespace {

/// Asks rex for a block_call that lasts until it is let go, and then for others; the order of their answers.
task<term> blocked(process& self, destination rex, std::shared_ptr<std::promise<pid>> blocker) {
  auto running = blocker->get_future();
  const auto ask = [&](std::string_view request) {
    self.send(rex, etf::tuple(self.id(), etf::parse(request).value()));
  };
  ask("{block_call,m,hold,[],user}");
  while (running.wait_for(std::chrono::seconds{0}) != std::future_status::ready) co_await self.yield();
  ask("{block_call,m,add,[1,2],user}");
  ask("{block_call,m,add,[3,4],user}");
  ask("features_request");
  (void)co_await process_info(self, *self.node().whereis("rex"_atom));
  const auto early = self.unread();
  self.send(running.get(), "go"_atom);
  std::vector<term> answers{term{early}};
  for (int count = 0; count < 4; ++count) {
    const message got = co_await self.receive_any();
    answers.push_back(got.to_term());
  }
  co_return etf::make_list(answers);
}

}  // namespace

TEST_CASE("a block_call holds up everything that rex is asked later") {
  caller_node on{lonely()};
  provide_some(*on.self);
  const auto blocker = std::make_shared<std::promise<pid>>();
  REQUIRE(on.self->provide("m", "hold", [blocker](process& self) -> task<term> { return hold(self, blocker); }));
  CHECK(on.run(blocked, destination{"rex"_atom}, blocker) ==
        "[0,{rex,held},{rex,3},{rex,7},{features_reply,alone@localhost,[erpc]}]");
}

TEST_CASE("a cast through rex runs, and says nothing") {
  caller_node on{lonely()};
  const auto told = std::make_shared<std::promise<std::int64_t>>();
  auto got = told->get_future();
  REQUIRE(on.self->provide("m", "note", [told](std::int64_t number) { told->set_value(number); }));
  const auto request = etf::parse("{'$gen_cast',{cast,m,note,[7],user}}").value();
  on.self->local().route("rex"_atom,
                         ergo::detail::make_signal(ergo::detail::signal_kind::cast, pid{}, request.elements()[1]));
  REQUIRE(got.wait_for(patience) == std::future_status::ready);
  CHECK(got.get() == 7);
}

TEST_CASE("the functions that tools call on every node they meet are there") {
  caller_node on{lonely()};
  CHECK(on.call_own("erlang", "node") == "alone@localhost");
  CHECK(on.call_own("erlang", "nodes") == "[]");
  CHECK(on.call_own("erlang", "nodes", "this"_atom) == "[alone@localhost]");
  CHECK(on.call_own("erlang", "nodes", "nonsense"_atom).find("badarg") != std::string::npos);
  CHECK(on.call_own("erlang", "is_alive") == "true");
  CHECK(on.call_own("erlang", "whereis", "nobody"_atom) == "undefined");
  CHECK(on.call_own("erlang", "registered").find("rex") != std::string::npos);
  CHECK(on.call_own("erlang", "system_info", "otp_release"_atom) == "\"27\"");
  CHECK(on.call_own("erlang", "system_info", "wordsize"_atom) == "8");
  CHECK(on.call_own("erlang", "system_info", "nonsense"_atom).find("badarg") != std::string::npos);
  CHECK(on.call_own("erlang", "memory").starts_with("[{total,"));
  CHECK(on.call_own("erlang", "statistics", "wall_clock"_atom).starts_with("{"));
  CHECK(on.call_own("erlang", "function_exported", "erlang"_atom, "node"_atom, 0) == "true");
  CHECK(on.call_own("erlang", "function_exported", "erlang"_atom, "node"_atom, 1) == "false");
  CHECK(on.call_own("code", "ensure_loaded", "erlang"_atom) == "{module,erlang}");
  CHECK(on.call_own("code", "ensure_loaded", "shell"_atom) == "{error,nofile}");
  CHECK(on.call_own("code", "which", "lists"_atom) == "non_existing");
  CHECK(on.call_own("net_kernel", "get_net_ticktime") == "60");
  CHECK(on.call_own("net_adm", "ping", "alone@localhost"_atom) == "pong");
  CHECK(on.call_own("net_adm", "ping", "gone@localhost"_atom) == "pang");
  CHECK(on.call_own("net_adm", "localhost") == "\"localhost\"");
  CHECK(on.call_own("application", "which_applications") == "[]");
  CHECK(on.call_own("application", "get_env", "stdlib"_atom, "slogan"_atom, 5) == "5");
  CHECK(on.call_own("erlang", "get_cookie") == "nocookie");
}

TEST_CASE("processes are looked at, and sent to") {
  caller_node on{lonely()};
  const auto rex = *on.self->whereis("rex"_atom);
  const auto facts = on.call_own("erlang", "process_info", rex);
  CHECK(facts.find("{registered_name,rex}") != std::string::npos);
  CHECK(on.call_own("erlang", "process_info", rex, "trap_exit"_atom) == "{trap_exit,true}");
  CHECK(on.call_own("erlang", "process_info", rex, etf::list("message_queue_len"_atom, "registered_name"_atom)) ==
        "[{message_queue_len,0},{registered_name,rex}]");
  CHECK(on.call_own("erlang", "process_info", rex, "nonsense"_atom).find("badarg") != std::string::npos);
  CHECK(on.call_own("erlang", "process_info", pid{rex.node, 77, 77}) == "undefined");
  CHECK(on.call_own("erlang", "processes").starts_with("[<"));
  const auto told = std::make_shared<std::promise<std::string>>();
  auto got = told->get_future();
  REQUIRE(on.self->spawn(spawn_options{.name = "here"_atom}, make_body(collect, told)));
  CHECK(on.call_own("erlang", "send", "here"_atom, etf::tuple("to"_atom, "you"_atom)) == "{to,you}");
  REQUIRE(got.wait_for(patience) == std::future_status::ready);
  CHECK(got.get() == "you");
  CHECK(on.call_own("erlang", "send", "nobody"_atom, 1).find("badarg") != std::string::npos);
}

TEST_CASE("erlang:halt ends the program as a signal does") {
  static std::atomic<int> seen;
  seen = 0;
  auto* const before = std::signal(SIGTERM, [](int number) { seen = number; });
  {
    caller_node on{lonely()};
    rpc::cast(*on.self, on.self->name(), "erlang", "halt");
    CHECK(eventually([] { return seen == SIGTERM; }));
  }
  std::signal(SIGTERM, before);
}

TEST_CASE("a node does what its caller has a right to, whoever the caller says that it is") {
  const auto port = free_port();
  auto first = named("host@localhost", port);
  const auto second = named("guest@localhost", port);
  first.grants = {{"guest@*", right::observe}};
  caller_node host{first};
  caller_node guest{second};
  provide_some(*host.self);
  const auto host_name = host.self->name();
  const auto call = [&](const rpc::name& module, const rpc::name& function, auto... argument) {
    const rpc::at there{host_name, patience};
    return rpc::call(*guest.self, there, module, function, argument...);
  };
  CHECK(text_of(call("erlang", "node")) == "host@localhost");
  CHECK(call("erlang", "registered"));
  const auto refused = call("m", "add", 1, 2);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == error{errc::permission_denied, etf::parse("{m,add,2}").value()});
  CHECK(call("erlang", "halt").error() == errc::permission_denied);
  const destination rex{"rex"_atom, host_name};
  CHECK(guest.run(ask, rex, std::string{"{call,m,add,[1,2],user}"}) ==
        "{badrpc,{'EXIT',{permission_denied,{m,add,2}}}}");
  CHECK(guest.run(ask_raw, rex, std::string{"{call,m,add,[1,2],user}"}) ==
        "{rex,{badrpc,{'EXIT',{permission_denied,{m,add,2}}}}}");

  // By way of the host itself.
  CHECK(guest.run(ask_raw, rex, std::string{"{send,rex,{call,m,add,[1,2],user}}"}) ==
        "{rex,{badrpc,{'EXIT',{permission_denied,{m,add,2}}}}}");
  const auto disguised = etf::tuple(*guest.self->whereis("rex"_atom), etf::parse("{call,erlang,halt,[],user}").value());
  for (const auto& to : {term{"rex"_atom}, etf::tuple("rex"_atom, host_name), term{*host.self->whereis("rex"_atom)},
                         etf::tuple("rex"_atom, guest.self->name())}) {
    CHECK(text_of(call("erlang", "send", to, disguised)).find("permission_denied") != std::string::npos);
  }

  // In the name of a process of the host itself.
  const auto told = std::make_shared<std::promise<std::string>>();
  auto got = told->get_future();
  const auto witness = host.self->spawn(spawn_options{}, make_body(collect, told));
  REQUIRE(witness);
  guest.self->send(rex, etf::tuple(*witness, etf::parse("{call,m,add,[1,2],user}").value()));
  REQUIRE(got.wait_for(patience) == std::future_status::ready);
  CHECK(got.get() == "{badrpc,{'EXIT',{permission_denied,{m,add,2}}}}");

  // The host's own processes do not end of its exit signals.
  const auto its_rex = host.self->whereis("rex"_atom);
  guest.self->runtime().exit(*its_rex, exit_reason{"kill"_atom});
  CHECK(text_of(call("erlang", "node")) == "host@localhost");
  CHECK(host.self->whereis("rex"_atom) == its_rex);
}
