// What monitors and timers cost where there are many of them.
#include "local.hpp"
#include "survey.hpp"

namespace ergo_bench {
namespace {

using namespace ergo;

constexpr std::uint64_t enough = 10'000;

/// Ends with the first message.
task<> until_told(process& self) { (void)co_await self.receive_any(); }

class watcher {
 public:
  watcher(process& self, survey_ptr of) : self_{self}, of_{std::move(of)} {}

  task<> run() {
    for (const auto size : decades(1, of_->largest)) {
      monitoring_ = demonitoring_ = ending_ = {};
      const auto rounds = std::max<std::uint64_t>(1, enough / size);
      for (std::uint64_t round = 0; round < rounds; ++round) {
        auto once = watch_and_end(size);
        co_await std::move(once);
      }
      of_->add_time("monitor", size, monitoring_, 2 * rounds * size);
      of_->add_time("demonitor", size, demonitoring_, rounds * size);
      of_->add_time("down", size, ending_, rounds * size);
    }
    of_->done.arrive();
  }

 private:
  // As many monitors that are taken back, oldest first; then as many that bring their message.
  task<> watch_and_end(std::uint64_t size) {
    const auto target = self_.spawn(until_told);
    std::vector<monitor_ref> watches;
    watches.reserve(size);
    lap watch;
    for (std::uint64_t number = 0; number < size; ++number) watches.push_back(self_.monitor(target));
    monitoring_ += watch.read();
    for (const auto& one : watches) {
      if (!self_.demonitor(one)) co_return of_->done.fail("a monitor was not there");
    }
    demonitoring_ += watch.read();
    for (auto& one : watches) one = self_.monitor(target);
    monitoring_ += watch.read();
    self_.send(target, 0);
    std::vector<ergo::reference> told;
    told.reserve(size);
    for (std::uint64_t number = 0; number < size; ++number) {
      auto ended = co_await self_.receive<down>();
      told.push_back(ended->ref);
    }
    ending_ += watch.read();
    if (!are_all_of(watches, std::move(told))) of_->done.fail("a down was lost, doubled or not asked for");
  }

  // In whatever order.
  static bool are_all_of(const std::vector<monitor_ref>& watches, std::vector<ergo::reference> told) {
    const auto before = [](const ergo::reference& left, const ergo::reference& right) {
      return etf::compare(left, right) < 0;
    };
    std::vector<ergo::reference> asked;
    for (const auto& one : watches) asked.push_back(one.ref);
    std::ranges::sort(asked, before);
    std::ranges::sort(told, before);
    return asked == told;
  }

  process& self_;
  survey_ptr of_;
  time_span monitoring_{};
  time_span demonitoring_{};
  time_span ending_{};
};

class timekeeper {
 public:
  timekeeper(process& self, survey_ptr of) : self_{self}, of_{std::move(of)} {}

  task<> run() {
    for (const auto size : decades(std::min<std::uint64_t>(1'000, of_->largest), of_->largest)) {
      start_and_cancel(size);
      auto firing = let_fire(size);
      co_await std::move(firing);
    }
    of_->done.arrive();
  }

 private:
  // With delays that go up and down, and are not yet due when they are cancelled, oldest first.
  void start_and_cancel(std::uint64_t size) {
    std::vector<timer_ref> timers;
    timers.reserve(size);
    const term content{0};
    lap watch;
    for (std::uint64_t number = 0; number < size; ++number) {
      const std::chrono::milliseconds delay{3'600'000 + number * 7'919 % 100'000};
      timers.push_back(self_.send_after(delay, self_.id(), content));
    }
    of_->add_time("start", size, watch.read(), size);
    for (const auto& one : timers) {
      if (!self_.cancel_timer(one)) return of_->done.fail("a timer was not there");
    }
    of_->add_time("cancel", size, watch.read(), size);
  }

  // All are due at one time, when the last has been started; the time from then to the last message counts.
  task<> let_fire(std::uint64_t size) {
    time_point due = std::chrono::steady_clock::now() + std::chrono::milliseconds{5} + std::chrono::microseconds{size};
    for (std::uint64_t number = 0; number < size; ++number) {
      if (number % 1'000 == 0) co_await self_.yield();  // so that a delay is counted from about now
      self_.send_after(due - std::chrono::steady_clock::now(), self_.id(), static_cast<std::int64_t>(number));
    }
    due = std::max(due, std::chrono::steady_clock::now());
    std::uint64_t sum = 0;
    for (std::uint64_t number = 0; number < size; ++number) {
      const auto received = co_await self_.receive_any();
      sum += static_cast<std::uint64_t>(received.payload().as_integer().value_or(-1));
    }
    of_->add_time("fire", size, std::chrono::steady_clock::now() - due, size);
    if (sum != size * (size - 1) / 2) of_->done.fail("a timer did not go off, or twice");
  }

  process& self_;
  survey_ptr of_;
};

}  // namespace

measurement curve_monitors(const request& wanted) { return run_survey<watcher>(wanted); }
measurement curve_timers(const request& wanted) { return run_survey<timekeeper>(wanted); }

}  // namespace ergo_bench
