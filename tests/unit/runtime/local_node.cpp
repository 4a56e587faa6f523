// Names and routing of nodes, and several nodes in one program.
#include "fixture.hpp"

namespace ergo::test {
namespace {

using lines = std::vector<std::string>;

task<> keep(process& self, lines* into) {
  for (;;) {
    auto one = co_await self.receive_any();
    into->push_back(text(one.payload()));
  }
}

etf::node_id identity(std::string_view name, std::uint32_t creation) {
  return *etf::node_id::make(atom::of(name), creation);
}

TEST_CASE("names are found, listed and freed") {
  manual_world world;
  auto& node = world.node();
  CHECK_FALSE(node.whereis("a"_atom));
  lines got;
  const auto first = world.spawn({.name = "a"_atom}, keep, &got);
  const auto second = world.spawn({.name = "b"_atom}, keep, &got);
  CHECK(node.whereis("a"_atom) == first);
  auto all = node.registered();
  std::ranges::sort(all, [](const auto& left, const auto& right) { return left.first.text() < right.first.text(); });
  CHECK(all == std::vector<std::pair<atom, pid>>{{"a"_atom, first}, {"b"_atom, second}});
  node.unregister_name("a"_atom, second);  // it is not second's
  CHECK(node.whereis("a"_atom) == first);
  node.unregister_name("a"_atom, first);
  CHECK_FALSE(node.whereis("a"_atom));
}

TEST_CASE("nodes of one program have their own names and reach each other by {Name, Node} and pid") {
  manual_world world;
  auto& left = world.runtime().add_node(identity("left@host", 1));
  auto& right = world.runtime().add_node(identity("right@host", 2));
  lines at_left;
  lines at_right;
  const auto first = world.runtime().spawn(left, {.name = "box"_atom}, make_body(keep, &at_left));
  const auto second = world.runtime().spawn(right, {.name = "box"_atom}, make_body(keep, &at_right));
  REQUIRE((first && second));
  CHECK(first->node.name() == "left@host"_atom);
  auto sender = world.runtime().spawn(
      left,
      [](process& self, pid other) -> task<> {
        self.send("box"_atom, "local"_atom);
        const destination there{"box"_atom, "right@host"_atom};
        self.send(there, "by_name"_atom);
        self.send(other, "by_pid"_atom);
        const destination nowhere{"box"_atom, "third@host"_atom};
        self.send(nowhere, "lost"_atom);
        co_return;
      },
      *second);
  REQUIRE(sender);
  world.run();
  CHECK(at_left == lines{"local"});
  CHECK(at_right == lines{"by_name", "by_pid"});
  CHECK(world.runtime().find_node(identity("left@host", 1)) == &left);
  CHECK(world.runtime().find_node(identity("left@host", 9)) == nullptr);
  CHECK(world.runtime().find_node_by_name("right@host"_atom) == &right);
}

TEST_CASE("links and monitors work between nodes of one program") {
  manual_world world;
  auto& left = world.runtime().add_node(identity("left@host", 1));
  auto& right = world.runtime().add_node(identity("right@host", 2));
  lines got;
  const auto target = world.runtime().spawn(right, {.name = "there"_atom},
                                            make_body([](process& self) -> task<> { co_await self.sleep(forever); }));
  REQUIRE(target);
  const auto watcher = world.runtime().spawn(
      left, {.trap_exits = true},
      make_body(
          [](process& self, pid of, lines* into) -> task<> {
            self.link(of);
            const destination by_name{"there"_atom, "right@host"_atom};
            (void)self.monitor(by_name);
            const destination by_pid{of};
            (void)self.monitor(by_pid);
            for (;;) {
              auto one = co_await self.receive_any();
              const auto ended = one.as<down>();
              into->push_back(ended ? "DOWN " + text(ended->reason.value()) +
                                          (ended->object.as_pid() ? " pid" : " " + text(ended->object))
                                    : "EXIT");
            }
          },
          *target, &got));
  REQUIRE(watcher);
  world.run();
  world.exit(*target, "kill"_atom);
  world.run();
  std::ranges::sort(got);
  CHECK(got == lines{"DOWN killed pid", "DOWN killed {there,right@host}", "EXIT"});
}

// A13.
TEST_CASE("a pid of a former incarnation matches nobody: noproc to whoever asks, silence to whoever sends") {
  manual_world world;
  auto& node = world.runtime().add_node(identity("mine@host", 8));
  lines got;
  lines received;
  const auto present = world.runtime().spawn(node, {}, make_body(keep, &received));
  REQUIRE(present);
  const pid former{identity("mine@host", 7), present->id, present->serial};
  CHECK_FALSE(world.alive(former));
  const auto asker =
      world.runtime().spawn(node, {.trap_exits = true},
                            make_body(
                                [](process& self, pid of, lines* into) -> task<> {
                                  self.send(of, "hello"_atom);
                                  self.exit(of, exit_reason{"kill"_atom});
                                  const destination to{of};
                                  (void)self.monitor(to);
                                  auto ended = co_await self.receive<down>(1s);
                                  into->push_back(ended.timed_out() ? "nothing" : text(ended->reason.value()));
                                  self.link(of);
                                  auto left = co_await self.receive<exit_message>(1s);
                                  into->push_back(left.timed_out() ? "nothing" : text(left->reason.value()));
                                  const term request{1};
                                  auto answer = co_await call(self, to, request, 1s);
                                  into->push_back(answer ? "answer" : text(answer.error().reason()));
                                },
                                former, &got));
  REQUIRE(asker);
  world.advance(5s);
  CHECK(got == lines{"noproc", "noproc", "noproc"});
  CHECK(received.empty());
  CHECK(world.alive(*present));
}

TEST_CASE("a runtime holds 63 named nodes and says so at the next") {
  manual_world world;
  for (std::uint32_t number = 0; number < 63; ++number)
    (void)world.runtime().add_node(identity("n" + std::to_string(number) + "@host", 1));
  CHECK_THROWS_AS(world.runtime().add_node(identity("more@host", 1)), std::length_error);
}

}  // namespace
}  // namespace ergo::test
