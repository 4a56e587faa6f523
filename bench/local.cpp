// The workloads of one node: messages, storms, calls, short-lived processes.
#include "servers.hpp"
#include "workload.hpp"

#include <ergo/otp/call.hpp>
#include <ergo/runtime.hpp>

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
  const auto each = static_cast<std::int64_t>(wanted.operations / receivers);
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
  return watch.read(static_cast<std::uint64_t>(each) * receivers);
}

measurement call_sequential(const request& wanted) {
  bench_runtime on{wanted.cores};
  auto done = std::make_shared<finish_line>(1);
  const auto server = on.start_echo();
  const stopwatch watch;
  on.spawn(caller_loop, destination{server}, static_cast<std::int64_t>(wanted.operations), done);
  done->wait();
  return watch.read(wanted.operations);
}

measurement call_many(const request& wanted) {
  bench_runtime on{wanted.cores};
  auto done = std::make_shared<finish_line>(pairs);
  const auto each = static_cast<std::int64_t>(wanted.operations / pairs);
  std::vector<pid> servers;
  for (unsigned pair = 0; pair < pairs; ++pair) servers.push_back(on.start_echo());
  const stopwatch watch;
  for (const auto& server : servers) on.spawn(caller_loop, destination{server}, each, done);
  done->wait();
  return watch.read(static_cast<std::uint64_t>(each) * pairs);
}

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
      {"send-1-1",
       "",
       "one process sends small terms to one process",
       4'000'000,
       send_one_to_one,
       {{reference::beam, 2}}},
      {"storm-20-2000", "", "20 senders, 2,000 receivers", 4'000'000, storm, {{reference::beam, 3}}},
      {"call-seq", "", "gen_server calls, one caller, one server", 1'000'000, call_sequential, {{reference::beam, 6}}},
      {"call-120", "", "gen_server calls, 120 pairs", 1'200'000, call_many, {{reference::beam, 8}}},
      {"spawn-exit",
       "",
       "spawn a process that ends at once, wait for its DOWN",
       500'000,
       spawn_exit,
       {{reference::beam, 8}}},
      {"supervise",
       "",
       "a supervisor starts children of one kind, lists them, ends every tenth, stops the rest",
       100'000,
       supervise,
       {{reference::beam}}},
  };
}

}  // namespace ergo_bench
