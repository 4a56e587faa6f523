// What a process pays for messages that it does not read.
#include "local.hpp"
#include "survey.hpp"

#include <ergo/otp/call.hpp>
#include <ergo/otp/start.hpp>

namespace ergo_bench {
namespace {

using namespace ergo;

constexpr auto long_enough = std::chrono::milliseconds{30};
constexpr std::uint64_t at_a_time = 10'000;
constexpr std::uint64_t turns_between_looks = 16;  // at the clock

/// Sends its caller as many messages as it is asked for, and answers how many nanoseconds that took.
class pest {
 public:
  task<std::int64_t> handle_call(process& self, const term& request, const otp::from& caller) {
    const auto count = request.as_integer().value_or(0);
    const auto to = caller.process;
    const term noise{atom::of("noise")};
    lap watch;
    for (std::int64_t sent = 0; sent < count; ++sent) co_await self.send(to, noise);
    co_return watch.read().count();
  }
};

task<> nothing(process& /*self*/) { co_return; }

bool is_needle(const message& received) { return received.payload().as_integer().has_value(); }

class backlog_owner {
 public:
  backlog_owner(process& self, survey_ptr of) : self_{self}, of_{std::move(of)} {}

  task<> run() {
    const otp::start_options plain;
    const auto sender = co_await otp::start<pest>(self_, plain);
    const auto echo = co_await otp::start<echo_server>(self_, plain);
    if (!sender || !echo) co_return of_->done.fail("a server did not start");
    for (const auto size : sizes()) {
      auto growing = let_send(*sender, size - std::min<std::uint64_t>(size, self_.unread()));
      (void)co_await std::move(growing);
      auto calling = call_for_a_while(*echo, size);
      co_await std::move(calling);
      auto watching = watch_for_a_while(size);
      co_await std::move(watching);
      auto searching = search_for_a_while(size);
      co_await std::move(searching);
      auto sending = let_send(*sender, at_a_time);
      const auto took = co_await std::move(sending);
      of_->add_time("send", size, took, at_a_time);
      for (std::uint64_t read = 0; read < at_a_time; ++read) (void)co_await self_.receive_any();
    }
    if (self_.unread() < of_->largest) co_return of_->done.fail("unread messages were lost");
    of_->done.arrive();
  }

 private:
  [[nodiscard]] std::vector<std::uint64_t> sizes() const {
    auto made = decades(std::min<std::uint64_t>(1'000, of_->largest), of_->largest);
    made.insert(made.begin(), 0);
    return made;
  }

  task<time_span> let_send(pid sender, std::uint64_t count) {
    const auto answer = co_await otp::call<std::int64_t>(self_, sender, static_cast<std::int64_t>(count), forever);
    if (!answer) of_->done.fail("messages were not sent");
    co_return std::chrono::nanoseconds{answer.value_or(0)};
  }

  task<> call_for_a_while(pid echo, std::uint64_t size) {
    std::int64_t calls = 0;
    const auto begun = std::chrono::steady_clock::now();
    auto took = time_span::zero();
    for (; took < long_enough; took = std::chrono::steady_clock::now() - begun) {
      for (std::uint64_t turn = 0; turn < turns_between_looks; ++turn) {
        const auto answer = co_await otp::call<std::int64_t>(self_, echo, ++calls);
        if (!answer || *answer != calls) co_return of_->done.fail("a call failed");
      }
    }
    of_->add_time("call", size, took, static_cast<std::uint64_t>(calls));
  }

  task<> watch_for_a_while(std::uint64_t size) {
    std::uint64_t watches = 0;
    const auto begun = std::chrono::steady_clock::now();
    auto took = time_span::zero();
    for (; took < long_enough; took = std::chrono::steady_clock::now() - begun) {
      const auto watched = self_.spawn_monitor(nothing).second;
      const auto ended = co_await self_.receive(watched);
      if (ended->ref != watched.ref) co_return of_->done.fail("a process did not end as expected");
      ++watches;
    }
    of_->add_time("spawn-and-down", size, took, watches);
  }

  task<> search_for_a_while(std::uint64_t size) {
    std::uint64_t looked_at = 0;
    const auto begun = std::chrono::steady_clock::now();
    auto took = time_span::zero();
    for (std::int64_t needle = 0; took < long_enough; took = std::chrono::steady_clock::now() - begun) {
      self_.send(self_.id(), ++needle);
      const auto received = co_await self_.receive_if(is_needle);
      if (received.payload().as_integer() != needle) co_return of_->done.fail("not the message that was waited for");
      looked_at += self_.unread() + 1;
    }
    of_->add_time("look", size, took, looked_at);
  }

  process& self_;
  survey_ptr of_;
};

}  // namespace

measurement curve_mailbox(const request& wanted) { return run_survey<backlog_owner>(wanted); }

}  // namespace ergo_bench
