// How much memory things take, as the growth of what is resident when very many of them are made.
#include "local.hpp"
#include "survey.hpp"

#include <ergo/otp/start.hpp>

namespace ergo_bench {
namespace {

using namespace ergo;

/// Answers each integer that it is told with 0 when it has linked itself to the sender, and waits.
task<> idle(process& self, pid owner) {
  co_await self.send(owner, 0);
  (void)co_await self.receive_any();
  self.link(owner);
  co_await self.send(owner, 0);
  (void)co_await self.receive_any();
}

/// Says that it lives, and reads nothing more.
task<> reads_nothing(process& self, pid owner) {
  co_await self.send(owner, 0);
  (void)co_await self.receive<down>();
}

class inventory {
 public:
  inventory(process& self, survey_ptr of) : self_{self}, of_{std::move(of)} {}

  // What is made first stays until the end, so that nothing is given memory that was used before.
  task<> run() {
    auto processes = make_processes();
    co_await std::move(processes);
    auto links = link_processes();
    co_await std::move(links);
    auto servers = start_servers();
    co_await std::move(servers);
    auto messages = queue_messages();
    co_await std::move(messages);
    before_ = resident_bytes();
    for (std::uint64_t number = 0; number < of_->largest; ++number)
      (void)atom::of("bench_atom_number_" + std::to_string(number));
    note("atom", of_->largest);
    for (std::uint64_t number = 0; number < of_->largest; ++number)
      self_.send_after(std::chrono::hours{1}, self_.id(), 0);
    note("timer", of_->largest);
    for (std::uint64_t number = 0; number < of_->largest; ++number) (void)self_.monitor(members_[number]);
    auto hearing = hear(0);
    co_await std::move(hearing);
    note("monitor", of_->largest);
    of_->done.arrive();
  }

 private:
  void note(std::string what, std::uint64_t count) {
    const auto now = resident_bytes();
    of_->add(std::move(what), (now - before_) / static_cast<double>(count), "bytes");
    before_ = now;
  }

  // Lets all that was sent arrive, and reads that many messages.
  task<> hear(std::uint64_t count) {
    for (std::uint64_t heard = 0; heard < count; ++heard) (void)co_await self_.receive_any();
    co_await self_.sleep(std::chrono::milliseconds{20});
  }

  task<> make_processes() {
    members_.resize(of_->largest);  // touched before the count begins
    before_ = resident_bytes();
    constexpr std::uint64_t at_a_time = 1'000;
    for (std::uint64_t first = 0; first < members_.size(); first += at_a_time) {
      const auto last = std::min<std::uint64_t>(first + at_a_time, members_.size());
      for (auto number = first; number < last; ++number) members_[number] = self_.spawn(idle, self_.id());
      auto hearing = hear(last - first);
      co_await std::move(hearing);
    }
    note("process", members_.size());
  }

  task<> link_processes() {
    for (const auto& member : members_) {
      self_.send(member, 0);
      (void)co_await self_.receive_any();
    }
    note("link", members_.size());
  }

  task<> start_servers() {
    const otp::start_options plain;
    for (std::uint64_t number = 0; number < of_->largest; ++number) {
      const auto started = co_await otp::start<echo_server>(self_, plain);
      if (!started) co_return of_->done.fail("a server did not start");
    }
    note("gen_server", of_->largest);
  }

  task<> queue_messages() {
    const auto to = self_.spawn(reads_nothing, self_.id());
    const auto count = 10 * of_->largest;
    for (std::uint64_t number = 0; number < count; ++number) co_await self_.send(to, static_cast<std::int64_t>(number));
    auto hearing = hear(1);
    co_await std::move(hearing);
    note("queued-message", count);
  }

  process& self_;
  survey_ptr of_;
  std::vector<pid> members_;
  double before_ = 0;
};

}  // namespace

measurement memory(const request& wanted) { return run_survey<inventory>(wanted); }

}  // namespace ergo_bench
