// The name server of a node that is alone: what processes see of it.
#include "support.hpp"

#include <ergo/otp/global.hpp>

#include <stdexcept>

namespace ergo::test {
namespace {

namespace global = otp::global;
using otp::global_name;

void start_names(world& on) {
  on.spawn([](process& self) -> task<> {
    const auto started = co_await global::start_link(self);
    CHECK(started.has_value());
    co_await self.sleep(forever);
  });
  on.settle();
  REQUIRE(on.node().whereis("global_name_server"_atom));
}

pid idle(world& on) {
  return on.spawn([](process& self) -> task<> { co_await self.sleep(forever); });
}

const global_name office{"office"_atom};
const global_name desk{etf::tuple("desk"_atom, 7)};

TEST_CASE("a name is one process's until that ends or the name is given up", "[global]") {
  world on;
  start_names(on);
  on.run(
      [](process& self, pid one, pid other) -> task<> {
        const auto first = co_await global::register_name(self, office, one);
        CHECK(first == global::answer::yes);
        CHECK(global::whereis_name(self, office) == one);
        const auto taken = co_await global::register_name(self, office, other);
        CHECK(taken == global::answer::no);
        const auto second_name = co_await global::register_name(self, desk, one);
        CHECK(second_name == global::answer::no);
        const auto moved = co_await global::re_register_name(self, office, other);
        CHECK(moved == global::answer::yes);
        CHECK(global::whereis_name(self, office) == other);
        const auto at_desk = co_await global::register_name(self, desk, one);
        CHECK(at_desk == global::answer::yes);
        CHECK(global::registered_names(self.node()) == std::vector{office.value(), desk.value()});
        const auto freed = co_await global::unregister_name(self, office);
        CHECK(freed.has_value());
        CHECK(!global::whereis_name(self, office));
        self.exit(one, exit_reason{"kill"_atom});
        co_await self.sleep(1ms);
        CHECK(global::registered_names(self.node()).empty());
      },
      idle(on), idle(on));
}

TEST_CASE("whoever follows names has those of one moment and every change after it", "[global]") {
  world on;
  start_names(on);
  on.run(
      [](process& self, pid one, pid other) -> task<> {
        (void)co_await global::register_name(self, office, one);
        const auto names = co_await global::follow(self);
        REQUIRE(names.has_value());
        REQUIRE(names->all.size() == 1);
        CHECK(names->all[0].name == office.value());
        CHECK(names->all[0].process == one);
        (void)co_await global::re_register_name(self, office, other);
        const auto moved = co_await self.receive<global::event>(1s);
        REQUIRE(!moved.timed_out());
        CHECK(moved->ref == names->ref);
        CHECK(moved->change == global::change::registered);
        CHECK(moved->name == office.value());
        CHECK(moved->process == other);
        self.exit(other, exit_reason{"kill"_atom});
        const auto lost = co_await self.receive<global::event>(1s);
        REQUIRE(!lost.timed_out());
        CHECK(lost->change == global::change::lost);
        CHECK(lost->process == other);
        const auto ended = co_await global::unfollow(self, names->ref);
        CHECK(ended == true);
        const auto twice = co_await global::unfollow(self, names->ref);
        CHECK(twice == false);
        (void)co_await global::register_name(self, office, one);
        const auto nothing = co_await self.receive<global::event>(1s);
        CHECK(nothing.timed_out());
      },
      idle(on), idle(on));
}

struct till {
  std::int64_t total = 0;
  std::int64_t handle_call(const term& request) { return total += request.as_integer().value_or(0); }
  void handle_cast(const term& request) { total += request.as_integer().value_or(0); }
};

TEST_CASE("servers are called, cast to and sent to by their names in the cluster", "[global]") {
  world on;
  start_names(on);
  const auto server = on.spawn([](process& self) -> task<> {
    const auto started = co_await otp::start_link<till>(self, {});
    (void)co_await global::register_name(self, office, *started);
    co_await self.sleep(forever);
  });
  on.settle();
  on.run([](process& self) -> task<> {
    const auto first = co_await otp::call<std::int64_t>(self, office, 5);
    CHECK(first == 5);
    otp::cast(self, office, 2);
    const auto second = co_await otp::call<std::int64_t>(self, office, 1);
    CHECK(second == 8);
    const auto nobody = co_await otp::call(self, desk, 1);
    CHECK(nobody.error() == errc::noproc);
    otp::cast(self, desk, 2);
    const auto nowhere = global::send(self, desk, 1);
    CHECK(nowhere.error() == errc::noproc);
    (void)co_await global::register_name(self, desk, self.id());
    const auto sent = global::send(self, desk, "hello"_atom);
    CHECK(sent == self.id());
    const auto got = co_await self.receive<atom>(1s);
    CHECK(*got == "hello"_atom);
  });
  CHECK(on.runtime().alive(server));
}

struct only_one {
  task<otp::result> init(process& self) { return global::claim(self, office); }
};

TEST_CASE("a server that is to be there once refuses to start where another one has its name", "[global]") {
  world on;
  start_names(on);
  on.run([](process& self) -> task<> {
    const auto first = co_await otp::start<only_one>(self, {});
    REQUIRE(first.has_value());
    CHECK(global::whereis_name(self, office) == *first);
    const auto second = co_await otp::start<only_one>(self, {});
    CHECK(second.error() == errc::exited);
    CHECK(second.error().context() == etf::tuple("already_started"_atom, *first));
    self.exit(*first, exit_reason{"kill"_atom});
    co_await self.sleep(1ms);
    const auto third = co_await otp::start<only_one>(self, {});
    CHECK(third.has_value());
  });
}

TEST_CASE("a lock has one requester at a time, however many processes", "[global]") {
  world on;
  start_names(on);
  on.run([](process& self) -> task<> {
    const global::lock_id mine{"safe"_atom, "me"_atom};
    const global::lock_id theirs{"safe"_atom, self.id()};
    global::lock_options once;
    once.retries = 0;
    const auto got = co_await global::set_lock(self, mine, once);
    CHECK(got == true);
    const auto shared = co_await global::set_lock(self, mine, once);
    CHECK(shared == true);
    const auto refused = co_await global::set_lock(self, theirs, once);
    CHECK(refused == false);
    const global::lock_id elsewhere{"other"_atom, self.id()};
    const auto other = co_await global::set_lock(self, elsewhere, once);
    CHECK(other == true);
    co_await global::del_lock(self, theirs);
    const auto still = co_await global::set_lock(self, theirs, once);
    CHECK(still == false);
    co_await global::del_lock(self, mine);
    const auto free = co_await global::set_lock(self, theirs, once);
    CHECK(free == true);
  });
  on.run([](process& self) -> task<> {  // whoever held it has ended
    const global::lock_id id{"safe"_atom, self.id()};
    global::lock_options once;
    once.retries = 0;
    const auto got = co_await global::set_lock(self, id, once);
    CHECK(got == true);
  });
}

TEST_CASE("a transaction waits for the lock, gives its value, and frees the lock also when it throws", "[global]") {
  world on;
  start_names(on);
  const auto holder = on.spawn([](process& self) -> task<> {
    const global::lock_id id{"safe"_atom, self.id()};
    (void)co_await global::set_lock(self, id);
    co_await self.sleep(10s);
    co_await global::del_lock(self, id);
    co_await self.sleep(forever);
  });
  on.settle();
  on.run([](process& self) -> task<> {
    const global::lock_id id{"safe"_atom, self.id()};
    const auto seven = [](process& me) -> task<int> {
      co_await me.sleep(1ms);
      co_return 7;
    };
    global::lock_options twice;
    twice.retries = 2;
    const auto refused = co_await global::trans(self, id, seven, twice);
    CHECK(refused.error() == errc::timeout);
    const auto value = co_await global::trans(self, id, seven);
    CHECK(value == 7);
    const auto throws = [](process&) -> task<> {
      throw std::runtime_error{"broken"};
      co_return;
    };
    bool thrown = false;
    try {
      (void)co_await global::trans(self, id, throws);
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    CHECK(thrown);
    const global::lock_id stranger{"safe"_atom, "stranger"_atom};
    global::lock_options once;
    once.retries = 0;
    const auto free = co_await global::set_lock(self, stranger, once);
    CHECK(free == true);
  });
  CHECK(on.runtime().alive(holder));
}

TEST_CASE("without a name server there are no names, and whoever asks is told noproc", "[global]") {
  world on;
  on.run([](process& self) -> task<> {
    const auto registered = co_await global::register_name(self, office, self.id());
    CHECK(registered.error() == errc::noproc);
    CHECK(!global::whereis_name(self, office));
    const auto called = co_await otp::call(self, office, 1);
    CHECK(called.error() == errc::noproc);
    const global::lock_id id{"safe"_atom, self.id()};
    const auto locked = co_await global::set_lock(self, id);
    CHECK(locked.error() == errc::noproc);
    global::lock_options nowhere;
    nowhere.nodes.emplace();
    const auto trivially = co_await global::set_lock(self, id, nowhere);
    CHECK(trivially == true);
  });
  start_names(on);
  on.run([](process& self) -> task<> {
    const auto twice = co_await global::start_link(self);
    CHECK(twice.error() == errc::name_taken);
  });
}

TEST_CASE("names are gone with their server, and it starts again without them", "[global]") {
  world on;
  start_names(on);
  on.run(
      [](process& self, pid one) -> task<> {
        (void)co_await global::register_name(self, office, one);
        const auto server = *self.node().whereis("global_name_server"_atom);
        self.exit(server, exit_reason{"kill"_atom});
        co_await self.sleep(1ms);
        CHECK(!global::whereis_name(self, office));
      },
      idle(on));
  start_names(on);
  on.run([](process& self) -> task<> {
    const auto again = co_await global::register_name(self, office, self.id());
    CHECK(again == global::answer::yes);
  });
}

TEST_CASE("a name server survives every message, and answers a call made by hand", "[global]") {
  world on;
  start_names(on);
  const auto server = *on.node().whereis("global_name_server"_atom);
  on.run(
      [](process& self, pid names) -> task<> {
        (void)co_await global::register_name(self, office, self.id());
        const auto ref = self.make_ref();
        const std::vector<term> strange{term{},
                                        term{"hello"_atom},
                                        etf::tuple("lost_connection"_atom, 1, 2, 3, 4),
                                        etf::tuple("$gen_call"_atom, "nobody"_atom, "get_known"_atom),
                                        etf::tuple("init_connect"_atom, 1, 2, 3),
                                        etf::tuple(ref, 1),
                                        term{12},
                                        etf::tuple("registrar"_atom, etf::tuple("register"_atom, 1, 2, 3)),
                                        etf::tuple("unfollow_names"_atom, 1)};
        for (const auto& one : strange) {
          self.send(names, one);
          self.send_cast(names, one);
          (void)co_await otp::call(self, names, one, 1ms);
        }
        self.send(names, etf::tuple("$gen_call"_atom, etf::tuple(self.id(), ref), "get_protocol_version"_atom));
        const auto answer = co_await self.receive<term>(1s);
        REQUIRE(!answer.timed_out());
        CHECK(*answer == etf::tuple(ref, 8));
        CHECK(global::whereis_name(self, office) == self.id());
      },
      server);
  CHECK(on.runtime().alive(server));
}

}  // namespace
}  // namespace ergo::test
