// The caller of the call workloads, and how an echo server is started.
#include "servers.hpp"

#include <ergo/otp/call.hpp>
#include <ergo/otp/outside.hpp>

namespace ergo_bench {

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

ergo::pid bench_runtime::start_echo() {
  return must(ergo::otp::start<echo_server>(runtime_.anonymous(), ergo::otp::start_options{}));
}

}  // namespace ergo_bench
