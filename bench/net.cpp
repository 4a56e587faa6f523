// The workloads between two nodes in two OS processes.
#include "nodes.hpp"
#include "servers.hpp"
#include "workload.hpp"

#include <ergo/node.hpp>
#include <ergo/otp/call.hpp>
#include <ergo/otp/outside.hpp>

#include <unistd.h>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

namespace ergo_bench {

using namespace ergo;

std::unique_ptr<node> start_node(const std::string& name, unsigned cores) {
  node_options options;
  options.name = name;
  options.names = name_kind::short_names;
  options.cookie = "ergo-bench";
  options.epmd = epmd_mode::client_only;
  auto started = node::start(std::move(options), runtime_options{.cores = cores});
  if (!started) throw std::runtime_error{started.error().message()};
  return *std::move(started);
}

atom echo_name(unsigned number) { return atom::of("echo_" + std::to_string(number + 1)); }

void connect(node& from, const std::string& peer) {
  if (const auto done = from.connect(peer); !done) throw std::runtime_error{done.error().message()};
}

namespace {

constexpr unsigned pairs = 120;

measurement call_over_network(const request& wanted, unsigned callers) {
  const auto here = start_node("caller" + std::to_string(getpid()) + "@localhost", wanted.cores);
  connect(*here, wanted.peer);
  auto done = std::make_shared<finish_line>(callers);
  const auto each = static_cast<std::int64_t>(wanted.operations / callers);
  const stopwatch watch;
  for (unsigned number = 0; number < callers; ++number) {
    const destination to{echo_name(number), atom::of(wanted.peer)};
    if (const auto started = here->spawn(caller_loop, to, each, done); !started)
      throw std::runtime_error{started.error().message()};
  }
  done->wait();
  return watch.read(static_cast<std::uint64_t>(each) * callers);
}

measurement call_sequentially(const request& wanted) { return call_over_network(wanted, 1); }
measurement call_many(const request& wanted) { return call_over_network(wanted, pairs); }

}  // namespace

std::vector<workload> net_workloads() {
  return {
      {"net-call-seq",
       "number",
       "gen_server calls between two OS processes, one pair",
       20'000,
       call_sequentially,
       {{reference::beam}},
       pairing::ours_to_ours},
      {"net-call-120",
       "number",
       "gen_server calls between two OS processes, 120 pairs",
       240'000,
       call_many,
       {{reference::beam, 8}},
       pairing::ours_to_ours},
      {"net-beside-large",
       "",
       "the 99th of 100 calls, one per ms, beside a binary of 200 MB that goes back and forth",
       4'000,
       net_beside_large,
       {{reference::beam}, {reference::raw}},
       pairing::ours_to_ours,
       placement::free,
       raw_beside_large,
       true},
  };
}

void serve_peer(const std::string& name, unsigned cores) {
  const auto here = start_node(name, cores);
  for (unsigned number = 0; number < pairs; ++number) {
    const otp::start_options named{.name = echo_name(number)};
    if (const auto started = otp::start<echo_server>(here->local(), named); !started)
      throw std::runtime_error{started.error().message()};
  }
  std::cout << "ready" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
  }
}

void serve_raw(std::string_view id) {
  if (id == "net-beside-large") return serve_beside_large();
  throw std::runtime_error{"no raw counterpart of " + std::string{id}};
}

}  // namespace ergo_bench
