// Whatever a callback throws ends its server, and nothing else: R17.
#include "ergo_test/figures.hpp"
#include "support.hpp"

#include <new>

using namespace ergo;
using namespace ergo::test;

namespace {

/// Throws what it is told where it is told; plain and as a coroutine.
class fragile {
 public:
  explicit fragile(std::string place, std::string what) : place_{std::move(place)}, what_{std::move(what)} {}

  otp::result init() {
    hit("init");
    return otp::ok().with(otp::continue_with{term{1}});
  }
  term handle_call() {
    hit("call");
    return "ok"_atom;
  }
  void handle_cast() { hit("cast"); }
  void handle_info() { hit("info"); }
  void handle_continue() { hit("continue"); }
  void terminate(process& self) {
    self.log(log_level::info, "terminate");
    hit("terminate");
  }
  otp::result stop() { return otp::stop(exit_reason::normal(), "ok"_atom); }
  static constexpr auto calls = otp::on(otp::match<"stop">(&fragile::stop));

 protected:
  void hit(std::string_view place) const {
    if (place != place_) return;
    if (what_ == "exception") throw std::runtime_error{"an exception with a text that needs memory"};
    if (what_ == "number") throw 42;
    if (what_ == "memory") throw std::bad_alloc{};
    if (what_ == "text") throw "text";
  }
  std::string place_;
  std::string what_;
};

class fragile_later : public fragile {
 public:
  using fragile::fragile;
  task<otp::result> init(process& self) {
    co_await self.yield();
    co_return fragile::init();
  }
  task<term> handle_call(process& self) {
    co_await self.yield();
    co_return fragile::handle_call();
  }
  task<> handle_cast(process& self) {
    co_await self.yield();
    hit("cast");
  }
  task<> handle_info(process& self) {
    co_await self.yield();
    hit("info");
  }
  task<> handle_continue(process& self) {
    co_await self.yield();
    hit("continue");
  }
  task<> terminate(process& self) {
    co_await self.yield();
    fragile::terminate(self);
  }
};

term reason_for(std::string_view what) {
  if (what == "exception")
    return etf::tuple("exception"_atom, etf::binary("an exception with a text that needs memory"));
  if (what == "memory") return etf::tuple("exception"_atom, etf::binary(std::bad_alloc{}.what()));
  return etf::tuple("nocatch"_atom, "unknown_exception"_atom);
}

// One life: start, provoke the place, see how it ends.
template <typename Server>
task<term> fate(process& self, std::string place, std::string what) {
  auto started = co_await otp::start_monitor<Server>(self, {}, place, what);
  if (!started) co_return started.error().context();
  const auto server = started->process;
  if (place == "cast") otp::cast(self, server, 1);
  if (place == "info") self.send(server, 1);
  if (place == "call") (void)co_await otp::call(self, server, 1);
  if (place == "terminate" || what == "nothing") (void)co_await otp::call(self, server, "stop"_atom);
  auto ended = co_await self.receive<down>(1s);
  CHECK(ended);
  co_return ended ? ended->reason.value() : term{};
}

template <typename Server>
void break_everywhere() {
  for (const std::string what : {"exception", "number", "memory", "text"}) {
    for (const std::string place : {"init", "call", "cast", "info", "continue", "terminate"}) {
      world here;
      const auto witness = here.run([](process& self) -> task<pid> {
        const auto server = co_await otp::start<Server>(self, {}, std::string{"nowhere"}, std::string{"none"});
        co_return *server;
      });
      for (int life = 0; life < 100; ++life) {
        ergo::test::count_runs(1);
        REQUIRE(here.run(fate<Server>, place, what) == reason_for(what));
      }
      CHECK(here.crashes() == 100);
      CHECK(here.lines("terminate") == (place == "init" ? 0U : 100U));
      CHECK(here.runtime().alive(witness));
      CHECK(here.runtime().process_count() == 1);
    }
  }
}

}  // namespace

TEST_CASE("an exception in a plain callback ends its server with a crash report, a hundred times each", "[R17]") {
  break_everywhere<fragile>();
}

TEST_CASE("an exception in a coroutine callback ends its server with a crash report, a hundred times each", "[R17]") {
  break_everywhere<fragile_later>();
}

TEST_CASE("a server that nothing breaks ends normal") {
  world here;
  CHECK(here.run(fate<fragile>, std::string{"none"}, std::string{"nothing"}) == term{"normal"_atom});
  CHECK(here.run(fate<fragile_later>, std::string{"none"}, std::string{"nothing"}) == term{"normal"_atom});
  CHECK(here.crashes() == 0);
}

namespace {

/// Counts the frames and objects that live, to see that all are destroyed.
struct counted {
  static inline int alive = 0;
  counted() { ++alive; }
  counted(const counted&) { ++alive; }
  counted(counted&&) noexcept { ++alive; }
  counted& operator=(const counted&) = default;
  counted& operator=(counted&&) = default;
  ~counted() { --alive; }
};

class patient {
 public:
  task<term> handle_call(process& self, const term& request) {
    const counted frame;
    co_await deeper(self, 3);
    co_return request;
  }
  void handle_cast(process& self) { self.log(log_level::info, "cast"); }
  void terminate(process& self) { self.log(log_level::info, "terminate"); }

 private:
  task<> deeper(process& self, int depth) {
    const counted frame;
    if (depth > 0) {
      co_await deeper(self, depth - 1);
    } else {
      co_await self.sleep(1h);
    }
  }
  counted member_;
};

task<> ask(process& self, pid server) {
  const term request{etf::binary(std::string(1000, 'x'))};
  const auto answer = co_await otp::call(self, server, request, forever);
  self.log(log_level::info, answer ? "answered" : "failed");
}

}  // namespace

TEST_CASE("a server killed while its callback is suspended drops its frames and fails its callers") {
  const auto before = counted::alive;
  {
    world here;
    const auto server = here.run([](process& self) -> task<pid> {
      const auto started = co_await otp::start<patient>(self, {});
      co_return *started;
    });
    for (int caller = 0; caller < 3; ++caller) here.spawn(ask, server);
    here.settle();
    CHECK(counted::alive == before + 6);  // the server, its call's frame, four nested ones
    here.runtime().exit(server, "kill"_atom);
    here.settle();
    CHECK(counted::alive == before);
    CHECK(here.lines("failed") == 3);
    CHECK(here.lines("terminate") == 0);
    CHECK(here.runtime().process_count() == 0);
  }
  CHECK(counted::alive == before);
}

TEST_CASE("while a callback is suspended further messages wait in order") {
  world here;
  const auto server = here.run([](process& self) -> task<pid> {
    const auto started = co_await otp::start<patient>(self, {});
    co_return *started;
  });
  here.spawn(ask, server);
  here.settle();
  here.spawn(
      [](process& self, pid to) -> task<> {
        for (int cast = 0; cast < 5; ++cast) otp::cast(self, to, cast);
        co_return;
      },
      server);
  here.settle();
  CHECK(here.lines("cast") == 0);
  here.advance(1h);
  CHECK(here.lines("cast") == 5);
  CHECK(here.lines("answered") == 1);
}
