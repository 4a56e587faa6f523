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

}  // namespace

measurement send_one_to_one(std::uint64_t operations, const placement& where, const std::string& /*peer*/) {
  bench_runtime on{where};
  auto done = std::make_shared<finish_line>(1);
  const stopwatch watch;
  const auto count = static_cast<std::int64_t>(operations);
  const auto to = on.spawn(sink, count, done);
  on.spawn(source, to, count);
  done->wait();
  return watch.read(operations);
}

measurement storm(std::uint64_t operations, const placement& where, const std::string& /*peer*/) {
  bench_runtime on{where};
  const auto each = static_cast<std::int64_t>(operations / receivers);
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

measurement call_sequential(std::uint64_t operations, const placement& where, const std::string& /*peer*/) {
  bench_runtime on{where};
  auto done = std::make_shared<finish_line>(1);
  const auto server = on.start_echo();
  const stopwatch watch;
  on.spawn(caller_loop, destination{server}, static_cast<std::int64_t>(operations), done);
  done->wait();
  return watch.read(operations);
}

measurement call_many(std::uint64_t operations, const placement& where, const std::string& /*peer*/) {
  bench_runtime on{where};
  auto done = std::make_shared<finish_line>(pairs);
  const auto each = static_cast<std::int64_t>(operations / pairs);
  std::vector<pid> servers;
  for (unsigned pair = 0; pair < pairs; ++pair) servers.push_back(on.start_echo());
  const stopwatch watch;
  for (const auto& server : servers) on.spawn(caller_loop, destination{server}, each, done);
  done->wait();
  return watch.read(static_cast<std::uint64_t>(each) * pairs);
}

measurement spawn_exit(std::uint64_t operations, const placement& where, const std::string& /*peer*/) {
  bench_runtime on{where};
  auto done = std::make_shared<finish_line>(1);
  const stopwatch watch;
  on.spawn(spawner, static_cast<std::int64_t>(operations), done);
  done->wait();
  return watch.read(operations);
}

}  // namespace ergo_bench
