// What it takes to come into touch, and to be there: connecting, an idle node, a node with many connections.
#include "command.hpp"
#include "measuring.hpp"
#include "nodes.hpp"
#include "servers.hpp"

#include <ergo/node.hpp>
#include <ergo/otp/call.hpp>
#include <ergo/otp/outside.hpp>
#include <ergo/reactor.hpp>

#include <sys/resource.h>
#include <unistd.h>
#include <algorithm>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace ergo_bench {
namespace {

using namespace ergo;

constexpr std::string_view light_peers = "light-peers:";

std::chrono::nanoseconds cpu_time() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

// Of all threads of this program.
double waits_so_far() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_nvcsw);
}

/// Nodes of another process that are connected to one of ours, until this ends.
class crowd {
 public:
  crowd(const node& with, unsigned long count) {
    const auto before = resident_bytes();
    process_ = std::make_unique<background>(std::vector<std::string>{
        std::filesystem::read_symlink("/proc/self/exe"), "--serve-raw",
        std::string{light_peers} + std::to_string(count) + ":" + std::string{with.name().text()}});
    process_->wait_for_line("ready");
    // The last one has ended its handshake a moment before this side has.
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    do {
      names_ = with.nodes(node_set::hidden);
    } while (names_.size() != count && std::chrono::steady_clock::now() < until);
    if (names_.size() != count) throw std::runtime_error{"not all peers are connected"};
    bytes_each_ = (resident_bytes() - before) / static_cast<double>(count);
  }
  [[nodiscard]] const std::vector<atom>& names() const noexcept { return names_; }
  // What a few take is less than what the first of them brings about.
  void add_memory(std::vector<figure>& to) const {
    if (names_.size() >= 100) to.push_back({"memory-per-connection", bytes_each_, "bytes"});
  }

 private:
  std::unique_ptr<background> process_;
  std::vector<atom> names_;
  double bytes_each_ = 0;
};

task<> round_robin(process& self, std::vector<atom> peers, std::size_t first, std::int64_t count,
                   std::shared_ptr<finish_line> done) {
  for (std::int64_t number = 0; number < count; ++number) {
    const destination to{echo_name(0), peers[(first + static_cast<std::size_t>(number)) % peers.size()]};
    const auto back = co_await otp::call<std::int64_t>(self, to, number);
    if (!back || *back != number) co_return done->fail("a call was answered wrongly");
  }
  done->arrive();
}

}  // namespace

// A node starts, meets the peer, and has the first answer of a process there.
measurement connect_anew(const request& wanted) {
  std::chrono::nanoseconds took{};
  for (std::uint64_t number = 0; number < wanted.operations; ++number) {
    const stopwatch watch;
    const auto here =
        start_node("fresh" + std::to_string(getpid()) + "x" + std::to_string(number) + "@localhost", wanted.cores);
    const destination to{echo_name(0), atom::of(wanted.peer)};
    const auto back = otp::call<std::int64_t>(here->local(), to, 1);
    took += watch.read(1).took;
    if (!back || *back != 1) throw std::runtime_error{"the first call was not answered"};
  }
  return {took, wanted.operations};
}

// CPU time of a second in which nothing is asked of the node; `operations` is the number of seconds.
measurement idle_node(const request& wanted) {
  const auto here = start_caller(wanted.cores);
  std::unique_ptr<crowd> peers;
  if (!wanted.variant.empty()) peers = std::make_unique<crowd>(*here, std::stoul(wanted.variant));
  std::this_thread::sleep_for(std::chrono::milliseconds{500});
  const auto cpu = cpu_time();
  const auto waits = waits_so_far();
  std::this_thread::sleep_for(std::chrono::seconds{wanted.operations});
  const auto of_the_node = std::max(0.0, waits_so_far() - waits - 1);  // one was this thread's sleep
  const auto seconds = static_cast<double>(wanted.operations);
  measurement made{cpu_time() - cpu, wanted.operations};
  made.more.push_back({"wake-ups", of_the_node / seconds, "per-second"});
  made.more.push_back({"cpu", static_cast<double>(made.took.count()) / seconds / 1e7, "%"});
  if (peers) peers->add_memory(made.more);
  return made;
}

// Calls of 64 processes to all peers in turn.
measurement call_crowd(const request& wanted) {
  constexpr unsigned callers = 64;
  const auto here = start_caller(wanted.cores);
  const crowd peers{*here, std::stoul(wanted.variant)};
  auto done = std::make_shared<finish_line>(callers);
  const auto each = std::max<std::uint64_t>(1, wanted.operations / callers);
  const stopwatch watch;
  for (unsigned caller = 0; caller < callers; ++caller) {
    const auto first = peers.names().size() * caller / callers;
    if (!here->spawn(round_robin, peers.names(), first, static_cast<std::int64_t>(each), done))
      throw std::runtime_error{"cannot spawn"};
  }
  done->wait();
  auto made = watch.read(each * callers);
  peers.add_memory(made.more);
  return made;
}

// `light-peers:COUNT:NODE`: nodes that the other node gives their names, many to a runtime, each with one echo server.
bool serve_light_peers(std::string_view what) {
  if (!what.starts_with(light_peers)) return false;
  const std::string asked{what.substr(light_peers.size())};
  const auto colon = asked.find(':');
  constexpr std::size_t in_a_runtime = 50;  // of 63 that a runtime takes
  std::vector<std::unique_ptr<runtime>> runtimes;
  std::vector<std::unique_ptr<node>> nodes;
  for (auto left = std::stoul(asked.substr(0, colon)); left > 0; --left) {
    if (nodes.size() % in_a_runtime == 0) runtimes.push_back(std::make_unique<runtime>(networked({.cores = 1})));
    auto& made = nodes.emplace_back(start_nameless(*runtimes.back(), asked.substr(colon + 1)));
    if (!otp::start<echo_server>(made->local(), otp::start_options{.name = echo_name(0)}))
      throw std::runtime_error{"no echo server"};
  }
  std::cout << "ready" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  return true;
}

}  // namespace ergo_bench
