// Every form that a callback may have.
#include "support.hpp"

#include <ergo/calls.hpp>

using namespace ergo;
using namespace ergo::test;

namespace {

struct point {
  std::int64_t x;
  std::int64_t y;
};
BOOST_DESCRIBE_STRUCT(point, (), (x, y))

// All parameters, all plain, general callbacks only.
class full {
 public:
  otp::result handle_call(process& self, const message& request, const otp::from& caller) {
    CHECK(caller.process == request.sender());
    CHECK(request.is_call());
    CHECK(self.id() != caller.process);
    return otp::reply(etf::tuple(request.payload(), seen_));
  }
  otp::result handle_cast(process& /*self*/, const message& cast) {
    seen_ = etf::tuple("cast"_atom, cast.payload());
    return otp::noreply();
  }
  otp::result handle_info(process& /*self*/, const message& info) {
    seen_ = etf::tuple("info"_atom, info.to_term());
    return otp::noreply();
  }

 private:
  term seen_;
};

// The shortest forms.
class brief {
 public:
  std::int64_t handle_call() { return ++count_; }
  void handle_cast() { ++count_; }
  void handle_info() { ++count_; }

 private:
  std::int64_t count_ = 0;
};

// Terms instead of envelopes.
class terms {
 public:
  term handle_call(const term& request, const otp::from& caller) {
    CHECK(caller.process != pid{});
    return etf::tuple(request, seen_);
  }
  void handle_cast(const term& cast) { seen_ = cast; }
  void handle_info(process& /*self*/, const term& info) { seen_ = info; }

 private:
  term seen_;
};

// Coroutines everywhere; the messages must outlive the suspensions.
class sleeper {
 public:
  task<otp::result> init(process& self, std::string name) {
    co_await self.sleep(1ms);
    name_ = std::move(name);
    co_return otp::ok();
  }
  task<term> handle_call(process& self, const message& request, const otp::from& caller) {
    co_await self.sleep(1ms);
    CHECK(caller.process == request.sender());
    co_return etf::tuple(request.payload(), etf::binary(name_));
  }
  task<> handle_cast(process& self, const term& cast) {
    co_await self.sleep(1ms);
    name_ += cast.bytes();
  }
  task<otp::result> handle_info(process& self, const term& info) {
    co_await self.sleep(1ms);
    if (info.is_tuple()) last_down_ = info;
    co_return otp::noreply();
  }
  task<> add(process& self, const point& moved) {
    co_await self.sleep(1ms);
    sum_ += moved.x + moved.y;
  }
  task<point> mirror(process& self, const point& original, const otp::from& /*caller*/) {
    co_await self.sleep(1ms);
    auto mirrored = original;
    std::swap(mirrored.x, mirrored.y);
    co_return mirrored;
  }
  task<std::expected<std::int64_t, term>> sum(process& self) {
    co_await self.sleep(1ms);
    co_return sum_;
  }
  static constexpr auto calls = otp::on(otp::match<point>(&sleeper::mirror), otp::match<"sum">(&sleeper::sum));
  static constexpr auto casts = otp::on(otp::match<point>(&sleeper::add));

 private:
  std::string name_;
  std::int64_t sum_ = 0;
  term last_down_;
};

// Tables with each set of parameters.
class tables {
 public:
  term with_all(process& self, const point& p, const otp::from& caller) {
    return etf::tuple(self.id(), p.x, caller.process);
  }
  std::int64_t with_message(const point& p) { return p.y; }
  std::int64_t by_value(std::int64_t a, std::int64_t b) const { return a - b; }
  pid with_self(process& self) { return self.id(); }
  pid with_from(const otp::from& caller) { return caller.process; }
  bool with_nothing() noexcept { return true; }
  static atom approve(tables& server) { return server.with_nothing() ? "yes"_atom : "no"_atom; }
  otp::result later(process& self, const otp::from& caller) {
    otp::reply(self, caller, "by_hand"_atom);
    return otp::noreply();
  }

  static constexpr auto calls = otp::on(
      otp::match<"all", point>(&tables::with_all), otp::match<point>(&tables::with_message),
      otp::match<"minus", std::int64_t, std::int64_t>(&tables::by_value), otp::match<"self">(&tables::with_self),
      otp::match<"from">(&tables::with_from), otp::match<"nothing">(&tables::with_nothing),
      otp::match<"later">(&tables::later), otp::match<"static">(&tables::approve));
};

class watcher {
 public:
  void on_down(const down& ended) { seen_.push_back(etf::tuple("down"_atom, ended.reason.value())); }
  void on_exit(process& /*self*/, const exit_message& ended) {
    seen_.push_back(etf::tuple("exit"_atom, ended.reason.value()));
  }
  void on_node(const node_down& gone) { seen_.push_back(etf::tuple("node"_atom, gone.node)); }
  void on_number(std::int64_t value) { seen_.push_back(etf::tuple("number"_atom, value)); }
  void on_timeout() { seen_.emplace_back("timeout"_atom); }
  void on_any(const term& other) { seen_.push_back(etf::tuple("other"_atom, other)); }
  term take() { return etf::make_list(std::exchange(seen_, {})); }
  void watch(process& self, const pid& other) { watches_.push_back(self.monitor(other)); }
  void bind(process& self, const pid& other) { self.link(other); }

  static constexpr auto infos =
      otp::on(otp::match<down>(&watcher::on_down), otp::match<exit_message>(&watcher::on_exit),
              otp::match<node_down>(&watcher::on_node), otp::match<std::int64_t>(&watcher::on_number),
              otp::match<"timeout">(&watcher::on_timeout), otp::match<term>(&watcher::on_any));
  static constexpr auto calls = otp::on(otp::match<"take">(&watcher::take));
  static constexpr auto casts =
      otp::on(otp::match<"watch", pid>(&watcher::watch), otp::match<"bind", pid>(&watcher::bind));

 private:
  std::vector<term> seen_;
  std::vector<monitor_ref> watches_;
};

// A table first, the general callback for the rest.
class mixed {
 public:
  std::int64_t one() { return 1; }
  term handle_call(const term& request) { return etf::tuple("general"_atom, request); }
  static constexpr auto calls = otp::on(otp::match<"one">(&mixed::one));
};

class silent {};

template <typename Server>
task<pid> started(process& self) {
  const auto server = co_await otp::start<Server>(self, {});
  CHECK(server.has_value());
  co_return server.value_or(pid{});
}

task<term> asked(process& self, pid server, term request) {
  const auto answer = co_await otp::call(self, server, request);
  CHECK(answer.has_value());
  co_return answer.value_or(term{});
}

task<> expect(process& self, pid server, term request, term expected) {
  const auto answer = co_await asked(self, server, request);
  CHECK(answer == expected);
}

}  // namespace

TEST_CASE("general callbacks with all parameters see message and caller") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started<full>(self);
    otp::cast(self, server, 1);
    co_await expect(self, server, "a"_atom, etf::tuple("a"_atom, etf::tuple("cast"_atom, 1)));
    self.send(server, 2.5);
    co_await expect(self, server, "b"_atom, etf::tuple("b"_atom, etf::tuple("info"_atom, 2.5)));
  });
}

TEST_CASE("general callbacks may leave out every parameter") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started<brief>(self);
    otp::cast(self, server, 1);
    self.send(server, 2);
    co_await expect(self, server, "x"_atom, term{3});
  });
}

TEST_CASE("general callbacks may take terms, an info as Erlang would see it") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started<terms>(self);
    otp::cast(self, server, 1);
    co_await expect(self, server, "a"_atom, etf::tuple("a"_atom, 1));
    self.send(server, 2);
    co_await expect(self, server, "b"_atom, etf::tuple("b"_atom, 2));
  });
}

TEST_CASE("every callback may be a coroutine, and its message outlives the suspension") {
  world here;
  here.run([](process& self) -> task<> {
    const std::string name(100, 'n');
    const auto server = co_await otp::start<sleeper>(self, {}, name);
    CHECK(server.has_value());
    const auto more = etf::binary(std::string(100, 'm'));
    otp::cast(self, *server, more);
    self.send(*server, etf::tuple("some"_atom, more));
    const auto whole = etf::binary(name + std::string(100, 'm'));
    co_await expect(self, *server, more, etf::tuple(more, whole));
    const point origin{3, 4};
    otp::cast(self, *server, origin);
    const auto mirrored = co_await otp::call<point>(self, *server, origin);
    CHECK((mirrored && mirrored->x == 4 && mirrored->y == 3));
    co_await expect(self, *server, "sum"_atom, etf::tuple("ok"_atom, 7));
  });
}

TEST_CASE("handlers of a table take any part of self, message and caller") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started<tables>(self);
    const auto me = self.id();
    const auto inner = etf::tuple("point"_atom, 1, 2);
    co_await expect(self, server, etf::tuple("all"_atom, inner), etf::tuple(server, 1, me));
    co_await expect(self, server, inner, term{2});
    co_await expect(self, server, etf::tuple("minus"_atom, 5, 3), term{2});
    co_await expect(self, server, "self"_atom, term{server});
    co_await expect(self, server, "from"_atom, term{me});
    co_await expect(self, server, "nothing"_atom, term{true});
    co_await expect(self, server, "later"_atom, term{"by_hand"_atom});
    co_await expect(self, server, "static"_atom, term{"yes"_atom});
  });
}

TEST_CASE("a table of infos takes signals, numbers, timers and the rest") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await otp::start<watcher>(self, {.trap_exits = true});
    CHECK(server.has_value());
    const auto victim = self.spawn([](process& me) -> task<> { co_await me.sleep(1h); });
    const auto bind = etf::tuple("bind"_atom, victim);
    const auto watch = etf::tuple("watch"_atom, victim);
    otp::cast(self, *server, bind);
    otp::cast(self, *server, watch);
    co_await self.sleep(1ms);
    self.exit(victim, "ill"_atom);
    co_await self.sleep(1ms);
    self.send(*server, 5);
    self.send(*server, "odd"_atom);
    self.send_after(1ms, *server, term{6});
    co_await self.sleep(2ms);
    const auto expected =
        etf::list(etf::tuple("exit"_atom, "ill"_atom), etf::tuple("down"_atom, "ill"_atom),
                  etf::tuple("number"_atom, 5), etf::tuple("other"_atom, "odd"_atom), etf::tuple("number"_atom, 6));
    co_await expect(self, *server, "take"_atom, expected);
  });
}

TEST_CASE("what no entry of a table takes goes to the general callback") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started<mixed>(self);
    co_await expect(self, server, "one"_atom, term{1});
    co_await expect(self, server, "two"_atom, etf::tuple("general"_atom, "two"_atom));
  });
}

TEST_CASE("an info without a handler is reported and dropped, a cast ends the server") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await otp::start_monitor<silent>(self, {});
    CHECK(server.has_value());
    self.send(server->process, "hello"_atom);
    co_await self.sleep(1ms);
    CHECK(self.runtime().alive(server->process));
    otp::cast(self, server->process, "hello"_atom);
    auto ended = co_await self.receive<down>(1s);
    CHECK(ended);
    const auto place = etf::tuple("silent"_atom, "handle_cast"_atom, etf::list("hello"_atom), term{});
    CHECK(ended->reason.value() == etf::tuple("function_clause"_atom, etf::list(place)));
  });
  CHECK(here.lines("server received unexpected message") == 1);
  CHECK(here.lines("server terminating") == 1);
}

TEST_CASE("process info shows the server's class, its parent and its state") {
  class shown {
   public:
    [[nodiscard]] term state() const { return "well"_atom; }
  };
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started<shown>(self);
    const auto info = co_await process_info(self, server);
    CHECK(info.has_value());
    const auto fact = [&](atom name) {
      for (const auto& entry : info->items()) {
        if (entry.is_tuple(2) && entry.elements()[0].is(name)) return entry.elements()[1];
      }
      return term{"absent"_atom};
    };
    CHECK(fact("state"_atom) == term{"well"_atom});
    const auto dictionary = etf::list(etf::tuple("$ancestors"_atom, etf::list(self.id())),
                                      etf::tuple("$initial_call"_atom, etf::tuple("shown"_atom, "init"_atom, 0)));
    CHECK(fact("dictionary"_atom) == dictionary);
  });
}
