// How cost grows with the number of processes, the size of a message, and the number of cores; and the rows of all
// curves, of memory and of latency.
#include "local.hpp"
#include "punctual.hpp"
#include "survey.hpp"

#include <ergo/runtime.hpp>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ergo_bench {
namespace {

using namespace ergo;

// Nobody has more than so many messages before it: what is measured is not a long mailbox.
constexpr std::uint64_t at_a_time = 1'000;
constexpr std::uint64_t enough_messages = 20'000;

/// Says that it lives, and then sends everything back until it is told an atom.
task<> inhabitant(process& self, pid owner) {
  co_await self.send(owner, 0);
  while (true) {
    const auto received = co_await self.receive_any();
    const auto number = received.payload().as_integer();
    if (!number) co_return;
    co_await self.send(owner, *number);
  }
}

/// Says that it lives, and ends.
task<> visitor(process& self, pid owner) { co_await self.send(owner, 0); }

class population {
 public:
  population(process& self, survey_ptr of) : self_{self}, of_{std::move(of)} {}

  task<> run() {
    for (const auto size : decades(1, of_->largest)) {
      const auto before = members_.size();
      lap watch;
      auto growing = grow_to(size);
      co_await std::move(growing);
      if (size >= at_a_time) of_->add_time("grow", size, watch.read(), size - before);
      auto visits = receive_visitors();
      co_await std::move(visits);
      auto greetings = greet_everybody();
      co_await std::move(greetings);
    }
    of_->done.arrive();
  }

 private:
  task<> grow_to(std::uint64_t size) {
    while (members_.size() < size) {
      const auto next = std::min(size, members_.size() + at_a_time);
      const auto fresh = next - members_.size();
      while (members_.size() < next) members_.push_back(self_.spawn(inhabitant, self_.id()));
      for (std::uint64_t heard = 0; heard < fresh; ++heard) co_await self_.receive_any();
    }
  }

  task<> receive_visitors() {
    lap watch;
    for (std::uint64_t visits = 0; visits < enough_messages; visits += at_a_time) {
      for (std::uint64_t fresh = 0; fresh < at_a_time; ++fresh) self_.spawn(visitor, self_.id());
      for (std::uint64_t heard = 0; heard < at_a_time; ++heard) co_await self_.receive_any();
    }
    of_->add_time("spawn", members_.size(), watch.read(), enough_messages);
  }

  task<> greet_everybody() {
    const auto rounds = std::max<std::uint64_t>(1, enough_messages / members_.size());
    lap watch;
    for (std::uint64_t round = 0; round < rounds; ++round) {
      for (std::uint64_t first = 0; first < members_.size(); first += at_a_time) {
        const auto last = std::min<std::uint64_t>(first + at_a_time, members_.size());
        for (auto member = first; member < last; ++member)
          co_await self_.send(members_[member], static_cast<std::int64_t>(member));
        std::uint64_t sum = 0;
        for (auto member = first; member < last; ++member) {
          const auto received = co_await self_.receive_any();
          sum += static_cast<std::uint64_t>(received.payload().as_integer().value_or(-1));
        }
        if (sum != (first + last - 1) * (last - first) / 2) co_return of_->done.fail("an answer is missing or wrong");
      }
    }
    of_->add_time("message-and-answer", members_.size(), watch.read(), rounds * members_.size());
  }

  process& self_;
  survey_ptr of_;
  std::vector<pid> members_;
};

/// Receives `count` binaries of `size` bytes.
task<> binary_sink(process& self, std::uint64_t count, std::size_t size, pid owner) {
  bool good = true;
  for (std::uint64_t number = 0; number < count; ++number) {
    const auto received = co_await self.receive_any();
    good = good && received.payload().bytes().size() == size;
  }
  co_await self.send(owner, good);
}

constexpr std::size_t message_sizes[]{1, 100, 10'000, 1'000'000, 64'000'000};

task<> send_sizes(process& self, survey_ptr of) {
  const auto count = of->largest;
  for (const auto size : message_sizes) {
    const auto content = etf::binary(std::string(size, 'x'));
    const auto to = self.spawn(binary_sink, count, size, self.id());
    lap watch;
    for (std::uint64_t number = 0; number < count; ++number) co_await self.send(to, content);
    const auto good = co_await self.receive_any();
    of->add_time("send", size, watch.read(), count);
    if (!good.payload().is(atom::of("true"))) co_return of->done.fail("a message was cut");
  }
  of->done.arrive();
}

constexpr std::pair<const char*, measurement (*)(const request&)> spread_over_cores[]{
    {"send", send_one_to_one}, {"storm", storm}, {"call-120", call_many}, {"ring", ring}};

}  // namespace

measurement curve_processes(const request& wanted) { return run_survey<population>(wanted); }
measurement curve_message_size(const request& wanted) { return run_survey(wanted, send_sizes); }

measurement curve_cores(const request& wanted) {
  const stopwatch watch;
  std::vector<figure> found;
  for (const unsigned cores : {1U, 2U, 4U, 8U, 16U}) {
    for (const auto& [what, work] : spread_over_cores) {
      const auto took = work({.operations = wanted.operations, .cores = cores});
      found.push_back({point(what, cores), took.per_operation(), "ns"});
    }
  }
  auto all = watch.read(1);
  all.more = std::move(found);
  return all;
}

namespace {

workload curve(std::string_view of, std::string_view what, std::uint64_t until, measurement (*run)(const request&)) {
  return {.id = "curve", .variant = of, .what = what, .operations = until, .run = run, .rivals = {{reference::beam}}};
}

workload calls_by_schedule(std::string_view variant, std::string_view what) {
  return {.id = "latency",
          .variant = variant,
          .what = what,
          .operations = 1'000,
          .run = latency,
          .rivals = {{reference::beam}},
          .limits = slice_limits()};
}

workload with_flags(workload row, std::vector<std::string> of_erl) {
  row.erl_flags = std::move(of_erl);
  return row;
}

}  // namespace

std::vector<workload> growth_workloads() {
  const std::vector<std::string> many_processes{"+P", "4000000"};
  return {
      with_flags(curve("processes", "1 to 1,000,000 processes alive: to spawn one more, to send to each", 1'000'000,
                       curve_processes),
                 many_processes),
      curve("mailbox", "0 to 1,000,000 unread messages: to send, call, wait for a fresh monitor, look at each",
            1'000'000, curve_mailbox),
      curve("message-size", "messages of 1 byte to 64 MB", 100'000, curve_message_size),
      with_flags(curve("cores", "1 to 16 cores: send, storm, call-120, ring", 200'000, curve_cores), {"+S", "16:16"}),
      curve("monitors", "1 to 100,000 monitors on one process: to set up, to take back, to be told", 100'000,
            curve_monitors),
      curve("timers", "1,000 to 1,000,000 timers: to start, to cancel, to go off", 1'000'000, curve_timers),
      {.id = "memory",
       .what = "bytes of resident memory for each process, message, atom, timer, monitor, link",
       .operations = 100'000,
       .run = memory,
       .rivals = {{reference::beam}},
       .erl_flags = many_processes},
      calls_by_schedule("call-seq-10", "the 99th of 100 calls by schedule, 10 % of the greatest rate"),
      calls_by_schedule("call-seq-50", "the 99th of 100 calls by schedule, 50 % of the greatest rate"),
      calls_by_schedule("call-seq-90", "the 99th of 100 calls by schedule, 90 % of the greatest rate"),
  };
}

}  // namespace ergo_bench
