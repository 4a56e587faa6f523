// What a callback's result makes happen: answers, timeouts, continue, stop, terminate, exit signals.
#include "support.hpp"

using namespace ergo;
using namespace ergo::test;

namespace {

/// Notes what happens to it in the order in which it happens.
class diary {
 public:
  otp::result init(process& self, term order) {
    self.trap_exits(order.is("deadly"_atom) ? exits::deadly : exits::trapped);
    if (order.is("timeout"_atom)) return otp::ok().with(otp::timeout{1s});
    if (order.is("continue"_atom)) return otp::ok().with(otp::continue_with{term{"from_init"_atom}});
    return otp::ok();
  }
  otp::result handle_call(process& self, const term& request, const otp::from& caller) {
    note("call"_atom, request);
    if (request.is("read"_atom)) return otp::reply(etf::make_list(notes_));
    if (request.is("timeout"_atom)) return otp::reply("ok"_atom).with(otp::timeout{2s});
    if (request.is("at_once"_atom)) return otp::reply("ok"_atom).with(otp::timeout{0s});
    if (request.is("never"_atom)) return otp::reply("ok"_atom).with(otp::timeout{forever});
    if (request.is("rest"_atom)) return otp::reply("ok"_atom).with(otp::hibernate);
    if (request.is("continue"_atom)) return otp::reply("ok"_atom).with(otp::continue_with{term{3}});
    if (request.is("stop"_atom)) return otp::stop("asked"_atom);
    if (request.is("stop_reply"_atom)) return otp::stop("asked"_atom, "bye"_atom);
    if (request.is("hold"_atom)) {
      held_.push_back(caller);
      return otp::noreply();
    }
    if (request.is("release"_atom)) {
      for (const auto& each : held_) otp::reply(self, each, "released"_atom);
      held_.clear();
      return otp::reply("ok"_atom);
    }
    if (request.is("pass"_atom)) {
      self.spawn(
          [](process& helper, otp::from waiting) -> task<> {
            co_await helper.sleep(1s);
            otp::reply(helper, waiting, "by_helper"_atom);
          },
          caller);
      return otp::noreply();
    }
    return otp::ignore();
  }
  otp::result handle_cast(const term& cast) {
    note("cast"_atom, cast);
    return cast.is("reply"_atom) ? otp::reply(1) : otp::noreply();
  }
  void handle_info(const term& info) { note("info"_atom, info); }
  otp::result handle_continue(const term& argument) {
    note("continue"_atom, argument);
    const auto left = argument.as_integer().value_or(0);
    if (left > 1) return otp::noreply().with(otp::continue_with{term{left - 1}});
    return otp::noreply();
  }
  void terminate(process& self, const exit_reason& reason) {
    self.log(log_level::info, "terminate", {{"reason", reason.value()}});
  }
  [[nodiscard]] term state() const { return etf::make_list(notes_); }

 private:
  void note(atom kind, const term& what) { notes_.push_back(etf::tuple(kind, what)); }

  std::vector<term> notes_;
  std::vector<otp::from> held_;
};

task<pid> started(process& self, atom order = "plain"_atom) {
  const term given{order};
  const auto server = co_await otp::start<diary>(self, {}, given);
  CHECK(server.has_value());
  co_return server.value_or(pid{});
}

task<term> asked(process& self, pid server, atom request) {
  const auto answer = co_await otp::call(self, server, request);
  if (!answer) co_return etf::tuple("failed"_atom, answer.error().reason());
  co_return *answer;
}

bool has(const term& notes, atom kind, const term& what) {
  const auto items = notes.items();
  return std::ranges::find(items, etf::tuple(kind, what)) != items.end();
}

task<> expect(process& self, pid server, atom request, term expected) {
  const auto answer = co_await asked(self, server, request);
  CHECK(answer == expected);
}

task<> expect_present(process& self, pid server, atom kind, term what) {
  const auto notes = co_await asked(self, server, "read"_atom);
  CHECK(has(notes, kind, what));
}

task<> expect_absent(process& self, pid server, atom kind, term what) {
  const auto notes = co_await asked(self, server, "read"_atom);
  CHECK(!has(notes, kind, what));
}

term reason_logged(const world& here) {
  for (const auto& happened : here.events()) {
    if (happened.what != event::kind::log || happened.text != "terminate") continue;
    return happened.fields.at(0).second;
  }
  return "never"_atom;
}

}  // namespace

TEST_CASE("a timeout comes as an info unless a message comes first") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self, "timeout"_atom);
    co_await self.sleep(900ms);
    co_await expect_absent(self, server, "info"_atom, "timeout"_atom);
    co_await self.sleep(5s);  // the call took the timeout back
    co_await expect_absent(self, server, "info"_atom, "timeout"_atom);
    (void)co_await asked(self, server, "timeout"_atom);
    co_await self.sleep(1900ms);
    self.send(server, "hello"_atom);
    co_await self.sleep(1900ms);
    co_await expect_absent(self, server, "info"_atom, "timeout"_atom);
    (void)co_await asked(self, server, "timeout"_atom);
    co_await self.sleep(2100ms);
    co_await expect_present(self, server, "info"_atom, "timeout"_atom);
  });
}

TEST_CASE("a timeout of zero comes at once, but after what is in the mailbox") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self);
    (void)co_await asked(self, server, "at_once"_atom);
    co_await expect_present(self, server, "info"_atom, "timeout"_atom);
    (void)co_await asked(self, server, "never"_atom);
    (void)co_await asked(self, server, "rest"_atom);
  });
}

TEST_CASE("an init's timeout runs from its end") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self, "timeout"_atom);
    co_await self.sleep(1100ms);
    co_await expect_present(self, server, "info"_atom, "timeout"_atom);
  });
}

TEST_CASE("handle_continue runs before any other message, also after init, and may repeat") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self, "continue"_atom);
    const auto first = co_await asked(self, server, "read"_atom);
    CHECK(first == etf::list(etf::tuple("continue"_atom, "from_init"_atom), etf::tuple("call"_atom, "read"_atom)));
    otp::cast(self, server, "before"_atom);
    const auto answer = otp::call(self, server, "continue"_atom, 1s);
    otp::cast(self, server, "after"_atom);
    co_await self.sleep(1ms);
    const auto notes = co_await asked(self, server, "read"_atom);
    const auto expected =
        etf::list(etf::tuple("continue"_atom, "from_init"_atom), etf::tuple("call"_atom, "read"_atom),
                  etf::tuple("cast"_atom, "before"_atom), etf::tuple("call"_atom, "continue"_atom),
                  etf::tuple("continue"_atom, 3), etf::tuple("continue"_atom, 2), etf::tuple("continue"_atom, 1),
                  etf::tuple("cast"_atom, "after"_atom), etf::tuple("call"_atom, "read"_atom));
    CHECK(notes == expected);
    CHECK(answer.await_ready());
  });
}

TEST_CASE("a call left open is answered later, by the server or by another process") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self);
    const auto helper = self.spawn(
        [](process& me, pid to) -> task<> {
          co_await me.sleep(1s);
          (void)co_await otp::call(me, to, "release"_atom);
        },
        server);
    CHECK(helper != pid{});
    co_await expect(self, server, "hold"_atom, term{"released"_atom});
    co_await expect(self, server, "pass"_atom, term{"by_helper"_atom});
  });
}

TEST_CASE("a caller that was answered by another process is not told when the server dies") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self);
    co_await expect(self, server, "pass"_atom, term{"by_helper"_atom});
    self.exit(server, "kill"_atom);
    co_await self.sleep(1s);
    CHECK(self.unread() == 0);
  });
}

TEST_CASE("stop ends the server through terminate, and its caller learns the reason") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self);
    co_await expect(self, server, "stop"_atom, etf::tuple("failed"_atom, "asked"_atom));
    const auto gone = co_await asked(self, server, "read"_atom);
    CHECK(gone == etf::tuple("failed"_atom, "noproc"_atom));
  });
  CHECK(reason_logged(here) == term{"asked"_atom});
  CHECK(here.crashes() == 1);
}

TEST_CASE("stop with a reply answers first") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self);
    co_await expect(self, server, "stop_reply"_atom, term{"bye"_atom});
  });
  CHECK(reason_logged(here) == term{"asked"_atom});
}

TEST_CASE("a result that makes no sense for its callback is bad_return_value") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self);
    const auto ignored = co_await asked(self, server, "something"_atom);
    CHECK(ignored == etf::tuple("failed"_atom, etf::tuple("bad_return_value"_atom, "ignore"_atom)));
    const auto other = co_await started(self);
    const auto watch = self.monitor(other);
    otp::cast(self, other, "reply"_atom);
    auto ended = co_await self.receive<down>(1s);
    CHECK(ended->ref == watch.ref);
    CHECK(ended->reason.value() == etf::tuple("bad_return_value"_atom, "reply"_atom));
  });
}

TEST_CASE("the parent's exit signal stops a server that traps exits, others are messages") {
  world here;
  here.run([](process& self) -> task<> {
    const auto parent = self.spawn(
        [](process& me, pid test) -> task<exit_reason> {
          const term order{"trapping"_atom};
          const auto server = co_await otp::start_link<diary>(me, {}, order);
          me.send(test, *server);
          (void)co_await me.receive_any();
          co_return exit_reason{"retired"_atom};
        },
        self.id());
    auto server = co_await self.receive<pid>(1s);
    CHECK(server);
    self.exit(*server, "stranger"_atom);
    const auto notes = co_await asked(self, *server, "read"_atom);
    CHECK(has(notes, "info"_atom, etf::tuple("EXIT"_atom, self.id(), "stranger"_atom)));
    const auto watch = self.monitor(*server);
    self.send(parent, "go"_atom);
    auto ended = co_await self.receive<down>(1s);
    CHECK((ended && ended->ref == watch.ref && ended->reason.is("retired"_atom)));
  });
  CHECK(reason_logged(here) == term{"retired"_atom});
}

TEST_CASE("terminate is called neither on kill nor on an exit signal that is not trapped") {
  world here;
  here.run([](process& self) -> task<> {
    const auto killed = co_await started(self);
    self.exit(killed, "kill"_atom);
    const auto deadly = co_await started(self, "deadly"_atom);
    self.exit(deadly, "whatever"_atom);
    co_await self.sleep(1ms);
    CHECK(!self.runtime().alive(killed));
    CHECK(!self.runtime().alive(deadly));
  });
  CHECK(reason_logged(here) == term{"never"_atom});
}

TEST_CASE("an exit signal from outside stops a server as its parent's would") {
  world here;
  const auto server = here.run([](process& self) -> task<pid> { co_return co_await started(self); });
  here.runtime().exit(server, "shutdown"_atom);
  here.settle();
  CHECK(!here.runtime().alive(server));
  CHECK(reason_logged(here) == term{"shutdown"_atom});
  CHECK(here.crashes() == 0);
}
