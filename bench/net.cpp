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

std::unique_ptr<node> start_node(const std::string& name, const placement& where) {
  node_options options;
  options.name = name;
  options.names = name_kind::short_names;
  options.cookie = "ergo-bench";
  options.epmd = epmd_mode::client_only;
  auto started = node::start(std::move(options), runtime_options{.cores = where.cores});
  if (!started) throw std::runtime_error{started.error().message()};
  return *std::move(started);
}

atom echo_name(unsigned number) { return atom::of("echo_" + std::to_string(number + 1)); }

void connect(node& from, const std::string& peer) {
  if (const auto done = from.connect(peer); !done) throw std::runtime_error{done.error().message()};
}

namespace {

constexpr unsigned pairs = 120;

measurement call_over_network(std::uint64_t operations, unsigned callers, const placement& where,
                              const std::string& peer) {
  const auto here = start_node("caller" + std::to_string(getpid()) + "@localhost", where);
  connect(*here, peer);
  auto done = std::make_shared<finish_line>(callers);
  const auto each = static_cast<std::int64_t>(operations / callers);
  const stopwatch watch;
  for (unsigned number = 0; number < callers; ++number) {
    const destination to{echo_name(number), atom::of(peer)};
    if (const auto started = here->spawn(caller_loop, to, each, done); !started)
      throw std::runtime_error{started.error().message()};
  }
  done->wait();
  return watch.read(static_cast<std::uint64_t>(each) * callers);
}

}  // namespace

measurement net_call_sequential(std::uint64_t operations, const placement& where, const std::string& peer) {
  return call_over_network(operations, 1, where, peer);
}

measurement net_call_many(std::uint64_t operations, const placement& where, const std::string& peer) {
  return call_over_network(operations, pairs, where, peer);
}

void serve_peer(const std::string& name, const placement& where) {
  const auto here = start_node(name, where);
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

}  // namespace ergo_bench
