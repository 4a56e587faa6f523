// Workloads of very many processes: a tree of a million, a million servers that idle, a ring.
#include "local.hpp"
#include "measuring.hpp"
#include "servers.hpp"

#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/start.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ergo_bench {
namespace {

using namespace ergo;
using finish = std::shared_ptr<finish_line>;

constexpr std::int64_t fan_out = 10;

/// The leaf `first`, or the tree above the leaves from `first` on.
task<> tree(process& self, pid parent, std::int64_t first, std::int64_t leaves) {
  auto sum = first;
  if (leaves > 1) {
    const auto each = leaves / fan_out;
    for (std::int64_t child = 0; child < fan_out; ++child) self.spawn(tree, self.id(), first + child * each, each);
    sum = 0;
    for (std::int64_t child = 0; child < fan_out; ++child) {
      const auto received = co_await self.receive_any();
      sum += received.payload().as_integer().value_or(-1);
    }
  }
  co_await self.send(parent, sum);
}

task<> tree_owner(process& self, std::int64_t leaves, finish done) {
  self.spawn(tree, self.id(), std::int64_t{0}, leaves);
  const auto received = co_await self.receive_any();
  if (received.payload().as_integer() != leaves * (leaves - 1) / 2) co_return done->fail("the sum is wrong");
  done->arrive();
}

/// Answers `{Pid, Number}` with the number.
class mirror_server {
 public:
  void handle_info(process& self, const message& received) {
    const auto& asked = received.payload();
    self.send(asked.elements()[0].as_pid().value_or(pid{}), asked.elements()[1]);
  }
};

/// What the owner of the idle servers found.
struct crowd {
  explicit crowd(std::uint64_t of) : size{of} {}
  std::uint64_t size;
  time_span to_start{};
  time_span to_ask_all{};
  double memory = 0;
  finish_line done{1};
};

task<> ask_all(process& self, std::vector<pid> servers, std::shared_ptr<crowd> of) {
  std::int64_t number = 0;
  for (const auto& server : servers) {
    const auto question = etf::tuple(self.id(), ++number);
    co_await self.send(server, question);
  }
  std::int64_t sum = 0;
  for (std::int64_t answer = 0; answer < number; ++answer) {
    const auto received = co_await self.receive_any();
    sum += received.payload().as_integer().value_or(-1);
  }
  if (sum != number * (number + 1) / 2) of->done.fail("an answer is missing or wrong");
}

task<> crowd_owner(process& self, std::shared_ptr<crowd> of) {
  const auto memory_before = resident_bytes();
  const auto begun = std::chrono::steady_clock::now();
  std::vector<pid> servers;
  servers.reserve(of->size);
  const otp::start_options plain;
  for (std::uint64_t server = 0; server < of->size; ++server) {
    const auto started = co_await otp::start<mirror_server>(self, plain);
    if (!started) co_return of->done.fail("a server did not start");
    servers.push_back(*started);
  }
  of->to_start = std::chrono::steady_clock::now() - begun;
  of->memory = resident_bytes() - memory_before - static_cast<double>(of->size * sizeof(pid));
  const auto asked = std::chrono::steady_clock::now();
  auto asking = ask_all(self, std::move(servers), of);
  co_await std::move(asking);
  of->to_ask_all = std::chrono::steady_clock::now() - asked;
  of->done.arrive();
}

constexpr std::int64_t ring_size = 1'000;

/// Passes the token on, which counts its hops; the last hop of all is the finish.
task<> ring_member(process& self, std::int64_t place, std::int64_t rounds, finish done) {
  const auto told = co_await self.receive_any();
  const auto next = told.payload().as_pid().value_or(pid{});
  for (std::int64_t round = 0; round < rounds; ++round) {
    const auto token = co_await self.receive_any();
    const auto hops = round * ring_size + place;
    if (token.payload().as_integer() != hops) co_return done->fail("the token was lost, doubled or overtaken");
    if (hops + 1 == rounds * ring_size) co_return done->arrive();
    co_await self.send(next, hops + 1);
  }
}

// The largest power of ten that is not above `size`.
std::int64_t power_of_ten(std::uint64_t size) {
  std::int64_t power = 1;
  while (static_cast<std::uint64_t>(power) * 10 <= size) power *= 10;
  return power;
}

}  // namespace

measurement skynet(const request& wanted) {
  bench_runtime on{wanted.cores};
  auto done = std::make_shared<finish_line>(1);
  const stopwatch watch;
  on.spawn(tree_owner, power_of_ten(wanted.operations), done);
  done->wait();
  return watch.read(1);
}

measurement idle_servers(const request& wanted) {
  bench_runtime on{wanted.cores};
  auto all = std::make_shared<crowd>(wanted.operations);
  on.spawn(crowd_owner, all);
  all->done.wait();
  const auto each = all->memory / static_cast<double>(all->size);
  return {all->to_ask_all,
          1,
          {{"rss-per-process", each, "bytes"}, {"start", nanoseconds_each(all->to_start, all->size), "ns"}}};
}

measurement ring(const request& wanted) {
  bench_runtime on{wanted.cores};
  auto done = std::make_shared<finish_line>(1);
  const auto rounds = std::max<std::int64_t>(1, static_cast<std::int64_t>(wanted.operations) / ring_size);
  std::vector<pid> members;
  for (std::int64_t place = 0; place < ring_size; ++place)
    members.push_back(on.spawn(ring_member, place, rounds, done));
  for (std::size_t place = 0; place < members.size(); ++place)
    on.send(members[place], members[(place + 1) % members.size()]);
  const stopwatch watch;
  on.send(members.front(), 0);
  done->wait();
  return watch.read(static_cast<std::uint64_t>(rounds * ring_size));
}

}  // namespace ergo_bench
