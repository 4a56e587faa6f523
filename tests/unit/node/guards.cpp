// Guarded processes, and functions that run with somebody's rights.
#include "rpc_fixture.hpp"

#include <ergo/guard.hpp>

#include <vector>

using namespace ergo_test;

namespace {

/// Answers a call with `ok`, and `seen` with the other messages that it has received.
task<> keep(process& self) {
  std::vector<term> seen;
  for (;;) {
    const message got = co_await self.receive_any();
    if (!got.is_call()) {
      seen.push_back(got.to_term());
    } else {
      const auto answer = got.payload().is("seen"_atom) ? etf::make_list(seen) : term{"ok"_atom};
      self.reply(got.from(), answer);
    }
  }
}

bool admits(atom /*peer*/, const term& said) {
  if (!etf::is_tagged(said, "$gen_call"_atom, 3)) return !said.is("forbidden"_atom);
  return !said.elements()[2].is("change"_atom);
}

/// A host with a process that it guards, and a guest with certain rights.
struct house {
  explicit house(right guests) : house{guests, free_port()} {}
  house(right guests, std::uint16_t mapper)
      : host{with_grant(guests, mapper)}, guest{named("guest@localhost", mapper)} {
    guard(*host.self, "keeper", admits);
    keeper = start("keeper"_atom);
    REQUIRE(guest.self->connect("host@localhost"));
  }
  static node_options with_grant(right guests, std::uint16_t mapper) {
    auto options = named("host@localhost", mapper);
    options.grants = {{"guest@*", guests}};
    return options;
  }
  pid start(atom name) {
    spawn_options options;
    options.name = name;
    const auto made = host.self->spawn(options, make_body(keep));
    REQUIRE(made);
    return *made;
  }
  std::string seen() { return host.run(ask, keeper, term{"seen"_atom}); }
  static task<term> ask(process& self, pid whom, term request) {
    auto given = co_await call(self, whom, request, patience);
    co_return given ? *given : given.error().reason();
  }

  caller_node host;
  caller_node guest;
  pid keeper;
};

// Whoever is linked to `whom` and ends, with a reason that kills.
task<> drag_along(process& self, pid whom) {
  self.link(whom);
  self.exit(exit_reason{"kill"_atom});
  co_return;
}

/// Everything that should end a process, and then a call that is behind it; what the call has brought.
task<term> attack(process& self, pid whom) {
  self.exit(whom, exit_reason{"kill"_atom});
  self.exit(whom, exit_reason{"normal"_atom});
  const auto accomplice = self.spawn(drag_along, whom);
  const auto watch = self.monitor(accomplice);
  (void)co_await self.receive<down>();
  self.group_leader(self.id(), whom);
  auto asking = house::ask(self, whom, term{"ping"_atom});
  auto given = co_await std::move(asking);
  (void)watch;
  co_return given;
}

/// Links and waits; how the link has ended.
task<> hang_on(process& self, pid whom, std::shared_ptr<std::promise<std::string>> linked,
               std::shared_ptr<std::promise<std::string>> told) {
  self.link(whom);
  auto asking = house::ask(self, whom, term{"ping"_atom});
  auto given = co_await std::move(asking);
  linked->set_value(etf::to_text(given));
  const auto ended = co_await self.receive<exit_message>();
  told->set_value(etf::to_text(ended->reason.value()));
}

/// A process of the guest that is linked to `whom` when this has returned; how that ends.
std::future<std::string> link_from(const house& in, const pid& whom) {
  const auto linked = std::make_shared<std::promise<std::string>>();
  const auto told = std::make_shared<std::promise<std::string>>();
  auto ready = linked->get_future();
  spawn_options options;
  options.trap_exits = true;
  REQUIRE(in.guest.self->spawn(options, make_body(hang_on, whom, linked, told)));
  REQUIRE(ready.wait_for(patience) == std::future_status::ready);
  CHECK(ready.get() == "ok");
  return told->get_future();
}

std::string told_in_time(std::future<std::string>& told) {
  REQUIRE(told.wait_for(patience) == std::future_status::ready);
  return told.get();
}

task<term> leader_of(process& self, pid whom) {
  const auto facts = co_await process_info(self, whom);
  if (!facts) co_return facts.error().reason();
  for (const auto& one : facts->items()) {
    if (etf::is_tagged(one, "group_leader"_atom, 2)) co_return one.elements()[1];
  }
  co_return term{"none"_atom};
}

}  // namespace

TEST_CASE("a guarded process is ended by nobody who may only talk, and goes on to talk to them") {
  house in{right::talk};
  const auto leader = in.host.run(leader_of, in.keeper);
  CHECK(in.guest.run(attack, in.keeper) == "ok");
  CHECK(in.guest.run(attack, *in.host.self->whereis("net_kernel"_atom)) == "{error,notsup}");
  CHECK(in.host.self->whereis("keeper"_atom) == in.keeper);
  CHECK(in.host.run(leader_of, in.keeper) == leader);
  CHECK(in.seen() == "[]");
}

TEST_CASE("who is linked to a guarded process is told of its end, and it nothing of theirs") {
  house in{right::talk};
  auto lost = link_from(in, in.keeper);
  REQUIRE(in.host.self->disconnect("guest@localhost"));
  CHECK(told_in_time(lost) == "noconnection");
  REQUIRE(eventually([&] { return in.guest.self->connect("host@localhost").has_value(); }));
  CHECK(in.seen() == "[]");
  auto ended = link_from(in, in.keeper);
  in.host.self->runtime().exit(in.keeper, exit_reason{"kill"_atom});
  CHECK(told_in_time(ended) == "killed");
}

TEST_CASE("who may manage a node ends its guarded processes, and everybody the others") {
  house managed{right::all};
  CHECK(managed.guest.run(attack, managed.keeper) == "noproc");
  house in{right::talk};
  CHECK(in.guest.run(attack, in.start("other"_atom)) == "noproc");
}

namespace {

/// What a process answers to a request of `sys`.
task<term> answer_to(process& self, pid to, std::string request) {
  const auto ref = self.make_ref();
  self.send(to, etf::tuple("system"_atom, etf::tuple(self.id(), ref), etf::parse(request).value()));
  const auto answer = co_await self.receive<term>(patience);
  if (answer.timed_out()) co_return term{"nothing"_atom};
  co_return answer->is_tuple(2) && answer->elements()[0] == term{ref} ? answer->elements()[1] : *answer;
}

/// Says something, and then calls.
task<term> say(process& self, pid to, term said) {
  self.send(to, said);
  auto asking = house::ask(self, to, term{"ping"_atom});
  auto given = co_await std::move(asking);
  co_return given;
}

task<term> ask_rex(process& self, atom at, term request) {
  self.send(destination{"rex"_atom, at}, etf::tuple(self.id(), request));
  const message got = co_await self.receive_any();
  co_return got.to_term();
}

term by_hand(std::string_view request) {
  return etf::tuple("$gen_call"_atom, etf::parse("{nobody,tag}").value(), etf::parse(request).value());
}

}  // namespace

TEST_CASE("what is not admitted does not arrive, by whichever way, and a call has an answer") {
  house in{right::talk};
  const auto ask = [&](std::string_view request) {
    return in.guest.run(house::ask, in.keeper, term{atom::of(request)});
  };
  CHECK(ask("ping") == "ok");
  CHECK(ask("change") == "{error,permission_denied}");
  CHECK(in.guest.run(say, in.keeper, term{"hello"_atom}) == "ok");
  CHECK(in.guest.run(say, in.keeper, term{"forbidden"_atom}) == "ok");
  CHECK(in.seen() == "[hello]");

  const auto here = in.host.self->name();
  const auto rex = [&](const term& request) { return in.guest.run(ask_rex, here, request); };
  CHECK(rex(etf::tuple("sbcast"_atom, "keeper"_atom, "again"_atom)) == "{rex,host@localhost,host@localhost}");
  CHECK(rex(etf::tuple("sbcast"_atom, "keeper"_atom, "forbidden"_atom)) ==
        "{rex,host@localhost,{nonexisting_name,keeper}}");
  CHECK(rex(etf::tuple("sbcast"_atom, "keeper"_atom, by_hand("change"))) ==
        "{rex,host@localhost,{nonexisting_name,keeper}}");

  const rpc::at there{here, patience};
  const auto send = [&](const term& said) {
    return text_of(rpc::call(*in.guest.self, there, "erlang", "send", in.keeper, said));
  };
  CHECK(send("more"_atom) == "more");
  CHECK(send("forbidden"_atom).find("permission_denied") != std::string::npos);
  CHECK(send(by_hand("change")).find("permission_denied") != std::string::npos);
  CHECK(in.seen() == "[hello,again,more]");
}

TEST_CASE("sys holds, changes or ends no guarded process for those who may not manage") {
  house in{right::talk};
  CHECK(in.guest.run(answer_to, in.keeper, std::string{"{terminate,now}"}) == "{error,permission_denied}");
  CHECK(in.guest.run(answer_to, in.keeper, std::string{"suspend"}) == "{error,permission_denied}");
  CHECK(in.guest.run(answer_to, in.keeper, std::string{"get_state"}) == "{error,permission_denied}");
  CHECK(in.seen() == "[]");
  house observed{right::observe};
  CHECK(observed.guest.run(answer_to, observed.keeper, std::string{"suspend"}) == "{error,permission_denied}");
  observed.guest.self->send(observed.keeper, etf::parse("{system,{nobody,tag},get_state}").value());
  CHECK(eventually([&] { return observed.seen() == "[{system,{nobody,tag},get_state}]"; }));
}

TEST_CASE("who may manage a node says to its guarded processes whatever it likes") {
  house in{right::all};
  CHECK(in.guest.run(house::ask, in.keeper, term{"change"_atom}) == "ok");
  CHECK(in.guest.run(say, in.keeper, term{"forbidden"_atom}) == "ok");
  const rpc::at there{in.host.self->name(), patience};
  CHECK(text_of(rpc::call(*in.guest.self, there, "erlang", "send", in.keeper, "forbidden"_atom)) == "forbidden");
  CHECK(in.seen() == "[forbidden,forbidden]");
}

namespace {

task<term> apply_as(process& self, const node* on, right held, std::string_view function) {
  function_call called{"m"_atom, atom::of(function), etf::list(1, 2)};
  auto running = apply_with(self, *on, held, std::move(called));
  auto given = co_await std::move(running);
  co_return given ? *given : etf::tuple(given.error().reason(), given.error().context());
}

}  // namespace

TEST_CASE("a function runs with the rights of those for whom it is called") {
  caller_node on{lonely()};
  REQUIRE(on.self->provide("m", "add", [](std::int64_t left, std::int64_t right) { return left + right; }));
  const node* const self = on.self.get();
  CHECK(on.run(apply_as, self, right::call, std::string_view{"add"}) == "3");
  CHECK(on.run(apply_as, self, right::observe, std::string_view{"add"}) == "{{permission_denied,{m,add,2}},{m,add,2}}");
  CHECK(on.run(apply_as, self, right::all, std::string_view{"gone"}).find("{m,gone,2}") != std::string::npos);
  CHECK(is_guarded(*on.self, *on.self->whereis("rex"_atom)));
  CHECK_FALSE(is_guarded(*on.self, pid{on.self->local().identity(), 77, 77}));
}
