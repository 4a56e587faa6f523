// Requests whose answers are waited for later, calls to many, and servers with names that no node keeps.
#include "support.hpp"

#include <ergo/otp/global.hpp>
#include <ergo/otp/requests.hpp>
#include <ergo/otp/via.hpp>

#include <map>

using namespace ergo;
using namespace ergo::test;

namespace {

/// Answers `{after, Ms, Value}` then, `never` never, `die` by dying.
class slow {
 public:
  task<otp::result> handle_call(process& self, const term& request) {
    if (request.is("never"_atom)) co_return otp::noreply();
    if (request.is("die"_atom)) co_return otp::stop("dead"_atom);
    co_await self.sleep(std::chrono::milliseconds{request.elements()[1].as_integer().value()});
    co_return otp::reply(request.elements()[2]);
  }
  void handle_cast(const term& cast) { casts_.push_back(cast); }
  [[nodiscard]] term state() const { return etf::make_list(casts_); }

 private:
  std::vector<term> casts_;
};

term later(int ms, std::string_view value) { return etf::tuple("after"_atom, ms, atom::of(value)); }

task<pid> started(process& self) {
  const auto made = co_await otp::start<slow>(self, {});
  co_return *made;
}

}  // namespace

TEST_CASE("a request goes on while something else is done, and its answer is there when it is wanted") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self);
    auto asked = otp::send_request(self, server, later(100, "value"));
    CHECK(!asked.check());
    co_await self.sleep(200ms);
    CHECK(asked.check() == ergo::result<term>{term{"value"_atom}});
    const auto begun = self.now();
    const auto answer = co_await asked.receive<atom>(5s);
    CHECK(answer == "value"_atom);
    CHECK(self.now() == begun);
  });
}

TEST_CASE("wait leaves a late request open, receive abandons it, and no late answer surfaces") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self);
    auto asked = otp::send_request(self, server, later(100, "late"));
    const auto early = co_await asked.wait(10ms);
    CHECK(early.error() == errc::timeout);
    const auto patient = co_await asked.wait();
    CHECK(patient == term{"late"_atom});

    auto given_up = otp::send_request(self, server, later(100, "late"));
    const auto late = co_await given_up.receive(10ms);
    CHECK(late.error() == errc::timeout);
    const auto gone = co_await given_up.receive(10ms);
    CHECK(gone.error() == errc::cancelled);
    co_await self.sleep(1s);
    CHECK(self.unread() == 0);
  });
}

TEST_CASE("a request fails as a call does") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await started(self);
    auto dying = otp::send_request(self, server, "die"_atom);
    const auto dead = co_await dying.receive(1s);
    CHECK(dead.error() == errc::exited);
    CHECK(dead.error().context() == term{"dead"_atom});
    auto nobody = otp::send_request(self, "nobody"_atom, 1);
    const auto absent = co_await nobody.receive(1s);
    CHECK(absent.error() == errc::noproc);
    auto self_asked = otp::send_request(self, self.id(), 1);
    const auto own = co_await self_asked.receive(1s);
    CHECK(own.error() == errc::calling_self);
    auto nowhere = otp::send_request(self, destination{"x"_atom, "no@where"_atom}, 1);
    const auto down = co_await nowhere.receive(1s);
    CHECK(down.error() == errc::nodedown);
  });
}

TEST_CASE("a collection gives the answers as they come, with their labels, until it is empty") {
  world here;
  here.run([](process& self) -> task<> {
    otp::request_collection<std::string> open;
    const auto none = co_await open.receive(self, 1s);
    CHECK(none.error() == errc::not_found);
    const auto first = co_await started(self);
    const auto second = co_await started(self);
    const auto third = co_await started(self);
    open.send(self, first, later(300, "a"), std::string{"slowest"});
    open.send(self, second, later(100, "b"), std::string{"fastest"});
    open.send(self, third, "die"_atom, std::string{"dead"});
    std::vector<std::string> order;
    while (open.size() != 0) {
      const auto next = co_await open.receive(self, 5s);
      order.push_back(next->label + " " +
                      (next->answer ? etf::to_text(*next->answer) : next->answer.error().message()));
    }
    CHECK(order[0].starts_with("dead "));
    CHECK(order[1] == "fastest b");
    CHECK(order[2] == "slowest a");

    open.send(self, first, "never"_atom, std::string{"x"});
    open.send(self, second, later(50, "c"), std::string{"y"});
    const auto early = co_await open.wait(self, 10ms);
    CHECK(early.error() == errc::timeout);
    CHECK(open.size() == 2);
    const auto y = co_await open.wait(self, 1s);
    CHECK(y->label == "y");
    const auto late = co_await open.receive(self, 10ms);
    CHECK(late.error() == errc::timeout);
    CHECK(open.size() == 0);
  });
}

TEST_CASE("requests are abandoned with the process that made them, and with their object") {
  abandon_everywhere([](process& self) -> task<> {
    const auto server = co_await started(self);
    otp::request_collection<int> open;
    for (int each = 0; each < 3; ++each) open.send(self, server, later(10, "x"), each);
    auto moved = otp::send_request(self, server, "never"_atom);
    moved = otp::send_request(self, server, later(5, "y"));
    auto kept = std::move(moved);
    (void)co_await kept.receive(1s);
    (void)co_await open.receive(self, 1s);
    self.exit(server, exit_reason{"kill"_atom});
  });
}

TEST_CASE("multi_call asks all at once, and tells who did not answer and why") {
  world here;
  here.run([](process& self) -> task<> {
    otp::start_options named;
    named.name = "slow"_atom;
    const auto server = co_await otp::start<slow>(self, named);
    CHECK(server.has_value());
    const auto own = self.node().name();
    const std::vector<atom> nodes{own, "no@where"_atom};
    const auto answers = co_await otp::multi_call<atom>(self, nodes, "slow"_atom, later(100, "here"), 1s);
    CHECK(answers.replies == std::vector<std::pair<atom, atom>>{{own, "here"_atom}});
    CHECK(answers.failures.size() == 1);
    CHECK(answers.failures[0].second == errc::nodedown);
    const auto late = co_await otp::multi_call(self, "slow"_atom, later(100, "here"), 10ms);
    CHECK(late.replies.empty());
    CHECK(late.failures.at(0).second == errc::timeout);
    const auto wrong = co_await otp::multi_call<int>(self, "slow"_atom, later(1, "here"));
    CHECK(wrong.failures.at(0).second == errc::bad_answer);
    const auto absent = co_await otp::multi_call(self, "nobody"_atom, 1);
    CHECK(absent.failures.at(0).second == errc::noproc);
    otp::abcast(self, "slow"_atom, "news"_atom);
    otp::abcast(self, nodes, "slow"_atom, "again"_atom);
    const auto state = co_await otp::call(self, "slow"_atom, later(1, "done"));
    CHECK(state.has_value());
  });
}

namespace {

/// Names in a table, as a module for `{via, Module, Name}` keeps them.
class phone_book final : public otp::name_service {
 public:
  [[nodiscard]] task<ergo::result<bool>> claim(process& self, term name) const override {
    co_await self.yield();
    if (name.is("broken"_atom)) co_return fail(errc::timeout);
    const auto known = numbers_.find(etf::to_text(name));
    if (known != numbers_.end() && self.runtime().alive(known->second)) co_return false;
    numbers_[etf::to_text(name)] = self.id();
    co_return true;
  }
  [[nodiscard]] std::optional<pid> find(const local_node& /*here*/, const term& name) const override {
    const auto known = numbers_.find(etf::to_text(name));
    if (known == numbers_.end()) return std::nullopt;
    return known->second;
  }

 private:
  mutable std::map<std::string, pid> numbers_;
};

}  // namespace

TEST_CASE("a server has a public name before its init, and is called and cast to by it") {
  world here;
  const phone_book book;
  here.run(
      [](process& self, const phone_book* names) -> task<> {
        const otp::public_name bob{*names, etf::tuple("bob"_atom, 5)};
        const auto early = co_await otp::call(self, bob, 1);
        CHECK(early.error() == errc::noproc);
        otp::start_options options;
        options.as = &bob;
        const auto server = co_await otp::start_link<slow>(self, options);
        CHECK(server.has_value());
        otp::cast(self, bob, "hello"_atom);
        const auto answer = co_await otp::call<atom>(self, bob, later(1, "ok"));
        CHECK(answer == "ok"_atom);
        const auto taken = co_await otp::start_link<slow>(self, options);
        CHECK(taken.error() == errc::name_taken);
        CHECK(taken.error().context() == term{*server});
        const otp::public_name broken{*names, "broken"_atom};
        options.as = &broken;
        const auto failed = co_await otp::start<slow>(self, options);
        CHECK(failed.error() == errc::exited);
        CHECK(failed.error().context() == term{"timeout"_atom});
      },
      &book);
}

TEST_CASE("a name of the cluster is one server's: {global, Name}") {
  world here;
  here.run([](process& self) -> task<> {
    const otp::global::options chosen;
    const auto names = co_await otp::global::start_link(self, chosen);
    CHECK(names.has_value());
    const otp::public_name bank{otp::global::service(), "bank"_atom};
    otp::start_options options;
    options.as = &bank;
    const auto server = co_await otp::start<slow>(self, options);
    CHECK(server.has_value());
    CHECK(otp::global::whereis_name(self, otp::global_name{"bank"_atom}) == *server);
    const auto other = co_await otp::start<slow>(self, options);
    CHECK(other.error() == errc::name_taken);
    CHECK(other.error().context() == term{*server});
    const auto answer = co_await otp::call<atom>(self, bank, later(1, "ok"));
    CHECK(answer == "ok"_atom);
  });
}
