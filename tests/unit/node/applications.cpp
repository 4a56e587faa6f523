// What observer is told of the applications on a node and of their processes.
#include "rpc_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <string_view>

using namespace ergo_test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

task<> idle(process& self) {
  for (;;) (void)co_await self.receive<down>();
}

spawn_options linked_as(std::string_view name) {
  spawn_options options;
  options.name = atom::of(name);
  options.to_parent = tie::link;
  return options;
}

/// Starts two workers, of which the first starts a third and is linked to the second.
task<> tree(process& self, const std::shared_ptr<std::promise<void>>& grown) {
  const auto second = self.spawn(linked_as("second"), make_body(idle));
  self.spawn(linked_as("first"), make_body([second](process& first) -> task<> {
               first.spawn(linked_as("third"), make_body(idle));
               first.link(second);
               return idle(first);
             }));
  grown->set_value();
  return idle(self);
}

/// Answers as the controller of one application, `shop`, whose root it has started.
task<> controller(process& self, std::shared_ptr<std::promise<void>> grown) {
  const auto root = self.spawn(linked_as("shop_sup"), make_body(tree, grown));
  for (;;) {
    const auto received = co_await self.receive_any();
    if (!received.is_call()) continue;
    const bool all = received.payload().is("which_applications"_atom);
    const auto shown = etf::tuple("shop"_atom, etf::text_list("sells"), etf::text_list("1.2"));
    self.reply(received.from(), all ? etf::list(shown) : term{root});
  }
}

class stage {
 public:
  template <typename Body>
  void start(std::string_view name, Body body) {
    const auto grown = std::make_shared<std::promise<void>>();
    auto done = grown->get_future();
    const spawn_options options{.name = atom::of(name)};
    REQUIRE(on.self->spawn(options, make_body(body, grown)));
    REQUIRE(done.wait_for(patience) == std::future_status::ready);
  }
  caller_node on{lonely()};
};

/// What the process `appmon_info` delivers for a command, whose client is this process.
task<term> watch(process& self, atom node, atom command, atom what) {
  const rpc::at there{node, patience};
  const auto started = co_await rpc::call(self, there, "appmon_info", "start_link2", self.id(), self.id(), term{});
  if (!started) co_return started.error().reason();
  const destination monitor{*started->elements()[1].as_pid()};
  self.send_cast(monitor, etf::tuple(self.id(), command, what, true, term{}));
  const auto told = co_await self.receive<term>(patience);
  if (told.timed_out()) co_return term{"nothing"_atom};
  const auto answer = told->elements()[4];
  self.send_cast(monitor, etf::tuple(self.id(), command, what, false, term{}));
  co_return answer;
}

/// Whether the process ends with its only client.
task<term> leave(process& self, atom node) {
  const rpc::at there{node, patience};
  const auto client = self.spawn(idle);
  const auto started = co_await rpc::call(self, there, "appmon_info", "start_link2", client, client, term{});
  if (!started) co_return started.error().reason();
  (void)self.monitor(destination{*started->elements()[1].as_pid()});
  self.exit(client, exit_reason{"kill"_atom});
  const auto ended = co_await self.receive<down>(patience);
  if (ended.timed_out()) co_return term{"stays"_atom};
  co_return ended->reason.value();
}

}  // namespace

TEST_CASE("a node without services and applications shows none") {
  stage with;
  CHECK(with.on.call_own("application", "which_applications") == "[]");
  CHECK(with.on.run(watch, with.on.self->name(), "app_ctrl"_atom, "x"_atom) == "[]");
}

TEST_CASE("the node's services stand for an application of the name kernel") {
  stage with;
  with.start("kernel_sup", tree);
  CHECK_THAT(with.on.call_own("application", "which_applications"), StartsWith("[{kernel,\"services of the node\",\""));
  CHECK_THAT(with.on.run(watch, with.on.self->name(), "app_ctrl"_atom, "x"_atom),
             ContainsSubstring(",kernel,{kernel,\"services of the node\",\""));
}

TEST_CASE("applications are those of the process application_controller") {
  stage with;
  with.start("application_controller", controller);
  CHECK(with.on.call_own("application", "which_applications") == "[{shop,\"sells\",\"1.2\"}]");
}

TEST_CASE("an application's tree is drawn by who has started whom, and other links beside it") {
  stage with;
  with.start("application_controller", controller);
  const auto drawn = with.on.run(watch, with.on.self->name(), "app"_atom, "shop"_atom);
  CHECK_THAT(drawn, StartsWith("{\"shop_sup\",[{"));
  for (const auto* const line : {"{\"shop_sup\",\"first\"}", "{\"shop_sup\",\"second\"}", "{\"first\",\"third\"}"}) {
    CHECK_THAT(drawn, ContainsSubstring(line));
  }
  // The two that are linked without one having started the other are met in either order.
  CHECK_THAT(drawn, ContainsSubstring("{\"first\",\"second\"}") || ContainsSubstring("{\"second\",\"first\"}"));
  CHECK_THAT(drawn, !ContainsSubstring("application_controller"));
}

TEST_CASE("an application that does not run has an empty tree") {
  stage with;
  CHECK(with.on.run(watch, with.on.self->name(), "app"_atom, "shop"_atom) == "{[],[],[],[]}");
}

TEST_CASE("the process that watches applications ends with its last client") {
  stage with;
  CHECK(with.on.run(leave, with.on.self->name()) == "normal");
}
