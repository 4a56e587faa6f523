// Typed calls and casts: every outcome that a caller can see.
#include "support.hpp"

#include <ergo/etf/text.hpp>

using namespace ergo;
using namespace ergo::test;

namespace {

struct deposit {
  std::string account;
  std::int64_t cents;
};
BOOST_DESCRIBE_STRUCT(deposit, (), (account, cents))

class bank {
 public:
  explicit bank(std::int64_t opening) : balance_{opening} {}

  std::int64_t make_deposit(const deposit& made) { return balance_ += made.cents; }
  [[nodiscard]] std::int64_t balance() const { return balance_; }
  void close() { balance_ = 0; }
  std::expected<std::int64_t, std::string> withdraw(std::int64_t cents) {
    if (cents > balance_) return std::unexpected{std::string{"not enough"}};
    return balance_ -= cents;
  }
  task<std::int64_t> slowly(process& self, std::int64_t cents) {
    co_await self.sleep(1s);
    co_return balance_ += cents;
  }
  otp::result fall() { return otp::stop("bankrupt"_atom); }
  otp::result hang() { return otp::noreply(); }

  static constexpr auto calls =
      otp::on(otp::match<deposit>(&bank::make_deposit), otp::match<"balance">(&bank::balance),
              otp::match<"close">(&bank::close), otp::match<"withdraw", std::int64_t>(&bank::withdraw),
              otp::match<"slowly", std::int64_t>(&bank::slowly), otp::match<"fall">(&bank::fall),
              otp::match<"hang">(&bank::hang));

 private:
  std::int64_t balance_;
};

class recorder {
 public:
  void record(std::int64_t value) { values_.push_back(value); }
  std::vector<std::int64_t> take() { return std::exchange(values_, {}); }
  static constexpr auto casts = otp::on(otp::match<std::int64_t>(&recorder::record));
  static constexpr auto infos = otp::on(otp::match<std::int64_t>(&recorder::record));
  static constexpr auto calls = otp::on(otp::match<"take">(&recorder::take));

 private:
  std::vector<std::int64_t> values_;
};

/// Answers a number with what the next server makes of it, and one more; the last one answers the number.
class adder {
 public:
  explicit adder(pid next) : next_{next} {}

  task<std::int64_t> add(process& self, std::int64_t number) {
    if (next_ == pid{}) co_return number;
    const auto request = etf::tuple("add"_atom, number);
    const auto answer = co_await otp::call<std::int64_t>(self, next_, request);
    if (!answer) self.exit(exit_reason::from(answer.error()));
    co_return *answer + 1;
  }
  static constexpr auto calls = otp::on(otp::match<"add", std::int64_t>(&adder::add));

 private:
  pid next_;
};

/// Asks another server about each number that it is sent, and keeps the answers.
class asker {
 public:
  explicit asker(pid other) : other_{other} {}

  task<> record(process& self, std::int64_t number) {
    const auto request = etf::tuple("add"_atom, number);
    const auto answer = co_await otp::call<std::int64_t>(self, other_, request);
    values_.push_back(answer.value_or(-1));
  }
  std::vector<std::int64_t> take() { return std::exchange(values_, {}); }
  static constexpr auto casts = otp::on(otp::match<std::int64_t>(&asker::record));
  static constexpr auto infos = otp::on(otp::match<std::int64_t>(&asker::record));
  static constexpr auto calls = otp::on(otp::match<"take">(&asker::take));

 private:
  pid other_;
  std::vector<std::int64_t> values_;
};

/// `count` servers of which each calls the one before; the last of them.
task<pid> chain_of(process& self, int count) {
  pid last{};
  for (int made = 0; made < count; ++made) {
    const auto server = co_await otp::start<adder>(self, {}, last);
    last = server.value_or(pid{});
  }
  co_return last;
}

task<pid> started(process& self, std::int64_t opening) {
  const auto server = co_await otp::start<bank>(self, {}, opening);
  CHECK(server.has_value());
  co_return server.value_or(pid{});
}

}  // namespace

TEST_CASE("a call gives the answer as the type that was asked for") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self, 100);
    const deposit made{"a name that does not fit into a small string", 50};
    const auto sum = co_await otp::call<std::int64_t>(self, server, made);
    CHECK(sum == 150);
    const auto raw = co_await otp::call(self, server, "balance"_atom);
    CHECK(raw == term{150});
    const auto nothing = co_await otp::call<void>(self, server, "close"_atom);
    CHECK(nothing.has_value());
    const auto closed = co_await otp::call(self, server, "close"_atom);
    CHECK(closed == term{"ok"_atom});
  });
}

TEST_CASE("an expected that a handler returns travels as ok and error tuples") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self, 100);
    const auto cheap = etf::tuple("withdraw"_atom, 30);
    const auto raw = co_await otp::call(self, server, cheap);
    CHECK(raw == etf::tuple("ok"_atom, 70));
    const auto dear = etf::tuple("withdraw"_atom, 500);
    const auto refused = co_await otp::call(self, server, dear);
    CHECK(refused == etf::tuple("error"_atom, etf::binary("not enough")));
    using outcome = std::expected<std::int64_t, std::string>;
    const auto typed = co_await otp::call<outcome>(self, server, dear);
    CHECK((typed && !typed->has_value() && typed->error() == "not enough"));
  });
}

TEST_CASE("an answer of another type is bad_answer and carries the answer") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self, 7);
    const auto answer = co_await otp::call<std::string>(self, server, "balance"_atom);
    CHECK(!answer);
    CHECK(answer.error() == errc::bad_answer);
    CHECK(answer.error().context() == term{7});
  });
}

TEST_CASE("a call that takes too long ends in timeout and its late answer never surfaces") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self, 0);
    const auto slow = etf::tuple("slowly"_atom, 1);
    const auto answer = co_await otp::call(self, server, slow, 500ms);
    CHECK(!answer);
    CHECK(answer.error() == errc::timeout);
    co_await self.sleep(5s);
    CHECK(self.unread() == 0);
    const auto balance = co_await otp::call<int>(self, server, "balance"_atom);
    CHECK(balance == 1);
  });
}

TEST_CASE("calls to nobody fail with noproc at once") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self, 0);
    self.exit(server, "kill"_atom);
    const auto begun = self.now();
    const auto by_pid = co_await otp::call(self, server, "balance"_atom);
    CHECK((!by_pid && (by_pid.error() == errc::noproc || by_pid.error() == errc::exited)));
    const auto again = co_await otp::call(self, server, "balance"_atom);
    CHECK((!again && again.error() == errc::noproc));
    const auto by_name = co_await otp::call(self, "nobody_here"_atom, "balance"_atom);
    CHECK((!by_name && by_name.error() == errc::noproc));
    const destination elsewhere{"nobody"_atom, "nowhere@nohost"_atom};
    const auto away = co_await otp::call(self, elsewhere, "balance"_atom);
    CHECK((!away && away.error() == errc::nodedown));
    CHECK(self.now() == begun);
  });
}

TEST_CASE("a process that calls itself is told so at once") {
  world here;
  here.run([](process& self) -> task<> {
    CHECK(self.register_name("lonely"_atom).has_value());
    const auto by_pid = co_await otp::call(self, self.id(), 1);
    CHECK((!by_pid && by_pid.error() == errc::calling_self));
    const auto by_name = co_await otp::call(self, "lonely"_atom, 1);
    CHECK((!by_name && by_name.error() == errc::calling_self));
    const auto home = self.node().name();
    const destination full{"lonely"_atom, home};
    const auto by_full_name = co_await otp::call(self, full, 1);
    CHECK((!by_full_name && by_full_name.error() == errc::calling_self));
  });
}

TEST_CASE("a server that dies with the call open gives its exit reason to the caller") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self, 0);
    const auto answer = co_await otp::call(self, server, "fall"_atom);
    CHECK(!answer);
    CHECK(answer.error() == errc::exited);
    CHECK(answer.error().context() == term{"bankrupt"_atom});
    const auto other = co_await started(self, 0);
    self.send_after(1s, other, term{"unused"_atom});
    const auto helper = self.spawn(
        [](process& killer, pid victim) -> task<> {
          co_await killer.sleep(1s);
          killer.exit(victim, "kill"_atom);
        },
        other);
    CHECK(helper != pid{});
    const auto hanging = co_await otp::call(self, other, "hang"_atom, 10s);
    CHECK((!hanging && hanging.error().context() == term{"killed"_atom}));
  });
}

TEST_CASE("a request that no handler takes ends the server with function_clause") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self, 0);
    const auto answer = co_await otp::call(self, server, "what"_atom);
    CHECK(!answer);
    const auto place = etf::tuple("bank"_atom, "handle_call"_atom, etf::list("what"_atom), term{});
    CHECK(answer.error().context() == etf::tuple("function_clause"_atom, etf::list(place)));
  });
  CHECK(here.crashes() == 1);
}

TEST_CASE("a request with the right tag and the wrong fields is taken by nobody") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self, 0);
    const auto wrong = etf::tuple("deposit"_atom, etf::binary("bob"), "many"_atom);
    const auto answer = co_await otp::call(self, server, wrong);
    CHECK(!answer);
    CHECK(etf::is_tagged(answer.error().context(), "function_clause"_atom, 2));
  });
}

TEST_CASE("casts arrive in order and never block the sender") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await otp::start<recorder>(self, {.name = "recorder"_atom});
    CHECK(server.has_value());
    for (std::int64_t value = 0; value < 20'000; value += 2) {
      otp::cast(self, "recorder"_atom, value);
      co_await self.send("recorder"_atom, value + 1);
    }
    const auto values = co_await otp::call<std::vector<std::int64_t>>(self, *server, "take"_atom);
    CHECK(values.has_value());
    CHECK(values->size() == 20'000);
    CHECK(std::ranges::is_sorted(*values));
  });
}

TEST_CASE("a request goes through a hundred servers of which each calls the next, a hundred times") {
  world here;
  here.run([](process& self) -> task<> {
    const auto first = co_await chain_of(self, 100);
    for (std::int64_t round = 0; round < 100; ++round) {
      const auto request = etf::tuple("add"_atom, round);
      const auto answer = co_await otp::call<std::int64_t>(self, first, request);
      CHECK(answer == round + 99);
    }
  });
}

TEST_CASE("what a server is sent while its handler calls another it gets afterwards, in order") {
  world here;
  here.run([](process& self) -> task<> {
    const auto other = co_await chain_of(self, 3);
    const auto server = co_await otp::start<asker>(self, {}, other);
    std::vector<std::int64_t> expected;
    for (std::int64_t number = 0; number < 200; ++number) {
      expected.push_back(number + 2);
      if (number % 2 == 0) {
        otp::cast(self, *server, number);
      } else {
        self.send(*server, number);
      }
    }
    const auto kept = co_await otp::call<std::vector<std::int64_t>>(self, *server, "take"_atom);
    CHECK(kept == expected);
  });
}
