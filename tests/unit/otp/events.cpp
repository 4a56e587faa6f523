// The event manager: handlers that come, go, make room for each other and fail, and who is told of it.
#include <ergo/otp/gen_event.hpp>

#include "support.hpp"

using namespace ergo;
using namespace ergo::test;
namespace events = ergo::otp::gen_event;

namespace {

struct mark {
  std::int64_t number;
};
BOOST_DESCRIBE_STRUCT(mark, (), (number))

/// Keeps what it gets; does what it is told.
class keeper {
 public:
  explicit keeper(const term& arguments) {
    if (arguments.is("throw"_atom)) throw std::runtime_error{"no keeper"};
  }
  otp::result init(const term& arguments) {
    if (arguments.is("refuse"_atom)) return otp::refuse("not_now"_atom);
    return otp::ok();
  }
  otp::handler_result handle_event(const term& event) {
    notes_.push_back(event);
    if (event.is("go"_atom)) return otp::remove_handler();
    if (event.is("throw"_atom)) throw std::runtime_error{"broken"};
    if (event.is("replace"_atom)) return otp::replace_handler("leaving"_atom, "other"_atom, "given"_atom);
    if (event.is("replace_badly"_atom)) return otp::replace_handler("leaving"_atom, "unknown"_atom, {});
    if (event.is("stop"_atom)) return otp::stop("all"_atom);
    return otp::noreply();
  }
  task<otp::handler_result> handle_call(process& self, const term& request) {
    if (request.is("notes"_atom)) co_return otp::reply(etf::make_list(notes_));
    if (request.is("slow"_atom)) co_await self.sleep(1s);
    if (request.is("go"_atom)) co_return otp::remove_handler().with_reply("bye"_atom);
    if (request.is("throw"_atom)) throw std::runtime_error{"broken"};
    if (request.is("replace"_atom)) {
      co_return otp::replace_handler("leaving"_atom, "other"_atom, "given"_atom).with_reply("replaced"_atom);
    }
    co_return otp::noreply();
  }
  void handle_info(const message& info) { notes_.push_back(info.to_term()); }
  term terminate(process& self, const term& how) {
    self.log(log_level::info, "terminate", {{"how", how}});
    if (how.is("throw"_atom)) throw std::runtime_error{"even then"};
    return etf::tuple("kept"_atom, notes_.size());
  }
  [[nodiscard]] term state() const { return term{notes_.size()}; }

 private:
  std::vector<term> notes_;
};

/// What replaces a keeper.
class other {
 public:
  other(process& self, const term& arguments) : arguments_{arguments} { self.log(log_level::info, "other is there"); }
  term ask() { return arguments_; }
  static constexpr auto calls = otp::on(otp::match<"ask">(&other::ask));

 private:
  term arguments_;
};

/// Everything by tables, with a value of the program.
class counting {
 public:
  explicit counting(std::int64_t* sum) : sum_{sum} {}
  void add(const mark& marked) { *sum_ += marked.number; }
  task<> add_later(process& self, std::int64_t more) {
    co_await self.sleep(1s);
    *sum_ += more;
  }
  void ended() { *sum_ += 1000; }
  std::int64_t sum() { return *sum_; }

  static constexpr auto events =
      otp::on(otp::match<mark>(&counting::add), otp::match<"later", std::int64_t>(&counting::add_later));
  static constexpr auto infos = otp::on(otp::match<down>(&counting::ended));
  static constexpr auto calls = otp::on(otp::match<"sum">(&counting::sum));

 private:
  std::int64_t* sum_;
};

otp::event_handlers known(std::int64_t* sum = nullptr) {
  otp::event_handlers made;
  made.provide<keeper>("keeper"_atom).provide<other>("other"_atom);
  if (sum != nullptr) made.provide<counting>("counting"_atom, sum);
  return made;
}

task<pid> manager(process& self) {
  const auto started = co_await otp::start<otp::event_manager>(self, {}, known());
  CHECK(started.has_value());
  co_return started.value_or(pid{});
}

task<> expect_added(process& self, pid to, term handler) {
  const auto added = co_await events::add_handler(self, to, handler);
  CHECK(added == ergo::result<term>{"ok"_atom});
}

task<> expect_call(process& self, pid to, term handler, term request, term wanted) {
  const auto answer = co_await events::call(self, to, handler, request);
  CHECK(answer == ergo::result<term>{wanted});
}

task<> expect_handlers(process& self, pid to, std::vector<term> wanted) {
  const auto handlers = co_await events::which_handlers(self, to);
  CHECK(handlers == ergo::result<std::vector<term>>{wanted});
}

term exit_of(std::string_view what) { return etf::tuple("EXIT"_atom, etf::tuple("exception"_atom, etf::binary(what))); }

std::vector<term> ends(const world& here) {
  std::vector<term> found;
  for (const auto& happened : here.events()) {
    if (happened.what == event::kind::log && happened.text == "terminate")
      found.push_back(happened.fields.at(0).second);
  }
  return found;
}

}  // namespace

TEST_CASE("every handler gets an event, those added last first, and sync_notify waits for all") {
  world here;
  here.run([](process& self) -> task<> {
    const auto to = co_await manager(self);
    const auto named = etf::tuple("keeper"_atom, 2);
    co_await expect_added(self, to, "keeper"_atom);
    co_await expect_added(self, to, named);
    std::vector<term> both;
    both.push_back(named);
    both.emplace_back("keeper"_atom);
    co_await expect_handlers(self, to, both);
    events::notify(self, to, 1);
    const auto done = co_await events::sync_notify(self, to, 2);
    CHECK(done.has_value());
    for (const auto& each : both) co_await expect_call(self, to, each, "notes"_atom, etf::list(1, 2));
  });
}

TEST_CASE("a handler is called by its name, and what a call does not find is an error") {
  world here;
  here.run([](process& self) -> task<> {
    const auto to = co_await manager(self);
    co_await expect_added(self, to, "keeper"_atom);
    co_await expect_call(self, to, "keeper"_atom, "anything"_atom, "ok"_atom);
    const auto missing = etf::tuple("error"_atom, "bad_module"_atom);
    co_await expect_call(self, to, "other"_atom, "notes"_atom, missing);
    const auto named = etf::tuple("keeper"_atom, "x"_atom);
    co_await expect_call(self, to, named, "notes"_atom, missing);
    const term slow{"slow"_atom};
    const auto late = co_await events::call(self, to, "keeper"_atom, slow, 10ms);
    CHECK(!late.has_value());
    CHECK(late.error() == errc::timeout);
  });
}

TEST_CASE("a handler that cannot be added is told to who asked, and is not there") {
  world here;
  here.run([](process& self) -> task<> {
    const auto to = co_await manager(self);
    const auto refused = co_await events::add_handler(self, to, "keeper"_atom, "refuse"_atom);
    CHECK(refused == ergo::result<term>{etf::tuple("error"_atom, "not_now"_atom)});
    const auto broken = co_await events::add_handler(self, to, "keeper"_atom, "throw"_atom);
    CHECK(broken == ergo::result<term>{exit_of("no keeper")});
    const auto unknown = co_await events::add_handler(self, to, "nobody"_atom, 7);
    const auto place = etf::tuple("nobody"_atom, "init"_atom, etf::list(7), term{});
    const auto undefined = etf::tuple("EXIT"_atom, etf::tuple("undef"_atom, etf::list(place)));
    CHECK(unknown == ergo::result<term>{undefined});
    co_await expect_handlers(self, to, {});
  });
  CHECK(here.lines("nobody provides this event handler") == 1);
}

TEST_CASE("a handler that is deleted gives back what its terminate returns") {
  world here;
  here.run([](process& self) -> task<> {
    const auto to = co_await manager(self);
    co_await expect_added(self, to, "keeper"_atom);
    events::notify(self, to, 1);
    const auto kept = co_await events::delete_handler(self, to, "keeper"_atom, "enough"_atom);
    CHECK(kept == ergo::result<term>{etf::tuple("kept"_atom, 1)});
    const auto again = co_await events::delete_handler(self, to, "keeper"_atom);
    CHECK(again == ergo::result<term>{etf::tuple("error"_atom, "module_not_found"_atom)});
    co_await expect_added(self, to, "keeper"_atom);
    const auto threw = co_await events::delete_handler(self, to, "keeper"_atom, "throw"_atom);
    CHECK(threw == ergo::result<term>{exit_of("even then")});
  });
  CHECK(ends(here) == std::vector<term>{"enough"_atom, "throw"_atom});
  CHECK(here.lines("event handler crashed") == 0);
}

TEST_CASE("a handler that throws is removed and reported, the others and the manager go on") {
  world here;
  here.run([](process& self) -> task<> {
    const auto to = co_await manager(self);
    co_await expect_added(self, to, "keeper"_atom);
    co_await expect_added(self, to, "other"_atom);
    events::notify(self, to, "throw"_atom);
    std::vector<term> left;
    left.emplace_back("other"_atom);
    co_await expect_handlers(self, to, left);
    co_await expect_added(self, to, "keeper"_atom);
    const auto failed = etf::tuple("error"_atom, exit_of("broken"));
    co_await expect_call(self, to, "keeper"_atom, "throw"_atom, failed);
    co_await expect_handlers(self, to, left);
    co_await expect_added(self, to, "keeper"_atom);
    events::notify(self, to, "stop"_atom);  // no handler may stop its manager
    co_await expect_handlers(self, to, left);
  });
  CHECK(here.lines("event handler crashed") == 3);
  CHECK(ends(here).at(0) == etf::tuple("error"_atom, exit_of("broken")));
  CHECK(here.crashes() == 0);
}

TEST_CASE("a handler may go by itself, from an event or with the answer of a call") {
  world here;
  here.run([](process& self) -> task<> {
    const auto to = co_await manager(self);
    co_await expect_added(self, to, "keeper"_atom);
    events::notify(self, to, "go"_atom);
    co_await expect_handlers(self, to, {});
    co_await expect_added(self, to, "keeper"_atom);
    co_await expect_call(self, to, "keeper"_atom, "go"_atom, "bye"_atom);
    co_await expect_handlers(self, to, {});
  });
  CHECK(ends(here) == std::vector<term>{"remove_handler"_atom, "remove_handler"_atom});
}

TEST_CASE("a handler makes room for another in its own place, which gets what the first leaves") {
  world here;
  here.run([](process& self) -> task<> {
    const auto to = co_await manager(self);
    const auto last = etf::tuple("keeper"_atom, 1);
    co_await expect_added(self, to, last);
    co_await expect_added(self, to, "keeper"_atom);
    const auto first = etf::tuple("keeper"_atom, 2);
    co_await expect_added(self, to, first);
    co_await expect_call(self, to, "keeper"_atom, "replace"_atom, "replaced"_atom);
    std::vector<term> there;
    there.push_back(first);
    there.emplace_back("other"_atom);
    there.push_back(last);
    co_await expect_handlers(self, to, there);
    const auto given = etf::tuple("given"_atom, etf::tuple("kept"_atom, 0));
    co_await expect_call(self, to, "other"_atom, "ask"_atom, given);
  });
  CHECK(ends(here) == std::vector<term>{"leaving"_atom});
}

TEST_CASE("a handler that was replaced during an event is not told of it in its successor") {
  world here;
  here.run([](process& self) -> task<> {
    const auto to = co_await manager(self);
    co_await expect_added(self, to, "keeper"_atom);
    events::notify(self, to, "replace"_atom);
    std::vector<term> there;
    there.emplace_back("other"_atom);
    co_await expect_handlers(self, to, there);
    co_await expect_added(self, to, "keeper"_atom);
    events::notify(self, to, "replace_badly"_atom);
    co_await expect_handlers(self, to, there);
  });
  CHECK(here.lines("event handler did not take over") == 1);
}

TEST_CASE("swapping from outside hands over, also from a handler that is not there") {
  world here;
  here.run([](process& self) -> task<> {
    const auto to = co_await manager(self);
    co_await expect_added(self, to, "keeper"_atom);
    const std::pair<term, term> from{"keeper"_atom, "leaving"_atom};
    const std::pair<term, term> into{"other"_atom, "given"_atom};
    const auto swapped = co_await events::swap_handler(self, to, from, into);
    CHECK(swapped == ergo::result<term>{"ok"_atom});
    const auto given = etf::tuple("given"_atom, etf::tuple("kept"_atom, 0));
    co_await expect_call(self, to, "other"_atom, "ask"_atom, given);
    (void)co_await events::delete_handler(self, to, "other"_atom);
    const auto again = co_await events::swap_handler(self, to, from, into);
    CHECK(again == ergo::result<term>{"ok"_atom});
    const auto nothing = etf::tuple("given"_atom, "error"_atom);
    co_await expect_call(self, to, "other"_atom, "ask"_atom, nothing);
    const std::pair<term, term> unknown{"nobody"_atom, 1};
    const auto failed = co_await events::swap_handler(self, to, into, unknown);
    CHECK(etf::is_tagged(*failed, "error"_atom, 2));
    co_await expect_handlers(self, to, {});
  });
}

TEST_CASE("who supervises a handler is told how it ends") {
  world here;
  here.run([](process& self) -> task<> {
    self.trap_exits(exits::trapped);
    self.spawn(
        [](process& starter, pid back) -> task<> {
          const auto made = co_await manager(starter);
          starter.send(back, made);
        },
        self.id());
    auto started = co_await self.receive<pid>(1s);
    CHECK(started.get<pid>() != nullptr);
    const auto to = *started;
    const auto expect_exit = [](process& me, term handler, term reason) -> task<> {
      auto told = co_await me.receive<term>(1s);
      CHECK(told.get<term>() != nullptr);
      CHECK(*told == etf::tuple("gen_event_EXIT"_atom, handler, reason));
    };
    const term name{"keeper"_atom};
    (void)co_await events::add_sup_handler(self, to, name);
    (void)co_await events::delete_handler(self, to, name);
    co_await expect_exit(self, name, "normal"_atom);
    (void)co_await events::add_sup_handler(self, to, name);
    events::notify(self, to, "throw"_atom);
    co_await expect_exit(self, name, exit_of("broken"));
    (void)co_await events::add_sup_handler(self, to, name);
    events::notify(self, to, "replace"_atom);
    const auto swapped = etf::tuple("swapped"_atom, "other"_atom, self.id());
    co_await expect_exit(self, name, swapped);
    const std::pair<term, term> from{"other"_atom, 1};
    const std::pair<term, term> into{name, 2};
    (void)co_await events::swap_sup_handler(self, to, from, into);
    const auto again = etf::tuple("swapped"_atom, name, self.id());
    co_await expect_exit(self, "other"_atom, again);
    events::notify(self, to, "replace_badly"_atom);
    const auto leaving = etf::tuple("swapped"_atom, "unknown"_atom, self.id());
    co_await expect_exit(self, name, leaving);
    co_await expect_exit(self, "unknown"_atom, "crash"_atom);
    (void)co_await events::add_sup_handler(self, to, name);
    const auto stopped = co_await otp::call(self, to, "stop"_atom);
    CHECK(stopped == ergo::result<term>{"ok"_atom});
    co_await expect_exit(self, name, "shutdown"_atom);
    co_await self.sleep(1s);
    CHECK(self.unread() == 0);  // no exit signal: the manager has unlinked
  });
}

TEST_CASE("the handlers of a process go with it, the others are told that it has ended") {
  world here;
  here.run([](process& self) -> task<> {
    const auto to = co_await manager(self);
    const auto owner = self.spawn(
        [](process& me, pid of) -> task<exit_reason> {
          const auto mine = etf::tuple("keeper"_atom, "mine"_atom);
          (void)co_await events::add_sup_handler(me, of, mine);
          (void)co_await me.receive_any();
          co_return exit_reason{"tired"_atom};
        },
        to);
    co_await self.sleep(1ms);
    co_await expect_added(self, to, "keeper"_atom);
    self.send(owner, "go"_atom);
    co_await self.sleep(1ms);
    std::vector<term> left;
    left.emplace_back("keeper"_atom);
    co_await expect_handlers(self, to, left);
    const auto ended = etf::list(etf::tuple("EXIT"_atom, owner, "tired"_atom));
    co_await expect_call(self, to, "keeper"_atom, "notes"_atom, ended);
  });
  CHECK(ends(here).at(0) == etf::tuple("stop"_atom, "tired"_atom));
}

TEST_CASE("the manager stops its handlers when it is stopped, whoever does it") {
  world here;
  here.run([](process& self) -> task<> {
    const auto to = co_await manager(self);
    co_await expect_added(self, to, "keeper"_atom);
    self.runtime().exit(to, "shutdown"_atom);
    const auto watch = self.monitor(to);
    const auto gone = co_await self.receive<down>(1s);
    CHECK(gone->ref == watch.ref);
    const auto raw = co_await manager(self);
    co_await expect_added(self, raw, "keeper"_atom);
    self.send(raw, etf::tuple(self.id(), etf::tuple(self.id(), "tag"_atom), "stop"_atom));
    const auto last = self.monitor(raw);
    const auto ended = co_await self.receive<down>(1s);
    CHECK(ended->ref == last.ref);
    CHECK(ended->reason.is_normal());
  });
  CHECK(ends(here) == std::vector<term>{"stop"_atom, "stop"_atom});
}

TEST_CASE("handlers by tables get typed events, messages and values of the program") {
  world here;
  std::int64_t sum = 0;
  here.run(
      [](process& self, std::int64_t* counted) -> task<> {
        const auto started = co_await otp::start<otp::event_manager>(self, {}, known(counted));
        const auto to = *started;
        co_await expect_added(self, to, "counting"_atom);
        const mark seven{7};
        events::notify(self, to, seven);
        (void)co_await events::sync_notify(self, to, etf::tuple("later"_atom, 30));
        co_await expect_call(self, to, "counting"_atom, "sum"_atom, 37);
        self.send(to, etf::tuple("plain"_atom, 1));
        co_await expect_call(self, to, "counting"_atom, "sum"_atom, 37);
        events::notify(self, to, "unknown"_atom);
        co_await expect_handlers(self, to, {});
      },
      &sum);
  CHECK(sum == 37);
  CHECK(here.lines("event handler has no handle_info") == 1);
  CHECK(here.lines("event handler crashed") == 1);
}

TEST_CASE("messages that are no requests are infos, calls and casts in their wrapping") {
  world here;
  here.run([](process& self) -> task<> {
    const auto to = co_await manager(self);
    co_await expect_added(self, to, "keeper"_atom);
    const auto odd = etf::tuple("a"_atom, "b"_atom, "which_handlers"_atom);
    self.send(to, odd);
    otp::cast(self, to, 5);
    const term strange{"strange"_atom};
    const auto silent = co_await otp::call(self, to, strange, 10ms);
    CHECK(!silent.has_value());
    const auto notes = co_await events::call(self, to, "keeper"_atom, "notes"_atom);
    CHECK(notes->items()[0] == odd);
    CHECK(notes->items()[1] == etf::tuple("$gen_cast"_atom, 5));
    CHECK(etf::is_tagged(notes->items()[2], "$gen_call"_atom, 3));
  });
}

TEST_CASE("a manager shows its handlers with their states and modules") {
  world here;
  here.run([](process& self) -> task<> {
    const auto to = co_await manager(self);
    co_await expect_added(self, to, "keeper"_atom);
    const auto second = etf::tuple("keeper"_atom, 2);
    co_await expect_added(self, to, second);
    co_await expect_added(self, to, "other"_atom);
    const auto modules = co_await otp::call(self, to, "get_modules"_atom);
    CHECK(modules == ergo::result<term>{etf::list("keeper"_atom, "other"_atom)});
    otp::event_manager shown;
    CHECK(shown.state() == term{});
  });
}

TEST_CASE("a manager may be abandoned after any slice") {
  abandon_everywhere([](process& self) -> task<> {
    const auto to = co_await manager(self);
    (void)co_await events::add_sup_handler(self, to, "keeper"_atom);
    (void)co_await events::call(self, to, "keeper"_atom, "slow"_atom);
    (void)co_await events::sync_notify(self, to, "replace"_atom);
    (void)co_await events::call(self, to, "other"_atom, "ask"_atom);
  });
}
