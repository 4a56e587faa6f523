// What is reported when a server crashes: in OTP's form, bounded, and without what nobody should read.
#include "reported.hpp"
#include "trees.hpp"

#include <ergo/otp/sys.hpp>

#include <catch2/generators/catch_generators.hpp>

using namespace ergo;
using namespace ergo::test;

namespace {

/// Has a secret that only its own state() shows.
class vault {
 public:
  explicit vault(std::string secret) : secret_{std::move(secret)} {}
  otp::result handle_call(const term& request) {
    if (request.is("stop"_atom)) return otp::stop("robbed"_atom, "bye"_atom);
    return otp::stop("broken"_atom);
  }
  otp::result handle_cast() { return otp::stop("broken"_atom); }
  otp::result handle_info() { return otp::stop("broken"_atom); }
  [[nodiscard]] otp::status format_status(otp::status shown) const {
    shown.state = "hidden"_atom;
    if (etf::is_tagged(shown.message, "password"_atom, 2)) shown.message = "password"_atom;
    return shown;
  }

 private:
  std::string secret_;
  BOOST_DESCRIBE_CLASS(vault, (), (), (), (secret_))
};

class indiscreet {
 public:
  void handle_cast() { throw std::runtime_error{"oops"}; }
  [[nodiscard]] term state() const { return state_; }
  void state(const term& next) { state_ = next; }
  [[nodiscard]] otp::status format_status(const otp::status& shown) const {
    if (shown.state.is("unprintable"_atom)) throw std::runtime_error{"cannot be shown"};
    return shown;
  }

 private:
  term state_ = "fine"_atom;
};

template <typename Server, typename... Argument>
task<pid> named(process& self, std::string name, Argument... argument) {
  otp::start_options options;
  options.name = atom::of(name);
  const auto started = co_await otp::start<Server>(self, options, argument...);
  co_return *started;
}

}  // namespace

TEST_CASE("a crash is reported with name, class, last message, state, reason and client, as in OTP") {
  world here;
  const auto [server, client] = here.run([](process& self) -> task<std::pair<pid, pid>> {
    const auto made = co_await named<indiscreet>(self, "gossip");
    otp::cast(self, made, "loud"_atom);
    co_await self.sleep(1ms);
    co_return std::pair{made, self.id()};
  });
  const auto& told = report(here, "server terminating");
  CHECK(told.process == server);
  CHECK(told.name == "gossip"_atom);
  CHECK(told.level == log_level::error);
  CHECK(field(told, "label") == etf::tuple("gen_server"_atom, "terminate"_atom));
  CHECK(field(told, "name") == term{"gossip"_atom});
  CHECK(field(told, "server") == term{"indiscreet"_atom});
  CHECK(field(told, "last_message") == etf::tuple("$gen_cast"_atom, "loud"_atom));
  CHECK(field(told, "state") == term{"fine"_atom});
  CHECK(field(told, "reason") == etf::tuple("exception"_atom, etf::binary("oops")));
  CHECK(field(told, "log") == term{});
  CHECK(field(told, "client_info") == term{"undefined"_atom});
  const auto& crash = report(here, "process ended abnormally");
  CHECK(crash.what == event::kind::crash);
  CHECK(field(crash, "label") == etf::tuple("proc_lib"_atom, "crash"_atom));
  CHECK(field(crash, "pid") == term{server});
  CHECK(field(crash, "registered_name") == term{"gossip"_atom});
  CHECK(field(crash, "initial_call") == etf::tuple("indiscreet"_atom, "init"_atom, 0));
  CHECK(field(crash, "ancestors") == etf::list(client));
  CHECK(field(crash, "error_info") == etf::tuple("exit"_atom, field(told, "reason"), term{}));
  CHECK(field(crash, "trap_exit") == term{false});
}

TEST_CASE("format_status hides what a crash report and a status would show, and nothing else") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await named<vault>(self, "vault", std::string{"4711"});
    const auto state = co_await otp::sys::get_state(self, server);
    const std::vector<term> shown{"secret"_atom, etf::binary("4711")};
    CHECK(state == etf::make_map(shown));
    const auto status = co_await otp::sys::get_status(self, server);
    CHECK(etf::to_text(*status).find("4711") == std::string::npos);
    CHECK(etf::to_text(*status).find("hidden") != std::string::npos);
    const auto request = etf::tuple("password"_atom, etf::binary("4711"));
    const auto answer = co_await otp::call(self, server, request);
    CHECK(answer.error().context() == term{"broken"_atom});
  });
  const auto& told = report(here, "server terminating");
  CHECK(field(told, "last_message") == term{"password"_atom});
  CHECK(field(told, "state") == term{"hidden"_atom});
  CHECK(field(told, "reason") == term{"broken"_atom});
  for (const auto& happened : here.events()) {
    for (const auto& [key, value] : happened.fields) CHECK(etf::to_text(value).find("4711") == std::string::npos);
  }
}

TEST_CASE("a format_status that throws hides everything, and the server goes on") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await named<indiscreet>(self, "gossip");
    (void)co_await otp::sys::replace_state(self, server, "unprintable"_atom);
    const auto status = co_await otp::sys::get_status(self, server);
    const auto data = status->elements()[3].items()[4].items()[2].elements()[1].items()[0];
    CHECK(data == etf::tuple(etf::text_list("State"), etf::text_list("indiscreet:format_status/1 crashed")));
    CHECK(self.runtime().alive(server));
  });
}

TEST_CASE("a report is bounded, however large message and state are") {
  world here;
  here.run([](process& self) -> task<> {
    const auto server = co_await named<indiscreet>(self, "gossip");
    term deep{1};
    for (int level = 0; level < 100'000; ++level) deep = etf::tuple("level"_atom, deep);
    (void)co_await otp::sys::replace_state(self, server, deep);
    const std::vector<term> many(100'000, term{-1});
    const std::string long_text(1'000'000, 'x');
    otp::cast(self, server, etf::tuple(etf::make_list(many), etf::binary(long_text), etf::text_list("short")));
    co_await self.sleep(1ms);
  });
  const auto& told = report(here, "server terminating");
  CHECK(etf::to_text(field(told, "state")).size() < 1'000);
  const auto message = field(told, "last_message").elements()[1].elements();
  CHECK(message[0].items().size() == 20);
  CHECK(message[0].list_tail() == term{"..."_atom});
  CHECK(message[1].bytes().size() == 20 * 32 + 3);
  CHECK(message[2] == etf::text_list("short"));
}

namespace {

/// Tells when it terminates; may crash then.
class last_words {
 public:
  otp::result handle_call(const term& request) { return otp::stop(exit_reason{request}, "bye"_atom); }
  task<> terminate(process& self, const exit_reason& reason) {
    self.log(log_level::info, "terminating");
    co_await self.sleep(1s);
    if (reason.is("throw"_atom)) throw std::runtime_error{"at the end"};
  }
};

}  // namespace

TEST_CASE("who is answered by stop has the answer when terminate has run, even if that fails") {
  for (const auto reason : {"normal"_atom, "throw"_atom}) {
    world here;
    here.run(
        [](process& self, atom why) -> task<> {
          const auto server = co_await named<last_words>(self, "server");
          const auto begun = self.now();
          const auto answer = co_await otp::call(self, server, why);
          CHECK(answer == term{"bye"_atom});
          CHECK(self.now() - begun >= 1s);
          const auto watch = self.monitor(server);
          const auto ended = co_await self.receive<down>(1s);
          CHECK(ended->ref == watch.ref);
        },
        reason);
    CHECK(here.lines("terminating") == 1);
    CHECK(here.lines("server terminating") == (reason == "throw"_atom ? 1U : 0U));
  }
}

TEST_CASE("an ordinary end is no crash and is not reported") {
  for (const auto& reason : {term{"normal"_atom}, term{"shutdown"_atom}, etf::tuple("shutdown"_atom, 5)}) {
    world here;
    here.run(
        [](process& self, term why) -> task<> {
          const auto server = co_await named<last_words>(self, "server");
          (void)co_await otp::call(self, server, why);
        },
        reason);
    CHECK(here.crashes() == 0);
    CHECK(here.lines("server terminating") == 0);
  }
}

TEST_CASE("a supervisor's reports name the child as OTP's do, and say what is done about its end") {
  const auto [kind, action] =
      GENERATE(std::pair{otp::restart::permanent, "restart"_atom}, std::pair{otp::restart::transient, "restart"_atom},
               std::pair{otp::restart::temporary, "forget"_atom});
  world here;
  start_tree(here, tree_of({ergo::test::named("one"_atom, kind)}));
  const auto child = at(here, "one"_atom);
  end_child(here, "one"_atom, "broken"_atom);
  const auto& told = report(here, "child_terminated");
  CHECK(field(told, "label") == etf::tuple("supervisor"_atom, "child_terminated"_atom));
  CHECK(field(told, "reason") == term{"broken"_atom});
  CHECK(field(told, "action") == term{action});
  const auto offender = field(told, "offender");
  REQUIRE(offender.items().size() == 7);
  CHECK(offender.items()[0] == etf::tuple("pid"_atom, child));
  CHECK(offender.items()[1] == etf::tuple("id"_atom, "one"_atom));
}

TEST_CASE("a supervisor that has restarted a child too often says that it gives up") {
  world here;
  auto spec = tree_of({ergo::test::named("one"_atom)});
  spec.intensity = 0;
  start_tree(here, spec);
  end_child(here, "one"_atom, "broken"_atom);
  CHECK(field(report(here, "child_terminated"), "action") == term{"give_up"_atom});
  CHECK(field(report(here, "shutdown"), "reason") == term{"reached_max_restart_intensity"_atom});
}
