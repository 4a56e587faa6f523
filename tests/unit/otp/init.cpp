// How a server comes up, and how it does not.
#include "support.hpp"

using namespace ergo;
using namespace ergo::test;

namespace {

class constructed {
 public:
  constructed(process& self, std::string name) : self_{self.id()}, name_{std::move(name)} {}
  term handle_call() { return etf::tuple(self_, etf::binary(name_)); }

 private:
  pid self_;
  std::string name_;
};

/// What `init` is told to do.
class told {
 public:
  task<otp::result> init(process& self, term order) {
    if (order.is("ok"_atom)) co_return otp::ok();
    if (order.is("ignore"_atom)) co_return otp::ignore();
    if (order.is("stop"_atom)) co_return otp::stop("no_disk"_atom);
    if (order.is("refuse"_atom)) co_return otp::refuse("not_now"_atom);
    if (order.is("reply"_atom)) co_return otp::reply(1);
    if (order.is("exit"_atom)) self.exit("left"_atom);
    if (order.is("throw"_atom)) throw std::runtime_error{"broken"};
    if (order.is("throw_int"_atom)) throw 42;
    if (order.is("slow"_atom)) co_await self.sleep(10s);
    co_return otp::ok();
  }
  void terminate(process& self) { self.log(log_level::info, "terminate was called"); }
};

class throwing {
 public:
  throwing() { throw std::invalid_argument{"never"}; }
};

task<term> reason_of(process& self, atom order) {
  const term told_order{order};
  const auto server = co_await otp::start<told>(self, {.name = "told"_atom}, told_order);
  if (server) co_return "started"_atom;
  co_return etf::tuple(term{static_cast<int>(server.error().code())}, server.error().context());
}

task<> expect(process& self, atom order, term expected) {
  const auto outcome = co_await reason_of(self, order);
  CHECK(outcome == expected);
}

term failed(errc code, const term& context) { return etf::tuple(term{static_cast<int>(code)}, context); }

}  // namespace

TEST_CASE("a server's arguments go to its constructor, after self if it wants it") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await otp::start<constructed>(self, {}, "bob");
    CHECK(server.has_value());
    const auto answer = co_await otp::call(self, *server, 0);
    CHECK(answer == etf::tuple(*server, etf::binary("bob")));
  });
}

TEST_CASE("every outcome of init reaches the starter as what it is") {
  world here;
  here.run([](process& self) -> task<> {
    co_await expect(self, "ignore"_atom, failed(errc::ignored, {}));
    co_await expect(self, "refuse"_atom, failed(errc::exited, "not_now"_atom));
    co_await expect(self, "stop"_atom, failed(errc::exited, "no_disk"_atom));
    co_await expect(self, "exit"_atom, failed(errc::exited, "left"_atom));
    co_await expect(self, "reply"_atom, failed(errc::exited, etf::tuple("bad_return_value"_atom, "reply"_atom)));
    co_await expect(self, "throw"_atom, failed(errc::exited, etf::tuple("exception"_atom, etf::binary("broken"))));
    co_await expect(self, "throw_int"_atom, failed(errc::exited, etf::tuple("nocatch"_atom, "unknown_exception"_atom)));
    co_await expect(self, "ok"_atom, term{"started"_atom});
  });
  CHECK(here.crashes() == 5);  // stop, exit, reply, throw, throw_int; not ignore and refuse
  CHECK(here.lines("terminate was called") == 0);
}

TEST_CASE("a constructor that throws is a failed start") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await otp::start<throwing>(self, {});
    CHECK(!server);
    CHECK(server.error().context() == etf::tuple("exception"_atom, etf::binary("never")));
  });
}

TEST_CASE("an init that takes too long is killed and frees its name") {
  world here;
  here.run([](process& self) -> task<> {
    const term order{"slow"_atom};
    const auto begun = self.now();
    const auto server = co_await otp::start_link<told>(self, {.name = "late"_atom, .timeout = 2s}, order);
    CHECK((!server && server.error() == errc::timeout));
    CHECK(self.now() - begun == 2s);
    co_await self.sleep(1ms);
    CHECK(!self.node().whereis("late"_atom));
    CHECK(self.unread() == 0);
  });
  CHECK(here.runtime().process_count() == 0);
}

TEST_CASE("a name that is taken refuses the start and names who has it") {
  world here;
  here.run([](process& self) -> task<> {
    const term order{"ok"_atom};
    const auto first = co_await otp::start<told>(self, {.name = "only"_atom}, order);
    const auto second = co_await otp::start<told>(self, {.name = "only"_atom}, order);
    CHECK((!second && second.error() == errc::name_taken));
    CHECK(second.error().context() == term{*first});
  });
}

TEST_CASE("a failed start_link leaves nothing in the mailbox of a starter that traps exits") {
  world here;
  here.run([](process& self) -> task<> {
    self.trap_exits(exits::trapped);
    for (const auto order : {"ignore"_atom, "refuse"_atom, "stop"_atom, "throw"_atom}) {
      const term told_order{order};
      const auto server = co_await otp::start_link<told>(self, {}, told_order);
      CHECK(!server);
      CHECK(self.unread() == 0);
    }
  });
}

TEST_CASE("a crash in init reaches a linked starter as an exit signal") {
  world here;
  const auto starter = here.spawn([](process& self) -> task<> {
    const term order{"stop"_atom};
    (void)co_await otp::start_link<told>(self, {}, order);
    FAIL_CHECK("the starter should be dead");
  });
  here.run(
      [](process& self, pid watched) -> task<> {
        const auto watch = self.monitor(watched);
        auto ended = co_await self.receive<down>(1s);
        CHECK(ended);
        CHECK(ended->ref == watch.ref);
        CHECK((ended->reason.is("no_disk"_atom) || ended->reason.is("noproc"_atom)));
      },
      starter);
}

TEST_CASE("start_monitor watches from the beginning, and not after a failure") {
  world here;
  here.run([](process& self) -> task<> {
    const term bad{"stop"_atom};
    const auto none = co_await otp::start_monitor<told>(self, {}, bad);
    CHECK(!none);
    CHECK(self.unread() == 0);
    const term good{"ok"_atom};
    const auto server = co_await otp::start_monitor<told>(self, {}, good);
    CHECK(server.has_value());
    self.exit(server->process, "kill"_atom);
    auto ended = co_await self.receive<down>(1s);
    CHECK(ended);
    CHECK(ended->ref == server->watch.ref);
    CHECK(ended->reason.is("killed"_atom));
  });
}

TEST_CASE("a starter that dies while it waits does not disturb the new server") {
  world here;
  const auto starter = here.spawn([](process& self) -> task<> {
    const term order{"slow"_atom};
    (void)co_await otp::start<told>(self, {.name = "orphan"_atom}, order);
  });
  here.settle();
  REQUIRE(here.node().whereis("orphan"_atom));
  here.runtime().exit(starter, "kill"_atom);
  here.settle();
  REQUIRE(!here.runtime().alive(starter));
  here.advance(11s);
  CHECK(here.node().whereis("orphan"_atom));
  CHECK(here.crashes() == 1);
}

TEST_CASE("messages that arrive during init wait until it is done") {
  world here;
  here.run([](process& self) -> task<> {
    const auto sender = self.spawn([](process& me) -> task<> {
      co_await me.sleep(1s);
      me.send("sleepy"_atom, "early"_atom);
    });
    CHECK(sender != pid{});
    const term order{"slow"_atom};
    const auto server = co_await otp::start<told>(self, {.name = "sleepy"_atom}, order);
    CHECK(server.has_value());
  });
  here.settle();
  CHECK(here.lines("server received unexpected message") == 1);
}
