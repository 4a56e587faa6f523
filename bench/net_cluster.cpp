// Ten nodes in one OS process, each with a runtime of its own and one core: what they tell each other goes over
// sockets.
#include "nodes.hpp"
#include "servers.hpp"

#include <ergo/node.hpp>

#include <unistd.h>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace ergo_bench {
namespace {

using namespace ergo;
using namespace ergo::literals;
using clock = std::chrono::steady_clock;

constexpr unsigned members = 10;
constexpr unsigned receivers = 2'000;  // of each node
constexpr unsigned senders = 20;       // of each node
constexpr auto patience = std::chrono::minutes{1};

/// How many messages one process, or the processes of one node, have received.
using tally = std::atomic<std::uint64_t>;

std::unique_ptr<node> start_member(unsigned number) {
  return start_node("member" + std::to_string(number) + "x" + std::to_string(getpid()) + "@localhost", 1);
}

std::vector<std::unique_ptr<node>> start_members() {
  std::vector<std::unique_ptr<node>> all;
  for (unsigned number = 0; number < members; ++number) all.push_back(start_member(number));
  for (unsigned from = 0; from < members; ++from) {
    for (unsigned to = from + 1; to < members; ++to) connect(*all[from], std::string{all[to]->name().text()});
  }
  return all;
}

pid must(const result<pid>& started) {
  if (!started) throw std::runtime_error{started.error().message()};
  return *started;
}

std::uint64_t sum(const std::vector<tally>& of) {
  std::uint64_t total = 0;
  for (const auto& one : of) total += one.load(std::memory_order_relaxed);
  return total;
}

// Returns when exactly `expected` messages have arrived.
void wait_for_all(const std::vector<tally>& arrived, std::uint64_t expected) {
  const auto end = clock::now() + patience;
  while (sum(arrived) < expected) {
    if (clock::now() > end) throw std::runtime_error{"messages were lost"};
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  if (sum(arrived) > expected) throw std::runtime_error{"messages were doubled"};
}

// ----- everybody to everybody ---------------------------------------------------------------------------------------

struct scattering {
  std::vector<std::vector<pid>> targets{members};  // of each node: the receivers of all others
  std::vector<tally> arrived = std::vector<tally>(std::size_t{members} * receivers);
  std::atomic<bool> enough{false};
  std::atomic<std::uint64_t> sent{0};
  finish_line done{members * senders};
};

task<> receive_for_ever(process& self, tally* count) {
  for (;;) {
    const auto received = co_await self.receive_any();
    count->store(count->load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // one writer
  }
}

task<> scatter(process& self, std::shared_ptr<scattering> all, unsigned from, std::uint64_t seed) {
  constexpr int between_looks = 64;
  const auto& targets = all->targets[from];
  std::uint64_t sent = 0;
  while (!all->enough.load(std::memory_order_relaxed)) {
    for (int message = 0; message < between_looks; ++message) {
      seed = (seed * 1'103'515'245 + 12'345) & 0x7FFFFFFF;
      co_await self.send(targets[(seed >> 8) % targets.size()], sent++);
    }
  }
  all->sent.fetch_add(sent);
  all->done.arrive();
}

// ----- one to a million ---------------------------------------------------------------------------------------------

constexpr std::int64_t rounds = 5;

task<> subscriber(process& self, tally* arrived) {
  for (std::int64_t round = 0; round < rounds; ++round) {
    const auto received = co_await self.receive_any();
    if (received.payload().as_integer() == round) arrived->fetch_add(1, std::memory_order_relaxed);
  }
}

// Passes on what comes from the other node.
task<> relay(process& self, std::vector<pid> subscribers) {
  for (std::int64_t round = 0; round < rounds; ++round) {
    const auto received = co_await self.receive_any();
    for (const auto& to : subscribers) co_await self.send(to, received.payload());
  }
}

task<> publisher(process& self, std::vector<atom> to) {
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (const auto there : to) co_await self.send(destination{"relay"_atom, there}, round);
  }
}

void subscribe(node& on, std::uint64_t count, tally& arrived) {
  std::vector<pid> subscribers;
  for (std::uint64_t number = 0; number < count; ++number) subscribers.push_back(must(on.spawn(subscriber, &arrived)));
  must(on.spawn(spawn_options{.name = "relay"_atom}, make_body(relay, std::move(subscribers))));
}

}  // namespace

// `operations` is for how many milliseconds they send.
measurement net_ten_nodes(const request& wanted) {
  const auto all = std::make_shared<scattering>();
  const auto nodes = start_members();
  for (unsigned at = 0; at < members; ++at) {
    for (unsigned number = 0; number < receivers; ++number) {
      const auto made = must(nodes[at]->spawn(receive_for_ever, &all->arrived[at * receivers + number]));
      for (unsigned other = 0; other < members; ++other) {
        if (other != at) all->targets[other].push_back(made);
      }
    }
  }
  const stopwatch watch;
  for (unsigned sender = 0; sender < members * senders; ++sender)
    must(nodes[sender % members]->spawn(scatter, all, sender % members, std::uint64_t{sender}));
  std::this_thread::sleep_for(std::chrono::milliseconds{wanted.operations});
  all->enough = true;
  all->done.wait();
  wait_for_all(all->arrived, all->sent.load());
  return watch.read(all->sent.load());
}

// `operations` is how many messages are delivered.
measurement fan_out(const request& wanted) {
  const auto each = std::max<std::uint64_t>(1, wanted.operations / (members * rounds));
  std::vector<tally> arrived(members);
  const auto nodes = start_members();
  const auto source = start_member(members);
  std::vector<atom> names;
  for (unsigned at = 0; at < members; ++at) {
    subscribe(*nodes[at], each, arrived[at]);
    names.push_back(nodes[at]->name());
    connect(*source, std::string{names.back().text()});
  }
  const stopwatch watch;
  must(source->spawn(publisher, names));
  wait_for_all(arrived, each * members * rounds);
  auto made = watch.read(each * members * rounds);
  std::uint64_t packets = 0;
  for (const auto name : names) packets += source->counters(name.text()).value_or(connection_counters{}).packets_out;
  made.more.push_back({"network-messages", static_cast<double>(packets), "messages"});
  return made;
}

}  // namespace ergo_bench
