// Servers seen by `sys`: their state and status, suspended and resumed, watched, changed, stopped.
#include "support.hpp"

#include <ergo/otp/sys.hpp>

using namespace ergo;
using namespace ergo::test;
namespace sys = ergo::otp::sys;

namespace {

/// Described, with a member that is no term.
class account {
 public:
  explicit account(std::string owner) : owner_{std::move(owner)} {}
  std::int64_t add(std::int64_t cents) { return cents_ += cents; }
  void set(std::int64_t cents) { cents_ = cents; }
  static constexpr auto calls = otp::on(otp::match<std::int64_t>(&account::add));
  static constexpr auto casts = otp::on(otp::match<std::int64_t>(&account::set));
  void handle_info() {}

 private:
  std::string owner_;
  std::int64_t cents_ = 0;
  std::unique_ptr<int> secret_ = std::make_unique<int>(5);
  BOOST_DESCRIBE_CLASS(account, (), (), (), (owner_, cents_, secret_))
};

/// Shows and takes its state itself.
class showing final {
 public:
  [[nodiscard]] term state() const { return etf::tuple("value"_atom, value_); }
  void state(const term& next) {
    if (!next.as_integer()) throw std::invalid_argument{"no number"};
    value_ = *next.as_integer();
  }

 private:
  std::int64_t value_ = 7;
};

/// Shows nothing.
class closed_box {};

term described(std::string_view owner, std::int64_t cents) {
  const std::vector<term> entries{"owner"_atom, etf::binary(owner), "cents"_atom, cents, "secret"_atom, "opaque"_atom};
  return etf::make_map(entries);
}

term callback_failed(std::string_view callback, const term& reason) {
  return etf::tuple("callback_failed"_atom, etf::tuple("gen_server"_atom, atom::of(callback)),
                    etf::tuple("error"_atom, reason));
}

template <typename Server, typename... Argument>
task<pid> started(process& self, Argument... argument) {
  const auto made = co_await otp::start<Server>(self, {}, argument...);
  CHECK(made.has_value());
  co_return made.value_or(pid{});
}

task<term> asked(process& self, pid server, term what) {
  const auto answer = co_await sys::request{self, server, what};
  CHECK(answer.has_value());
  co_return answer ? *answer : term{};
}

}  // namespace

TEST_CASE("a state shows as a map of the described members, through state(), or as opaque") {
  world here;
  here.run([](process& self) -> task<> {
    const auto bob = co_await started<account>(self, std::string{"bob"});
    (void)co_await otp::call(self, bob, 500);
    const auto of_bob = co_await sys::get_state(self, bob);
    CHECK(of_bob == described("bob", 500));
    const auto box = co_await started<closed_box>(self);
    const auto of_box = co_await sys::get_state(self, box);
    CHECK(of_box == etf::tuple("opaque"_atom, etf::binary("closed_box")));
    const auto shown = co_await started<showing>(self);
    const auto of_shown = co_await sys::get_state(self, shown);
    CHECK(of_shown == etf::tuple("value"_atom, 7));
  });
}

TEST_CASE("a new state is taken as a whole or not at all") {
  world here;
  here.run([](process& self) -> task<> {
    const auto bob = co_await started<account>(self, std::string{"bob"});
    const auto ann = described("ann", 3);
    const auto replaced = co_await sys::replace_state(self, bob, ann);
    CHECK(replaced == ann);
    const auto sum = co_await otp::call<std::int64_t>(self, bob, 4);
    CHECK(sum == 7);

    const std::vector<term> wrong_type{"owner"_atom, etf::binary("eve"), "cents"_atom,
                                       "many"_atom,  "secret"_atom,      "opaque"_atom};
    const auto refused = co_await sys::replace_state(self, bob, etf::make_map(wrong_type));
    CHECK(refused.error() == errc::badarg);
    const auto why = etf::tuple("badmatch"_atom, etf::tuple("cents"_atom, "many"_atom));
    CHECK(refused.error().context() == callback_failed("system_replace_state", why));
    const std::vector<term> secret{"owner"_atom, etf::binary("eve"), "cents"_atom, 1, "secret"_atom, 6};
    const auto kept = co_await sys::replace_state(self, bob, etf::make_map(secret));
    CHECK(!kept.has_value());
    const auto no_map = co_await sys::replace_state(self, bob, term{5});
    CHECK(no_map.error().context() == callback_failed("system_replace_state", etf::tuple("badmap"_atom, 5)));
    const auto still = co_await sys::get_state(self, bob);
    CHECK(still == described("ann", 7));
  });
}

TEST_CASE("state(term) takes a new state, and may refuse it; an opaque state is not replaced") {
  world here;
  here.run([](process& self) -> task<> {
    const auto shown = co_await started<showing>(self);
    const auto nine = co_await sys::replace_state(self, shown, term{9});
    CHECK(nine == etf::tuple("value"_atom, 9));
    const auto refused = co_await sys::replace_state(self, shown, term{"x"_atom});
    const auto thrown = etf::tuple("exception"_atom, etf::binary("no number"));
    CHECK(refused.error().context() == callback_failed("system_replace_state", thrown));
    const auto box = co_await started<closed_box>(self);
    const auto opaque = co_await sys::replace_state(self, box, term{1});
    CHECK(opaque.error().context() ==
          callback_failed("system_replace_state", etf::tuple("opaque"_atom, etf::binary("closed_box"))));
    CHECK(self.runtime().alive(box));
  });
}

TEST_CASE("a fun from a process of this program is not run") {
  world here;
  here.run([](process& self) -> task<> {
    const auto shown = co_await started<showing>(self);
    const auto fun = etf::external_fun("lists"_atom, "reverse"_atom, 1);
    const auto refused = co_await sys::replace_state(self, shown, fun);
    CHECK(refused.error().context() == callback_failed("system_replace_state", etf::tuple("badfun"_atom, fun)));
  });
}

TEST_CASE("while a server is suspended everything else waits in its mailbox, in order") {
  world here;
  here.run([](process& self) -> task<> {
    const auto bob = co_await started<account>(self, std::string{"bob"});
    const auto done = co_await sys::suspend(self, bob);
    CHECK(done.has_value());
    otp::cast(self, bob, 10);
    self.send(bob, "noise"_atom);
    const auto late = co_await otp::call(self, bob, 1, 1s);
    CHECK(late.error() == errc::timeout);
    const auto meanwhile = co_await sys::get_state(self, bob);
    CHECK(meanwhile == described("bob", 0));
    const auto replaced = co_await sys::replace_state(self, bob, described("bob", 100));
    CHECK(replaced.has_value());
    const auto resumed = co_await sys::resume(self, bob);
    CHECK(resumed.has_value());
    const auto sum = co_await otp::call<std::int64_t>(self, bob, 5);
    CHECK(sum == 16);  // the cast, the call whose caller has gone, this one
    const auto twice = co_await sys::resume(self, bob);
    CHECK(twice.has_value());
  });
}

TEST_CASE("a suspended server ends with its parent, and when it is told to") {
  world here;
  here.run([](process& self) -> task<> {
    self.trap_exits(exits::trapped);
    otp::start_options trapping;
    trapping.trap_exits = true;
    const auto server = co_await otp::start_link<closed_box>(self, trapping);
    const auto done = co_await sys::suspend(self, *server);
    CHECK(done.has_value());
    self.exit(*server, exit_reason{"because"_atom});
    const auto ended = co_await self.receive<exit_message>(1s);
    CHECK(ended->reason.is("because"_atom));

    const auto other = co_await otp::start_monitor<closed_box>(self, {});
    const auto also = co_await sys::suspend(self, other->process);
    CHECK(also.has_value());
    const auto told = co_await sys::terminate(self, other->process, exit_reason{"enough"_atom});
    CHECK(told.has_value());
    const auto down_message = co_await self.receive<down>(1s);
    CHECK(down_message->reason.is("enough"_atom));
  });
}

namespace {

/// Waits in every way, and notes when it was woken by what.
class waiter {
 public:
  otp::result handle_call(process& self, const term& request) {
    if (request.is("woken"_atom)) return otp::reply(woken_);
    if (request.is("plain"_atom)) return otp::reply(1).with(otp::timeout{2s});
    if (request.is("message"_atom)) return otp::reply(1).with(otp::timeout_message{2s, "wake_up"_atom});
    if (request.is("past"_atom)) return otp::reply(1).with(otp::timeout_at{self.now() - 1s});
    return otp::reply(1).with(otp::timeout_at{self.now() + 2s});
  }
  void handle_info(const term& info) { woken_ = info; }

 private:
  term woken_ = "no"_atom;
};

task<term> after_question(process& self, std::string how, duration before, duration behind) {
  const auto server = co_await started<waiter>(self);
  (void)co_await otp::call(self, server, atom::of(how));
  co_await self.sleep(before);
  (void)co_await sys::get_state(self, server);
  co_await self.sleep(behind);
  auto woken = co_await otp::call(self, server, "woken"_atom);
  co_return *woken;
}

}  // namespace

TEST_CASE("a time limit begins anew behind a system message, a point of time stays") {
  world here;
  CHECK(here.run(after_question, std::string{"plain"}, 1500ms, 1s) == term{"no"_atom});
  CHECK(here.run(after_question, std::string{"plain"}, 1500ms, 2500ms) == term{"timeout"_atom});
  CHECK(here.run(after_question, std::string{"at"}, 1500ms, 1s) == term{"timeout"_atom});
  CHECK(here.run(after_question, std::string{"at"}, 500ms, 1s) == term{"no"_atom});
  CHECK(here.run(after_question, std::string{"message"}, 500ms, 2500ms) == term{"wake_up"_atom});
  CHECK(here.run(after_question, std::string{"past"}, 0s, 1ms) == term{"timeout"_atom});
}

TEST_CASE("a status has OTP's form") {
  world here;
  here.run([](process& self) -> task<> {
    otp::start_options named;
    named.name = "bob"_atom;
    const auto server = co_await otp::start_link<account>(self, named, std::string{"bob"});
    const auto text = [](std::string_view words) { return etf::text_list(words); };
    const auto dictionary = etf::list(etf::tuple("$ancestors"_atom, etf::list(self.id())),
                                      etf::tuple("$initial_call"_atom, etf::tuple("account"_atom, "init"_atom, 1)));
    const auto expected = [&](atom state) {
      const auto data = etf::list(etf::tuple(text("Status"), state), etf::tuple(text("Parent"), self.id()),
                                  etf::tuple(text("Logged events"), term{}));
      const auto shown =
          etf::list(etf::tuple("header"_atom, text("Status for generic server bob")), etf::tuple("data"_atom, data),
                    etf::tuple("data"_atom, etf::list(etf::tuple(text("State"), described("bob", 0)))));
      return etf::tuple("status"_atom, *server, etf::tuple("module"_atom, "gen_server"_atom),
                        etf::list(dictionary, state, self.id(), term{}, shown));
    };
    const auto running = co_await sys::get_status(self, *server);
    CHECK(running == expected("running"_atom));
    (void)co_await sys::suspend(self, *server);
    const auto suspended = co_await sys::get_status(self, *server);
    CHECK(suspended == expected("suspended"_atom));
  });
}

TEST_CASE("events are logged, counted, and forgotten as told") {
  world here;
  here.run([](process& self) -> task<> {
    const auto bob = co_await started<account>(self, std::string{"bob"});
    const auto debug = [](atom what, const term& flag) { return etf::tuple("debug"_atom, etf::tuple(what, flag)); };
    const auto nothing = co_await asked(self, bob, debug("statistics"_atom, "get"_atom));
    CHECK(nothing == etf::tuple("ok"_atom, "no_statistics"_atom));
    const auto logs = co_await asked(self, bob, debug("log"_atom, etf::tuple("true"_atom, 3)));
    CHECK(logs == term{"ok"_atom});
    const auto again = co_await asked(self, bob, debug("log"_atom, etf::tuple("true"_atom, 1)));
    CHECK(again == term{"ok"_atom});  // and the log keeps its size, as in OTP
    const auto counts = co_await asked(self, bob, debug("statistics"_atom, "true"_atom));
    CHECK(counts == term{"ok"_atom});
    (void)co_await otp::call(self, bob, 1);
    otp::cast(self, bob, 2);
    self.send(bob, "noise"_atom);
    (void)co_await otp::call(self, bob, 3);
    const auto kept = co_await asked(self, bob, debug("log"_atom, "get"_atom));
    const auto events = kept.elements()[1].items();
    CHECK(events.size() == 3);
    CHECK(events[0] == etf::tuple("noreply"_atom, described("bob", 2)));  // of the noise
    CHECK(events[1].elements()[1].elements()[2] == term{3});
    CHECK(events[2].elements()[0].is("out"_atom));
    CHECK(events[2].elements()[1] == term{5});
    CHECK(events[2].elements()[3] == described("bob", 5));
    const auto counted = co_await asked(self, bob, debug("statistics"_atom, "get"_atom));
    const auto numbers = counted.elements()[1].items();
    CHECK(numbers[3] == etf::tuple("messages_in"_atom, 4));
    CHECK(numbers[4] == etf::tuple("messages_out"_atom, 2));
    const auto status = co_await sys::get_status(self, bob);
    const auto options = status->elements()[3].items()[3];
    CHECK(options.items().size() == 2);
    CHECK(options.items()[1].elements()[1].items().size() == 4);  // full: [] and three
    const auto reset = co_await asked(self, bob, etf::tuple("debug"_atom, "no_debug"_atom));
    CHECK(reset == term{"ok"_atom});
    const auto empty = co_await asked(self, bob, debug("log"_atom, "get"_atom));
    CHECK(empty == etf::tuple("ok"_atom, term{}));
  });
}

TEST_CASE("what sys cannot do is answered, and the server goes on") {
  world here;
  here.run([](process& self) -> task<> {
    const auto bob = co_await started<account>(self, std::string{"bob"});
    const auto debug = [](const term& what) { return etf::tuple("debug"_atom, what); };
    const auto unknown = co_await asked(self, bob, "dance"_atom);
    CHECK(unknown == etf::tuple("error"_atom, etf::tuple("unknown_system_msg"_atom, "dance"_atom)));
    const auto not_suspended = co_await sys::change_code(self, bob, "account"_atom, 1, 2);
    CHECK(not_suspended.error().context().elements()[0].is("unknown_system_msg"_atom));
    const auto fun = etf::external_fun("lists"_atom, "reverse"_atom, 3);
    const auto installed = co_await asked(self, bob, debug(etf::tuple("install"_atom, etf::tuple(fun, 0))));
    CHECK(installed.elements()[1].elements()[0].is("not_supported"_atom));
    const auto removed = co_await asked(self, bob, debug(etf::tuple("remove"_atom, fun)));
    CHECK(removed == term{"ok"_atom});
    const auto file = co_await asked(self, bob, debug(etf::tuple("log_to_file"_atom, etf::text_list("/tmp/x"))));
    CHECK(file == etf::tuple("error"_atom, "open_file"_atom));
    for (const auto& wrong :
         {term{"x"_atom}, etf::tuple("trace"_atom, 1), etf::tuple("log"_atom, etf::tuple("true"_atom, 0)),
          etf::tuple("statistics"_atom, "maybe"_atom), etf::tuple("x"_atom, 1)}) {
      const auto answer = co_await asked(self, bob, debug(wrong));
      CHECK(answer == term{"unknown_debug"_atom});
    }
    self.send(bob, etf::tuple("system"_atom, "nobody"_atom, "get_state"_atom));
    const auto sum = co_await otp::call<std::int64_t>(self, bob, 5);
    CHECK(sum == 5);
  });
}

namespace {

/// Collects what is printed to it.
task<> device(process& self, std::string* printed) {
  for (;;) {
    const auto asked = co_await self.receive_any();
    const auto parts = asked.payload().elements();
    *printed += parts[3].elements()[2].bytes();
    self.send(*parts[1].as_pid(), etf::tuple("io_reply"_atom, parts[2], "ok"_atom));
  }
}

}  // namespace

TEST_CASE("a trace is printed at the group leader, event by event, until it is switched off") {
  world here;
  std::string printed;
  const auto leader = here.spawn(device, &printed);
  here.run(
      [](process& self, pid to) -> task<> {
        otp::start_options options;
        options.name = "bob"_atom;
        options.group_leader = to;
        const auto bob = co_await otp::start<account>(self, options, std::string{"bob"});
        const auto trace = [](bool on) { return etf::tuple("debug"_atom, etf::tuple("trace"_atom, on)); };
        const auto on = co_await asked(self, *bob, trace(true));
        CHECK(on == term{"ok"_atom});
        otp::cast(self, *bob, 1);
        self.send(*bob, "noise"_atom);
        (void)co_await otp::call(self, *bob, 2);
        (void)co_await asked(self, *bob, trace(false));
        otp::cast(self, *bob, 3);
        (void)co_await sys::get_state(self, *bob);
      },
      leader);
  here.settle();
  CHECK(printed.starts_with("*DBG* bob got cast 1\n*DBG* bob new state #{"));
  CHECK(printed.find("*DBG* bob got noise\n") != std::string::npos);
  CHECK(printed.find("*DBG* bob got call 2 from <") != std::string::npos);
  CHECK(printed.find("*DBG* bob sent 3 to <") != std::string::npos);
  CHECK(printed.find("got cast 3") == std::string::npos);
}

namespace {

class versioned {
 public:
  otp::result code_change(const term& old_version, const term& state, const term& extra) {
    if (extra.is("no"_atom)) return otp::refuse("not_today"_atom);
    if (extra.is("throw"_atom)) throw std::runtime_error{"broken"};
    seen_ = etf::list(old_version, state, extra);
    return otp::ok();
  }
  [[nodiscard]] term state() const { return seen_; }

 private:
  term seen_ = "first"_atom;
};

}  // namespace

TEST_CASE("code_change is given the old version and state, and may refuse") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started<versioned>(self);
    (void)co_await sys::suspend(self, server);
    const auto refused = co_await sys::change_code(self, server, "versioned"_atom, 1, "no"_atom);
    CHECK(refused.error().context() == etf::tuple("error"_atom, "not_today"_atom));
    const auto broken = co_await sys::change_code(self, server, "versioned"_atom, 1, "throw"_atom);
    CHECK(etf::is_tagged(broken.error().context(), "EXIT"_atom, 2));
    const auto done = co_await sys::change_code(self, server, "versioned"_atom, 1, "more"_atom);
    CHECK(done.has_value());
    (void)co_await sys::resume(self, server);
    const auto state = co_await sys::get_state(self, server);
    CHECK(state == etf::list(1, "first"_atom, "more"_atom));

    const auto box = co_await started<closed_box>(self);
    (void)co_await sys::suspend(self, box);
    const auto undefined = co_await sys::change_code(self, box, "closed_box"_atom, 1, 2);
    const auto why = undefined.error().context();
    CHECK(why.elements()[1].elements()[0].is("undef"_atom));
  });
}

namespace {

class leaver {
 public:
  explicit leaver(std::string how) : how_{std::move(how)} {}
  term handle_call() { return "pong"_atom; }
  task<> terminate(process& self) {
    if (how_ == "throws") throw std::runtime_error{"at the end"};
    if (how_ == "slow") co_await self.sleep(1h);
  }

 private:
  std::string how_;
};

task<ergo::result<void>> stopped(process& self, std::string how, exit_reason reason) {
  const auto server = co_await otp::start<leaver>(self, {}, how);
  co_return co_await otp::stop(self, *server, reason, 5s);
}

}  // namespace

TEST_CASE("stop returns when the server is gone, and says how it ended if not as asked") {
  world here;
  CHECK(here.run(stopped, std::string{"well"}, exit_reason::normal()).has_value());
  CHECK(here.run(stopped, std::string{"well"}, exit_reason{"any"_atom}).has_value());
  const auto thrown = here.run(stopped, std::string{"throws"}, exit_reason::normal());
  CHECK(thrown.error() == errc::exited);
  CHECK(here.run(stopped, std::string{"slow"}, exit_reason::normal()).error() == errc::timeout);
  here.run([](process& self) -> task<> {
    const auto absent = co_await otp::stop(self, "nobody"_atom);
    CHECK(absent.error() == errc::noproc);
    const auto own = co_await otp::stop(self, self.id());
    CHECK(own.error() == errc::calling_self);
    const auto nowhere = co_await otp::stop(self, destination{"x"_atom, "no@where"_atom});
    CHECK(nowhere.error() == errc::nodedown);
    const auto state = co_await sys::get_state(self, "nobody"_atom);
    CHECK(state.error() == errc::noproc);
  });
}

TEST_CASE("who is no behaviour answers no system message") {
  world here;
  here.run([](process& self) -> task<> {
    const auto deaf = self.spawn([](process& other) -> task<> { co_await other.sleep(1h); });
    const auto state = co_await sys::get_state(self, deaf, 1s);
    CHECK(state.error() == errc::timeout);
    self.exit(deaf, exit_reason{"kill"_atom});
  });
}
