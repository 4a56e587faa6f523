// The processes of the workloads, and how an echo server is started.
#include "servers.hpp"

#include <ergo/otp/call.hpp>
#include <ergo/otp/outside.hpp>

namespace ergo_bench {
namespace {

ergo::task<> nothing(ergo::process& /*self*/) { co_return; }

}  // namespace

ergo::task<> source(ergo::process& self, ergo::pid to, std::int64_t count) {
  for (std::int64_t number = 0; number < count; ++number) co_await self.send(to, number);
}

ergo::task<> sink(ergo::process& self, std::int64_t count, std::shared_ptr<finish_line> done) {
  for (std::int64_t number = 0; number < count; ++number) {
    const auto received = co_await self.receive_any();
    if (received.payload().as_integer() != number) done->fail("a message was lost, doubled or overtaken");
  }
  done->arrive();
}

ergo::task<> spawner(ergo::process& self, std::int64_t count, std::shared_ptr<finish_line> done) {
  for (std::int64_t child = 0; child < count; ++child) {
    const auto watched = self.spawn_monitor(nothing).second.ref;
    auto ended = co_await self.receive<ergo::down>();
    if (ended->ref != watched || !ended->reason.is_normal()) done->fail("a process did not end as expected");
  }
  done->arrive();
}

ergo::task<> caller_loop(ergo::process& self, ergo::destination server, std::int64_t count,
                         std::shared_ptr<finish_line> done) {
  for (std::int64_t number = 0; number < count; ++number) {
    const auto answer = co_await ergo::otp::call<std::int64_t>(self, server, number);
    if (!answer || *answer != number) {
      done->fail(answer ? "a call was answered wrongly" : answer.error().message());
      co_return;
    }
  }
  done->arrive();
}

ergo::task<> content_loop(ergo::process& self, ergo::destination server, ergo::term content, std::int64_t count,
                          std::shared_ptr<finish_line> done) {
  for (std::int64_t number = 0; number < count; ++number) {
    const auto answer = co_await ergo::otp::call(self, server, content);
    if (!answer || answer->bytes().size() != content.bytes().size()) co_return done->fail("a call failed");
  }
  const auto last = co_await ergo::otp::call(self, server, content);
  if (!last || *last != content) co_return done->fail("a call was answered wrongly");
  done->arrive();
}

ergo::pid bench_runtime::start_echo() {
  return must(ergo::otp::start<echo_server>(runtime_.anonymous(), ergo::otp::start_options{}));
}

}  // namespace ergo_bench
