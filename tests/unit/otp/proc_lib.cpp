// Processes that are no servers, and say themselves what came of their start.
#include "support.hpp"

#include <ergo/otp/proc_lib.hpp>

using namespace ergo;
using namespace ergo::test;

namespace {

task<exit_reason> worker(process& self, otp::init_ack starter, std::string how, pid witness) {
  co_await self.sleep(100ms);
  if (how == "ignore") starter.ignore(self);
  if (how == "fail") starter.fail(self, "unwilling"_atom);
  if (how == "throw") throw std::runtime_error{"before it was ready"};
  if (how == "end") co_return exit_reason{"ended"_atom};
  starter.ready(self);
  starter.ready(self);
  self.send(witness, "worked"_atom);
  co_await self.sleep(1s);
  co_return exit_reason{"done"_atom};
}

task<error> failure(process& self, std::string how) {
  self.trap_exits(exits::trapped);
  const auto started = co_await otp::proc_lib::start_link(self, {}, worker, how, self.id());
  CHECK(self.unread() == 0);
  co_return started ? error{} : started.error();
}

}  // namespace

TEST_CASE("a process is started when it says so, and goes on") {
  world here;
  here.run([](process& self) -> task<> {
    const auto begun = self.now();
    otp::start_options named;
    named.name = "worker"_atom;
    const auto started = co_await otp::proc_lib::start_monitor(self, named, worker, std::string{"well"}, self.id());
    CHECK(started.has_value());
    CHECK(self.now() - begun == 100ms);
    CHECK(self.node().whereis("worker"_atom) == started->process);
    const auto told = co_await self.receive<atom>(1s);
    CHECK(*told == "worked"_atom);
    const auto ended = co_await self.receive<down>(2s);
    CHECK(ended->reason.is("done"_atom));
  });
}

TEST_CASE("a start fails as the process says, or as it ends before it has said anything") {
  world here;
  CHECK(here.run(failure, std::string{"ignore"}) == errc::ignored);
  CHECK(here.run(failure, std::string{"fail"}) == error{errc::exited, "unwilling"_atom});
  CHECK(here.run(failure, std::string{"end"}) == error{errc::exited, "ended"_atom});
  const auto thrown = here.run(failure, std::string{"throw"});
  CHECK(thrown.context() == etf::tuple("exception"_atom, etf::binary("before it was ready")));
  CHECK(here.crashes() == 2);
}

TEST_CASE("a process that does not say anything in time is killed") {
  world here;
  here.run([](process& self) -> task<> {
    otp::start_options hasty;
    hasty.timeout = 50ms;
    const auto late = co_await otp::proc_lib::start(self, hasty, worker, std::string{"well"}, self.id());
    CHECK(late.error() == errc::timeout);
    co_await self.sleep(1s);
    CHECK(self.unread() == 0);
  });
  CHECK(here.runtime().process_count() == 0);
}
