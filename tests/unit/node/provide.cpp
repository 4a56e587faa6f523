// Functions that a node provides, called from outside through its own spawn requests.
#include "rpc_fixture.hpp"

#include <optional>
#include <stdexcept>
#include <unordered_map>
#include <vector>

using namespace ergo_test;

namespace {

term no_terms() { return term{}; }

task<result<term>> answer(atom told, term given) { co_return etf::tuple(told, given); }

task<> echo(process& self) {
  for (;;) {
    message got = co_await self.receive_any();
    if (got.is_call()) self.reply(got.from(), got.payload());
  }
}

}  // namespace

TEST_CASE("a typed function tells its arity and converts its arguments and its value") {
  caller_node on{lonely()};
  REQUIRE(on.self->provide("m", "add", [](std::int64_t left, std::int64_t right) { return left + right; }));
  REQUIRE(on.self->provide("m", "add", [](std::int64_t one) { return one; }));
  REQUIRE(on.self->provide("m", "join", [](const std::vector<std::string>& parts, const std::string& between) {
    std::string all;
    for (const auto& part : parts) all += (all.empty() ? "" : between) + part;
    return all;
  }));
  REQUIRE(on.self->provide("m", "nothing", [] {}));
  REQUIRE(on.self->provide("m", "none", [] { return std::optional<int>{}; }));
  REQUIRE(on.self->provide("m", "count", [](const std::unordered_map<atom, int>& given) { return given.size(); }));
  REQUIRE(on.self->provide("m", "pointer", no_terms));
  REQUIRE(on.self->provide("m", "who", [](process& self) { return self.node().name(); }));
  CHECK(on.call_own("m", "add", 2, 3) == "5");
  CHECK(on.call_own("m", "add", 2) == "2");
  const std::vector<std::string> parts{"a", "b"};
  CHECK(on.call_own("m", "join", parts, "-") == "<<\"a-b\">>");
  CHECK(on.call_own("m", "nothing") == "ok");
  CHECK(on.call_own("m", "none") == "undefined");
  CHECK(on.call_own("m", "count", etf::parse("#{a => 1}").value()) == "1");
  CHECK(on.call_own("m", "pointer") == "[]");
  CHECK(on.call_own("m", "who") == "alone@localhost");
}

TEST_CASE("an argument of another type is a badarg, another arity undef") {
  caller_node on{lonely()};
  REQUIRE(on.self->provide("m", "add", [](std::int16_t left, std::int16_t right) { return left + right; }));
  const auto wrong = rpc::call(*on.self, on.self->name(), "m", "add", 1, "x"_atom);
  REQUIRE((!wrong && wrong.error() == errc::remote_error));
  CHECK(etf::to_text(wrong.error().context()) == "{badarg,[{m,add,[1,x],[]}]}");
  CHECK(rpc::call(*on.self, on.self->name(), "m", "add", 1, 100000).error() == errc::remote_error);
  const auto absent = rpc::call(*on.self, on.self->name(), "m", "add", 1);
  REQUIRE((!absent && absent.error() == errc::remote_error));
  CHECK(etf::to_text(absent.error().context()) == "{undef,[{m,add,[1],[]}]}");
}

TEST_CASE("a function on terms takes what it is given, with the arity that was said") {
  caller_node on{lonely()};
  REQUIRE(on.self->provide("m", "swap", 2, [](std::span<const term> given) { return etf::tuple(given[1], given[0]); }));
  REQUIRE(on.self->provide("m", "later", 1, [](process& self, std::span<const term> given) -> task<term> {
    co_await self.sleep(1ms);
    co_return given[0];
  }));
  CHECK(on.call_own("m", "swap", "a"_atom, 1) == "{1,a}");
  CHECK(on.call_own("m", "later", "x"_atom) == "x");
}

TEST_CASE("a coroutine suspends its own process, and calls other servers") {
  caller_node on{lonely()};
  REQUIRE(on.self->spawn(spawn_options{.name = "echo"_atom}, make_body(echo)));
  const std::string greeting = "a text that is longer than any small string";
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): the node keeps it until the call has ended
  REQUIRE(on.self->provide("m", "ask", [greeting](process& self, const std::string& name) -> task<result<std::string>> {
    const auto request = etf::to_term(greeting + name);
    const auto answer = co_await call(self, "echo"_atom, request, 5s);
    if (!answer) co_return std::unexpected{answer.error()};
    co_return etf::from_term<std::string>(*answer).value();
  }));
  CHECK(on.call_own("m", "ask", "!") == "<<\"a text that is longer than any small string!\">>");
}

TEST_CASE("a function fails in the classes of Erlang, and that is no crash of the node") {
  caller_node on{lonely()};
  REQUIRE(on.self->provide("m", "throws", []() -> int { throw std::runtime_error{"oops"}; }));
  REQUIRE(on.self->provide("m", "leaves", [](process& self) -> term { self.exit(exit_reason{"bye"_atom}); }));
  REQUIRE(on.self->provide("m", "fails", []() -> result<int> { return fail(errc::not_found, "it"_atom); }));
  REQUIRE(on.self->provide("m", "leaves_later", [](process& self) -> task<> {
    co_await self.yield();
    self.exit(exit_reason{"later"_atom});
  }));
  const auto failure = [&](std::string_view name) { return rpc::call(*on.self, on.self->name(), "m", name).error(); };
  CHECK(failure("throws") == errc::remote_error);
  CHECK(etf::to_text(failure("throws").context()) == "{{exception,<<\"oops\">>},[{m,throws,0,[]}]}");
  CHECK(failure("leaves") == error{errc::remote_exit, "bye"_atom});
  CHECK(failure("leaves_later") == error{errc::remote_exit, "later"_atom});
  CHECK(etf::to_text(failure("fails").context()) == "{{not_found,it},[{m,fails,0,[]}]}");
  CHECK(on.crashes == 0);
}

TEST_CASE("a name is provided once; a handle revokes what it stands for, and nothing else") {
  caller_node on{lonely()};
  auto first = on.self->provide("m", "f", [] { return 1; });
  REQUIRE(first);
  const auto second = on.self->provide("m", "f", [] { return 2; });
  CHECK((!second && second.error() == errc::already_present));
  CHECK(on.self->revoke("m", "f", 0));
  CHECK_FALSE(on.self->revoke("m", "f", 0));
  REQUIRE(on.self->provide("m", "f", [] { return 3; }));
  CHECK_FALSE(on.self->revoke(std::move(*first)));
  CHECK(on.call_own("m", "f") == "3");
  auto other = on.self->provide("m", "g", [] { return 4; });
  REQUIRE(other);
  CHECK(on.self->revoke(std::move(*other)));
  CHECK_FALSE(on.self->revoke(std::move(*other)));
  CHECK(on.call_own("m", "g").starts_with("error the function failed: {undef,"));
  const auto own = on.self->provide("erlang", "node", [] { return 1; });
  CHECK((!own && own.error() == errc::already_present));
  CHECK_FALSE(on.self->revoke("erlang", "node", 0));
  const auto bad = on.self->provide(std::string(300, 'x'), "f", [] { return 1; });
  CHECK((!bad && bad.error() == errc::badarg));
}

TEST_CASE("a graded function is given the rights of its caller, of which the node itself has all") {
  caller_node on{lonely()};
  const auto grade = [](right needed, atom told) {
    graded_function made;
    made.needed = needed;
    made.body = [told](process& /*self*/, term given) -> task<result<term>> { return answer(told, std::move(given)); };
    return made;
  };
  auto both =
      on.self->provide_graded("m", "graded", 1, {grade(right::manage, "all"_atom), grade(right::talk, "few"_atom)});
  REQUIRE(both);
  CHECK(on.call_own("m", "graded", 7) == "{all,[7]}");
  CHECK(on.call_own("m", "graded").starts_with("error the function failed: {undef,"));
  CHECK(on.self->revoke(std::move(*both)));
}

TEST_CASE("a call under way goes on after its function was revoked") {
  caller_node on{lonely()};
  auto held = on.self->provide("m", "wait", [](process& self) -> task<result<atom>> {
    const auto named = self.register_name("waiting_call"_atom);
    if (!named) co_return std::unexpected{named.error()};
    auto told = co_await self.receive<atom>(patience);
    if (!told) co_return fail(errc::timeout);
    co_return *told;
  });
  REQUIRE(held);
  auto answer = std::async(std::launch::async, [&] { return on.call_own("m", "wait"); });
  const bool waits = eventually([&] { return on.self->whereis("waiting_call"_atom).has_value(); });
  const bool revoked = on.self->revoke(std::move(*held));
  on.self->send("waiting_call"_atom, "done"_atom);
  CHECK(answer.get() == "done");
  CHECK(waits);
  CHECK(revoked);
  CHECK(on.call_own("m", "wait").starts_with("error the function failed: {undef,"));
}
