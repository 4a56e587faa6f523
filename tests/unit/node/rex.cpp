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
  CHECK(on.call_own("erlang", "get_cookie").find("undef") != std::string::npos);
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
    CHECK(on.call_own("erlang", "halt") == "ok");
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
