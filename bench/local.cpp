// The workloads of one node: messages, storms, calls, short-lived processes.
#include "local.hpp"
#include "servers.hpp"
#include "workload.hpp"

#include <ergo/otp/call.hpp>
#include <ergo/runtime.hpp>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <vector>

namespace ergo_bench {
namespace {

using namespace ergo;

constexpr unsigned pairs = 120;
constexpr unsigned senders = 20;
constexpr unsigned receivers = 2'000;

task<> storm_sender(process& self, std::vector<pid> group, std::int64_t rounds) {
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (const auto& to : group) co_await self.send(to, round);
  }
}

}  // namespace

measurement send_one_to_one(const request& wanted) {
  bench_runtime on{wanted.cores};
  auto done = std::make_shared<finish_line>(1);
  const stopwatch watch;
  const auto count = static_cast<std::int64_t>(wanted.operations);
  const auto to = on.spawn(sink, count, done);
  on.spawn(source, to, count);
  done->wait();
  return watch.read(wanted.operations);
}

measurement storm(const request& wanted) {
  bench_runtime on{wanted.cores};
  const auto each = std::max<std::int64_t>(1, static_cast<std::int64_t>(wanted.operations) / receivers);
  auto done = std::make_shared<finish_line>(receivers);
  std::vector<pid> sinks;
  for (unsigned sink_number = 0; sink_number < receivers; ++sink_number) sinks.push_back(on.spawn(sink, each, done));
  const stopwatch watch;
  constexpr auto group = receivers / senders;
  for (unsigned sender = 0; sender < senders; ++sender) {
    const auto first = sinks.begin() + sender * group;
    on.spawn(storm_sender, std::vector<pid>(first, first + group), each);
  }
  done->wait();
  auto took = watch.read(static_cast<std::uint64_t>(each) * receivers);
  constexpr double ten_million = 1e7;
  took.more = {{"ten-million", took.per_operation() * ten_million / 1e6, "ms"}};
  return took;
}

namespace {

measurement call_loop(bench_runtime& on, std::uint64_t count) {
  auto done = std::make_shared<finish_line>(1);
  const auto server = on.start_echo();
  const stopwatch watch;
  on.spawn(caller_loop, destination{server}, static_cast<std::int64_t>(count), done);
  done->wait();
  return watch.read(count);
}

measurement call_sequential(const request& wanted) {
  bench_runtime on{wanted.cores};
  return call_loop(on, wanted.operations);
}

measurement content_calls(bench_runtime& on, term content, std::uint64_t count) {
  auto done = std::make_shared<finish_line>(1);
  const auto server = on.start_echo();
  const stopwatch watch;
  on.spawn(content_loop, destination{server}, std::move(content), static_cast<std::int64_t>(count), done);
  done->wait();
  return watch.read(count);
}

// Beside the same with one byte, in the same run: the first of three goes to warm up.
measurement call_large(const request& wanted) {
  bench_runtime on{wanted.cores};
  (void)content_calls(on, etf::binary("x"), wanted.operations / 4 + 1);
  auto large = content_calls(on, etf::binary(std::string(1'000'000, 'x')), wanted.operations);
  const auto small = content_calls(on, etf::binary("x"), wanted.operations);
  large.more = {{"one-byte", small.per_operation(), "ns"},
                {"times-one-byte", large.per_operation() / small.per_operation(), "times"}};
  return large;
}

}  // namespace

measurement call_many(const request& wanted) {
  bench_runtime on{wanted.cores};
  auto done = std::make_shared<finish_line>(pairs);
  const auto each = std::max<std::int64_t>(1, static_cast<std::int64_t>(wanted.operations) / pairs);
  std::vector<pid> servers;
  for (unsigned pair = 0; pair < pairs; ++pair) servers.push_back(on.start_echo());
  const auto alone = call_loop(on, wanted.operations / 4 + 1);
  const stopwatch watch;
  for (const auto& server : servers) on.spawn(caller_loop, destination{server}, each, done);
  done->wait();
  auto took = watch.read(static_cast<std::uint64_t>(each) * pairs);
  took.more = {{"times-call-seq", took.per_operation() / alone.per_operation(), "times"}};
  return took;
}

namespace {

measurement spawn_exit(const request& wanted) {
  bench_runtime on{wanted.cores};
  auto done = std::make_shared<finish_line>(1);
  const stopwatch watch;
  on.spawn(spawner, static_cast<std::int64_t>(wanted.operations), done);
  done->wait();
  return watch.read(wanted.operations);
}

}  // namespace

std::vector<workload> local_workloads() {
  return {
      {.id = "send-1-1",
       .what = "one process sends small terms to one process",
       .operations = 4'000'000,
       .run = send_one_to_one,
       .rivals = {{reference::beam, 2}, {reference::caf}}},
      {.id = "storm-20-2000",
       .what = "20 senders, 2,000 receivers",
       .operations = 4'000'000,
       .run = storm,
       .rivals = {{reference::beam, 3}, {reference::caf}},
       .limits = {{"ten-million", 1'000}}},
      {.id = "call-seq",
       .what = "gen_server calls, one caller, one server",
       .operations = 1'000'000,
       .run = call_sequential,
       .rivals = {{reference::beam, 6}, {reference::caf}}},
      {.id = "call-120",
       .what = "gen_server calls, 120 pairs",
       .operations = 1'200'000,
       .run = call_many,
       .rivals = {{reference::beam, 8}, {reference::caf}},
       .limits = {{"times-call-seq", 0.7}}},
      {.id = "call-1MB",
       .what = "call-seq with a binary of 1 MB as request and answer",
       .operations = 500'000,
       .run = call_large,
       .rivals = {{reference::beam}},
       .limits = {{"times-one-byte", 1.2}}},
      {.id = "spawn-exit",
       .what = "spawn a process that ends at once, wait for its DOWN",
       .operations = 500'000,
       .run = spawn_exit,
       .rivals = {{reference::beam, 8}, {reference::caf}}},
      {.id = "skynet-1M",
       .what = "a tree of 1,111,111 processes, sums come back as messages",
       .operations = 1'000'000,
       .run = skynet,
       .rivals = {{reference::beam, 3}, {reference::caf}},
       .erl_flags = {"+P", "4000000"}},
      {.id = "ring-1000",
       .what = "a token around 1,000 processes",
       .operations = 3'000'000,
       .run = ring,
       .rivals = {{reference::beam}, {reference::caf}}},
      {.id = "idle-1M",
       .what = "ask each of 1,000,000 idle gen_servers and get all answers",
       .operations = 1'000'000,
       .run = idle_servers,
       .rivals = {{reference::beam}},
       .limits = {{"rss-per-process", 768}},
       .erl_flags = {"+P", "4000000"}},
      {.id = "supervise",
       .what = "a supervisor starts children of one kind, lists them, ends every tenth, stops the rest",
       .operations = 100'000,
       .run = supervise,
       .rivals = {{reference::beam}}},
  };
}

}  // namespace ergo_bench
